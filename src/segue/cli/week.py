"""`segue week`: the weekly job in one command, in order: import → learn → fit → gate → weekly."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.weekly import CORES, Courses, Progress, Roster, Week, read_courses, read_roster
from segue.cli.workspace import Folder, opened

if TYPE_CHECKING:
    from datetime import datetime

    from segue.batch.plan import Plan
    from segue.workspace.workspace import Workspace

STEPS = ("import", "learn", "fit", "weekly")
SCHOOL_DAYS = 5
People = tuple[list[str] | None, dict[str, list[str]] | None]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("week")(week_)


def week_(
    workspace: Folder,
    *,
    week: Week,
    out: Annotated[Path, typer.Option(help="Folder of the output and of the record of the job.")],
    events: Annotated[list[Path] | None, typer.Option(help="New events; may be repeated.")] = None,
    roster: Roster = None,
    courses: Courses = None,
    k: Annotated[int, typer.Option("-k", help="Steps for each learner.", min=1)] = 10,
    minutes: Annotated[float | None, typer.Option(help="Minutes of a whole school week.", min=1)] = None,
    holiday: Annotated[list[str] | None, typer.Option(help="Day without school; may be repeated.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="import, learn, fit or weekly.")] = None,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = CORES,
) -> None:
    """Do a week's work in order, what a run cut off had done not again. Exit 1 when an alarm rings."""
    from segue.batch.plan import Plan
    from segue.features.iso_weeks import start_of

    wrong = set(skip or ()) - set(STEPS)
    if wrong:
        raise ValueError(f"--skip must be one of {', '.join(STEPS)}, got {sorted(wrong)[0]}")
    space = opened(workspace)
    now = start_of(week, space.time_zone)
    job = Job(out / "week.json", skip or ())
    job.do("import", lambda: _import(space, events or []))
    job.do("learn", lambda: _learn(space, now))
    job.do("fit", lambda: _fit(space, now))
    days = school_days(week, holiday or [])
    if days:
        part = days / SCHOOL_DAYS
        shorter = None if minutes is None else minutes * part
        shared = read_courses(courses, space.catalogue().skill_index) if courses else ()
        shared = tuple(replace(course, minutes=course.minutes * part) for course in shared)
        steps = max(round(k * part), 1)
        plan = Plan(week, now, space.configuration.seed, steps, shorter, shared)
        people = read_roster(roster, shared) if roster or shared else (None, None)
        job.do("weekly", lambda: _weekly(space, plan, out, people=people, workers=workers))
    else:
        typer.echo(f"weekly: {week} has no school day, so no playlists")
    if _alarms(space, now):
        raise typer.Exit(1)


class Job:
    """The steps done, on disk after each one."""

    def __init__(self, path: Path, skip: list[str] | tuple[str, ...]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._skip = path, skip
        self._done: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def do(self, name: str, work: Callable[[], str]) -> None:
        """Do a step unless it is done or to be skipped, and say what it did."""
        if name in self._skip:
            typer.echo(f"{name}: skipped")
            return
        if name not in self._done:
            self._done[name] = work()
            draft = self._path.with_suffix(".new")
            draft.write_text(json.dumps(self._done, indent=1))
            draft.rename(self._path)
        typer.echo(f"{name}: {self._done[name]}")


def school_days(week: str, holidays: list[str]) -> int:
    """Return how many of a week's five school days are no holidays.

    >>> school_days("2026-W48", ["2026-11-26", "2026-11-27", "2026-12-25"])
    3
    """
    monday = date.fromisocalendar(int(week[:4]), int(week[-2:]), 1)
    free = {date.fromisoformat(day) for day in holidays}
    return sum(monday + timedelta(days=n) not in free for n in range(SCHOOL_DAYS))


def _import(space: Workspace, paths: list[Path]) -> str:
    from segue.features.events.file_readers import Source, read_events

    added = rejected = 0
    for path in paths:
        checked = read_events(path, Source(), resources=space.catalogue().resource_index)
        added += space.add_events(checked.events).added
        rejected += len(checked.rejects)
    return f"{added} events stored, {rejected} rejected" if paths else "no files given"


def _learn(space: Workspace, now: datetime) -> str:
    done = space.learn(now=now)
    return f"{done.matured} rewards matured, {done.revised} revised, {done.censored} censored"


def _fit(space: Workspace, now: datetime) -> str:
    """Fit, and put the new model in charge only if it passes the gate."""
    from segue.workspace.model_registry import current_fit
    from segue.workspace.operations.fit_check import gate
    from segue.workspace.privacy.learner_rights import finish_erasures

    finish_erasures(space, now=now)
    challenger = space.challenger(now=now)
    with space.store.read() as connection:
        first = current_fit(connection) is None
    passage = None if first else gate(space, challenger, now=now)
    if passage is not None and passage.rings:
        return f"HELD BACK, the model before stays in charge: {passage.said}"
    space.promote(challenger)
    return f"model {challenger.model_hash} in charge" + (f"; {passage.said}" if passage else "")


def _weekly(space: Workspace, plan: Plan, out: Path, *, people: People, workers: int) -> str:
    from segue.batch.from_workspace import weekly

    roster, classes = people
    with Progress() as tick:
        report = weekly(space, plan, out, roster=roster, classes=classes, workers=workers, tick=tick)
    return f"{report.learners} playlists of {plan.k} steps in {out / 'playlists.csv'}"


def _alarms(space: Workspace, now: datetime) -> bool:
    from segue.workspace.operations.monitoring import alarms

    found = alarms(space, now=now)
    for alarm in found:
        typer.echo(f"{'ALARM' if alarm.rings else 'ok   '} {alarm.name}: {alarm.said}")
    return any(alarm.rings for alarm in found)
