"""Every command's help without a terminal: 80 columns, a screen and a half; and what a missing extra says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import CliRunner

from segue import sample
from segue.cli import main as cli

ROOT: Any = typer.main.get_command(cli.app)
COLUMNS, LINES = 80, 60


def commands(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Return the words of every command and group."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


@pytest.mark.parametrize("words", list(commands()), ids=lambda words: " ".join(words) or "segue")
def test_help_fits_on_a_screen(words: tuple[str, ...]) -> None:
    unset = {"COLUMNS": None, "TERMINAL_WIDTH": None}
    done = CliRunner().invoke(ROOT, [*words, "--help"], env=unset, prog_name="segue")
    lines = done.output.splitlines()
    assert done.exit_code == 0
    assert [line for line in lines if len(line) > COLUMNS] == []
    assert len(lines) <= LINES
    assert len(done.output.split()) > 8


def test_help_of_the_command_itself_fits_without_a_terminal() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "segue.cli.main", "import", "-h"],
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert max(map(len, said.splitlines())) <= COLUMNS
    for column in ("resource_id*", "skill_id*", "prerequisite*", "learner*"):
        assert column in said
    assert "segue import school --events" in said


@pytest.mark.parametrize(
    ("package", "words", "extra"),
    [
        ("matplotlib", ("profile", "SCHOOL", "-l", "ada", "--picture", "SCHOOL/ada.png"), "experiments"),
        ("mlflow", ("experiment", "compare", "exploration"), "experiments"),
        ("fastapi", ("serve", "SCHOOL"), "serve"),
    ],
)
def test_a_missing_extra_is_one_sentence(
    package: str,
    words: tuple[str, ...],
    extra: str,
    tmp_path: Path,
) -> None:
    files, school = sample.paths(), tmp_path / "school"
    words = tuple(word.replace("SCHOOL", str(school)) for word in words)
    steps = [("init", school), ("import", school, "--catalogue", files.resources), words]
    program = f"""
import sys
from segue.cli import main
for words in {[list(map(str, step)) for step in steps]!r}:
    if words[0] == {words[0]!r}:
        sys.modules[{package!r}] = None  # as where it is not installed
    sys.argv = ["segue", *words]
    try:
        main.main()
    except SystemExit as end:
        if end.code:
            raise
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last == f"segue: this needs {package}: pip install 'segue[{extra}]'"
    assert "Traceback" not in done.stderr


def test_a_decimal_comma_is_named(tmp_path: Path) -> None:
    from segue.features.events.file_readers import Source, read_events

    log = tmp_path / "log.csv"
    log.write_text("learner;resource;score;time\na;r;0,75;2026-11-20T08:00Z\n")
    (reason,) = read_events(log, Source()).rejects["reason"]
    assert "a decimal comma? write a point" in reason
