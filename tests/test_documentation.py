"""The documentation's pages lead where they say; that their blocks run is the matter of test_as_written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import segue
from segue.lms.documents.read_document import READERS

DOCS = Path(__file__).resolve().parents[1] / "docs"
BENCHMARKS = DOCS.parent / "benchmarks"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    leads = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text("utf-8"))
    assert [lead for lead in leads if not (page.parent / lead).exists()] == []


def test_the_reference_names_everything_public() -> None:
    named = re.findall(r"^::: segue\.(\w+)$", (DOCS / "reference.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(segue.__all__)


def test_every_format_that_is_read_has_its_row() -> None:
    page = (DOCS / "reading-from-the-lms.md").read_text(encoding="utf-8")
    assert [name for name in READERS if f"| `{name}` |" not in page] == []


ASK_EACH = """
import contextlib, io, json, runpy, sys
files, told = sys.argv[1:], {}
for file in files:
    sys.argv, said = [file, "--help"], io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        runpy.run_path(file, run_name="__main__")
    told[file] = said.getvalue()
print(json.dumps(told))
"""


def test_a_benchmark_that_is_asked_what_it_does_says_so_and_does_nothing(tmp_path: Path) -> None:
    """All in one process, which loads what they share once."""
    files = sorted(BENCHMARKS.glob("[a-z]*.py"))
    run = subprocess.run(
        [sys.executable, "-c", ASK_EACH, *map(str, files)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-500:]
    told = json.loads(run.stdout)
    assert len(told) == len(files) > 20
    for file, said in told.items():
        assert said.lower().lstrip().startswith(f"usage: {Path(file).name}"), file
        assert "--help" in said, file
    assert list(tmp_path.iterdir()) == []


def test_what_others_compare_with_loads_from_anywhere(tmp_path: Path) -> None:
    names = ["bakeoff", "classroom", "decisions", "propensities"]
    code = "import runpy, sys; print([callable(runpy.run_path(path).get('main')) for path in sys.argv[1:]])"
    files = [str(BENCHMARKS / f"{name}.py") for name in names]
    run = subprocess.run(
        [sys.executable, "-P", "-c", code, *files], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.stdout.split("\n")[-2:] == [str([True] * len(names)), ""], run.stderr[-500:]
