"""A teacher's pages by forms alone: what she does stands everywhere at once."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

Link, Browse, Press = Callable[..., str], Callable[..., Any], Callable[..., Any]


def base_of(page: Any) -> str:
    return str(page.url).rpartition("/")[0]


@pytest.fixture
def monday(link: Link, browse: Browse, press: Press) -> Any:
    """This week's lists of the class, drawn."""
    page = browse(link("teacher", "t1", class_id="7b"))
    page = browse(f"{base_of(page)}/monday")
    return press(page, "draw")


def buttons(page: Any, name: str) -> list[str]:
    return re.findall(rf'<button name="{name}" value="([^"]+)"', page.text)


def button(page: Any, name: str) -> str:
    return buttons(page, name)[0]


def test_the_lists_of_a_week_are_drawn_once_and_approved_at_once(monday: Any, press: Press) -> None:
    assert len(re.findall(r"<h3 id=", monday.text)) == 30
    approved = press(monday, "approve")
    assert "Every step is approved" in approved.text
    assert approved.text.count("✓ approved") == len(monday.items)


def test_what_is_removed_is_gone_from_page_file_calendar_and_http_and_undo_brings_it_back(
    monday: Any, press: Press, browse: Browse, *, link: Link, client: httpx.Client, headers: Any
) -> None:
    this = monday
    mine = browse(link("learner", "student-0"))
    decision = button(this, "remove")
    title = mine.items[0].rpartition(", ")[0]
    after = press(this, "act", remove=decision)
    assert "gone everywhere at once" in after.text
    assert title not in [item.rpartition(", ")[0] for item in browse(str(mine.url)).items]
    words = title.partition(":")[0]
    for page in ("print", "offline.html", "calendar.ics"):
        assert words not in client.get(f"{base_of(mine)}/{page}").text
    lists = client.get("/v1/learners/student-0/lists", headers=headers("teacher")).json()["lists"]
    assert "removed" in {step["state"] for one in lists for step in one["steps"]}
    back = press(after, "undo", where={"page": "monday"})
    assert "Taken back" in back.text
    assert browse(str(mine.url)).items == mine.items


def test_pin_and_must_do_say_so_on_the_learners_page(
    monday: Any, press: Press, browse: Browse, link: Link
) -> None:
    this = monday
    press(this, "act", pin=button(this, "pin"))
    mine = browse(link("learner", "student-0"))
    assert mine.items[0].endswith(", must do")
    everybody = press(this, "mustdo", resource="trail-mix-talk")
    assert "in every list now" in everybody.text
    for who in ("student-0", "student-17"):
        assert any(item.startswith("Trail mix talk") for item in browse(link("learner", who)).items)
    assert "pinned" in everybody.text
    assert "taken back" not in everybody.text


def test_a_swap_shows_alternatives_and_why_not(monday: Any, press: Press, browse: Browse) -> None:
    asked = press(monday, "act", swap=button(monday, "swap"))
    assert "What nearly came instead" in asked.text
    options = asked.forms[0]["resource?"]
    why = browse(f"{asked.url}&wanted={options[-1]}")
    assert "Swap it in all the same" in why.text
    done = press(asked, "act", resource=options[0])
    assert "The step is swapped" in done.text


def test_a_draft_says_what_share_of_lists_it_changes_and_that_is_what_happens(
    monday: Any, press: Press, browse: Browse
) -> None:
    policy = browse(f"{base_of(monday)}/policy")
    tried = press(policy, "policy_try", **{"weights.zone": "6", "limits.per_skill": "1"})
    share, n, of = re.findall(r"([\d.]+) % of the lists would change \((\d+) of (\d+)\)", tried.text)[0]
    assert int(of) == 30
    assert int(n) > 0
    assert float(share) == pytest.approx(100 * int(n) / 30, abs=0.05)
    assert f"({n} of {of})" in browse(str(tried.url)).text, "it can be loaded again"
    assert "Nothing was changed yet" in browse(f"{base_of(monday)}/policy").text, "a dry run stores nothing"
    saved = press(tried, "policy_save")
    assert "in force from now on" in saved.text
    assert saved.text.count('name="back"') == 1
    refused = press(policy, "policy_try", **{"weights.zone": "-3"})
    assert refused.response.status_code == 422


