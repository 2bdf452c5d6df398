"""The engineer of an LMS tries a call in the browser before a line of code is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]


def test_a_call_is_sent_from_the_page_and_its_answer_read(
    chromium: Any, client: httpx.Client, headers: Callable[[str], dict[str, str]]
) -> None:
    page, wrong = chromium.new_page(), list[str]()
    page.on("pageerror", lambda fault: wrong.append(str(fault)))
    page.goto(f"{str(client.base_url).rstrip('/')}/docs")
    page.get_by_text("/v1/recommend", exact=True).click()
    form = page.locator("form[data-path='/v1/recommend']")
    form.get_by_role("button").click()
    form.get_by_text("no_key").wait_for()
    page.locator("#key").fill(headers("backend")["authorization"].split()[1])
    form.get_by_role("button").click()
    form.get_by_text("playlist_id").wait_for()
    status, _, body = form.locator("output").inner_text().partition("\n")
    steps = json.loads(body)["steps"]
    assert status == "200"
    page.get_by_text("/v1/learners/{learner}/lists", exact=True).first.click()
    lists = page.locator("form[data-path='/v1/learners/{learner}/lists'][data-method='GET']")
    asked = json.loads(form.locator("textarea").input_value())["learner"]
    lists.get_by_label("learner").fill(asked)
    lists.get_by_role("button").click()
    lists.get_by_text(steps[0]["resource"]).first.wait_for()
    page.close()
    assert not wrong
