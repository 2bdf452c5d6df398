"""What a teacher took out, or what was retired, since something was stored: no door serves it any more."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from segue import sample

Link = Callable[..., str]
Browse = Callable[..., Any]
Call = Callable[..., Any]
WHO = "student-3"
ME = f"/v1/learners/{WHO}"
PLAN = ("trail-mix-talk", "team-colours", "rate-race")


def take_out(call: Call, resource: str) -> str:
    """Take a resource out for the learner, on a list that has nothing else; return the act's id."""
    (step,) = call("/v1/recommend", {"learner": WHO, "k": 1, "pins": [resource], "fresh": True})["steps"]
    made = call(f"/v1/decisions/{step['decision_id']}/override", {"action": "remove", "by": "t1"})
    return str(made["override_id"])


def retire(call: Call, resource: str) -> None:
    call(f"/v1/resources/{resource}", method="DELETE")


def approve(call: Call, *resources: str) -> str:
    """Propose a plan and approve it; return the id of the list that is in force then."""
    body = {"steps": [{"resource": one} for one in resources], "now": datetime.now(UTC).isoformat()}
    plan = call(f"{ME}/plans", body)["statement_id"]
    return str(call(f"/v1/plans/{plan}/review", {"by": "t1", "accept": True})["playlist_id"])


def list_of(call: Call, playlist_id: str) -> dict[str, Any]:
    return next(one for one in call(f"{ME}/lists")["lists"] if one["id"] == playlist_id)


def stands(call: Call, playlist_id: str) -> list[str]:
    return [s["resource"] for s in list_of(call, playlist_id)["steps"] if s["state"] != "removed"]


def papers(browse: Browse, client: httpx.Client, link: Link) -> dict[str, str]:
    """Return every page of the learner that shows the list, by name."""
    base = str(browse(link("learner", WHO)).url).rpartition("/")[0]
    names = ("week", "plan", "print", "offline.html", "calendar.ics")
    return {name: client.get(f"{base}/{name}").text for name in names}


def test_a_plan_is_approved_without_what_was_taken_out_or_retired_and_both_are_told(
    call: Call, link: Link, browse: Browse, client: httpx.Client
) -> None:
    browse(link("learner", WHO))
    take_out(call, "trail-mix-talk")
    retire(call, "team-colours")
    made = approve(call, *PLAN)
    assert [step["resource"] for step in list_of(call, made)["steps"]] == ["rate-race"]
    notes = " ".join(list_of(call, made)["notes"])
    assert "'trail-mix-talk' of the plan is left out: a teacher took it out" in notes
    assert "'team-colours' of the plan is left out: it was retired" in notes
    (plan,) = call(f"{ME}/plans")["plans"]
    assert {one["resource"]: one["why"] for one in plan["left_out"]} == {
        "trail-mix-talk": "taken out",
        "team-colours": "retired",
    }
    found = papers(browse, client, link)
    monday = str(browse(link("teacher", "t1", class_id="7b")).url).rpartition("/")[0] + "/monday"
    for page in (found["week"], found["plan"], client.get(monday).text):
        assert re.search("A teacher took out “Trail mix talk", page)
        assert re.search("“Team colours.*” is no longer in the catalogue", page)
    for name in ("print", "offline.html", "calendar.ics"):
        assert "Rate race" in found[name]
        assert "Trail mix" not in found[name]
    body = {"steps": [{"resource": "team-colours"}], "now": datetime.now(UTC).isoformat()}
    nothing = call(f"{ME}/plans", body)["statement_id"]
    refused = call(f"/v1/plans/{nothing}/review", {"by": "t1", "accept": True}, status=422)
    assert "it was retired" in refused["error"]["message"]


def test_what_is_taken_out_or_retired_later_leaves_the_approved_plan_and_comes_back(
    call: Call, link: Link, browse: Browse, client: httpx.Client
) -> None:
    browse(link("learner", WHO))
    made = approve(call, *PLAN)
    act = take_out(call, "trail-mix-talk")
    retire(call, "team-colours")
    assert stands(call, made) == ["rate-race"]
    why = {step["resource"]: step["left_out"] for step in list_of(call, made)["steps"]}
    assert why == {"trail-mix-talk": "teacher", "team-colours": "retired", "rate-race": None}
    found = papers(browse, client, link)
    assert re.search("A teacher took out “Trail mix talk", found["week"])
    assert re.search("“Team colours.*” is no longer in the catalogue", found["week"])
    for name in ("print", "offline.html", "calendar.ics"):
        assert not re.search("Trail mix|Team colours", found[name]), name
    teacher = str(browse(link("teacher", "t1", class_id="7b")).url).rpartition("/")[0]
    monday = browse(f"{teacher}/monday").text
    assert re.search(r"<del>Trail mix talk[^<]*</del> \(taken out\) <button name=\"undo\"", monday)
    assert re.search(r"<del>Team colours[^<]*</del> \(no longer in the catalogue\)</li>", monday)
    call(f"/v1/overrides/{act}/undo", {"by": "t1"})
    call("/v1/resources/team-colours/restore", {})
    assert stands(call, made) == list(PLAN)


