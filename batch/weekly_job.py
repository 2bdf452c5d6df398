"""A week's work in order, import → learn → fit → gate → weekly: what is done is recorded, and not done again.

A run is known by its week, its inputs (name, length and digest of each file) and its options; with anything
else it is another run and starts anew, also in the same folder. When another model has been put in charge
since, its playlists are no longer this week's, and it starts anew too. Who has come since gets a list beside
those that are there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from segue.batch.from_workspace import (
    COURSES_OR_ARMS,
    BatchReport,
    Deciding,
    ModelChangedError,
    Tick,
    weekly,
)
from segue.batch.parts import output, worker_pool
from segue.batch.plan import Course, WeeklyPlan
from segue.features.events.file_readers import Source
from segue.features.events.outward_text import csv_frame
from segue.features.iso_weeks import SCHOOL_DAYS, day_of, near, school_days, start_of
from segue.workspace.operations.file_import import import_file
from segue.workspace.operations.monitoring import alarms, gate
from segue.workspace.privacy.learner_rights import finish_erasures
from segue.workspace.records.events import Appended
from segue.workspace.records.maintenance.whole_store import has_event, last_event
from segue.workspace.records.rosters.unknown_learners import unknown_to
from segue.workspace.sources.model_registry import current_fit
from segue.workspace.workspace import Workspace

STEPS = ("import", "learn", "fit", "weekly")
AS_WRITTEN = Source()


@dataclass(frozen=True)
class Week:
    """What a week's job is asked to do.

    Parameters
    ----------
    week : str
        ISO week, as 2026-W48.
    events : sequence of Path
        New events; `source` says how the files are laid out.
    roster : sequence of str, optional
        Learners by the LMS's ids; without it all learners of the store. `classes`: those of each learner.
    courses : sequence of Course
        Classes among which a learner's week is shared.
    k, minutes : int, float
        Steps and minutes of a whole school week.
    paced : bool
        Whether minutes are each learner's own: who takes longer for the same work gets fewer steps.
    holidays : sequence of str
        Days without school, ISO 8601: lists are shortened by their share of the week.
    skip : sequence of str
        Steps of `STEPS` to leave out.
    new_learners : bool
        Take events of learners that no stored roster names (without a roster, all are taken).
    deciding : Deciding, optional
        Who decides for whom, as in an experiment.
    """

    week: str
    events: Sequence[Path] = ()
    source: Source = AS_WRITTEN
    roster: Sequence[str] | None = None
    classes: Mapping[str, Sequence[str]] | None = None
    courses: Sequence[Course] = ()
    k: int = 10
    minutes: float | None = None
    paced: bool = False
    holidays: Sequence[str] = ()
    skip: Sequence[str] = ()
    new_learners: bool = False
    deciding: Deciding | None = None

    def __post_init__(self) -> None:
        """Check what else would only be found after the import and the fit."""
        if wrong := set(self.skip) - set(STEPS):
            raise ValueError(f"--skip must be one of {', '.join(STEPS)}, got {sorted(wrong)[0]}")
        if self.deciding is not None and self.courses:
            raise ValueError(COURSES_OR_ARMS)
        for day in self.holidays:
            day_of(day)

    def named(self) -> dict[str, Any]:
        """Return what tells this run from another, as plain values."""
        source = replace(self.source, names=dict(self.source.names))
        return {
            "week": self.week,
            "inputs": [facts for path in self.events for facts in output.described(path)],
            "source": repr(source),
            "roster": self.roster is not None,
            "courses": [asdict(course) for course in self.courses],
            "k": self.k,
            "minutes": self.minutes,
            **({"paced": True} if self.paced else {}),
            **({"deciding": self.deciding.named} if self.deciding else {}),
            "holidays": sorted(self.holidays),
            "skip": sorted(self.skip),
            "new_learners": self.new_learners,
        }

    def plan(self, workspace: Workspace, now: datetime) -> WeeklyPlan | None:
        """Return the plan of the days of the week that have school; None when there is none."""
        free = [day_of(day) for day in self.holidays]
        part = len(school_days(self.week, holidays=free)) / SCHOOL_DAYS
        if not part:
            return None
        courses = tuple(replace(course, minutes=course.minutes * part) for course in self.courses)
        minutes = None if self.minutes is None else self.minutes * part
        steps = max(round(self.k * part), 1)
        return WeeklyPlan(
            self.week, now, workspace.configuration.seed, steps, minutes, courses, paced=self.paced
        )


@dataclass(frozen=True)
class JobStep:
    """What a step did, whether that is an alarm, and how long it took."""

    said: str
    rings: bool = False
    seconds: float = 0.0

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.said} ({self.seconds:.1f} s)" if self.seconds else self.said


@dataclass(frozen=True)
class WeekDone:
    """What a week's job did: each step by name, the alarms, where the playlists are."""

    steps: dict[str, JobStep]
    alarms: dict[str, JobStep]
    playlists: Path | None

    @property
    def rings(self) -> bool:
        """Whether somebody should look."""
        return any(step.rings for step in (*self.steps.values(), *self.alarms.values()))


