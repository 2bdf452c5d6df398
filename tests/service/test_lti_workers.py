"""Two processes behind one address: one takes the login, the other may take the launch, once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue import sample
from segue.service.http.api_keys import KeyRing
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

pytest.importorskip("jwt")

from tests.service.lti_platform import Platform, launch, launched, logged_in, register_platform, until
from tests.service.test_crashes import served

LAUNCHES = 6
Serving, Headers = (Callable[..., Any],) * 2


@pytest.mark.journey
def test_workers_share_logins_and_launches(new_postgresql: Callable[..., str], tmp_path: Path) -> None:
    folder = tmp_path / "school"
    space = Workspace.init(folder, environment={}, configuration=Configuration(database=new_postgresql()))
    space.set_catalogue(sample.load())
    space.close()
    platform = Platform()
    thread = threading.Thread(target=platform.serve_forever)
    thread.start()
    register_platform(folder, platform.base)
    try:
        with served(folder, 2) as (_, url):
            for n in range(LAUNCHES):  # a connection of its own for each step: either worker may get it
                with httpx.Client(base_url=url, timeout=60) as browser:
                    login = logged_in(browser, platform)
                token = platform.token(login[0]["nonce"], sub=f"student-{n % 3}")
                with httpx.Client(base_url=url, timeout=60) as browser:
                    assert launched(browser, login, token).status_code == 200
                for _ in range(2):
                    with httpx.Client(base_url=url, timeout=60) as browser:
                        assert launched(browser, login, token).status_code == 400
    finally:
        platform.shutdown()
        thread.join()
        platform.server_close()


def test_two_workers_send_the_scores_of_a_learner_in_order(
    new_postgresql: Callable[..., str], tmp_path: Path, serving: Serving
) -> None:
    folder = tmp_path / "school"
    space = Workspace.init(folder, environment={}, configuration=Configuration(database=new_postgresql()))
    space.set_catalogue(sample.load())
    space.close()
    _, secret = KeyRing(folder).create("admin", ("admin",), now=datetime.now(UTC))
    headers = {"authorization": f"Bearer {secret}"}
    platform = Platform()
    thread = threading.Thread(target=platform.serve_forever)
    thread.start()
    register_platform(folder, platform.base)
    try:
        with serving(folder) as one, serving(folder) as other:
            launch(one, platform)
            lists = one.get("/v1/learners/student-3/lists", headers=headers).json()["lists"]
            steps = [step["decision_id"] for step in lists[0]["steps"]]
            platform.scores_taken.clear()
            for n, (worker, step) in enumerate(zip((one, other, one, other), steps, strict=False)):
                assert worker.post(f"/v1/decisions/{step}/done", json={}, headers=headers).status_code == 200
                until(lambda: platform.scores_sent > 0)
                time.sleep(0.3 if n == 1 else 0)  # time enough for what must not be sent
            assert platform.scores_sent == 1, "an older score under way is waited for"
            platform.scores_taken.set()
            until(lambda: bool(platform.scores) and platform.scores[-1]["scoreGiven"] == 4)
            time.sleep(0.3)
    finally:
        platform.shutdown()
        thread.join()
        platform.server_close()
    given = [score["scoreGiven"] for score in platform.scores]
    assert given == sorted(given)
    assert given[-1] == 4
    times = [score["timestamp"] for score in platform.scores]
    assert times == sorted(times)
