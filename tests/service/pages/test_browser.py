"""The journeys in a real browser: two widths, with script and without, by keyboard alone, checked by axe."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

Link = Callable[..., str]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LEARNER = ("week", "me", "plan", "feedback", "check?skill=unit-rates", "print")
TEACHER = ("class", "monday", "learner?who=1&did=team-colours", "asked", "groups", "policy", "report")
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The distribution's browser, without a window."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: make test-pages installs it as root on Debian")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=[(1280, True), (360, False)], ids=["1280 script", "360 no script"])
def opened(
    request: pytest.FixtureRequest, chromium: Any, client: httpx.Client
) -> Iterator[Callable[..., Any]]:
    """Return a function that opens an address; no page may ask another host or break its own policy."""
    width, script = request.param
    context = chromium.new_context(viewport={"width": width, "height": 800}, java_script_enabled=script)
    context.set_default_timeout(20_000)
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


def press(page: Any, name: str, within: Any = None) -> None:
    (within or page).get_by_role("button", name=name, exact=True).first.click()


def test_a_student_and_a_teacher_from_launch_to_undo(opened: Callable[..., Any], link: Link) -> None:
    student = opened(link("learner", "student-4"))
    week = student.url
    first = steps(student)
    student.get_by_role("radio").first.check()
    press(student, "Choose")
    student.get_by_role("link", name="Why this?").first.click()
    assert student.locator("[id^=why-] li").count() > 0
    press(student, "Another")
    press(student, "Done")
    press(student, "Done")
    assert sum(line.endswith(", done") for line in steps(student)) == 2
    press(student, "I know this")
    assert student.get_by_role("heading", name="Check me").is_visible()
    student.goto(week)
    student.get_by_role("link", name="My goal").click()
    student.locator("form", has=student.locator("#goal-skill")).get_by_role("button").first.click()
    promised = [one.inner_text() for one in student.locator("#after li").all()]
    press(student, "Save")
    student.goto(week)
    now = [line.rpartition(", ")[0] for line in steps(student)]
    assert now == [re.sub(r" \(new\)$", "", line) for line in promised]
    student.get_by_role("link", name="My plan").click()
    student.locator("#r1").fill("trail-mix-talk")
    press(student, "Send it to my teacher")

    teacher = opened(link("teacher", "t1", class_id="7b"))
    assert teacher.get_by_role("columnheader").count() == 31
    teacher.get_by_role("link", name="Before Monday").click()
    press(teacher, "Draw the lists")
    mine = teacher.locator("ol", has=teacher.get_by_role("button", name="Remove")).nth(4)
    before = steps(student) if student.goto(week) else []
    press(teacher, "Remove", mine)
    student.reload()
    assert len(steps(student)) == len(before) - 1, "what she removed is gone at once"
    press(teacher, "Pin", teacher.locator("ol", has=teacher.get_by_role("button", name="Remove")).nth(4))
    student.reload()
    assert any(line.endswith(", must do") for line in steps(student))
    press(teacher, "Approve all")
    press(teacher, "Approve the plan")
    student.reload()
    assert steps(student)[0].startswith("Trail mix talk")
    press(teacher, "Undo")
    student.reload()
    assert not steps(student)[0].startswith("Trail mix talk")
    teacher.get_by_role("link", name="How Segue decides").click()
    teacher.locator("#w-zone").fill("6")
    press(teacher, "Try a draft")
    assert "of the lists would change" in teacher.locator("#share").inner_text()
    teacher.get_by_role("link", name="Report").click()
    assert teacher.get_by_role("heading", level=1).inner_text() == "Does it work?"
    assert first, "the student had a list at the start"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    chromium: Any, client: httpx.Client, link: Link, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    here = str(client.base_url).rstrip("/")
    context = chromium.new_context(
        viewport={"width": 320, "height": 700}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    found = {}
    for role, pages in (("learner", LEARNER), ("teacher", TEACHER)):
        page.goto(here + link(role, "student-5", class_id="7b"))
        base = page.url.rpartition("/")[0]
        for name in pages:
            page.goto(f"{base}/{name}")
            if name == "monday" and page.get_by_role("button", name="Draw the lists").count():
                press(page, "Draw the lists")
            wide = page.evaluate("document.documentElement.scrollWidth")
            faults = [(v["id"], v["nodes"][0]["html"][:120]) for v in axe.run(page).response["violations"]]
            if faults or wide > 320:
                found[name] = (faults, wide)
    page.goto(here + "/pages/school/enter/x.y")
    assert not axe.run(page).response["violations"]
    context.close()
    assert not found


def test_the_keyboard_alone_suffices_and_focus_is_seen(
    chromium: Any, client: httpx.Client, link: Link
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(str(client.base_url).rstrip("/") + link("learner", "student-6"))

    def reach(name: str) -> None:
        for _ in range(200):
            page.keyboard.press("Tab")
            here = page.evaluate(
                "[document.activeElement.innerText, getComputedStyle(document.activeElement).outlineStyle]"
            )
            if here[0].strip() == name:
                assert here[1] != "none", f"focus on {name} cannot be seen"
                return
        raise AssertionError(f"the keyboard does not reach {name}")

    for name in ("Done", "I know this"):
        reach(name)
        with page.expect_navigation():
            page.keyboard.press("Enter")
    assert page.get_by_role("heading", name="Check me").is_visible()
    reach("Undo")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    context.close()
