"""Two processes behind one address: one takes the login, the other may take the launch, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from segue import sample
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

pytest.importorskip("jwt")

from tests.service.lti_platform import Platform, launched, logged_in, register_platform
from tests.service.test_crashes import served

LAUNCHES = 6


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
