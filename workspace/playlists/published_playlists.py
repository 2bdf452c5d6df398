"""What a learner's lists are now: the steps drawn, what teachers did with them, and what is done.

This is the one place where a stored list becomes something to show: page, calendar, pushed lesson, export
and HTTP read it here, so that an override holds everywhere at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from gettext import NullTranslations
from itertools import groupby

import numpy as np

from segue.engine.explanations.why import ENGLISH, explain
from segue.engine.sampling.playlists import Playlist, Step
from segue.features.catalogue import Catalogue
from segue.features.contexts.context_columns import COLUMNS
from segue.features.history.learner_state import LearnerState
from segue.workspace.playlists.step_standing import Held, LeftOut, StepState, held_at, is_gone, read_cell
from segue.workspace.records.decision_log import context_of
from segue.workspace.records.decision_queries import drawn_in, weekly_heads
from segue.workspace.records.learner_states import Fold, current, state_before
from segue.workspace.records.learners import find_learners
from segue.workspace.records.list_rows import ListRows, ShownSince, list_rows
from segue.workspace.records.overrides import acts_for
from segue.workspace.records.rosters.enrolments import ended_courses
from segue.workspace.storage.database import Connection, Row
from segue.workspace.storage.pseudonyms import Keyring


@dataclass(frozen=True)
class ShownStep:
    """One step as it stands.

    Attributes
    ----------
    resource, title, url, minutes, kind
        What is shown: what was drawn, what the learner picked from the menu, or what a teacher put in.
    state : str
        "done" also where a teacher put it in; "removed" steps are kept to be undone, and shown to no one.
    left_out : str
        Why a step is "removed": "teacher" took it out, here or of another list since this one was drawn;
        "retired" from the catalogue or "closed" (open no more) before it was done; the learner left the
        "course" that has it. "" for all others.
    instead_of : str
        What the engine had drawn, where a teacher put in something else, else "".
    override_id, teacher : str
        The act that holds on this step and who did it (a pseudonym), "" when none does.
    approved : bool
        Whether a teacher approved of it.
    menu, picked
        Options offered that are still there (none without a menu), and the learner's pick, "" before it.
    step : Step
        The step as it was logged.
    why : str
        In the student's words.
    """

    decision_id: str
    resource: str
    title: str
    url: str
    minutes: float
    kind: str
    state: StepState
    why: str
    step: Step
    instead_of: str = ""
    override_id: str = ""
    teacher: str = ""
    approved: bool = False
    menu: tuple[str, ...] = ()
    picked: str = ""
    rating: float | None = None
    left_out: LeftOut = ""


@dataclass(frozen=True)
class ShownList:
    """One list of a learner: from which week and surface, whether it is the one that counts, its steps."""

    id: str
    surface: str
    week: str
    made: datetime
    current: bool
    steps: tuple[ShownStep, ...]
    certificate: Mapping[str, str]
    notes: tuple[str, ...]
    policy: str
    model: str

    @property
    def todo(self) -> tuple[ShownStep, ...]:
        """The steps that a learner is shown."""
        return tuple(step for step in self.steps if step.state != "removed")


@dataclass(frozen=True)
class Published:
    """A stored playlist: its resources in order, which of them its learner has done, and what was missed.

    Missed is what could be done, was not, and has closed; it is no longer among the resources.
    """

    resources: tuple[str, ...]
    done: frozenset[str]
    missed: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Reader:
    """What turns rows into words: the catalogue, and the state of the learner whose lists they are.

    `why` False leaves out the sentences: for tables of a whole class, which have no room for them.
    `before` gives the state at a time (UTC microseconds): with it, each list is worded as it was drawn.
    `words` is the catalogue of the language that it is worded in.
    """

    catalogue: Catalogue
    state: LearnerState | None
    now: datetime
    why: bool = True
    before: Callable[[int], LearnerState] | None = None
    words: NullTranslations = ENGLISH

    @classmethod
    def of(
        cls, connection: Connection, learner: int, fold: Fold, catalogue: Catalogue, now: datetime | None
    ) -> Reader:
        """Return the reader of a learner's lists as of `now`, or of when each was drawn."""
        if now is None:
            return cls(catalogue, None, LONG_AGO, before=partial(state_before, connection, learner, fold))
        return cls(catalogue, current(connection, [learner], fold)[0][learner].state, now)

    def at(self, time: int) -> Reader:
        """Return the reader of a list drawn at `time` (UTC microseconds)."""
        if self.before is None:
            return self
        return replace(self, state=self.before(time), now=datetime.fromtimestamp(time / 1e6, UTC))


LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
PAGES = ("weekly", "lti")  # the surfaces that pages, launches and the gradebook go by


def lists_of(
    connection: Connection,
    moment: Moment,
    learner: int,
    fold: Fold,
    *,
    now: datetime | None,
    week: str | None = None,
    surface: str | None = None,
    words: NullTranslations = ENGLISH,
) -> list[ShownList]:
    """Return the lists of a learner (a number of the store); see ``Workspace.lists``."""
    weeks, surfaces = None if week is None else [week], None if surface is None else [surface]
    rows = rows_at(connection, moment, [learner], weeks=weeks, surfaces=surfaces)
    reader = Reader.of(connection, learner, fold, moment.catalogue, now)
    return shown_lists(rows, learner, replace(reader, words=words))


def shown_lists(rows: ListRows, learner: int, reader: Reader) -> list[ShownList]:
    """Return the lists of a learner (a number of the store), the newest first."""
    heads = [head for head in rows.heads if head.learner == learner]
    counts = current_ids(heads)
    return [
        _list(head, rows, reader.at(head.time), current=head.playlist_id in counts)
        for head in reversed(heads)
    ]


def current_ids(heads: Sequence[Row]) -> set[str]:
    """Return which of one learner's lists, oldest first, count: the last of each week and surface.

    A weekly list for a course is numbered from 1, and goes with those of the other courses by the same model.
    """
    last: dict[tuple[str, str], list[Row]] = {}
    for head in heads:
        last.setdefault((head.week, head.surface), []).append(head)
    found: set[str] = set()
    for (_, surface), mine in last.items():
        newest = mine[-1]
        if surface == "weekly" and newest.request_no:
            same = [h for h in mine if h.request_no and h.model_hash == newest.model_hash]
            found |= {h.playlist_id for h in {h.request_no: h for h in same}.values()}
        else:
            found.add(newest.playlist_id)
    return found


def in_force(lists: Sequence[ShownList], surfaces: Collection[str] = PAGES) -> list[ShownStep]:
    """Return the steps of a week's lists (newest first) that count: those of the surface drawn last.

    What was done of a list of the week that another one replaced stays done, and comes first.
    """
    there = [one for one in lists if one.surface in surfaces]
    mine = [one for one in there if one.current and one.surface == there[0].surface]
    steps = [step for one in reversed(mine) for step in one.steps]
    shown = {step.resource for step in steps if step.state != "removed"}
    others = [step for one in reversed(there) if one not in mine for step in one.steps]
    before = {step.resource: step for step in others if step.state == "done" and step.resource not in shown}
    return [*before.values(), *steps]


def published(
    connection: Connection,
    moment: Moment,
    roster: Collection[str],
    week: str,
    *,
    surfaces: Collection[str] = ("weekly",),
) -> dict[str, Published]:
    """Return each learner's playlist of `week` from one of the `surfaces`; who has none is left out.

    `roster` holds the LMS's own ids: each is looked up, nothing stored is turned back into an id. Of several
    playlists of one week the last one counts, with what was done of those before it; the lists of a week's
    courses follow one another.
    """
    people = find_learners(connection, moment.keyring, roster)
    inside = {person.number: who for who, person in people.items() if not person.opted_out}
    found = published_of(connection, moment, inside, week, surfaces=surfaces)
    return {inside[number]: one for number, one in found.items()}


