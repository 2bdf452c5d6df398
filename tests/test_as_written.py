"""README, the service's page and every tutorial: each block, in order, as a newcomer runs them in a terminal.

The environment is fresh: a copy of the project, and a `.venv` in it that the first commands of README set up.
No index of packages need be in reach: what this environment has counts as installed there, `segue` does not.
A block of text after a block of code is what the code prints; "…" stands for what differs from run to run.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import venv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segue import sample
from tests import readme_output

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parents[1]
NOT_OURS = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", "__pycache__", "build", "*.egg-info", "demo", "benchmarks"
)
PAGES = """setsid make pages > pages.log 2>&1 & PAGES=$!
until grep -q "teacher: http" pages.log || ! kill -0 $PAGES; do sleep 0.5; done
for link in $(grep -o "http[^ ]*" pages.log); do curl -sSL --fail-with-body -b "" "$link" -o page.html; done
kill -- -$PAGES"""
SAID = {  # what each prints beside the output that it shows
    "README.md": (
        *("passed", "drawn with probability", "'verdict': 'accepted'", '"accepted":1', '"student":'),
        *("'readiness':", "SNIPS: ", "120 stored, 0 repeats, 0 rejected", "0 blocks in"),
    ),
    "docs/service.md": ("drawn with probability", "'verdict': 'accepted'", '"accepted":1', '"student":'),
    "docs/tutorials/engineer.md": ("0 rejected", "pupil-3", "propensity"),
    "docs/tutorials/data-scientist.md": ("Greedy", "Softmax", "Uniform", "SNIPS: "),
    "docs/tutorials/weekly-batch.md": ("0 rejected", "learner"),
}


def test_every_tutorial_is_among_them() -> None:
    tutorials = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "tutorials").glob("*.md")}
    assert tutorials <= set(SAID)


def test_the_documents_run_as_they_are_written(tmp_path: Path) -> None:
    copy = tmp_path / "segue"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=NOT_OURS)
    venv.EnvBuilder(with_pip=True).create(copy / ".venv")
    (packages,) = (copy / ".venv").glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{Path(np.__file__).parents[1]}\n")
    for name, said in SAID.items():
        folder = copy if name == "README.md" else tmp_path / Path(name).stem
        folder.mkdir(exist_ok=True)
        attempts().to_csv(folder / "attempts.csv", index=False)
        printed = walked(name, folder, copy)
        assert [part for part in said if part not in printed] == [], name
    lists = pd.read_csv(copy / "out" / "playlists.csv")
    assert len(lists) == 30
    assert not lists.duplicated(["learner", "position"]).any()
    assert (copy / "ada.imscc").stat().st_size > 0
    assert "better than the logged one" in (copy / "report.html").read_text("utf-8")
    assert "<html" in (copy / "page.html").read_text("utf-8")


def attempts() -> pd.DataFrame:
    """Return the log of README's school, with a name of its own; tutorials make theirs."""
    rows = [
        (f"e{n}-{i}", learner, resource.resource_id, int((n + i) % 3 > 0), f"2026-11-{1 + i % 20:02d} 10:00")
        for n, learner in enumerate(["ada", "ben", "cleo"])
        for i, resource in enumerate(sample.load().resources[:40])
    ]
    return pd.DataFrame(rows, columns=["event_id", "student", "resource", "score", "time"])


def walked(name: str, folder: Path, copy: Path) -> str:
    """Run the blocks of a document one after the other in one shell; return what they printed."""
    text = (copy / name).read_text("utf-8").replace("8800", str(free_port()))
    blocks = re.findall(r"```(sh|python|text)\n(.*?)```", text, re.DOTALL)
    mark = "--- block {} of the document"
    script = ["trap 'kill $(jobs -p) 2> /dev/null || true' EXIT"]
    for number, (language, block) in enumerate(blocks):
        script.append(f"echo; echo '{mark.format(number)}'")
        if language == "sh":
            script.append(re.sub(r"^make pages.*$", lambda _: PAGES, block, flags=re.MULTILINE))
            if "make test" in block:
                script.append(". .venv/bin/activate")  # said below it
        elif language == "python":
            (folder / f"block-{number}.py").write_text(block, "utf-8")
            script.append(f"python block-{number}.py")
    if name != "README.md":
        script.insert(0, f". '{copy}/.venv/bin/activate'")
    printed = shell("\n".join(script), folder)
    parts = re.split(rf"^{mark.format(r'[0-9]+')}$", printed, flags=re.MULTILINE)[1:]
    for number, (language, block) in enumerate(blocks):
        if language == "text":
            before = parts[number - 1]
            seen = readme_output.excerpt(before) if name == "README.md" else before
            assert shown(block, seen), f"{name} shows another output than this:\n{before}"
    return printed


def shell(script: str, folder: Path) -> str:
    """Run a script without a terminal and with nothing of this environment; return its output."""
    plain = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    quick = [path.name for path in (ROOT / "tests").iterdir() if path.is_dir()]
    plain |= {
        "HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "PORT": "0",  # of make pages: another class may be shown on this machine
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTEST_ADDOPTS": " ".join(["-k facade", *(f"--ignore=tests/{name}" for name in quick)]),
    }
    with subprocess.Popen(
        ["bash", "-eu", "-c", script],
        cwd=folder,
        env=plain,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            out, err = running.communicate()
        finally:
            with_rest(running.pid)
    assert running.returncode == 0, out[-6000:] + err[-6000:]
    return out


def with_rest(group: int) -> None:
    """End what a script has left running."""
    try:
        os.killpg(group, signal.SIGTERM)
    except ProcessLookupError:
        return


def shown(text: str, printed: str) -> bool:
    """Return whether a block of text stands in what was printed."""
    pattern = ".*?".join(map(re.escape, text.strip("\n").split("…")))
    return re.search(rf"^{pattern}", printed, re.MULTILINE | re.DOTALL) is not None


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])
