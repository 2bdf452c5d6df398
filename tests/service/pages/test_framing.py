"""A browser that blocks the cookies of other sites: an LMS shows the page in its frame, a stranger cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.local_server import serving
from tests.service.lti_platform import SECRET_NAME, Platform, registered
from tests.service.pages.conftest import CHROMIUM, FLAGS

Link = Callable[..., str]
BLOCKED = "--test-third-party-cookie-phaseout"
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]


@pytest.fixture
def window() -> Iterator[Any]:
    """A window of a browser that blocks third-party cookies."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: make test-pages installs it as root on Debian")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, BLOCKED])
        page = browser.new_page()
        page.set_default_timeout(30_000)
        yield page
        browser.close()


@pytest.fixture
def course() -> Iterator[Platform]:
    """An LMS on another site than ours: by the browser's law localhost is another one than 127.0.0.1."""
    server = Platform()
    server.base = server.base.replace("127.0.0.1", "localhost")
    with serving(server):
        yield server


def framed(address: str) -> str:
    head = "<!doctype html><title>Course</title><link rel=icon href=data:,>"
    return f'{head}<h1>Course</h1><iframe src="{address}"></iframe>'


def test_a_launch_in_a_frame_works_where_cookies_of_other_sites_are_blocked(
    window: Any, course: Platform, school: Path, serving: Any
) -> None:
    base = course.base
    names = {"issuer": base, "client_id": "segue", "deployment": "dep-1", "auth_login_url": base + "/auth"}
    registered(school, **names, auth_token_url=base + "/token", key_set_url=base + "/jwks")
    with serving(school) as tool:
        begin = tool.base_url.join(f"/lti/school/login?iss={base}&client_id=segue&login_hint=x")

        def posted(asked: dict[str, str]) -> str:
            token = course.token(asked["nonce"])
            fields = "".join(
                f'<input name="{name}" value="{value}">'
                for name, value in (("id_token", token), ("state", asked["state"]))
            )
            address = asked["redirect_uri"]
            form = f'<form id="f" method="post" action="{address}">{fields}</form>'
            return f"<!doctype html><title>Auth</title>{form}<script>f.submit()</script>"

        course.pages = {"/course": lambda _: framed(str(begin).replace("&", "&amp;")), "/auth": posted}
        window.goto(base + "/course")
        frame = window.frame_locator("iframe")
        frame.get_by_role("heading", name="My week").wait_for()
        assert SECRET_NAME in frame.locator("header").inner_text()
        frame.get_by_role("button", name="Done", exact=True).first.click()
        frame.get_by_text("Well done").wait_for()
        frame.get_by_role("link", name="What Segue thinks of me").click()
        frame.get_by_role("heading", name="What Segue thinks of me").wait_for()


def test_a_stranger_cannot_frame_a_page(
    window: Any, course: Platform, client: httpx.Client, link: Link
) -> None:
    address = str(client.base_url).rstrip("/") + link("learner", "student-1")
    course.pages = {"/stranger": lambda _: framed(address)}
    refused: list[str] = []
    window.on("console", lambda message: refused.append(message.text))
    window.goto(course.base + "/stranger")
    window.wait_for_timeout(500)
    assert any("frame-ancestors" in text for text in refused), refused
    assert window.frame_locator("iframe").get_by_role("heading", name="My week").count() == 0
