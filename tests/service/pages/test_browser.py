"""The journeys in a real browser: two widths, each with script and without, and by keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.engine.requests.request import Request
from segue.features.catalogue import Resource
from segue.features.iso_weeks import week_of
from segue.service.lessons import lessons_of
from segue.workspace.operations.policy_versions import version_in_force
from segue.workspace.playlists.answering import Ask
from segue.workspace.workspace import Workspace

Link = Callable[..., str]
ROSTER = [f"student-{n}" for n in range(30)]
ME = "student-0"  # first in the class list, so that a keyboard soon reaches the steps
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]


@pytest.fixture(
    params=[(1280, True), (1280, False), (360, True), (360, False)],
    ids=["1280 script", "1280 no script", "360 script", "360 no script"],
)
def opened(
    request: pytest.FixtureRequest, chromium: Any, client: httpx.Client
) -> Iterator[Callable[..., Any]]:
    """Return a function that opens an address; no page may ask another host or break its own policy."""
    width, script = request.param
    context = chromium.new_context(viewport={"width": width, "height": 800}, java_script_enabled=script)
    context.set_default_timeout(30_000)
    wrong: list[str] = []

    def open_(path: str) -> Any:
        page = context.new_page()
        here = str(client.base_url)
        page.on("request", lambda r: None if r.url.startswith((here, "data:")) else wrong.append(r.url))
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.goto(f"{here.rstrip('/')}{path}")
        return page

    yield open_
    context.close()
    assert not wrong


def steps(page: Any) -> list[str]:
    return [item.get_attribute("aria-label") for item in page.locator("ol.steps > li").all()]


def titles(page: Any) -> list[str]:
    return [line.rpartition(", ")[0] for line in steps(page)]


def press(page: Any, name: str, within: Any = None) -> None:
    (within or page).get_by_role("button", name=name, exact=True).first.click()


def follow(page: Any, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()


def drawn(school: Path, week: str) -> dict[str, list[str]]:
    """Return the lists that the policy in force draws for the class, each week's luck the same."""
    with Workspace.open(school, environment={}) as space:
        asked = [Request(who, datetime.now(UTC), k=6) for who in ROSTER]
        given = space.recommend_many(asked, ask=Ask(surface="python", week=week, request_no=0))
    return {who: [s.resource for s in g.playlist.steps] for who, g in zip(ROSTER, given, strict=True)}


def learns(
    student: Any,
    client: httpx.Client,
    headers: Callable[[str], dict[str, str]],
    unlisted: Callable[[Any], Resource],
) -> tuple[list[str], str]:
    """Go the student's way, and return the list that it comes to, and what the student plans instead."""
    week = student.url
    student.get_by_role("radio").first.check()
    press(student, "Choose")
    follow(student, "Why this?")
    assert student.locator("[id^=why-] li").count() > 0
    press(student, "Another")
    press(student, "Done")
    press(student, "Done")
    assert sum(line.endswith(", done") for line in steps(student)) == 2
    press(student, "I know this")
    assert student.get_by_role("heading", name="Check me").is_visible()
    check = student.url.partition("?")[0] + "?skill=" + re.findall(r"skill=([^&]+)", student.url)[0]
    task = student.locator("main .card a").first.get_attribute("href").rpartition("/")[2]
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    event = {"id": "check-1", "learner": ME, "resource": task, "score": 1.0, "time": soon}
    assert client.post("/v1/events", json={"events": [event]}, headers=headers("backend")).json()["accepted"]
    student.goto(check)
    assert "Passed" in student.locator("main").inner_text()
    student.goto(week)
    follow(student, "My goal")
    student.locator("form", has=student.locator("#goal-skill")).get_by_role("button").first.click()
    promised = [one.get_attribute("data-id") for one in student.locator("#after li").all()]
    press(student, "Save")
    shown = client.get(f"/v1/learners/{ME}/lists?surface=weekly", headers=headers("teacher")).json()["lists"]
    assert [step["resource"] for step in shown[0]["steps"]] == promised
    student.goto(week)
    kept = [line for line in steps(student) if line.endswith(", done")]
    assert len(kept) >= 2, "what was done stays, first"
    assert [step["title"] for step in shown[0]["steps"]] == titles(student)[len(kept) :]
    planned = unlisted(student)
    follow(student, "My plan")
    student.locator("#r1").fill(planned.resource_id)
    press(student, "Send it to my teacher")
    assert "Waiting for your teacher" in student.locator("main").inner_text()
    student.goto(week)
    return titles(student), planned.title