def published_of(
    connection: Connection,
    moment: Moment,
    learners: Collection[int],
    week: str,
    *,
    surfaces: Collection[str],
) -> dict[int, Published]:
    """Return the same for learners by their numbers of the store."""
    rows = rows_at(connection, moment, learners, weeks=[week], surfaces=surfaces)
    heads = sorted(rows.heads, key=lambda head: (head.learner, int(head.number)))
    by_learner = groupby(heads, key=lambda head: int(head.learner))
    return {number: _published(list(mine), rows) for number, mine in by_learner}


def _published(heads: Sequence[Row], rows: ListRows) -> Published:
    """Return one learner's list of a week: that of the surface drawn last, all of its courses in order."""
    counts = current_ids(heads)
    mine = {h.playlist_id for h in heads if h.playlist_id in counts and h.surface == heads[-1].surface}
    of = [(row, head) for head in heads for row in rows.steps.get(head.playlist_id, ())]
    held = [(held_at(row, rows, head), head) for row, head in of]
    there = {step.resource for step, head in held if head.playlist_id in mine and step.state != "removed"}
    before = {step.resource for step, _ in held if step.state == "done"} - there
    every = [(s, h.time) for s, h in held if h.playlist_id in mine or s.resource in before]
    shown = tuple(dict.fromkeys(step.resource for step, _ in every if step.state != "removed"))
    done = frozenset(step.resource for step, _ in every if step.state == "done")
    closed = {s.resource for s, began in every if s.left_out == "closed" and rows.closes[s.resource] > began}
    return Published(shown, done, frozenset(closed.difference(shown)))


def _list(head: Row, rows: ListRows, reader: Reader, *, current: bool) -> ShownList:
    return ShownList(
        id=head.playlist_id,
        surface=head.surface,
        week=head.week,
        made=datetime.fromtimestamp(head.time / 1e6, UTC),
        current=current,
        steps=tuple(_step(row, rows, head, reader) for row in rows.steps.get(head.playlist_id, ())),
        certificate=json.loads(head.certificate),
        notes=tuple(json.loads(head.notes)),
        policy=head.policy,
        model=head.model_hash,
    )


def _step(row: Row, rows: ListRows, head: Row, reader: Reader) -> ShownStep:
    held, logged = held_at(row, rows, head), logged_step(row)
    catalogue = reader.catalogue
    shown = replace(logged, resource=held.resource)
    resource = catalogue.resource(held.resource)
    swapped = held.act is not None and held.resource != row.resource
    words = ""
    if reader.why:
        when, language = reader.now.timestamp(), reader.words
        words = explain(shown, catalogue, state=reader.state, now=when, words=language).student
        if swapped:
            words = language.gettext("Your teacher chose this for you.") + " " + words
    return ShownStep(
        decision_id=row.decision_id,
        resource=held.resource,
        title=resource.title,
        url=resource.url,
        minutes=resource.minutes,
        kind=resource.kind,
        state=held.state,
        why=words,
        step=logged,
        instead_of=row.resource if swapped else "",
        override_id="" if held.act is None else held.act.override_id,
        teacher="" if held.act is None else held.act.teacher,
        approved=held.approved,
        menu=tuple(name for name in logged.menu if not is_gone(name, rows, head, catalogue, reader.now)),
        picked=held.picked,
        rating=rows.since.get(head.learner, ShownSince()).rated.get(row.decision_id),
        left_out=held.left_out,
    )


def logged_step(row: Row) -> Step:
    """Return a decision row as the step it was."""
    menu = read_cell(row.menu)
    return Step(
        position=row.position,
        resource=row.resource,
        propensity=row.propensity,
        joint_propensity=row.joint_propensity,
        score=row.score,
        reasons=json.loads(row.reasons),
        context=dict(zip(COLUMNS, context_of(row.context).tolist(), strict=False)),
        relaxed=tuple(read_cell(row.relaxed)),
        explored=row.explored,
        override=read_cell(row.override) or None,
        menu=tuple(menu.get("offered") or ()),
        menu_propensities=tuple(menu.get("propensities") or ()),
    )


