"""What is installed is what is here: wheel and sdist hold the same, and work outside the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import moved_clock

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parents[1]
NEEDED = {
    "segue/py.typed",
    "segue/sample/resources.csv",
    "segue/sample/skills.csv",
    "segue/workspace/storage/migrations/env.py",
    "segue/workspace/storage/migrations/versions/0001_first.py",
    "segue/engine/policies/base.py",
    "segue/cli/main.py",
}
DATA = {".css", ".js", ".html", ".po", ".mo", ".csv"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder, with a space in its name, that holds the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("built") / "two words"
    source = folder / "source"
    files = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if files.returncode:
        pytest.skip("not a git checkout: what belongs to the project cannot be told from what lies beside it")
    for name in filter(None, files.stdout.split("\0")):
        old, new = ROOT / name, source / name
        if not (old.exists() or old.is_symlink()):
            continue
        new.parent.mkdir(parents=True, exist_ok=True)
        if old.is_symlink():
            new.symlink_to(old.readlink())
        else:
            new.write_bytes(old.read_bytes())
    code = (
        "import setuptools.build_meta as b, sys\n"
        "folder = sys.argv[1]\n"
        "print(b.build_sdist(folder), b.build_wheel(folder))"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(folder)], cwd=source, check=True, capture_output=True
    )
    return folder


def names(built: Path) -> tuple[set[str], set[str]]:
    """Return the files of `segue` in the wheel and in the source distribution."""
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as opened:
        inside = {name for name in opened.namelist() if name.startswith("segue/")}
    with tarfile.open(source) as packed:
        members = {member.name.partition("/")[2] for member in packed.getmembers() if not member.isdir()}
    return inside, {name.removeprefix("src/") for name in members if name.startswith("src/segue/")}


def test_wheel_and_source_distribution_hold_every_file_of_the_product(built: Path) -> None:
    wheel, source = names(built)
    assert wheel >= NEEDED
    assert wheel == source
    here = {
        path.relative_to(ROOT / "src").as_posix()
        for link in (ROOT / "src" / "segue").iterdir()
        if link.is_dir() and link.name != "__pycache__"
        for path in link.rglob("*")
        if path.suffix in {".py", *DATA} and "__pycache__" not in path.parts
    }
    assert here - wheel == set()


def test_the_image_is_built_from_every_folder_that_the_package_links_to() -> None:
    copied = {
        line.split()[1] for line in (ROOT / "deploy/Dockerfile").read_text().splitlines() if "./" in line
    }
    linked = {link.name for link in (ROOT / "src/segue").iterdir() if link.is_symlink()}
    assert linked - copied == set()


@pytest.mark.parametrize("file", ["segue-week.service", "week-cronjob.yaml"])
def test_the_timer_draws_the_coming_week_and_on_a_day_too_late_the_one_begun(
    file: str, tmp_path: Path
) -> None:
    text = (ROOT / "deploy" / file).read_text().replace("%%", "%")
    (command,) = re.findall(r"\((date [^)]*)\)", text)
    library = moved_clock.built(tmp_path)
    for back in map(timedelta, range(7)):
        shell = {**os.environ, "TZ": "UTC", **moved_clock.environment(library, back)}
        said = subprocess.run(["sh", "-c", command], env=shell, capture_output=True, text=True, check=True)
        today = (datetime.now(UTC) - back).date()
        monday = datetime.strptime(f"{said.stdout.strip()}-1", "%G-W%V-%u").date()
        assert timedelta(-4) <= monday - today <= timedelta(2), (today, said.stdout)


def test_the_source_distribution_holds_tests_and_documentation(built: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as packed:
        held = {member.name.partition("/")[2] for member in packed.getmembers()}
    assert {
        "tests/test_packaging.py",
        "README.md",
        "CHANGELOG.md",
        "docs/architecture.md",
        "Makefile",
    } <= held


def test_the_wheel_alone_runs_the_demo_in_an_empty_environment(built: Path, tmp_path: Path) -> None:
    """Dependencies are those of this environment, `segue` comes from the wheel alone."""
    home = tmp_path / "an environment"
    venv.EnvBuilder(with_pip=False).create(home)
    (packages,) = home.glob("lib/python*/site-packages")
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(packages)
    import numpy

    (packages / "dependencies.pth").write_text(f"{Path(numpy.__file__).parents[1]}\n")
    work = tmp_path / "elsewhere"
    work.mkdir()
    program = [str(home / "bin" / "python"), "-m", "segue.cli.main"]
    plain = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    where = subprocess.run(
        [program[0], "-c", "import segue; print(segue.__file__)"],
        cwd=work, env=plain, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(packages)
    helped = subprocess.run(
        [*program, "--help"], cwd=work, env=plain, capture_output=True, text=True, check=True
    )
    assert "recommend" in helped.stdout or "weekly" in helped.stdout
    shown = subprocess.run(
        [*program, "demo"], cwd=work, env=plain, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert "The week of" in shown.stdout