def test_a_standing_list_is_drawn_anew_once_when_something_in_it_closes(call: Call) -> None:
    asked = {"learner": WHO, "k": 4}

    def again() -> tuple[str, list[str]]:
        found = call("/v1/recommend", asked)
        return found["playlist_id"], [step["resource"] for step in found["steps"]]

    first = again()
    act = take_out(call, first[1][0])
    second = again()
    assert first[1][0] not in second[1]
    assert len(second[1]) == 4
    retire(call, second[1][1])
    third = again()
    assert not {first[1][0], second[1][1]} & {*third[1]}
    assert again() == third, "asked again it is the same list"
    call(f"/v1/overrides/{act}/undo", {"by": "t1"})
    call(f"/v1/resources/{second[1][1]}/restore", {})
    assert again() == first


def test_an_answer_given_again_under_its_key_leaves_out_what_was_taken_out_and_shows_what_was_put_in(
    call: Call,
) -> None:
    first, second, third = call("/v1/recommend", {"learner": WHO, "k": 3}, key="k1")["steps"]
    take_out(call, first["resource"])
    retire(call, second["resource"])
    drawn = {one["resource"] for one in (first, second, third)}
    other = next(one for one in call("/v1/resources")["resources"] if one["id"] not in drawn)
    swap = {"action": "swap", "by": "t1", "resource": other["id"]}
    call(f"/v1/decisions/{third['decision_id']}/override", swap)
    (step,) = call("/v1/recommend", {"learner": WHO, "k": 3}, key="k1")["steps"]
    assert step["decision_id"] == third["decision_id"]
    assert (step["resource"], step["title"]) == (other["id"], other["title"])


def test_an_option_that_closed_is_neither_offered_nor_taken(call: Call, link: Link, browse: Browse) -> None:
    (step,) = call("/v1/recommend", {"learner": WHO, "mode": "menu"})["steps"]
    path = f"/v1/decisions/{step['decision_id']}"
    out, retired = (name for name in step["menu"] if name != step["resource"])
    take_out(call, out)
    retire(call, retired)
    assert call(path)["menu"] == [step["resource"]]
    for name, code in ((out, "taken_out"), (retired, "closed")):
        status = 409 if code == "taken_out" else 422
        assert call(f"{path}/choice", {"resource": name}, status=status)["error"]["code"] == code
    assert call(f"{path}/another", {}) == {"resource": None}
    week = browse(link("learner", WHO))
    options = {str(one) for form in week.forms for one in form.get("value?", ())}
    assert options
    for name in sorted(options)[:3]:
        retire(call, name)
    after = browse(str(week.url))
    left = {str(one) for form in after.forms for one in form.get("value?", ())}
    assert left == options - set(sorted(options)[:3])


def test_a_check_a_pin_and_a_suggestion_know_what_is_closed(call: Call, link: Link, browse: Browse) -> None:
    tasks = call(f"{ME}/check?skill=unit-rates")["tasks"]
    take_out(call, tasks[0])
    retire(call, tasks[1])
    assert not set(call(f"{ME}/check?skill=unit-rates")["tasks"]) & set(tasks)
    (step,) = call("/v1/recommend", {"learner": WHO, "k": 1})["steps"]
    pin = {"action": "pin", "by": "t1", "resource": "trail-mix-talk"}
    call(f"/v1/decisions/{step['decision_id']}/override", pin)
    asked = {"learner": WHO, "k": 3, "fresh": True}
    assert "trail-mix-talk" in {one["resource"] for one in call("/v1/recommend", asked)["steps"]}
    retire(call, "trail-mix-talk")
    assert "trail-mix-talk" not in {one["resource"] for one in call("/v1/recommend", asked)["steps"]}
    about = {"kind": "suggestion", "about": "trail-mix-talk"}
    assert call(f"{ME}/requests", about, status=422)["error"]["code"] == "closed"
    mine = str(browse(link("learner", WHO)).url).rpartition("/")[0]
    teacher = str(browse(link("teacher", "t1", class_id="7b")).url).rpartition("/")[0]
    for page in (f"{mine}/plan", f"{mine}/feedback", f"{teacher}/monday"):
        assert 'value="Trail mix talk' not in browse(page).text
        assert '<option value="trail-mix-talk"' not in browse(page).text


