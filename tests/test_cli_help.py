"""Every command's help without a terminal: 80 columns, a screen and a half; and what a missing extra says."""

from __future__ import annotations

import shlex
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
from segue.cli.help_layout import EVERY_DAY, TOPICS

ROOT: Any = typer.main.get_command(cli.app)
COLUMNS, LINES = 80, 36


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
    assert "Example:" in done.output


def example(command: Any) -> list[str]:
    """Return the words of the example in a command's help, without `segue` and what the shell takes."""
    said = command.help.replace("\\\n", " ").partition("Example:")[2].strip().partition("\n\n")[0]
    words = shlex.split(said.partition("\n")[0])
    plain = words[: min([words.index(sign) for sign in "<>" if sign in words], default=len(words))]
    assert plain[0] == "segue", said
    return plain[1:]


@pytest.mark.parametrize("words", [words for words in commands() if words], ids=" ".join)
def test_an_example_is_a_call_of_its_command(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "school").mkdir()
    monkeypatch.chdir(tmp_path)
    command = ROOT
    for word in words:
        command = command.commands[word]
    if hasattr(command, "commands"):
        return
    given = example(command)
    assert tuple(given[: len(words)]) == words
    command.make_context("segue", given[len(words) :])  # raises for a missing, unknown or wrong parameter


def test_every_command_has_its_place_in_the_first_help() -> None:
    named = [*EVERY_DAY, *(name for of in TOPICS.values() for name in of)]
    assert [name for name in named if name not in ROOT.commands] == []
    said = CliRunner().invoke(ROOT, ["--help"], prog_name="segue").output
    assert [name for name in ROOT.commands if name not in said] == []


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


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with a catalogue."""
    folder = tmp_path_factory.mktemp("extras") / "school"
    for words in (("init", folder), ("import", folder, "--catalogue", sample.paths().resources)):
        CliRunner().invoke(ROOT, list(map(str, words)), catch_exceptions=False)
    return folder


@pytest.mark.parametrize(
    ("package", "words", "extra"),
    [
        ("matplotlib", ("profile", "SCHOOL", "-l", "ada", "--picture", "SCHOOL/ada.png"), "experiments"),
        ("mlflow", ("experiment", "compare", "exploration"), "experiments"),
        ("fastapi", ("serve", "SCHOOL"), "serve"),
    ],
)
def test_a_missing_extra_is_one_sentence(
    package: str, words: tuple[str, ...], extra: str, school: Path
) -> None:
    program = f"""
import sys
sys.modules[{package!r}] = None  # as where it is not installed
sys.argv = {["segue", *(word.replace("SCHOOL", str(school)) for word in words)]!r}
from segue.cli import main
main.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last == f"segue: this needs {package}: pip install 'segue[{extra}]'"
    assert "Traceback" not in done.stderr


def test_the_service_needs_its_own_extra_alone(school: Path) -> None:
    others = {name for names in cli.EXTRAS.values() for name in names} - set(cli.EXTRAS["serve"])
    program = f"""
import sys
sys.modules.update(dict.fromkeys({others!r}))  # as where they are not installed
from pathlib import Path
from segue.service import server
from segue.service.app import create_app
from segue.service.http.rate_limits import ServiceLimits
from segue.service.tenant.tenant import Tenant
print(create_app([Tenant.open(Path({str(school)!r}), limits=ServiceLimits())], limits=ServiceLimits()).title)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("list resorces SCHOOL", "resources"),
        ("recommend SCHOOL -l a --mode nxt", "next"),
        ("keys create SCHOOL --scope teachr", "teacher"),
        ("import SCHOOL --format xap --events y", "xapi"),
        ("experiment sweep factor", "factors"),
        ("export cartrige SCHOOL", "cartridge"),
    ],
)
def test_a_mistyped_word_of_a_closed_set_is_answered_with_the_nearest(
    words: str, meant: str, school: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["segue", *words.replace("SCHOOL", str(school)).split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"Did you mean {meant}" in said


def test_a_decimal_comma_is_read_and_one_that_may_part_thousands_is_named(tmp_path: Path) -> None:
    from segue.features.events.file_readers import Source, read_events

    log = tmp_path / "log.csv"
    rows = "".join(
        f"a;r;{score};2026-11-20T08:00Z\n" for score in ("0,75", "-0,5", "1,000", "80%", "80 %", "x")
    )
    log.write_text(f"learner;resource;score;time\n{rows}")
    read = read_events(log, Source())
    assert read.events["score"].tolist() == [0.75]
    below, thousands, percent, spaced, none = read.rejects["reason"]
    assert below.startswith("score must be in [0, 1], got -0.5")
    assert "which does the comma mean?" in thousands
    assert percent == spaced
    assert "without the sign, and --max-score 100" in percent
    assert none == "score must be a number"
