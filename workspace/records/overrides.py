"""What teachers did with steps: appended, undone, never replaced; the last one standing on a step holds.

The step's own row (``decisions.override``) says what holds now, so that whoever reads decisions as the
engine's own choices leaves it out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from segue.workspace.records.decision_queries import set_cell
from segue.workspace.records.learners import where_in
from segue.workspace.storage.database import insert_columns, take_numbers
from segue.workspace.storage.schema import decisions, events, overrides

Action = Literal["pin", "remove", "swap", "approve"]
OUT = ("remove", "swap")  # what takes a resource out of a learner's lists


@dataclass(frozen=True)
class OverrideRecord:
    """One act of a teacher on a step.

    Attributes
    ----------
    teacher, undone_by : str
        Pseudonyms; ("" not undone).
    resource : str
        What was put in ("" for remove and approve).
    taken : str
        What stood there before.
    time, until, undone : int
        UTC microseconds; `until` is when it ends by itself (None: it holds until undone).
    """

    override_id: str
    decision_id: str
    learner: int
    time: int
    teacher: str
    action: Action
    resource: str
    taken: str
    reason: str
    until: int | None = None
    undone: int | None = None
    undone_by: str | None = None

    def stands(self, now: int) -> bool:
        """Return whether it holds at `now` (UTC microseconds)."""
        return self.undone is None and (self.until is None or now < self.until)


_NAMES = tuple(field.name for field in fields(OverrideRecord))


def add_override(connection: Connection, record: OverrideRecord) -> None:
    """Append an act, within a write, and let it hold."""
    row = {name: [value] for name, value in zip(_NAMES, astuple(record), strict=True)}
    first = take_numbers(connection, "overrides", 1)
    insert_columns(connection, overrides, row | {"number": [first]})
    if record.action != "approve":  # which changes nothing of what the row says
        mark_decision(connection, record.decision_id)


def undo(connection: Connection, override_id: str, *, by: str, time: int) -> None:
    """Take an act back, within a write; the one before it on the same step holds again."""
    this = overrides.c.override_id == override_id
    connection.execute(overrides.update().where(this).values(undone=time, undone_by=by))
    decision = connection.execute(select(overrides.c.decision_id).where(this)).scalar_one()
    mark_decision(connection, decision)


def mark_decision(connection: Connection, decision_id: str) -> None:
    """Say on the decision's row what holds, beside what the engine had drawn, and how likely that was."""
    query = select(decisions).where(decisions.c.decision_id == decision_id)
    row = connection.execute(query).one()
    before = json.loads(row.override)
    drawn = {
        "engine_action": before.get("engine_action", row.resource),
        "engine_propensity": before.get("engine_propensity", row.propensity),
    }
    acts = [act for act in acts_on(connection, [decision_id]) if act.undone is None]
    changes = [act for act in acts if act.action != "approve"]
    asked = before if "action" not in before else before.get("asked", {})  # a pin of the request itself
    if not changes:
        set_cell(connection, decision_id, "override", asked)
        return
    last = changes[-1]
    said = {"by": last.teacher, "action": last.action, "resource": last.resource or None}
    held = said | {"reason": last.reason, **drawn, "id": last.override_id}
    set_cell(connection, decision_id, "override", held | ({"asked": asked} if asked else {}))


def override_of(connection: Connection, override_id: str) -> OverrideRecord | None:
    """Return an act, None when there is none of this id."""
    query = select(overrides).where(overrides.c.override_id == override_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _record(row)


def acts_on(connection: Connection, decision_ids: Collection[str]) -> list[OverrideRecord]:
    """Return the acts on some decisions, undone ones too, in order."""
    rows = where_in(connection, select(overrides), overrides.c.decision_id, set(decision_ids))
    return _in_order(rows)


def acts_for(connection: Connection, learners: Collection[int]) -> list[OverrideRecord]:
    """Return the acts on steps of some learners, undone ones too, in order."""
    rows = where_in(connection, select(overrides), overrides.c.learner, set(learners))
    return _in_order(rows)


PIN_DAYS = 7  # how long a pin without an end is put into later lists


def taken_out(acts: Iterable[OverrideRecord]) -> dict[int, dict[str, OverrideRecord]]:
    """Return, of acts in order, the last one that took each resource out of a learner's lists, by learner.

    The end of a removal is not asked for: lists drawn before it stay without the resource.
    """
    found: dict[int, dict[str, OverrideRecord]] = {}
    for act in acts:
        if act.undone is None and act.action in OUT:
            found.setdefault(act.learner, {})[act.taken] = act
    return found


def before_undone(acts: Iterable[OverrideRecord], resource: str, drawn: int) -> str:
    """Return what stands for a resource that a list, drawn at `drawn` (UTC microseconds), took over.

    It is what acts of the same learner, undone since, had put it in place of; itself where one still stands.
    """
    put_in: dict[str, OverrideRecord] = {}
    for act in acts:
        held = act.time <= drawn and (act.undone is None or act.undone > drawn)
        if held and act.resource not in ("", act.taken):
            before = put_in.get(act.resource)
            put_in[act.resource] = before if before is not None and before.undone is None else act
    while (last := put_in.pop(resource, None)) is not None and last.undone is not None:
        resource = last.taken
    return resource


@dataclass(frozen=True)
class StandingActs:
    """What teachers' acts ask of a learner's next lists: resources taken out, and resources put in.

    `on` are the decisions that they were acts on.
    """

    out: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    on: tuple[str, ...] = ()


def standing_for(connection: Connection, learners: Collection[int], now: int) -> dict[int, StandingActs]:
    """Return what holds at `now` (UTC microseconds) for each learner with an act that is not undone."""
    acts = [act for act in acts_for(connection, learners) if act.undone is None]
    found: dict[int, StandingActs] = {}
    for learner in {act.learner for act in acts}:
        mine = [act for act in acts if act.learner == learner and act.stands(now)]
        out = dict.fromkeys(act.taken for act in mine if act.action in OUT)
        put = dict.fromkeys(act.resource for act in mine if act.action == "pin" and _pins(act, now))
        done = _done_since(connection, mine) if put else set()
        pinned = tuple(r for r in put if r not in out and r not in done)
        on = tuple(act.decision_id for act in acts if act.learner == learner)
        found[learner] = StandingActs(tuple(out), pinned, on)
    return found


def _pins(act: OverrideRecord, now: int) -> bool:
    return act.until is not None or now < act.time + PIN_DAYS * 86_400_000_000


def _done_since(connection: Connection, acts: Sequence[OverrideRecord]) -> set[str]:
    """Return the resources among one learner's pins that were worked on since."""
    since = {act.resource: act.time for act in acts if act.action == "pin"}
    query = select(events.c.resource, events.c.time).where(
        events.c.learner == acts[0].learner,
        events.c.resource.in_(since),
        events.c.kind.in_(("attempt", "completion")),
    )
    return {row.resource for row in connection.execute(query) if (row.time or 0) >= since[row.resource]}


def _in_order(rows: Iterable[Row[Any]]) -> list[OverrideRecord]:
    return [_record(row) for row in sorted(rows, key=lambda row: int(row.number))]


def _record(row: Row[Any]) -> OverrideRecord:
    cells: Sequence[Any] = [getattr(row, name) for name in _NAMES]
    return OverrideRecord(*cells)
