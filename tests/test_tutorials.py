"""Every block of every tutorial, run in order in an empty folder; and the links between the pages.

A block of text after a block of code is what the code prints: "…" stands for what differs from run to run.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import segue

DOCS = Path(__file__).resolve().parents[1] / "docs"
SAID = {
    "engineer": ("0 rejected", "pupil-3", "propensity"),
    "data-scientist": ("Greedy", "Softmax", "Uniform", "SNIPS: "),
    "weekly-batch": ("0 rejected", "learner"),
}


def shown(text: str, printed: str) -> bool:
    """Return whether a block of text stands in what was printed."""
    pattern = ".*?".join(map(re.escape, text.strip("\n").split("…")))
    return re.search(rf"^{pattern}", printed, re.MULTILINE | re.DOTALL) is not None


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@pytest.mark.journey
@pytest.mark.parametrize("name", SAID)
def test_a_tutorial_runs_as_it_is_written(name: str, tmp_path: Path) -> None:
    text = (DOCS / "tutorials" / f"{name}.md").read_text("utf-8").replace("8800", str(free_port()))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SEGUE")} | {"PATH": path}
    del environment["COLUMNS"]
    printed, here, stale = "", "", []
    try:
        for language, block in re.findall(r"```(sh|python|text)\n(.*?)```", text, re.DOTALL):
            if language == "text":
                stale += [] if shown(block, here) else [(block, here)]
                continue
            program = ["bash", "-eu", "-c"] if language == "sh" else [sys.executable, "-c"]
            done = subprocess.run(
                [*program, block], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            here = done.stdout
            printed += here
            assert done.returncode == 0, block + done.stdout + done.stderr
    finally:
        if (number := tmp_path / "service.pid").exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(number.read_text()), signal.SIGTERM)
    assert [part for part in SAID[name] if part not in printed] == []
    assert stale == [], "the tutorial shows another output"
    assert "```text" in text


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    leads = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text("utf-8"))
    assert [lead for lead in leads if not (page.parent / lead).exists()] == []


def test_the_reference_names_everything_public() -> None:
    named = re.findall(r"^::: segue\.(\w+)$", (DOCS / "reference.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(segue.__all__)