def logged_playlist(head: Row, steps: Sequence[Row], learner: str) -> Playlist:
    """Return a stored list as it was when it was drawn."""
    return Playlist(
        learner=learner,
        steps=tuple(logged_step(row) for row in steps),
        certificate=json.loads(head.certificate),
        policy=head.policy,
        model_hash=head.model_hash,
        schema_hash=head.schema_hash,
        candidates_hash=head.candidates_hash,
        notes=tuple(read_cell(head.notes)),
    )


def standing_resources(
    connection: Connection, moment: Moment, learner: int, playlist_id: str
) -> dict[str, str]:
    """Return what stands at each step of a list by decision, without what is left out by now."""
    held = held_in(connection, moment, learner, playlist_id)
    return {name: one.resource for name, one in held.items() if not one.left_out}


def held_in(connection: Connection, moment: Moment, learner: int, playlist_id: str) -> dict[str, Held]:
    """Return how each step of a list stands, by decision."""
    rows = rows_at(connection, moment, [learner], ids=[playlist_id])
    every = [(row, head) for head in rows.heads for row in rows.steps[head.playlist_id]]
    return {row.decision_id: held_at(row, rows, head) for row, head in every}


def planned_for(
    connection: Connection, learners: Collection[int], week: str, *, acted_on: Collection[int]
) -> dict[int, tuple[str, ...]]:
    """Return the resources of the current weekly lists of learners (numbers of the store), done or not.

    `acted_on` are those of whom there may be acts of teachers: what these put in is among them.
    """
    heads: dict[int, list[Row]] = {}
    for head in weekly_heads(connection, learners, week):
        heads.setdefault(head.learner, []).append(head)
    put_in: dict[str, list[str]] = {}
    for act in acts_for(connection, heads.keys() & set(acted_on)) if acted_on else ():
        if act.undone is None and act.resource:
            put_in.setdefault(act.decision_id, []).append(act.resource)
    out = {}
    for learner, mine in heads.items():
        steps = [step for name in sorted(current_ids(mine)) for step in drawn_in(connection, name).items()]
        out[learner] = tuple([one for name, drawn in steps for one in (drawn, *put_in.get(name, ()))])
    return out


@dataclass(frozen=True)
class Moment:
    """When lists are read (UTC-aware), and where: what has closed by then is left out.

    A list of a coming week is read as of its beginning.
    """

    keyring: Keyring
    catalogue: Catalogue
    at: datetime


def rows_at(
    connection: Connection,
    moment: Moment,
    learners: Collection[int],
    *,
    weeks: Collection[str] | None = None,
    surfaces: Collection[str] | None = None,
    ids: Collection[str] | None = None,
) -> ListRows:
    """Return the rows of some learners' lists (see ``list_rows``), what closes, what left with courses."""
    rows = list_rows(connection, learners, weeks=weeks, surfaces=surfaces, ids=ids)
    rows = replace(rows, closes=closing(moment.catalogue), at=round(moment.at.timestamp() * 1e6))
    courses = moment.catalogue.courses
    ended = ended_courses(connection, moment.keyring, courses, learners, at=moment.at)
    if not ended:
        return rows
    within = [one for one in moment.catalogue.resources if one.courses]
    left = {
        number: {
            r.resource_id: max(ends[c] for c in r.courses) for r in within if ends.keys() >= {*r.courses}
        }
        for number, ends in ended.items()
    }
    return replace(rows, left=left)


def closing(catalogue: Catalogue) -> dict[str, float]:
    """Return when resources close (UTC microseconds), those that do."""
    closes = catalogue.opening[1]
    return {catalogue.resources[i].resource_id: closes[i] * 1e6 for i in np.flatnonzero(np.isfinite(closes))}
