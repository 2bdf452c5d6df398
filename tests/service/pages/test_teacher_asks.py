"""What if, and what could stand instead: a teacher's pages ask as the learner's next list is drawn."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from segue import sample
from tests.service.pages.test_closed_since import WHO, enrol, retire, take_out

Link, Browse, Press = Callable[..., str], Callable[..., Any], Callable[..., Any]
Call = Callable[..., Any]
TITLES = {one.title: one.resource_id for one in sample.load().resources}


@pytest.fixture
def teacher(link: Link, browse: Browse, press: Press) -> str:
    """Where the teacher's pages lie, once the week of the class is drawn."""
    base = str(browse(link("teacher", "t1", class_id="7b")).url).rpartition("/")[0]
    press(browse(f"{base}/monday"), "draw")
    return base


def what_if(browse: Browse, teacher: str, did: str = "trail-mix-talk") -> tuple[list[str], list[str]]:
    """Return the lists "now" and "then" of a learner's page, by id."""
    page = browse(f"{teacher}/learner?who=3&did={did}&score=1").text
    parts = (page.split(f'id="{name}"')[1].split("</ol>")[0] for name in ("wi-now", "wi-then"))
    now, then = ([TITLES[unescape(one)] for one in re.findall("<li>([^<]+)</li>", part)] for part in parts)
    return now, then


def swap(browse: Browse, teacher: str, step: dict[str, Any], wanted: str = "") -> Any:
    return browse(f"{teacher}/swap?step={step['decision_id']}&wanted={wanted}")


def offered(page: Any) -> list[str]:
    return [str(one) for one in page.forms[0].get("resource?", ())]


def weekly(call: Call) -> list[dict[str, Any]]:
    lists = call(f"/v1/learners/{WHO}/lists?surface=weekly")["lists"]
    return list(next(one["steps"] for one in lists if one["current"]))


def test_what_if_knows_removals_pins_retirement_and_courses(teacher: str, browse: Browse, call: Call) -> None:
    now, then = what_if(browse, teacher)
    assert len(now) == len(then) == 6
    take_out(call, now[0])
    retire(call, now[1])
    enrol(call, "art", "student-4")
    enrol(call, "maths", WHO)
    call(f"/v1/resources/{now[2]}", {"courses": ["art"]}, method="PATCH")
    steps = weekly(call)
    pinned = next(one for one in TITLES.values() if one not in {*now, *(s["resource"] for s in steps)})
    pin = {"action": "pin", "by": "t1", "resource": pinned}
    call(f"/v1/decisions/{steps[0]['decision_id']}/override", pin)
    for later in what_if(browse, teacher):
        assert len(later) == 6
        assert not {*now[:3]} & {*later}
        assert later[0] == pinned


def test_a_swap_offers_what_may_be_put_in_and_nothing_else(
    teacher: str, browse: Browse, call: Call, press: Press
) -> None:
    steps = weekly(call)
    there = {one["resource"] for one in steps}
    first = offered(swap(browse, teacher, steps[0]))
    assert len(first) == 5
    assert not there & {*first}
    take_out(call, first[0])
    retire(call, first[1])
    enrol(call, "art", "student-4")
    enrol(call, "maths", WHO)
    call(f"/v1/resources/{first[2]}", {"courses": ["art"]}, method="PATCH")
    page = swap(browse, teacher, steps[0])
    assert len(offered(page)) == 5
    assert not {*first[:3]} & {*offered(page)}
    told = {
        first[0]: "A teacher took out “",
        first[1]: "is no longer in the catalogue",
        steps[1]["resource"]: "It is on this list already.",
    }
    for wanted, said in told.items():
        asked = swap(browse, teacher, steps[0], wanted).text
        assert said in asked
        assert "Swap it in all the same" not in asked, "it would be refused"
    other = swap(browse, teacher, steps[0], first[2])
    assert "these rules give way" in other.text
    done = press(other, "act", where={"resource": first[2]})
    assert "The step is swapped" in done.text
    assert weekly(call)[0]["resource"] == first[2]
    pinned = press(browse(f"{teacher}/monday"), "act", pin=steps[1]["decision_id"])
    assert "The step is pinned" in pinned.text
    assert steps[1]["resource"] not in offered(swap(browse, teacher, steps[2]))
