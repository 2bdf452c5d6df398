"""`segue week`: the weekly job in one command, in order: import → learn → fit → gate → weekly."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segue.cli.arguments import Folder, WeekName, opened
from segue.cli.class_files import read_courses, roster_of_week
from segue.cli.text_output import tell
from segue.cli.trial import deciding_for
from segue.cli.weekly import BatchProgress, Courses, Engine, Paced, Roster, Scheduler, Workers, runner_of
from segue.cli.workspace import names_of

if TYPE_CHECKING:
    from segue.batch.weekly_job import JobStep

NewLearners = Annotated[bool, typer.Option(help="Take learners that no stored roster names.")]
app = typer.Typer()


@app.command("week")
def week_(
    workspace: Folder,
    *,
    week: WeekName,
    out: Annotated[Path, typer.Option(help="Folder of output and record; may serve all weeks.")],
    events: Annotated[list[Path] | None, typer.Option(help="New events; may be repeated.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="THEIRS=OURS, as item=resource_id; repeatable.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Zone of times that carry none.")] = "",
    epoch: Annotated[Literal["", "s", "ms"], typer.Option(help="Unit of numeric times.")] = "",
    max_score: Annotated[float, typer.Option(help="The highest score.", min=1e-9)] = 1.0,
    new_learners: NewLearners = False,
    roster: Roster = None,
    courses: Courses = None,
    k: Annotated[int, typer.Option("-k", help="Steps for each learner.", min=1)] = 10,
    minutes: Annotated[float | None, typer.Option(help="Minutes of a whole school week.", min=1)] = None,
    paced: Paced = False,
    holiday: Annotated[list[str] | None, typer.Option(help="Day without school; may be repeated.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="import, learn, fit or weekly.")] = None,
    workers: Workers = None,
    engine: Engine = "pool",
    scheduler: Scheduler = "",
) -> None:
    """Do a week's work in order, what a run cut off had done not again.

    Exit codes: 0 done; 1 done, and an alarm rings; 2 nothing could be read or done; 3 another run is at work.

    Example: segue week school --week 2026-W48 --events log.csv --out out
    """
    from segue.batch.weekly_job import Week, weekly_job
    from segue.features.events.event_records import Clock
    from segue.features.events.file_readers import Source
    from segue.features.iso_weeks import start_of

    space = opened(workspace)
    shared = read_courses(courses, space.catalogue().skill_index) if courses else ()
    at = start_of(week, space.time_zone)
    names, classes = roster_of_week(roster, shared, monday=at)
    asked = Week(
        week=week,
        events=tuple(events or ()),
        source=Source(names_of(mapping or []), Clock(time_zone or None, epoch or None), max_score=max_score),
        roster=names,
        classes=classes,
        courses=shared,
        k=k,
        minutes=minutes,
        holidays=tuple(holiday or ()),
        skip=tuple(skip or ()),
        new_learners=new_learners,
        paced=paced,
        deciding=None if "weekly" in (skip or ()) else deciding_for(space, roster, now=at),
    )
    runner, now = runner_of(engine, scheduler, workspace, out), datetime.now(UTC)
    with BatchProgress() as bar:
        done = weekly_job(
            space, asked, out, clock=now, workers=workers, runner=runner, tick=bar, begin=bar.begin, say=_say
        )
    for name, alarm in done.alarms.items():
        tell(f"{'ALARM' if alarm.rings else 'ok   '} {name}: {alarm}")
    if done.rings:
        raise typer.Exit(1)


def _say(name: str, step: JobStep) -> None:
    tell(f"{'ALARM ' if step.rings else ''}{name}: {step}")