def enrol(call: Call, class_id: str, *learners: str) -> None:
    members = {"learners": [{"id": one} for one in learners]}
    call(f"/v1/classes/{class_id}/roster", members, method="PUT")


def test_what_is_of_a_course_goes_when_its_learner_leaves(call: Call, link: Link, browse: Browse) -> None:
    enrol(call, "art", WHO, "student-4")
    call("/v1/resources/team-colours", {"courses": ["art"]}, method="PATCH")
    browse(link("learner", WHO))
    made = approve(call, *PLAN)
    assert stands(call, made) == list(PLAN)
    enrol(call, "art", "student-4")
    assert stands(call, made) == ["trail-mix-talk", "rate-race"]
    assert re.search("“Team colours.*” belongs to a course that has ended", browse(link("learner", WHO)).text)
    teacher = str(browse(link("teacher", "t1", class_id="7b")).url).rpartition("/")[0]
    assert re.search(r"Team colours[^<]*</del> \(of a course", browse(f"{teacher}/monday").text)
    enrol(call, "art", WHO)
    assert stands(call, made) == list(PLAN)


def test_a_teachers_link_and_a_suggestion_follow_the_class(call: Call, link: Link, browse: Browse) -> None:
    mates = [f"student-{n}" for n in range(30)]
    enrol(call, "7b", *mates)
    teacher = link("teacher", "t1", class_id="7b")
    names = [one.resource_id for one in sample.load().resources]
    about = next(name for name in names if not call(f"{ME}/why-not?resource={name}")["rules"])
    asked = call("/v1/learners/student-4/requests", {"kind": "suggestion", "about": about})["statement_id"]
    body = {"by": "t1", "accept": True, "class_id": "7b", "learners": mates}
    call(f"/v1/requests/{asked}/answer", body)
    assert [one["resource"] for one in call(f"{ME}/suggestions")["suggestions"]] == [about]
    assert f">{WHO}<" in browse(teacher).text
    enrol(call, "7b", *(one for one in mates if one != WHO))
    assert call(f"{ME}/suggestions")["suggestions"] == []
    page = browse(teacher).text
    assert f">{WHO}<" not in page
    assert ">student-4<" in page


def test_what_closes_on_its_day_leaves_the_list_until_it_opens_again(
    call: Call, link: Link, browse: Browse, client: httpx.Client
) -> None:
    browse(link("learner", WHO))
    made = approve(call, *PLAN)
    done, closes = PLAN[0], PLAN[1]
    call(
        "/v1/events",
        {"events": [{"id": "e1", "learner": WHO, "resource": done, "score": 1.0, "time": soon()}]},
    )
    for name in (done, closes):
        call(f"/v1/resources/{name}", {"available_until": soon()}, method="PATCH")
    assert {one["resource"]: (one["state"], one["left_out"]) for one in list_of(call, made)["steps"]} == {
        done: ("done", None),
        closes: ("removed", "closed"),
        PLAN[2]: ("open", None),
    }
    found = papers(browse, client, link)
    assert re.search("“Team colours.*” is not open now", found["week"])
    for name in ("print", "offline.html", "calendar.ics"):
        assert "Team colours" not in found[name], name
        assert "Rate race" in found[name], name
    teacher = str(browse(link("teacher", "t1", class_id="7b")).url).rpartition("/")[0]
    assert re.search(r"<del>Team colours[^<]*</del> \(not open any more\)", browse(f"{teacher}/monday").text)
    call(f"/v1/resources/{closes}", {"available_until": None}, method="PATCH")
    assert stands(call, made) == list(PLAN)


def soon() -> str:
    """Return now: the next moment is behind it."""
    return datetime.now(UTC).isoformat()


def test_what_is_pinned_though_it_is_closed_stands_in_every_answer(call: Call) -> None:
    """An LMS that asks for a retired resource by name gets it, with a note, and finds it in the list."""
    asked = {"learner": WHO, "k": 3, "pins": ["trail-mix-talk"]}
    before = call("/v1/recommend", asked)
    retire(call, "trail-mix-talk")
    assert "trail-mix-talk" not in stands(call, before["playlist_id"]), "it was open when it was asked for"
    made = call("/v1/recommend", asked)
    assert made["playlist_id"] != before["playlist_id"]
    names = [one["resource"] for one in made["steps"]]
    assert names[0] == "trail-mix-talk"
    assert "was pinned though it is not open at this time" in " ".join(made["notes"])
    assert stands(call, made["playlist_id"]) == names
    assert call("/v1/recommend", asked) == made
    step = call(f"/v1/decisions/{made['steps'][0]['decision_id']}")
    assert (step["resource"], step["state"], step["left_out"]) == ("trail-mix-talk", "pinned", None)
    keyed = call("/v1/recommend", asked, key="k1")
    assert call("/v1/recommend", asked, key="k1") == keyed