def test_a_student_and_a_teacher_from_launch_to_undo(
    opened: Callable[..., Any],
    link: Link,
    school: Path,
    *,
    client: httpx.Client,
    headers: Any,
    unlisted: Callable[[Any], Resource],
) -> None:
    student = opened(link("learner", ME))
    week, base = student.url, student.url.rpartition("/")[0]
    before, planned = learns(student, client, headers, unlisted)
    now_week = week_of(datetime.now(UTC), "UTC")

    def everywhere(title: str) -> list[bool]:
        """Whether a step stands on the page, in the calendar, in the pushed lesson, in the next list."""
        student.goto(week)
        words = title.partition(":")[0]
        calendar = client.get(f"{base}/calendar.ics").text.replace("\r\n ", "").replace("\\,", ",")
        with Workspace.open(school, environment={}) as space:
            lesson = [
                item.title
                for one in lessons_of(space, [ME], now_week, now=datetime.now(UTC))
                for item in one.items
            ]
        asked = {"learner": ME, "k": 10, "fresh": True}
        following = client.post("/v1/recommend", json=asked, headers=headers("teacher")).json()["steps"]
        places = (titles(student), lesson, [step["title"] for step in following])
        return [words in calendar, *(title in place for place in places)]

    teacher = opened(link("teacher", "t1", class_id="7b"))
    assert teacher.get_by_role("columnheader").count() == 31
    assert teacher.get_by_role("heading", name="Who to see next").is_visible()
    assert teacher.locator("ol.see li").count() > 0, "somebody to see, and why"
    follow(teacher, "Before Monday")
    if "This week" in teacher.locator("main").inner_text():
        follow(teacher, "This week")
    press(teacher, "Draw the lists")
    mine = teacher.locator("ol", has=teacher.get_by_role("button", name="Remove")).first
    title = mine.locator("li", has=teacher.get_by_role("button", name="Remove")).first
    gone = title.get_attribute("aria-label").rpartition(", ")[0]
    press(teacher, "Remove", mine)
    assert everywhere(gone) == [False] * 4, "what she removed is gone at once"
    mine = teacher.locator("ol", has=teacher.get_by_role("button", name="Remove")).first
    kept = mine.locator("li", has=teacher.get_by_role("button", name="Pin")).first
    pinned = kept.get_attribute("aria-label").rpartition(", ")[0]
    press(teacher, "Pin", mine)
    assert everywhere(pinned) == [True] * 4, "what she pinned stands at once"
    assert any(line == f"{pinned}, must do" for line in steps(student))
    press(teacher, "Approve all")
    student.reload()
    assert student.get_by_text("approved by your teacher").count() >= len(before) - 3
    press(teacher, "Approve the plan")
    student.reload()
    assert titles(student)[-1] == planned
    press(teacher, "Undo")
    student.reload()
    assert titles(student) == [one for one in before if one != gone]
    tries_a_draft(teacher, school, now_week)
    follow(teacher, "Report")
    assert teacher.get_by_role("heading", level=1).inner_text() == "Does it work?"


def tries_a_draft(teacher: Any, school: Path, week: str) -> None:
    """Try a draft, save it, see that what was said happens, and take it back."""
    follow(teacher, "How Segue decides")
    teacher.locator("#w-zone").fill("6")
    press(teacher, "Try a draft")
    n, of = re.findall(r"\((\d+) of (\d+)\)", teacher.locator("#share").inner_text())[0]
    with Workspace.open(school, environment={}) as space:
        before = version_in_force(space)
    old = drawn(school, week)
    press(teacher, "Save")
    new = drawn(school, week)
    assert (sum(old[who] != new[who] for who in ROSTER), len(ROSTER)) == (int(n), int(of))
    assert int(n) > 0
    teacher.locator("button[name=back]").last.click()
    with Workspace.open(school, environment={}) as space:
        assert (
            version_in_force(space).id == before.id or version_in_force(space).to_dict() == before.to_dict()
        )


class Keyboard:
    """Hands on the keyboard alone: Tab, Space, Enter, arrows and letters."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def reach(self, name: str) -> None:
        """Go by Tab to what is called `name`, and see where the focus is."""
        for _ in range(900):
            self.page.keyboard.press("Tab")
            here, outline = self.page.evaluate(FOCUS)
            if here == name:
                assert outline != "none", f"focus on {name} cannot be seen"
                return
        raise AssertionError(f"the keyboard does not reach {name}")

    def enter(self, name: str) -> None:
        """Go to a button or link and press it."""
        self.reach(name)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def type(self, name: str, text: str) -> None:
        """Go to a field and write into it, in place of what stands there."""
        self.reach(name)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)


FOCUS = """() => { const here = document.activeElement, label = here.labels && here.labels[0];
    return [(here.getAttribute("aria-label") || (label && label.innerText) || here.innerText || "").trim(),
            getComputedStyle(here).outlineStyle] }"""


def test_the_keyboard_alone_completes_both_journeys(
    chromium: Any, client: httpx.Client, link: Link, unlisted: Callable[[Any], Resource]
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    page, here = context.new_page(), str(client.base_url).rstrip("/")
    page.goto(here + link("learner", ME))
    keys, week = Keyboard(page), page.url
    option = page.locator("input[type=radio]").first
    keys.reach(page.locator(f"label[for={option.get_attribute('id')}]").inner_text())
    page.keyboard.press("Space")
    for name in ("Choose", "Why this?", "Another", "Done", "Done", "Liked", "I know this"):
        keys.enter(name)
    assert page.get_by_role("heading", name="Check me").is_visible()
    keys.enter("Undo")
    page.goto(week)
    keys.reach("My goal")
    page.keyboard.press("Enter")
    page.wait_for_url("**/me#goal")
    keys.reach("I want to be able to do this")
    page.keyboard.press("ArrowDown")
    for name in ("Show what would change", "Save"):
        keys.enter(name)
    page.goto(week)
    planned = unlisted(page)
    keys.enter("My plan")
    keys.type("From the catalogue", planned.resource_id)
    keys.enter("Send it to my teacher")
    keys.enter("Feedback")
    keys.enter("Ask my teacher")

    page.goto(here + link("teacher", "t1", class_id="7b"))
    for name in ("Before Monday", "This week", "Draw the lists", "Remove", "Pin", "Swap"):
        keys.enter(name)
    first = page.locator("input[type=radio]").first
    keys.reach(page.locator(f"label[for={first.get_attribute('id')}]").inner_text())
    page.keyboard.press("Space")
    for name in ("Swap", "Approve all", "Approve the plan", "Undo", "What learners ask", "Agree"):
        keys.enter(name)
    keys.enter("How Segue decides")
    keys.type("neither too hard nor too easy", "6")
    for name in ("Try a draft", "Save", "Report"):
        keys.enter(name)
    assert page.get_by_role("heading", level=1).inner_text() == "Does it work?"
    context.close()
