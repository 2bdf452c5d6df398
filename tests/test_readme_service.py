"""The quick starts for the engineer of an LMS back end, run as they are written."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parents[1]
PLACES = [
    path
    for path in (ROOT / "README.md", ROOT / "docs" / "service.md")
    if "segue serve" in path.read_text("utf-8")
]


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def block(text: str, language: str, needle: str) -> str:
    """Return the code block of a language that holds `needle`."""
    blocks = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(next(found for found in blocks if needle in found))


@pytest.mark.parametrize("place", PLACES, ids=lambda path: path.name)
def test_the_quick_start_as_it_is_written(place: Path, tmp_path: Path) -> None:
    text = place.read_text("utf-8").replace("8800", str(free_port()))
    shell = block(text, "sh", "segue serve")
    (tmp_path / "client.py").write_text(block(text, "python", "/v1/recommend"))
    script = f"set -e\n{shell}\necho; python client.py\n"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SEGUE")} | {"PATH": path}
    with subprocess.Popen(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            said = read_all(running)
        finally:
            os.killpg(running.pid, signal.SIGTERM)  # the service that the quick start leaves running
    assert "drawn with probability" in said
    assert "'verdict': 'accepted'" in said
    assert '"accepted":1' in said
    assert '"student":' in said


def read_all(running: subprocess.Popen[str]) -> str:
    """Return the output of the script itself; the service that it started keeps the pipe open."""
    assert running.stdout is not None
    said = ""
    for line in running.stdout:
        said += line
        if "verdict'" in line:
            return said
    assert running.stderr is not None
    raise AssertionError(f"the quick start ended early:\n{said}\n{running.stderr.read()}")
