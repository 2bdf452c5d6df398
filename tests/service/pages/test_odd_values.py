"""Whatever stands in an address or a form, a page answers: nothing that somebody may type breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

Link, Browse, Press = (Callable[..., Any],) * 3
ODD = ("²", "٣", "-1", "9" * 30, "nan", "\x00", "x" * 3000)
TYPED = ("²", "override:", "given:0-²")
ASKED = {
    "learner": {"week": ("why", "said", "undo"), "check": ("skill",), "me": (), "plan": (), "feedback": ()},
    "teacher": {
        "class": ("minutes",),
        "learner": ("who", "did", "score", "resource"),
        "groups": ("size", "roles"),
        "swap": ("step", "wanted"),
        "monday": ("week", "said", "undo"),
        "report": ("week",),
        "asked": (),
        "policy": (),
    },
}


def fields_of(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the forms of a page, one of each address and kind: where to, and what it sends."""
    seen = set()
    for action, body in re.findall(
        r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', text, re.DOTALL
    ):
        names = re.findall(r'<(?:input|button|select|textarea)[^>]*? name="([^"]+)"', body)
        given = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', body))
        sent = dict.fromkeys(names, "") | {"resource1": "pizza-fairly"} | given
        key = (action, *sorted(sent), sent.get("kind"))
        if key not in seen:
            seen.add(key)
            yield action, sent


@pytest.mark.parametrize("role", ["learner", "teacher"])
def test_no_value_of_an_address_or_a_form_breaks_a_page(
    link: Link, browse: Browse, press: Press, *, role: str, client: httpx.Client
) -> None:
    mine = browse(link("learner", "student-3"))
    press(browse(str(mine.url.join("./plan"))), "propose", resource1="pizza-fairly")
    press(browse(str(mine.url.join("./feedback"))), "talk", skill="unit-rates")
    page = mine if role == "learner" else browse(link("teacher", "t1", class_id="7b"))
    sent = 0
    for name, queries in ASKED[role].items():
        for query in queries:
            for odd in ODD:
                found = client.get(str(page.url.join(f"./{name}")), params={"who": "0"} | {query: odd})
                assert found.status_code < 500, (name, query, odd)
        for action, fields in [*fields_of(client.get(str(page.url.join(f"./{name}"))).text)]:
            for field in sorted(set(fields) - {"form"})[:8]:  # the dials are many, and alike
                for odd in TYPED:
                    found = client.post(str(page.url.join(action)), data=fields | {field: odd})
                    assert found.status_code < 500, (action, field, odd)
                    sent += 1
    assert sent > 30
