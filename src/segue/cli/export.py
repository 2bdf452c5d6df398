"""`segue export`: one learner's playlist as a file that other programs open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from segue.cli.arguments import Folder, Learner, WeekName, exactly, opened
from segue.features.iso_weeks import day_of

if TYPE_CHECKING:
    from segue.lms.outgoing.lesson import Lesson

Out = Annotated[Path, typer.Option(help="File to write.")]
app = typer.Typer(name="export", help="Write a learner's playlist of a week as a file.", no_args_is_help=True)


@app.command("cartridge")
def cartridge(workspace: Folder, *, learner: Learner, week: WeekName, out: Out) -> None:
    """Write a Common Cartridge 1.3 of links.

    \b
    Example:
      segue export cartridge school -l ada --week 2026-W48 --out ada.imscc
    """
    from segue.lms.outgoing.cartridge import cartridge as packed

    _write(out, packed(_lesson(workspace, learner, week)))


@app.command("calendar")
def calendar(
    workspace: Folder,
    *,
    learner: Learner,
    week: WeekName,
    out: Out,
    holiday: Annotated[list[str] | None, typer.Option(help="Day without school, as 2026-11-26.")] = None,
) -> None:
    """Write an iCalendar file with the steps on the week's school days (needs `segue[lms]`).

    Example: segue export calendar school -l ada --week 2026-W48 --out ada.ics
    """
    from segue.lms.outgoing.calendar import calendar as book

    free = [day_of(day) for day in holiday or ()]
    zone = ZoneInfo(opened(workspace).time_zone)
    lesson = _lesson(workspace, learner, week)
    _write(out, book(lesson, time_zone=zone, holidays=free))


@app.command("statements")
def statements(
    workspace: Folder,
    *,
    learner: Learner,
    week: WeekName,
    out: Out,
    home_page: Annotated[str, typer.Option(help="Address of the LMS, half of an xAPI account.")],
) -> None:
    """Write xAPI statements "recommended".

    \b
    Example:
      segue export statements school -l ada --week 2026-W48 \\
        --home-page https://lms.example --out ada.json
    """
    from segue.lms.outgoing.statements import statements as said

    made = said(_lesson(workspace, learner, week), home_page=home_page)
    _write(out, json.dumps(made, indent=1, ensure_ascii=False).encode())


def _lesson(workspace: Path, learner: str, week: str) -> Lesson:
    from segue.service.lessons import lessons_of

    lessons = lessons_of(opened(workspace), (learner,), week, now=exactly(""))
    if not lessons:
        raise ValueError(f"this learner has no playlist of {week}: run `segue weekly` for the week first")
    return lessons[0]


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    typer.echo(str(path))
