"""A person opens the service in a browser: what they read, and that the examples work as they stand."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser

import httpx
import pytest

from segue.service.routes.front_door import SAMPLE_IDS

Headers = Callable[[str], dict[str, str]]


class Loads(HTMLParser):
    """Collects what a page would load or run, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.leads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        brings = tag in ("script", "img", "link", "iframe") or "src" in found
        if found.get("src", "").startswith("http"):
            raise AssertionError(f"{tag} from another host: {found['src']}")
        if brings or any(name.startswith("on") for name in found):
            self.loaded.append(tag)
        if tag == "a":
            self.leads.append(found.get("href") or "")


@pytest.mark.parametrize(("path", "loaded"), [("/", []), ("/docs", ["script"])])
def test_a_browser_is_answered_without_a_key(client: httpx.Client, path: str, loaded: list[str]) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    scripts = re.findall(r"script-src ([^;]*)", answer.headers["content-security-policy"])
    assert scripts == ["'self'"] * len(loaded)
    page = Loads(answer.text)
    assert page.loaded == loaded
    assert {client.get(f"/{lead}").status_code for lead in page.leads} == {200}


def test_the_examples_of_the_front_door_work(client: httpx.Client, headers: Headers) -> None:
    key = headers("backend")["authorization"].split()[1]
    examples = [unescape(x) for x in re.findall(r"<code>(curl .*?)</code>", client.get("/").text, re.DOTALL)]
    said = [
        subprocess.run(
            ["bash", "-c", line],
            env={"PATH": os.environ["PATH"], "SEGUE_API_KEY": key},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for line in examples
    ]
    assert '"accepted":2' in said[0]
    assert '"steps":' in said[1]


def test_no_example_of_a_body_is_refused_as_it_stands(client: httpx.Client, headers: Headers) -> None:
    sent, refused = 0, []
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        address = re.sub(r"{(\w+)[^}]*}", lambda name: SAMPLE_IDS.get(name[1], "0" * 32), path)
        for method in {"post", "put", "patch"} & set(methods):
            content = methods[method].get("requestBody", {}).get("content", {})
            for example in content.get("application/json", {}).get("examples", {}).values():
                answer = client.request(method, address, json=example["value"], headers=headers("admin"))
                sent += 1
                if answer.status_code in (400, 405, 415, 422) or answer.status_code >= 500:
                    refused.append((method, path, answer.text[:300]))
    assert refused == []
    assert sent > 20


def test_every_call_is_listed(client: httpx.Client) -> None:
    text = client.get("/docs").text
    paths = client.get("/openapi.json").json()["paths"]
    assert [path for path in paths if f"<code>{path}</code>" not in text] == []


def test_a_host_that_is_no_address_stays_out_of_the_examples(client: httpx.Client) -> None:
    text = client.get("/", headers={"host": "a';rm -rf ~;'"}).text
    assert "rm -rf" not in text
