"""What a session's address tells, and what becomes of an open session when somebody leaves the class."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from segue.service.pages.sessions.signed_tokens import Ticket
from segue.workspace.storage.pseudonyms import find

Link, Browse, Press, Call = Callable[..., str], Callable[..., Any], Callable[..., Any], Callable[..., Any]
ROSTER = [f"student-{n}" for n in range(30)]


def base_of(page: Any) -> str:
    return str(page.url).rpartition("/")[0]


def readable(address: str) -> bytes:
    """Return all that the last part of an address says to who has no key."""
    found = [address.encode()]
    for part in address.replace(".", "/").split("/"):
        with suppress(binascii.Error, zlib.error):
            found.append(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            found.append(zlib.decompress(found[-1]))
    return b" ".join(found)


def test_an_address_tells_nobody_whose_it_is(link: Link, browse: Browse) -> None:
    for role, who, more in (("learner", "student-1", {}), ("teacher", "t1", {"class_id": "7b"})):
        first = link(role, who, **more)
        session = str(browse(first).url)
        for address in (first, session):
            said = readable(address.partition("?")[0])
            assert b"student" not in said
            assert b"roster" not in said
            assert b"expires" not in said


def test_a_link_signed_as_before_still_opens(school: Path, client: httpx.Client) -> None:
    until = int((datetime.now(UTC) + timedelta(days=1)).timestamp())
    fields = {n: v for n, v in asdict(Ticket("link", "learner", "student-1", until)).items() if v}
    packed = zlib.compress(json.dumps(fields).encode(), 9)
    body = base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
    digest = find(school, {}).digest("pages", f"ticket:{body}")
    mark = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    path = f"/pages/{school.name}/enter/{body}.{mark}"
    found = client.get(path, follow_redirects=True)
    assert found.status_code == 200
    assert "student-1" in found.text
    assert client.get(path[:-1] + ("A" if path[-1] != "A" else "Q")).status_code == 403


def test_an_open_session_loses_who_leaves_the_class_and_does_nothing_to_a_neighbour(
    link: Link, browse: Browse, press: Press, call: Call, *, client: httpx.Client
) -> None:
    put = "/v1/classes/7b/roster"
    call(put, {"learners": [{"id": who} for who in ROSTER]}, method="PUT")
    page = browse(link("teacher", "t1", class_id="7b"))
    monday = press(browse(f"{base_of(page)}/monday"), "draw")
    number = ROSTER.index("student-4")
    one = browse(f"{base_of(page)}/learner?who={number}")
    assert "student-4" in one.text
    theirs = next(name for name in one.links if name.endswith("/week"))
    assert client.get(theirs).status_code == 200
    staying = [{"id": who} for who in ROSTER if who != "student-4"]
    call(put, {"learners": staying}, method="PUT")
    for name in ("class", f"learner?who={number}", "class.csv", "monday"):
        again = browse(f"{base_of(page)}/{name}")
        assert "student-4<" not in again.text, name
        assert "Somebody has left the class" in again.text, name
        assert str(again.url).rpartition("/")[2] == "class?said=left"
    before = call("/v1/learners/student-5/lists")
    done = press(monday, "approve")
    assert "this was not done" in done.text
    assert call("/v1/learners/student-5/lists") == before
    assert client.get(theirs).status_code == 403
    fresh = browse(f"{base_of(done)}/monday")
    assert "Every step is approved" in press(fresh, "approve").text
    assert "student-4<" not in fresh.text
