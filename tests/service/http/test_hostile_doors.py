"""Calendar addresses and LTI registration, whatever is sent: an answer without a fault, and nobody's name."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue.lms.lti.platforms import read_platforms
from segue.service.http import request_log as logs
from tests.lms.test_fuzz import CANARY, mutations
from tests.service.http.test_calendars import path_of
from tests.service.http.test_lti_registration import Lms, invited, lms

__all__ = ["lms"]
SEVERAL = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ODD_ADDRESSES = ("", "http://[", "https://[::1", "//", "http://%zz/", "javascript:1", "http://a:b/", "\x00")


def changed(address: str, rng: random.Random) -> str:
    """Return an address with a few of its signs replaced, left out or doubled."""
    signs = list(address)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(signs))
        signs[at] = rng.choice(["", signs[at] * 2, *"A.-_%~\x7f\xe9\U0001f600"])
    return "".join(signs)


def test_no_other_address_opens_a_calendar_and_none_is_written_down(school: Path, serving: Any) -> None:
    own = path_of(school, CANARY)
    name = own.rpartition("/")[2].removesuffix(".ics")
    stream = io.StringIO()
    logs.set_up(stream)
    with serving(school) as client:

        @SEVERAL
        @given(seed=st.integers(0, 10_000), text=st.text(min_size=1, max_size=80))
        def try_others(seed: int, text: str) -> None:
            for other in (changed(name, random.Random(seed)), text):
                answer = client.get(f"/calendar/school/{quote(other, safe='')}.ics")
                assert other == name or answer.status_code in (404, 405), answer.text
                assert "canary" not in answer.text.lower()

        try_others()
        opened = client.get(own)
        assert opened.status_code == 200
        assert "canary" not in opened.text.lower()
    assert name.partition(".")[0] not in stream.getvalue(), "an address is a key"
    assert "canary" not in stream.getvalue().lower()


def test_a_registration_ends_with_an_answer_whatever_the_platform_says(
    lms: Lms, school: Path, serving: Any, monkeypatch: Any
) -> None:
    stream, mutate, right = io.StringIO(), mutations().mutate, Lms.answers
    logs.set_up(stream)
    seen: set[int] = set()
    with serving(school) as client:
        invitation, conf = invited(school, lms.host), f"http://{lms.host}/conf"
        for seed in range(25):
            rng = random.Random(seed)
            monkeypatch.setattr(Lms, "answers", lambda self, said, rng=rng: told(mutate(said, rng)))
            answer = asked(client, invitation, conf, "t")
            seen.add(answer.status_code)
            assert "canary" not in answer.text.lower()
            invitation = invited(school, lms.host) if answer.status_code == 200 else invitation
        monkeypatch.setattr(Lms, "answers", right)
        for address in ODD_ADDRESSES:
            assert asked(client, invitation, address, "t").status_code == 403, address
        for token in ("\n", "\u20ac", "x" * 20_000):
            assert asked(client, invitation, conf, token).status_code in (403, 502)
        for seed in range(25):
            other = changed(invitation.rpartition("/")[2], random.Random(seed))
            path = f"/lti/school/register/{quote(other, safe='')}"
            if other != invitation.rpartition("/")[2]:
                assert asked(client, path, conf, "t").status_code in (403, 404), other
        assert client.get("/readyz").status_code == 200
    assert seen <= {200, 403, 502}
    assert {200, 403} <= seen
    assert "canary" not in stream.getvalue().lower()
    assert all(platform.issuer == f"http://{lms.host}" for platform in read_platforms(school / "lti"))


def told(said: Any) -> Any:
    """Return an answer with people's names in it, as far as it is one."""
    return said | {"contacts": [CANARY], "client_name": CANARY} if isinstance(said, dict) else said


def asked(client: httpx.Client, invitation: str, address: str, token: str) -> httpx.Response:
    query = {"openid_configuration": address, "registration_token": token, "name": CANARY}
    answer = client.get(invitation, params=query)
    assert answer.status_code not in (500, 503), (address, answer.text)
    json.dumps(answer.text)
    return answer