def weekly_job(
    workspace: Workspace,
    asked: Week,
    out: Path,
    *,
    clock: datetime | None = None,
    workers: int | None = None,
    runner: worker_pool.Runner = worker_pool.run,
    tick: Tick = lambda _, __: None,
    begin: Callable[[str], object] = lambda _: None,
    say: Callable[[str, JobStep], object] = lambda _, __: None,
) -> WeekDone:
    """Do a week's work; what a run cut off had done is not done again.

    `begin` hears of each step that begins, `say` as it ends; `tick` how many rows are imported (and 0: their
    number is not known), or how many learners have their states and then their lists, and how many are to.

    Events dated more than a day after the `clock`, and after the week's beginning, are set aside.

    Raises
    ------
    BusyError
        When another week's job of this workspace is running.
    ValueError
        When the week is two years off, or not one row of the events could be read.
    """
    now = start_of(asked.week, workspace.time_zone)
    if clock is not None:
        near(asked.week, clock)
    busy = f"another `segue week` is at work on {workspace.path}: wait until it has ended"
    with output.holding(workspace.path / "week.lock", said=busy), workspace.store.alone("week") as alone:
        if not alone:  # at work on another machine
            raise output.BusyError(busy)
        record = _Record(workspace, out, asked, begin)
        latest = None if clock is None else max(clock, now)
        record.do("import", lambda: _import(workspace, asked, out, latest, tick), say)
        record.do("learn", lambda: _learn(workspace, now), say)
        record.do("fit", lambda: _fit(workspace, now), say)
        plan = asked.plan(workspace, now)
        if plan is None:
            record.do("weekly", lambda: JobStep(f"{asked.week} has no school day, so no playlists"), say)
        else:
            lists = plan

            how: dict[str, Any] = {"workers": workers, "runner": runner, "tick": tick, "begin": begin}

            def write() -> JobStep:
                before = record.steps.get("weekly")
                done = _drawn(workspace, lists, out, asked, stand=before is not None, **how)
                record.model = done.model
                if before is not None and not done.blocks:
                    return before
                said = f"{done.learners} playlists of {lists.k} steps in {out / output.TABLE}"
                return JobStep(said, rings=not done.learners)

            record.do("weekly", write, say, again=True)
        begin("alarms")
        rung = {a.name: JobStep(a.said, a.rings) for a in alarms(workspace, now=now)}
    table = out / output.TABLE
    return WeekDone(record.steps, rung, table if table.exists() else None)


class _Record:
    """The steps done, on disk after each one."""

    def __init__(self, workspace: Workspace, out: Path, asked: Week, begin: Callable[[str], object]) -> None:
        self._workspace, self._skip, self._begin = workspace, asked.skip, begin
        self._path = out / output.RECORD
        self._said = output.claim(out, asked.week, asked.named(), record=output.RECORD)
        found = self._said.get("steps", {})
        self.model: str | None = self._said.get("model")
        with workspace.store.read() as connection:
            there = has_event(connection, self._said.get("last_event", ""))
        if self.model not in (None, self._in_charge()) or not there:  # what follows from it is another week's
            found, self.model = {}, None
        self.steps = {name: JobStep(**step) for name, step in found.items()}

    def do(
        self,
        name: str,
        work: Callable[[], JobStep],
        say: Callable[[str, JobStep], object],
        *,
        again: bool = False,
    ) -> None:
        """Do a step and say what it did, unless it is skipped, or done and not to be looked at `again`."""
        if name in self._skip:
            say(name, JobStep("skipped"))
            return
        if again or name not in self.steps:
            self._begin(name)
            began = time.monotonic()
            done = work()
            if done is not self.steps.get(name):
                self.steps[name] = replace(done, seconds=round(time.monotonic() - began, 1))
            steps = {name: asdict(step) for name, step in self.steps.items()}
            if self.model is None and "fit" in (*steps, *self._skip):
                self.model = self._in_charge()
            self._said |= {"steps": steps, "model": self.model}
            if name == "import":
                with self._workspace.store.read() as connection:
                    self._said["last_event"] = last_event(connection)
            output.write_record(self._path, self._said)
        say(name, self.steps[name])

    def _in_charge(self) -> str:
        with self._workspace.store.read() as connection:
            return current_fit(connection) or ""


