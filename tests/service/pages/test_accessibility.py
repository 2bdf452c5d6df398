"""Every page in every state: axe finds nothing, nothing scrolls sideways at 320 pixels or at 400 %."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from segue.features.catalogue import Resource

Link = Callable[..., str]
LEARNER = ("week", "me", "plan", "feedback", "check?skill=unit-rates", "print")
TEACHER = ("class", "monday", "asked", "groups", "policy", "report", "learner?who=1&did=team-colours")
WIDTH = 320
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]


class States:
    """A browser that goes through pages, and what was found wrong on the way."""

    def __init__(self, page: Any, axe: Any, here: str) -> None:
        self.page, self._axe, self._here = page, axe, here
        self.wrong: dict[str, object] = {}
        self.seen = 0

    def open(self, path: str) -> str:
        """Open a path, look at the page, and return its address up to the page's name."""
        self.page.goto(self._here + path)
        self.look(path[:40])
        return str(self.page.url).rpartition("/")[0]

    def look(self, state: str) -> None:
        """Look at the page as it is."""
        self.seen += 1
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        found = self._axe.run(self.page).response["violations"]
        faults = [(one["id"], one["nodes"][0]["html"][:120]) for one in found]
        if faults or wide > 0:
            self.wrong[state] = (faults, wide)

    def press(self, name: str, within: str = "main") -> None:
        """Press the first button of a name, and look at what follows."""
        self.page.locator(within).get_by_role("button", name=name, exact=True).first.click()
        self.look(name)


@pytest.fixture(
    params=[("light", WIDTH, 700, 1), ("dark", 1280, 800, 1), ("light", WIDTH, 256, 4)],
    ids=["320 light", "1280 dark", "400 % light"],
)
def states(request: pytest.FixtureRequest, chromium: Any, client: httpx.Client) -> Iterator[States]:
    """A window 320 pixels wide, a wide one in the other theme, and one of 1280 pixels at 400 %."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    scheme, width, height, scale = request.param
    size = {"width": width, "height": height}
    context = chromium.new_context(
        viewport=size, color_scheme=scheme, bypass_csp=True, device_scale_factor=scale
    )
    context.set_default_timeout(30_000)
    yield States(context.new_page(), axe, str(client.base_url).rstrip("/"))
    context.close()


def test_axe_finds_nothing_on_any_page_and_state(
    states: States, link: Link, unlisted: Callable[[Any], Resource]
) -> None:
    page = states.page
    base = states.open(link("learner", "student-0"))
    path = base.partition("/pages")[2]
    for name in LEARNER:
        states.open(f"/pages{path}/{name}")
    page.goto(f"{base}/week")
    page.get_by_role("link", name="Why this?").first.click()
    states.look("why")
    page.get_by_role("radio").first.check()
    for name in ("Choose", "Another", "Done", "Liked", "Undo", "I know this"):
        states.press(name)
    page.goto(f"{base}/me")
    states.look("claimed")
    page.locator("form", has=page.locator("#goal-skill")).get_by_role("button").first.click()
    states.look("preview")
    states.press("Save")
    page.goto(f"{base}/week")
    planned = unlisted(page)
    page.goto(f"{base}/plan")
    page.locator("#r1").fill(planned.resource_id)
    states.press("Send it to my teacher")
    page.goto(f"{base}/feedback")
    states.press("Ask my teacher")

    base = states.open(link("teacher", "t1", class_id="7b"))
    path = base.partition("/pages")[2]
    for name in TEACHER:
        states.open(f"/pages{path}/{name}")
    page.goto(f"{base}/monday")
    page.get_by_role("link", name="This week").first.click()
    for name in ("Draw the lists", "Remove", "Pin", "Approve all", "Approve the plan", "Swap"):
        states.press(name)
    page.get_by_role("button", name="Why not?").click()
    states.look("why not")
    page.goto(f"{base}/asked")
    states.press("Agree")
    page.goto(f"{base}/policy")
    page.locator("#w-zone").fill("6")
    for name in ("Try a draft", "Save"):
        states.press(name)
    assert not states.wrong
    assert states.seen >= 35


def test_axe_finds_nothing_on_refusals_and_files(states: States, link: Link, client: httpx.Client) -> None:
    for path in ("/pages/school/enter/x.y", link("learner", "student-1", days=-0.01), "/pages/none/enter/x"):
        states.open(path)
    base = client.get(link("learner", "student-1"), follow_redirects=True).url.path.rpartition("/")[0]
    states.open(f"{base}/nowhere")
    for file in ("offline.html",):
        states.page.set_content(client.get(f"{base}/{file}").text)
        states.look(file)
    assert not states.wrong
