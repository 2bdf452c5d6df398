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
from typing import Any, Literal

from segue.engine.explanations.why import ENGLISH, explain
from segue.engine.requests.request import Request
from segue.engine.sampling.playlists import Playlist, Step
from segue.features.catalogue import Catalogue
from segue.features.contexts.context_columns import COLUMNS
from segue.features.history.learner_state import LearnerState
from segue.workspace.playlists.answering import Given
from segue.workspace.records.decision_log import context_of
from segue.workspace.records.decision_queries import set_received, steps_of
from segue.workspace.records.learner_states import Fold, current, state_before
from segue.workspace.records.learners import find_learners
from segue.workspace.records.list_rows import ListRows, ShownSince, list_rows, retired_in
from segue.workspace.records.overrides import OverrideRecord
from segue.workspace.storage.database import Connection, Row, Store
from segue.workspace.storage.pseudonyms import Keyring

StepState = Literal["open", "done", "removed", "swapped", "pinned"]


@dataclass(frozen=True)
class ShownStep:
    """One step as it stands.

    Attributes
    ----------
    resource, title, url, minutes, kind
        What is shown: what was drawn, what the learner picked from the menu, or what a teacher put in.
    state : str
        "done" also where a teacher put it in; "removed" steps are kept to be undone, and shown to no one, as
        are those whose resource was retired before they were done.
    instead_of : str
        What the engine had drawn, where a teacher put in something else, else "".
    override_id, teacher : str
        The act that holds on this step and who did it (a pseudonym), "" when none does.
    approved : bool
        Whether a teacher approved of it.
    menu, picked
        Options offered (none without a menu), and the learner's pick, "" before it.
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
    """A stored playlist: its resources in order, and those its learner has done since it was made."""

    resources: tuple[str, ...]
    done: frozenset[str]


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
            return cls(catalogue, None, _NEVER, before=partial(state_before, connection, learner, fold))
        return cls(catalogue, current(connection, [learner], fold)[0][learner].state, now)

    def at(self, time: int) -> Reader:
        """Return the reader of a list drawn at `time` (UTC microseconds)."""
        if self.before is None:
            return self
        return replace(self, state=self.before(time), now=datetime.fromtimestamp(time / 1e6, UTC))


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


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


def published(
    store: Store,
    keyring: Keyring,
    roster: Collection[str],
    week: str,
    *,
    surfaces: Collection[str] = ("weekly",),
) -> dict[str, Published]:
    """Return each learner's playlist of `week` from one of the `surfaces`; who has none is left out.

    `roster` holds the LMS's own ids: each is looked up, nothing stored is turned back into an id. Of several
    playlists of one week the last one counts; the lists of a week's courses follow one another.
    """
    with store.read() as connection:
        people = find_learners(connection, keyring, roster)
        inside = {person.number: who for who, person in people.items() if not person.opted_out}
        rows = list_rows(connection, inside, weeks=[week], surfaces=surfaces)
    heads = sorted(rows.heads, key=lambda head: (head.learner, int(head.number)))
    by_learner = groupby(heads, key=lambda head: int(head.learner))
    return {inside[n]: _published(list(mine), rows) for n, mine in by_learner}


def _published(heads: Sequence[Row], rows: ListRows) -> Published:
    """Return one learner's list of a week: that of the surface drawn last, all of its courses in order."""
    counts = current_ids(heads)
    mine = [h for h in heads if h.playlist_id in counts and h.surface == heads[-1].surface]
    steps = [_standing(row, rows, head) for head in mine for row in rows.steps.get(head.playlist_id, ())]
    steps = [step for step in steps if step.state != "removed"]
    done = frozenset(step.resource for step in steps if step.state == "done")
    return Published(tuple(dict.fromkeys(step.resource for step in steps)), done)


@dataclass(frozen=True)
class _Held:
    """A step's resource and state as they stand, and the act that made them so."""

    resource: str
    state: StepState
    act: OverrideRecord | None = None
    picked: str = ""
    approved: bool = False


def _standing(row: Row, rows: ListRows, head: Row) -> _Held:
    acts = [act for act in rows.acts.get(row.decision_id, ()) if act.undone is None]
    changes = [act for act in acts if act.action != "approve"]
    act = changes[-1] if changes else None
    menu = _said(row.menu)
    picked = str(menu.get("picked") or "")
    since = rows.since.get(head.learner, ShownSince())
    tried = "" if picked else _tried(menu.get("offered") or (), since, head.time)
    if tried and tried != row.resource:  # rarely: what it cannot be is read only then
        beside = {_drawn_or_picked(one) for one in rows.steps.get(head.playlist_id, ()) if one is not row}
        offered = [name for name in menu["offered"] if name not in beside]
        tried = _tried(offered, since, head.time)
    resource = picked or tried or row.resource
    put_in = act.resource if act is not None else ""
    resource = put_in or resource
    approved = any(one.action == "approve" for one in acts)
    done = any(time >= head.time for time in since.done.get(resource, ()))
    state = "removed" if resource in rows.retired and not done else _state(act, row, done=done)
    return _Held(resource, state, act, picked, approved)


