"""A class behind its pages: links, a parser for what stands on a page, and a browser where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue import sample
from segue.features.catalogue import Resource
from segue.service.pages.sessions.signed_tokens import Ticket, sign
from segue.workspace.storage.pseudonyms import find

ROSTER = tuple(f"student-{n}" for n in range(30))
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


@pytest.fixture
def link(school: Path) -> Link:
    """Return a function that makes the path of a signed link."""

    def made(role: str, who: str, *, days: float = 1.0, class_id: str = "", **more: object) -> str:
        until = int((datetime.now(UTC) + timedelta(days=days)).timestamp())
        more.setdefault("roster", ROSTER if role == "teacher" else ())
        ticket = Ticket("link", role, who, until, class_id=class_id, **more)  # type: ignore[arg-type]
        return f"/pages/{school.name}/enter/{sign(ticket, find(school, {}))}"

    return made


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


class Page(HTMLParser):
    """The forms, links and list items of a page."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.response, self.text = response, response.text
        self.url = response.url
        self.forms: list[dict[str, object]] = []
        self.links: list[str] = []
        self.items: list[str] = []
        self._form: dict[str, object] | None = None
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = {
                "action": str(self.url.join(found.get("action", ""))),
                "method": found.get("method", "get"),
                "fields": {},
            }
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None and found.get("name"):
            if found.get("type") not in ("radio", "checkbox"):
                self._form["fields"][found["name"]] = found.get("value", "")  # type: ignore[index]
            else:
                self._form.setdefault(found["name"] + "?", []).append(found.get("value", ""))  # type: ignore[attr-defined]
        elif tag == "a":
            self.links.append(str(self.url.join(found.get("href", ""))))
        elif tag == "li" and "aria-label" in found:
            self.items.append(found["aria-label"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def form(self, action: str, **fields: str) -> dict[str, object]:
        """Return the first form that is posted to `action` and has these fields."""
        for form in self.forms:
            there: dict[str, str] = form["fields"]  # type: ignore[assignment]
            if str(form["action"]).rpartition("/")[2] == action and fields.items() <= there.items():
                return form
        raise AssertionError(f"no form {action} {fields} among {[f['action'] for f in self.forms]}")


@pytest.fixture
def unlisted() -> Callable[[Any], Resource]:
    """Return a function that names a resource which the list on a learner's page does not hold."""

    def found(page: Any) -> Resource:
        listed = [one.get_attribute("aria-label") for one in page.locator("ol.steps > li").all()]
        return next(r for r in sample.load().resources if not any(r.title in label for label in listed))

    return found


@pytest.fixture
def browse(client: httpx.Client) -> Callable[[str], Page]:
    """Return a function that opens an address as a browser without script and cookies does."""

    def opened(path: str) -> Page:
        client.cookies.clear()
        return Page(client.get(path, follow_redirects=True))

    return opened


@pytest.fixture
def press(client: httpx.Client) -> Callable[..., Page]:
    """Return a function that posts a form of a page, as its button does."""

    def pressed(page: Page, action: str, *, where: dict[str, str] | None = None, **fields: str) -> Page:
        form = page.form(action, **(where or {}))
        data = {**form["fields"], **fields}  # type: ignore[dict-item]
        return Page(client.post(str(form["action"]), data=data, follow_redirects=True))

    return pressed


@pytest.fixture
def call(client: httpx.Client, headers: Callable[[str], dict[str, str]]) -> Callable[..., Any]:
    """Return a function that calls with the administrator's key, and returns the JSON of its answer."""

    def called(
        path: str, body: dict[str, Any] | None = None, *, method: str = "", status: int = 200, key: str = ""
    ) -> Any:
        sent = headers("admin") | ({"idempotency-key": key} if key else {})
        found = client.request(method or ("GET" if body is None else "POST"), path, json=body, headers=sent)
        assert found.status_code == status, found.text
        return found.json()

    return called