def _import(workspace: Workspace, asked: Week, out: Path, now: datetime | None, tick: Tick) -> JobStep:
    if not asked.events:
        return JobStep("no files given")
    rejected, total = 0, Appended(0, 0, 0, 0)
    unread, doubts = [], []
    unknown = None if asked.new_learners else unknown_to(workspace.store, workspace.keyring)
    for number, path in enumerate(asked.events):
        read = import_file(workspace, path, asked.source, now=now, unknown=unknown, tick=tick)
        bad = len(read.rejects)
        total += read.done or Appended(0, 0, 0, 0)
        rejected += bad
        if bad:
            folder = out / output.REJECTS
            folder.mkdir(exist_ok=True)
            csv_frame(read.rejects).to_csv(folder / f"{number + 1}-{path.name}.rejects.csv", index=False)
            if not read.events:
                unread.append(path)
            elif read.doubt:
                doubts.append(f"{path.name}: {read.doubt}")
    said = f"{total.added} events stored, {total.repeats} repeats, {rejected} rejected"
    if not unread:
        said = f"{said}: {out / output.REJECTS}" if rejected else said
        return JobStep("; ".join([said, *total.said, *doubts]), rings=bool(doubts))
    if len(unread) == len(asked.events):
        raise ValueError(
            f"not one of {rejected} rows of {unread[0]} could be read: "
            f"see {out / output.REJECTS} for the reasons; the week was not done"
        )
    said = "; ".join([said, f"ALL of {unread[0].name}", *doubts])
    return JobStep(f"{said}: {out / output.REJECTS}", rings=True)


def _drawn(
    workspace: Workspace, plan: WeeklyPlan, out: Path, asked: Week, *, stand: bool, **how: Any
) -> BatchReport:
    """Draw the lists; anew, once, where another model is put in charge meanwhile, as by an erasure."""
    how |= {"roster": asked.roster, "classes": asked.classes, "deciding": asked.deciding}
    draw = partial(weekly, workspace, plan, out, **how)
    try:
        return draw(stand=stand)
    except ModelChangedError:  # nobody may be there to run it again
        return draw()


def _learn(workspace: Workspace, now: datetime) -> JobStep:
    done = workspace.learn(now=now)
    said = f"{done.matured} rewards matured, {done.revised} revised, {done.censored} censored"
    return JobStep(f"{said}; {done.note}" if done.note else said, rings=bool(done.note))


def _of(fitted: Mapping[str, str]) -> datetime:
    """Return the time as of which a model was fitted."""
    return datetime.fromisoformat(fitted["now"])


def _fit(workspace: Workspace, now: datetime) -> JobStep:
    """Fit, and put the new model in charge only if it passes the gate; one of an earlier time never."""
    finish_erasures(workspace, now=now)
    challenger = workspace.challenger(now=now)
    with workspace.store.read() as connection:
        first = current_fit(connection) is None
        there = {} if first else workspace.champion(connection).fitted.fitted
    mine = challenger.fitted
    if "now" in there and _of(there) > _of(mine) and int(there["attempts"]) > int(mine["attempts"]):
        seen = f"{there['attempts']} attempts until {there['now'][:16]}"
        return JobStep(
            f"the model in charge stays: it has seen {seen}, a fit as of this week {mine['attempts']}"
        )
    passage = None if first else gate(workspace, challenger, now=now)
    if passage is not None and passage.rings:
        return JobStep(f"HELD BACK, the model before stays in charge: {passage.said}", rings=True)
    workspace.promote(challenger)
    return JobStep(f"model {challenger.model_hash} in charge" + (f"; {passage.said}" if passage else ""))