def _state(act: OverrideRecord | None, row: Row, *, done: bool) -> StepState:
    if act is not None and act.action == "remove":
        return "removed"
    if done:
        return "done"
    if act is not None:
        return "pinned" if act.action == "pin" else "swapped"
    asked = _said(row.override)
    return "pinned" if asked.get("reason") == "pin" else "open"


def _drawn_or_picked(row: Row) -> str:
    return str(_said(row.menu).get("picked") or row.resource)


def _tried(offered: Sequence[str], since: ShownSince, made: int) -> str:
    """Return the first option of a menu that was worked on without being picked, "" when none was."""
    done = [name for name in offered if any(time >= made for time in since.done.get(name, ()))]
    return done[0] if done else ""


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
    held, logged = _standing(row, rows, head), logged_step(row)
    catalogue = reader.catalogue
    shown = replace(logged, resource=held.resource)
    resource = catalogue.resources[catalogue.resource_index[held.resource]]
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
        menu=logged.menu,
        picked=held.picked,
        rating=rows.since.get(head.learner, ShownSince()).rated.get(row.decision_id),
    )


def logged_step(row: Row) -> Step:
    """Return a decision row as the step it was."""
    menu = _said(row.menu)
    return Step(
        position=row.position,
        resource=row.resource,
        propensity=row.propensity,
        joint_propensity=row.joint_propensity,
        score=row.score,
        reasons=json.loads(row.reasons),
        context=dict(zip(COLUMNS, context_of(row.context).tolist(), strict=False)),
        relaxed=tuple(_said(row.relaxed)),
        explored=row.explored,
        override=_said(row.override) or None,
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
        notes=tuple(_said(head.notes)),
    )


def _said(cell: str) -> Any:
    """Return what a cell of JSON says; most say nothing, and need not be parsed."""
    return EMPTY[cell]() if cell in EMPTY else json.loads(cell)


EMPTY: Mapping[str, Callable[[], Any]] = {"{}": dict, "[]": list}


def given_again(
    connection: Connection, head: Row, catalogue: Catalogue, request: Request, *, quiet: bool
) -> Given | None:
    """Return a stored list as it stands, within a write; None when something in it has closed meanwhile.

    `quiet` as in a ``Question``.
    """
    as_drawn = _quiet_rows(connection, head) if quiet else None
    rows = as_drawn or list_rows(connection, [head.learner], ids=[head.playlist_id])
    steps, ids, now = [], [], request.now.timestamp()
    for row in rows.steps.get(head.playlist_id, ()):
        held = _Held(row.resource, "open") if as_drawn else _standing(row, rows, head)
        if held.resource in rows.retired:
            return None
        if held.state == "removed":
            continue
        known = held.resource in catalogue.resource_index
        if not known or not catalogue.is_open(held.resource, now):
            return None
        logged = logged_step(row)
        steps.append(logged if held.resource == row.resource else replace(logged, resource=held.resource))
        ids.append(row.decision_id)
    if head.undelivered:
        set_received(connection, head.playlist_id, received=True)
    playlist = replace(logged_playlist(head, (), request.learner), steps=tuple(steps))
    return Given(head.playlist_id, tuple(ids), playlist, request, new=False)


def _quiet_rows(connection: Connection, head: Row) -> ListRows | None:
    """Return the rows of a list that nobody has said anything about; None where its menus were tried."""
    steps = steps_of(connection, head.playlist_id)
    if any(row.menu != "{}" for row in steps):
        return None
    return ListRows([head], {head.playlist_id: steps}, {}, {}, retired_in(connection))


def rows_for(connection: Connection, learner: int, *, week: str | None, surface: str | None) -> ListRows:
    """Return the rows of one learner's lists, of one week or surface where they are named."""
    weeks = None if week is None else [week]
    return list_rows(connection, [learner], weeks=weeks, surfaces=None if surface is None else [surface])


def list_line(one: ShownList) -> dict[str, Any]:
    """Return a list as JSON values."""
    return {
        "id": one.id,
        "surface": one.surface,
        "week": one.week,
        "time": one.made.isoformat(),
        "current": one.current,
        "steps": [step_line(step) for step in one.steps],
        "certificate": dict(one.certificate),
        "notes": list(one.notes),
    }


def step_line(step: ShownStep) -> dict[str, Any]:
    """Return a step of a list as JSON values."""
    return {
        "decision_id": step.decision_id,
        "resource": step.resource,
        "title": step.title,
        "url": step.url,
        "minutes": step.minutes,
        "kind": step.kind,
        "state": step.state,
        "why": step.why,
        "instead_of": step.instead_of or None,
        "override_id": step.override_id or None,
        "approved": step.approved,
        "menu": list(step.menu),
        "picked": step.picked or None,
        "rating": step.rating,
    }
