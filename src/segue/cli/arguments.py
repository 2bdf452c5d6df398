"""Arguments that many commands share, and how they are read."""

from __future__ import annotations

import gc
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from segue.workspace.workspace import Workspace

Folder = Annotated[Path, typer.Argument(help="Folder of the workspace.")]
Now = Annotated[
    str, typer.Option(help="The time it is, ISO 8601 with zone (default: the clock, to the full hour).")
]
ExactNow = Annotated[str, typer.Option("--now", help="When it is, ISO 8601 with zone (default: the clock).")]


def near_week(week: str) -> str:
    """Return a week by its name, unless it is none or years away; "" stays what it is."""
    from segue.features.iso_weeks import near

    return week and near(week, datetime.now(UTC))


WeekName = Annotated[str, typer.Option(help="ISO week, as 2026-W48.", callback=near_week)]
DrawnWeek = Annotated[
    str, typer.Option(help="Week it is for, as 2026-W48 (default: that of --now).", callback=near_week)
]
Address = Annotated[str, typer.Option("--address", help="Where the service is reached.")]
ADDRESS = "http://127.0.0.1:8800"
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Learner = Annotated[str, typer.Option("--learner", "-l", help="The learner's id in the LMS.")]


def opened(folder: Path) -> Workspace:
    """Return the workspace of a folder."""
    from segue.workspace.workspace import Workspace

    gc.freeze()  # modules stay for good: a tenth of a week's CPU went into looking through them again
    return Workspace.open(folder, environment=os.environ)


def secret(variable: str) -> str:
    """Return a password or token from the environment: never from the command line, which others see."""
    found = os.environ.get(variable)
    if found is None:
        raise ValueError(f"the secret is read from the environment only: set {variable}")
    return found


def moment(now: str) -> datetime:
    """Return the time given, or the clock's to the full hour: a question asked twice then has one answer."""
    return exactly(now) if now else exactly("").replace(minute=0, second=0, microsecond=0)


def exactly(now: str) -> datetime:
    """Return the time given, or the clock's: what is said or shown is of its very moment."""
    return zoned(now, "--now") if now else datetime.now(UTC)


def zoned(said: str, name: str) -> datetime:
    """Return a time that somebody wrote, with its zone; `name` says where."""
    try:
        given = datetime.fromisoformat(said)
    except ValueError:
        raise ValueError(f"{name} must be ISO 8601, as 2026-11-23T08:00:00Z, got {said!r}") from None
    if given.tzinfo is None:
        raise ValueError(f"{name} must carry a zone, as 2026-11-23T08:00:00Z, got {said!r}")
    return given
