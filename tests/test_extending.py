"""An own policy, context column, estimator and door, added to a copy of the project as CONTRIBUTING says.

Each is one file and one test; then a school is served, gated and reported with them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import own_parts

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "demo", "benchmarks", "notebooks", "deploy")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project with the four parts in it, in a folder with a blank in its name."""
    folder = tmp_path_factory.mktemp("extended") / "a copy"
    shutil.copytree(ROOT, folder, symlinks=True, ignore=LEFT_OUT)
    for part in own_parts.PARTS:
        part.add(folder)
        (folder / "tests" / f"test_own_{part.name}.py").write_text(part.test, encoding="utf-8")
    return folder


def run(copy: Path, *words: str) -> str:
    """Run Python in the copy, on the copy's code; return what it printed."""
    environment = {"PYTHONPATH": f"{copy / 'src'}:{copy}", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    environment |= {"HOME": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.parametrize("name", [part.name for part in own_parts.PARTS])
def test_each_part_is_one_file(name: str, copy: Path) -> None:
    (part,) = (part for part in own_parts.PARTS if part.name == name)
    written = copy / part.file
    before = ROOT / part.file
    assert not before.exists() or before.read_text("utf-8") != written.read_text("utf-8")
    assert len(written.read_text("utf-8").splitlines()) <= 450


def test_each_has_a_test_that_passes_and_the_house_stays_in_order(copy: Path) -> None:
    own = [f"tests/test_own_{part.name}.py" for part in own_parts.PARTS]
    run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *own, "tests/test_architecture.py")


def test_a_school_is_served_gated_and_reported_with_them(copy: Path) -> None:
    said = run(copy, "-m", "tests.own_parts", str(copy / "a school"))
    for part in own_parts.PARTS:
        assert part.seen in said, said
