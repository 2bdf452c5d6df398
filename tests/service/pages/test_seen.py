"""What a learner says of a step is about what the page showed, and is kept of that or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

Link, Browse, Press, Call = (Callable[..., Any],) * 4


def steps_of(call: Call) -> list[dict[str, Any]]:
    return call("/v1/learners/student-3/lists")["lists"][0]["steps"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("pressed", [("done", {}), ("rate", {"value": "liked"}), ("know", {})], ids=str)
def test_a_button_of_a_page_from_before_a_swap_does_nothing(
    link: Link, browse: Browse, press: Press, call: Call, pressed: tuple[str, dict[str, str]]
) -> None:
    page = browse(link("learner", "student-3"))
    first = steps_of(call)[0]
    other = next(
        n for n in ("rate-race", "balance-scale") if n not in {s["resource"] for s in steps_of(call)}
    )
    swap = {"action": "swap", "by": "t1", "resource": other}
    call(f"/v1/decisions/{first['decision_id']}/override", swap)
    before = call("/v1/events?limit=500")
    button, where = pressed[0], {"step": first["decision_id"]} | pressed[1]
    told = press(page, button, where=where)
    assert told.response.status_code == 409
    assert "load the page again" in told.text
    assert call("/v1/events?limit=500") == before
    assert (steps_of(call)[0]["state"], steps_of(call)[0]["rating"]) == ("swapped", None)
    assert press(browse(link("learner", "student-3")), button, where=where).response.status_code == 200


def test_who_says_what_was_seen_is_told_when_something_else_stands_there(
    link: Link, browse: Browse, call: Call
) -> None:
    browse(link("learner", "student-3"))
    first = steps_of(call)[0]
    path = f"/v1/decisions/{first['decision_id']}"
    for what, body in (("done", {}), ("rating", {"rating": 1.0})):
        refused = call(f"{path}/{what}", body | {"resource": "no-such"}, status=409)
        assert refused["error"]["code"] == "changed"
        assert call(f"{path}/{what}", body | {"resource": first["resource"]})["stored"]


def test_a_rating_is_of_the_option_that_was_worked_on_though_nobody_picked_it(
    link: Link, browse: Browse, call: Call
) -> None:
    browse(link("learner", "student-3"))
    listed = {step["resource"] for step in steps_of(call)}
    free = [(at, n) for at, one in enumerate(steps_of(call)) for n in one["menu"] if n not in listed]
    at, tried = free[0]
    event = {"id": "e-1", "learner": "student-3", "resource": tried, "score": 1.0}
    call("/v1/events", {"events": [event | {"time": datetime.now(UTC).isoformat()}]})
    step = steps_of(call)[at]
    assert (step["resource"], step["state"]) == (tried, "done")
    path = f"/v1/decisions/{step['decision_id']}"
    assert call(f"{path}/rating", {"rating": 0.0, "resource": tried})["stored"]
    call(f"{path}/override", {"action": "approve", "by": "t1"})
    (act,) = call(path)["overrides"]
    assert act["instead_of"] == tried


def test_nothing_is_chosen_for_a_step_that_another_step_of_the_list_is(
    link: Link, browse: Browse, call: Call
) -> None:
    browse(link("learner", "student-3"))
    both = [
        (one["decision_id"], name)
        for one in steps_of(call)
        for name in one["menu"]
        if name in {other["resource"] for other in steps_of(call)} - {one["resource"]}
    ]
    assert both, "the menus of this list overlap its steps"
    for decision, name in both:
        refused = call(f"/v1/decisions/{decision}/choice", {"resource": name}, status=422)
        assert refused["error"]["code"] == "in_list"
    shown = [step["resource"] for step in steps_of(call)]
    assert len(set(shown)) == len(shown)


def test_no_choice_is_taken_back_into_a_list_that_has_what_was_drawn_at_another_step(
    link: Link, browse: Browse, call: Call
) -> None:
    browse(link("learner", "student-3"))
    steps = steps_of(call)
    listed = [step["resource"] for step in steps]
    drawn, other, option = next(
        (one, two, name)
        for one in steps
        for two in steps
        for name in one["menu"]
        if one["resource"] in two["menu"] and one is not two and name not in listed
    )
    first, second = (f"/v1/decisions/{one['decision_id']}" for one in (drawn, other))
    call(f"{first}/choice", {"resource": option})
    call(f"{second}/choice", {"resource": drawn["resource"]})
    refused = call(f"{first}/take-back", {"said": "choice"}, status=422)
    assert refused["error"]["code"] == "in_list"
    assert steps_of(call)[listed.index(drawn["resource"])]["resource"] == option
    for path in (second, first):
        assert call(f"{path}/take-back", {"said": "choice"})["undone"]
    assert [step["resource"] for step in steps_of(call)] == listed


def test_approving_all_approves_what_the_page_showed_and_says_that_something_changed(
    link: Link, browse: Browse, press: Press, call: Call
) -> None:
    browse(link("learner", "student-3"))
    steps = steps_of(call)
    page = browse(link("teacher", "t1", class_id="7b"))
    monday = browse(f"{str(page.url).rpartition('/')[0]}/monday")
    listed = {step["resource"] for step in steps}
    at, option = next((at, n) for at, one in enumerate(steps) for n in one["menu"] if n not in listed)
    call(f"/v1/decisions/{steps[at]['decision_id']}/choice", {"resource": option})
    told = press(monday, "approve")
    assert "it changed" in told.text
    others = [True] * len(steps)
    others[at] = False
    assert [step["approved"] for step in steps_of(call)] == others
    assert "Every step is approved" in press(browse(str(monday.url)), "approve").text
    assert all(step["approved"] for step in steps_of(call))


def test_who_approves_a_class_over_http_may_say_what_was_seen(link: Link, browse: Browse, call: Call) -> None:
    browse(link("learner", "student-3"))
    (mine,) = call("/v1/learners/student-3/lists")["lists"]
    first, second, *rest = mine["steps"]
    seen = {first["decision_id"]: first["resource"], second["decision_id"]: "no-such"}
    body = {"learners": ["student-3"], "week": mine["week"], "by": "t1", "seen": seen}
    done = call("/v1/class-weeks/approve", body)
    assert done == {"done": 1, "declined": 1 + len(rest)}
    assert [step["approved"] for step in steps_of(call)] == [True, *[False] * (1 + len(rest))]


@pytest.mark.parametrize("action", ["approve", "pin", "remove", "swap"])
@pytest.mark.parametrize("since", ["picked", "done"])
def test_a_teachers_button_acts_on_what_her_page_showed_or_on_nothing(
    link: Link, browse: Browse, press: Press, call: Call, *, action: str, since: str
) -> None:
    browse(link("learner", "student-3"))
    steps = steps_of(call)
    listed = {step["resource"] for step in steps}
    at, option = next((at, n) for at, one in enumerate(steps) for n in one["menu"] if n not in listed)
    name = steps[at]["decision_id"]
    page = browse(link("teacher", "t1", class_id="7b"))
    monday = browse(f"{str(page.url).rpartition('/')[0]}/monday")
    (button,) = re.findall(rf'<button name="{action}" value="({name}[^"]*)"', monday.text)
    others = {} if action != "swap" else {"resource": next(n for n in ("rate-race",) if n not in listed)}
    path = f"/v1/decisions/{name}"
    call(f"{path}/choice", {"resource": option}) if since == "picked" else call(f"{path}/done", {})
    before = steps_of(call)[at]
    told = press(monday, "act", **{action: button}, **others)
    assert told.response.status_code == 409
    assert "load the page again" in told.text
    assert steps_of(call)[at] == before
    assert call(path)["overrides"] == []
    if since == "picked":
        (button,) = re.findall(
            rf'<button name="{action}" value="({name}[^"]*)"', browse(str(monday.url)).text
        )
        assert press(monday, "act", **{action: button}, **others).response.status_code == 200
        assert [act["instead_of"] for act in call(path)["overrides"]] == [option]
