"""Shared fixtures: the folder of real data sets, when this machine has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

KOLIBRI_PORT = "8995"
DATA = Path(os.environ.get("SEGUE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return the path of a file or folder among the real data sets, or skip with the reason."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"real data {name} is not on this machine (set SEGUE_DATA to its folder)")
        return path

    return find


def kolibri_peer(*arguments: str) -> str:
    """Run the tool that starts, seeds and looks at a real Kolibri; return what it prints."""
    tool = DATA.parent / "tools" / "kolibri_peer.py"
    command = [sys.executable, str(tool), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture
def kolibri(tmp_path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A running Kolibri with a class of four and their attempts: its address, and what was seeded."""
    program = os.environ.get("KOLIBRI") or shutil.which("kolibri")
    if program is None or not (DATA.parent / "tools" / "kolibri_peer.py").exists():
        pytest.skip("needs Kolibri (set KOLIBRI to its command) and the tool that starts and seeds one")
    home = str(tmp_path / "kolibri")
    kolibri_peer("start", "--home", home, "--port", KOLIBRI_PORT, "--kolibri", program)
    yield f"http://127.0.0.1:{KOLIBRI_PORT}", json.loads(kolibri_peer("seed", "--port", KOLIBRI_PORT))
    kolibri_peer("stop", "--home", home)
