"""A student's week by forms alone: pick, why, another, done, claim, check, goal, plan."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

Link, Browse, Press = Callable[..., str], Callable[..., Any], Callable[..., Any]
ME = "student-3"


@pytest.fixture
def week(link: Link, browse: Browse) -> Any:
    return browse(link("learner", ME))


def base_of(page: Any) -> str:
    return str(page.url).rpartition("/")[0]


def titles(page: Any) -> list[str]:
    return [item.rpartition(", ")[0] for item in page.items]


def test_the_week_is_the_same_at_every_visit(week: Any, browse: Browse) -> None:
    assert titles(week) == titles(browse(str(week.url)))
    assert 1 <= len(week.items) <= 10
    for words in (
        "Why this?",
        "Another",
        "Done",
        "Too easy",
        "Too hard",
        "I know this",
        "My goal",
        "My plan",
    ):
        assert words in week.text


def test_a_pick_from_the_menu_and_another_change_one_step_each(week: Any, press: Press) -> None:
    form = next(f for f in week.forms if str(f["action"]).endswith("/choose"))
    option = form["value?"][0]
    picked = press(week, "choose", value=option)
    assert "Your choice is on the list now." in picked.text
    changed = [a for a, b in zip(titles(week), titles(picked), strict=True) if a != b]
    assert len(changed) == 1
    other = press(picked, "another")
    assert "Here is another step" in other.text
    assert len([a for a, b in zip(titles(picked), titles(other), strict=True) if a != b]) == 1


def test_choosing_and_finishing_can_be_taken_back_and_said_again(week: Any, press: Press) -> None:
    option = next(f for f in week.forms if str(f["action"]).endswith("/choose"))["value?"][0]
    chosen = press(week, "choose", value=option)
    assert titles(chosen) != titles(week)
    back = press(chosen, "undo")
    assert "Taken back" in back.text
    assert titles(back) == titles(week)
    assert titles(press(back, "choose", value=option)) == titles(chosen)
    done = press(back, "done")
    assert done.items[0].endswith(", done")
    open_again = press(done, "undo")
    assert open_again.items[0].endswith(", to do")
    assert press(open_again, "done").items[0].endswith(", done")


def test_no_button_reaches_a_step_of_another_learner(
    week: Any, press: Press, browse: Browse, link: Link
) -> None:
    other = browse(link("learner", "student-8"))
    theirs = re.findall(r'name="step" value="([0-9a-f]+)"', other.text)[0]
    for action, more in (
        ("choose", {"value": "x"}),
        ("done", {}),
        ("rate", {"value": "hard"}),
        ("another", {}),
    ):
        assert press(week, action, step=theirs, **more).response.status_code == 404
    assert press(week, "know", step=theirs).response.status_code == 404
    assert browse(str(other.url)).items == other.items


def test_why_this_opens_reasons_without_script(week: Any, browse: Browse) -> None:
    address = next(link for link in week.links if "?why=" in link)
    assert '<div class="card" id="why-' in browse(address.partition("#")[0]).text


def test_done_and_ratings_are_kept_and_shown(week: Any, press: Press) -> None:
    after = press(week, "done")
    assert after.items[0].endswith(", done")
    rated = press(after, "rate", where={"value": "liked"})
    assert 'aria-pressed="true"' in rated.text
    other = press(rated, "rate", where={"value": "hard"})
    assert other.text.count('aria-pressed="true"') == 1, "who thinks again may say so"
    assert press(other, "undo").text.count('aria-pressed="true"') == 1, "the rating before stands again"


def test_i_know_this_leads_to_a_check_that_the_scores_settle(
    week: Any, press: Press, browse: Browse, client: httpx.Client, headers: Callable[[str], dict[str, str]]
) -> None:
    check = press(week, "know")
    assert "Check me" in check.text
    skill = str(check.url.params["skill"])
    task = next(link for link in check.links if link.startswith("https://example.org"))
    resource = task.rpartition("/")[2]
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    event = {"id": "c1", "learner": ME, "resource": resource, "score": 1.0, "time": soon}
    sent = client.post("/v1/events", json={"events": [event]}, headers=headers("backend"))
    assert sent.json()["accepted"] == 1
    assert "Passed" in browse(f"{base_of(check)}/check?skill={skill}").text
    assert "bears it out" in browse(f"{base_of(check)}/me").text


def test_a_goal_is_seen_before_it_is_saved_and_what_follows_is_what_was_shown(
    week: Any, press: Press, browse: Browse
) -> None:
    me = browse(f"{base_of(week)}/me")
    due = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    seen = press(me, "preview", where={"kind": "goal"}, skill="unit-rates", due=due)
    promised = re.findall(r'<li data-id="([^"]+)"', seen.text)
    assert promised
    assert seen.response.request.method == "GET", "it can be loaded again and come back to"
    assert re.findall(r'<li data-id="([^"]+)"', browse(str(seen.url)).text) == promised
    before = titles(browse(f"{base_of(week)}/week"))
    assert before == titles(week), "a preview changes nothing"
    saved = press(seen, "save")
    assert "Saved." in saved.text
    catalogue = {
        r.title: r.resource_id for r in __import__("segue.sample", fromlist=["load"]).load().resources
    }
    assert [catalogue[title] for title in titles(browse(f"{base_of(week)}/week"))] == promised
    undone = press(saved, "undo")
    assert "Taken back" in undone.text
    assert titles(browse(f"{base_of(week)}/week")) == before


def test_a_plan_goes_to_the_teacher_and_comes_back_as_the_list(
    week: Any, press: Press, browse: Browse, link: Link
) -> None:
    plan = browse(f"{base_of(week)}/plan")
    steps = {"resource1": "trail-mix-talk", "resource2": "team-colours", "activity3": "Draw <b>ratios</b>"}
    proposed = press(plan, "propose", **steps, minutes3="15")
    assert "Waiting for your teacher" in proposed.text
    assert "Draw &lt;b&gt;ratios&lt;/b&gt;" in proposed.text
    monday = browse(link("teacher", "t1", class_id="7b").replace("/enter/", "/enter/"))
    monday = browse(f"{base_of(monday)}/monday")
    assert "Plans to look at" in monday.text
    assert "<b>ratios" not in monday.text
    approved = press(monday, "review", verdict="approve", note="Good")
    assert "approved and in force" in approved.text
    mine = browse(f"{base_of(week)}/week")
    assert [t.partition(":")[0] for t in titles(mine)] == ["Trail mix talk", "Team colours"]
    assert "from your own plan" in mine.text
    undone = press(approved, "undo", where={"page": "monday"})
    assert "Taken back" in undone.text
    assert titles(browse(f"{base_of(week)}/week")) == titles(week)


def test_what_a_learner_asks_is_kept_once_and_can_be_taken_back(
    week: Any, press: Press, browse: Browse
) -> None:
    page = browse(f"{base_of(week)}/feedback")
    asked = press(page, "talk", about="unit-rates")
    assert asked.text.count("Asked for a talk") == 1
    again = press(asked, "talk", about="unit-rates")
    assert again.text.count("Asked for a talk") == 1
    assert "Asked for a talk" not in press(again, "undo").text


def test_paper_file_and_calendar_hold_the_same_steps(week: Any, client: httpx.Client) -> None:
    base = base_of(week)
    paper, file = client.get(f"{base}/print"), client.get(f"{base}/offline.html")
    ics = client.get(f"{base}/calendar.ics")
    for title in titles(week):
        words = title.partition(":")[0]
        assert words in paper.text
        assert words in file.text
        assert words.replace(",", "\\,") in ics.text.replace("\r\n ", "")
    assert 'name="viewport"' in file.text
    assert "<style>" in file.text
    assert "/pages/static" not in file.text, "the file needs nothing else"
    assert "data:image/svg" in paper.text


def test_a_button_pressed_twice_says_what_it_said_once(link: Link, browse: Browse, press: Press) -> None:
    week = browse(link("learner", "student-3"))
    said = [press(week, "done").text for _ in range(2)]
    assert all("Well done" in text and ">Undo<" in text for text in said)


def test_undo_of_a_rating_brings_the_one_before_back(link: Link, browse: Browse, press: Press) -> None:
    def pressed(page: Any) -> list[str]:
        return re.findall(r'aria-pressed="(true|false)"', page.text)[:3]

    week = press(browse(link("learner", "student-3")), "rate", value="easy")
    assert pressed(week) == ["true", "false", "false"]
    hard = press(week, "rate", value="hard")
    assert pressed(hard) == ["false", "true", "false"]
    easy = press(hard, "undo")
    assert pressed(easy) == ["true", "false", "false"]
    assert pressed(press(week, "undo")) == ["false", "false", "false"]


def test_who_opted_out_reads_that_nothing_is_kept_and_finds_no_form_that_keeps(
    week: Any, browse: Browse, press: Press, *, client: httpx.Client, headers: Any
) -> None:
    out = {"opted_out": True}
    client.put(f"/v1/learners/{ME}/opt-out", json=out, headers=headers("backend")).raise_for_status()
    late = press(week, "done")
    assert "You are out of profiling" in late.text
    mine = browse(str(week.url))
    assert not mine.forms
    assert "You are out of profiling" in mine.text
    for name in ("me", "plan", "feedback"):
        page = browse(f"{base_of(week)}/{name}")
        assert "You are out of profiling" in page.text
        assert not page.forms
        assert f"{base_of(week)}/week" in page.links


def test_a_step_of_a_list_that_another_replaced_is_refused_with_the_way_back(week: Any, press: Press) -> None:
    press(week, "know")
    late = press(week, "rate", value="easy")
    assert late.response.status_code == 404
    assert "Go back, load the page again" in late.text
    assert f"{base_of(week)}/week" in late.links


def test_a_step_that_a_teacher_changed_offers_no_choice(
    week: Any, client: httpx.Client, headers: Any
) -> None:
    teacher, backend = headers("teacher"), headers("backend")
    (found,) = client.get(f"/v1/learners/{ME}/lists", headers=teacher).json()["lists"]
    listed = {one["resource"] for one in found["steps"]}
    step, free = next((one, name) for one in found["steps"] for name in one["menu"] if name not in listed)
    at, option = f"/v1/decisions/{step['decision_id']}", {"resource": free}
    change = {"action": "remove", "by": "t1"}
    act = client.post(f"{at}/override", json=change, headers=teacher).json()["override_id"]
    assert client.post(f"{at}/choice", json=option, headers=backend).status_code == 409
    client.post(f"/v1/overrides/{act}/undo", json={"by": "t1"}, headers=teacher).raise_for_status()
    assert client.post(f"{at}/choice", json=option, headers=backend).json() == {"stored": True}