def test_a_class_that_has_tried_nothing_is_not_said_to_be_well(link: Link, browse: Browse) -> None:
    new = ("somebody-new", "somebody-else")
    page = browse(link("teacher", "t1", class_id="7c", roster=new))
    assert "Nobody has tried anything yet" in page.text
    assert "Nobody is stuck" not in page.text
    assert "<table" not in page.text
    assert "0 tries" in browse(next(one for one in page.links if one.endswith("learner?who=1"))).text
    assert "Nobody has tried" not in browse(link("teacher", "t1", class_id="7b")).text


def test_what_a_learner_needs_stands_before_what_is_not_known(monday: Any, browse: Browse) -> None:
    found = [browse(f"{base_of(monday)}/learner?who={n}").text for n in range(12)]
    bands = [re.findall(r'<span class="band (h|s|w|)">', text) for text in found]
    assert any("h" in one for one in bands)
    for one in bands:
        known = [band for band in one if band in "hs" and band]
        assert one[: len(known)] == sorted(known)


def test_a_plan_that_cannot_be_served_is_refused_in_words(link: Link, browse: Browse, press: Press) -> None:
    plan = browse(base_of(browse(link("learner", "student-3"))) + "/plan")
    press(plan, "propose", activity1="Ask somebody who knows")
    monday = browse(base_of(browse(link("teacher", "t1", class_id="7b"))) + "/monday")
    refused = press(monday, "review", verdict="approve")
    assert refused.response.status_code == 422
    assert "This plan cannot become a list" in refused.text
    assert "The plan went back" in press(monday, "review", verdict="return").text


def test_a_learner_groups_and_the_csv(monday: Any, browse: Browse, client: httpx.Client) -> None:
    one = browse(f"{base_of(monday)}/learner?who=3&did=team-colours&score=0")
    assert "What if" in one.text
    assert "Lists so far" in one.text
    theirs = next(href for href in one.links if href.endswith("/week"))
    page = browse(theirs)
    assert "student-3" in page.text
    assert "<form" not in page.text, "she reads it, she does not act in the learner's name"
    groups = browse(f"{base_of(monday)}/groups?size=5&roles=speaker,scribe")
    assert groups.text.count("speaker") - 1 == 6
    assert client.get(f"{base_of(monday)}/class.csv").text.count("\n") == 31


def test_a_teacher_touches_her_own_class_only(
    monday: Any, press: Press, browse: Browse, link: Link, client: httpx.Client
) -> None:
    other = browse(link("learner", "stranger-1"))
    foreign = re.findall(r'name="step" value="([0-9a-f]+)"', other.text)[0]
    refused = press(monday, "act", remove=foreign)
    assert refused.response.status_code == 404
    assert browse(str(other.url)).items == other.items
    assert browse(f"{base_of(monday)}/learner?who=30").response.status_code == 404


def test_what_learners_ask_is_seen_answered_and_taken_back(
    monday: Any, press: Press, browse: Browse, link: Link
) -> None:
    mine = browse(link("learner", "student-4"))
    feedback = browse(f"{base_of(mine)}/feedback")
    press(feedback, "talk", about="unit-rates")
    press(browse(f"{base_of(mine)}/me"), "contest")
    press(feedback, "suggest", resource="trail-mix-talk")
    assert "3 questions wait for your answer" in browse(f"{base_of(monday)}/class").text
    asked = browse(f"{base_of(monday)}/asked")
    for words in ("Asked for a talk", "Asked to look at the record again", "Suggested to the class"):
        assert words in asked.text
    answered = press(asked, "reply", verdict="accept", note="On <i>Tuesday</i>")
    assert "The learner sees your answer now." in answered.text
    told = browse(f"{base_of(mine)}/feedback").text
    assert "Your teacher agreed. On &lt;i&gt;Tuesday&lt;/i&gt;" in told
    press(answered, "undo", where={"page": "asked"})
    assert "Your teacher agreed" not in browse(f"{base_of(mine)}/feedback").text
    stranger = browse(link("learner", "stranger-2"))
    press(browse(f"{base_of(stranger)}/feedback"), "talk", about="unit-rates")
    assert browse(f"{base_of(monday)}/asked").text.count('name="request"') == 3, "only of her own class"


