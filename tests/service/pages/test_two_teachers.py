"""Two teachers of one class: neither undoes the other unseen, and each is told what was not done."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

Link, Browse, Press, Call = (Callable[..., Any],) * 4
WORD = "by another teacher"


@pytest.fixture
def pages(link: Link, browse: Browse, press: Press) -> tuple[Any, Any]:
    """The same drawn week before one teacher and the other."""
    one, two = (base_of(browse(link("teacher", who, class_id="7b"))) for who in ("t1", "t2"))
    return press(browse(f"{one}/monday"), "draw"), browse(f"{two}/monday")


def base_of(page: Any) -> str:
    return str(page.url).rpartition("/")[0]


def test_what_could_not_be_done_to_all_is_not_said_to_be_done(
    pages: tuple[Any, Any], press: Press, browse: Browse, call: Call
) -> None:
    mine, theirs = pages
    press(mine, "approve")
    told = press(theirs, "mustdo", resource="rate-race").text
    assert "It is in every list now" not in told
    assert "Not every list could take it" in told


def test_an_approval_of_all_leaves_what_another_teacher_pinned_and_says_so(
    pages: tuple[Any, Any], press: Press
) -> None:
    mine, theirs = pages
    press(mine, "act", pin=re.findall(r'<button name="pin" value="([^"]+)"', mine.text)[0])
    assert "Not every list could take it" in press(theirs, "approve").text


def test_a_list_with_nothing_open_cannot_take_a_must_do(
    pages: tuple[Any, Any], press: Press, call: Call, link: Link
) -> None:
    mine, _ = pages
    (found,) = call("/v1/learners/student-0/lists")["lists"]
    for step in found["steps"]:
        call(f"/v1/decisions/{step['decision_id']}/done", {})
    taken = {step["resource"] for step in found["steps"]}
    resource = next(name for name in ("rate-race", "trail-mix-talk", "team-colours") if name not in taken)
    told = press(mine, "mustdo", resource=resource).text
    assert "Not every list could take it" in told
    assert "(student-0)" in told, "it says whose"
    other = {"learners": ["student-0"], "week": found["week"], "by": "t1", "resource": resource}
    again = call("/v1/class-weeks/must-do", other)
    assert again == {"done": 0, "declined": 1, "without": ["student-0"]}


def test_a_refusal_says_why_leads_back_and_shows_in_the_frame_of_the_lms(
    link: Link, browse: Browse, press: Press
) -> None:
    lms = "https://lms.example"
    one, two = (browse(link("teacher", who, class_id="7b", frame=lms)) for who in ("t1", "t2"))
    mine = press(browse(f"{base_of(one)}/monday"), "draw")
    theirs = browse(f"{base_of(two)}/monday")
    step = re.findall(r'<button name="remove" value="([^"]+)"', mine.text)[0]
    press(mine, "act", remove=step)
    refused = press(theirs, "act", pin=step)
    assert refused.response.status_code == 409
    assert "Another teacher has done something with this step" in refused.text
    assert lms in refused.response.headers["content-security-policy"]
    assert f"{base_of(two)}/monday" in refused.links
    assert browse(f"{base_of(two)}/monday").response.status_code == 200


def test_each_sees_that_the_other_answered_a_plan_or_changed_how_it_is_decided(
    pages: tuple[Any, Any], press: Press, browse: Browse, call: Call
) -> None:
    mine, theirs = pages
    now = datetime.now(UTC).isoformat()
    call("/v1/learners/student-3/plans", {"steps": [{"resource": "rate-race"}], "now": now})
    approved = press(browse(str(mine.url)), "review", verdict="approve").text
    assert "It is approved." in approved
    plans = [
        page.partition('id="plans"')[2].partition("<h2")[0]
        for page in (approved, browse(str(theirs.url)).text)
    ]
    assert [WORD in one for one in plans] == [False, True]
    policy = browse(f"{base_of(mine)}/policy")
    saved = press(press(policy, "policy_try", **{"weights.zone": "6"}), "policy_save").text
    assert WORD not in saved
    assert WORD in browse(f"{base_of(theirs)}/policy").text


def test_the_history_says_whose_act_it_was_and_who_took_it_back(
    pages: tuple[Any, Any], press: Press, browse: Browse, call: Call
) -> None:
    mine, theirs = pages
    press(mine, "act", remove=re.findall(r'<button name="remove" value="([^"]+)"', mine.text)[0])
    act = re.findall(r'name="undo" value="([0-9a-f]+)"', browse(str(mine.url)).text)[0]
    press(browse(str(theirs.url)), "act", undo=act)
    said = [browse(str(page.url)).text.partition('id="history"')[2] for page in pages]
    assert f"(taken back) ({WORD})" in said[0]
    assert f"({WORD}) (taken back)" in said[1]
    assert [text.count(WORD) for text in said] == [1, 1]


def test_a_teacher_reads_a_goal_in_words(pages: tuple[Any, Any], browse: Browse, call: Call) -> None:
    call("/v1/learners/student-3/statements", {"goal": {"skills": ["unit-rates"]}})
    page = browse(f"{base_of(pages[0])}/learner?who=3").text
    assert "Goal: I can find how much for one and use it to compare." in page