def test_feedback_due_is_marked_as_given_and_the_learner_sees_it(
    monday: Any, press: Press, browse: Browse, *, link: Link, client: httpx.Client, headers: Any
) -> None:
    asked = browse(f"{base_of(monday)}/asked")
    assert asked.text.count("never so far") == 30
    given = press(asked, "given", where={"learner": "7"}, kind="talk")
    assert given.text.count("never so far") == 29
    score = {"learner": "student-7", "criterion": "reasoning", "rater": "t1", "score": 0.5}
    for work in ("poster", "design-a-skate-park"):
        rubric = {"work": work, "rubric": {"reasoning": "trail-mix-talk"}, "scores": [score]}
        marked = client.post("/v1/classes/7b/rubric", json=rubric, headers=headers("teacher"))
        assert marked.status_code == 200
    told = browse(f"{base_of(browse(link('learner', 'student-7')))}/feedback").text
    assert "You had a talk with your teacher." in told
    assert "poster, reasoning</strong>: 50 % (on the way)" in told
    assert "Design a skate park to scale, reasoning</strong>" in told, "by its title where it has one"
    assert "It shows: I can" in told
    undone = press(given, "undo", where={"page": "asked"})
    assert "Taken back" in undone.text
    assert undone.text.count("never so far") == 30
    assert "You had a talk" not in browse(f"{base_of(browse(link('learner', 'student-7')))}/feedback").text
    assert "Taken back" in press(given, "undo", where={"page": "asked"}).text, "pressed twice"
    later = press(undone, "given", where={"learner": "7"}, kind="feedback")
    press(given, "undo", where={"page": "asked"})
    assert browse(str(later.url)).text.count("never so far") == 29, "of that talk alone"
    forged = press(later, "undo", where={"page": "asked"}, what="given:7-1")
    assert forged.response.status_code == 404


def test_pages_name_a_week_by_its_days(monday: Any, browse: Browse, link: Link) -> None:
    mine = base_of(browse(link("learner", "student-4")))
    teacher = base_of(monday)
    weeks = [
        f"{teacher}/monday",
        f"{teacher}/learner?who=4",
        f"{teacher}/report",
        f"{mine}/week",
        f"{mine}/print",
    ]
    for page in weeks:
        words = re.sub("<[^>]*>", " ", browse(page).text)
        assert re.search(r"\d+ [A-Z][a-z]{2} – \d+ [A-Z][a-z]{2} 20\d\d", words), page
        assert not re.search(r"20\d\d-W\d\d", words), page


def test_the_report_speaks_under_the_four_principles(monday: Any, browse: Browse, press: Press) -> None:
    report = browse(f"{base_of(monday)}/report")
    for words in ("Mastery-based", "Flexible", "Empowering", "Tailored"):
        assert words in report.text
    assert "It cannot be told yet" in report.text, "nothing has matured of lists that were drawn just now"
    assert "Whether lists follow" in report.text or "lists follow what is known" in report.text
    before = browse(
        next(href for href in report.links if "report?week=" in href and href[-8:] != report.text)
    )
    assert before.response.status_code == 200


@pytest.mark.parametrize("name", ["unit\u00a01", "a  b", 'q"<&>é', "می\u200cخواهم", "日本\u3000語"])
def test_any_id_of_a_resource_comes_back_whole_from_a_page(
    monday: Any, press: Press, *, name: str, client: httpx.Client, headers: Any
) -> None:
    path = f"/v1/resources/{quote(name, safe='')}"
    made = client.put(path, json={"title": "New", "skills": ["unit-rates"]}, headers=headers("admin"))
    assert made.status_code == 200, made.text
    put = press(monday, "mustdo", resource=name)
    assert put.response.status_code == 200, put.text
    value = next(v for v in map(html.unescape, buttons(put, "remove")) if v.endswith(f" {name}"))
    assert press(put, "act", remove=value).response.status_code == 200
