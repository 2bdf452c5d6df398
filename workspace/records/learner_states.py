"""Learner states as folds over stored events, kept with how far they have come, brought up when read.

A state is always folded one event after the other in canonical order (time, source sequence), so that the
same events give the same bits however they arrived. An event that belongs before what is folded already, or
corrects another, folds that learner anew; so does another model, whose difficulties the fold rests on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from segue.features.catalogue import Catalogue
from segue.features.history.attempts import Attempt, HistoryParameters
from segue.features.history.learner_state import LearnerState
from segue.features.history.state_columns import N_COLUMNS
from segue.features.history.streaming_update import update
from segue.features.vectors.interests import rate, reveal
from segue.workspace.records.learners import QUERY_ROWS
from segue.workspace.storage.database import get_document, insert_columns, put_document
from segue.workspace.storage.schema import events, openings, states

_FOLDED = [
    events.c[name]
    for name in (
        "number",
        "event_id",
        "learner",
        "kind",
        "resource",
        "score",
        "time",
        "seq",
        "completed",
        "tags",
        "step",
        "supersedes",
        "voids",
    )
]
RATED = 0.5  # how much a rating says of whether work of this kind gets finished, beside finishing it
READS = b"ratings"  # what this fold reads beside the rest: another word folds every learner anew
SEEN = ("view", "completion", "dwell", "choice")  # what reveals an interest
Rows = Sequence[Row[Any]]


@dataclass(frozen=True, eq=False)
class Kept:
    """A state, the number of the last event it has folded, and the place of that event in time.

    `last_seq` is None where corrections were seen: the next event folds the learner anew.
    """

    state: LearnerState
    upto: int = 0
    last_time: int | None = None
    last_seq: int | None = None


@dataclass(frozen=True, eq=False)
class Fold:
    """How events become states: the catalogue, and the difficulties of a model."""

    catalogue: Catalogue
    parameters: HistoryParameters

    @cached_property
    def key(self) -> str:
        """Digest of both: states of one key can be continued."""
        digest = hashlib.blake2b(f"{N_COLUMNS} {self.catalogue.hash}".encode(), digest_size=8)
        digest.update(self.parameters.item_logit.tobytes() + READS)
        return digest.hexdigest()

    def fresh(self) -> Kept:
        """Return the state of a learner without events."""
        return Kept(LearnerState.fresh(self.catalogue))

    def after(self, base: Kept, rows: Rows) -> Kept:
        """Return `base` with `rows` folded in; they follow it, and `base` is spent."""
        standing = in_order(rows)
        for row in standing:
            self.apply(base.state, row)
        upto = max([base.upto, *(row.number for row in rows)])
        if not standing:
            return Kept(base.state, upto, base.last_time, base.last_seq)
        corrected = any(row.supersedes or row.voids for row in rows)
        last = standing[-1]
        return Kept(base.state, upto, last.time, None if corrected else last.seq)

    def apply(self, state: LearnerState, row: Row[Any]) -> None:
        """Fold one event into `state`, in place."""
        if row.tags:
            index = self.catalogue.tag_index
            state.stated[:] = 0.0
            state.stated[[index[tag] for tag in row.tags.split(";") if tag in index]] = 1.0
        code = self.catalogue.resource_index.get(row.resource)
        if code is None:
            return
        if row.completed is not None:
            state.kinds[self.catalogue.kind_code[code]] += (1.0, row.completed)
        if row.kind == "attempt":
            seconds = float("nan") if row.time is None else row.time / 1e6
            update(state, Attempt(code, row.score, seconds, row.seq), self.parameters)
        elif row.kind in SEEN:
            reveal(state.revealed, self.catalogue.tag_matrix[code])
        elif row.kind == "rating" and row.score is not None:
            rate(state.revealed, self.catalogue.tag_matrix[code], row.score)
            state.kinds[self.catalogue.kind_code[code]] += (RATED, RATED * row.score)


def in_order(rows: Rows) -> list[Row[Any]]:
    """Return one learner's events that stand, by (time, seq), or by seq where any time is unknown."""
    gone = {row.supersedes for row in rows} | {row.voids for row in rows}
    untimed = any(row.time is None for row in rows)
    standing = [row for row in rows if row.event_id not in gone]
    return sorted(standing, key=lambda row: (0 if untimed else row.time, row.seq, row.resource))


def current(
    connection: Connection, numbers: Sequence[int], fold: Fold
) -> tuple[dict[int, Kept], dict[int, Kept]]:
    """Return the state of each learner as of now, and those of them that are newer than what is stored."""
    wanted = sorted(set(numbers))
    out: dict[int, Kept] = {}
    newer: dict[int, Kept] = {}
    for start in range(0, len(wanted), QUERY_ROWS):
        part = wanted[start : start + QUERY_ROWS]
        stored, balance = _stored(connection, part, fold), openings_of(connection, part, fold)
        for number, rows in _unfolded(connection, part, fold):
            base = stored.get(number)
            if base is None:
                newer[number] = fold.after(balance.get(number) or fold.fresh(), rows)
            elif _follows(base, rows):
                newer[number] = fold.after(base, rows)
            else:
                start_over = balance.get(number) or fold.fresh()
                newer[number] = fold.after(start_over, events_of(connection, number))
        known = balance | stored | newer
        out |= {number: known.get(number) or fold.fresh() for number in part}
    return out, newer


def save(connection: Connection, kept: Mapping[int, Kept], fold: Fold) -> None:
    """Store states, within a write."""
    numbers = list(kept)
    if not numbers:
        return
    for start in range(0, len(numbers), QUERY_ROWS):
        connection.execute(states.delete().where(states.c.learner.in_(numbers[start : start + QUERY_ROWS])))
    columns: dict[str, list[Any]] = {
        "learner": numbers,
        "upto": [k.upto for k in kept.values()],
        "last_time": [k.last_time for k in kept.values()],
        "last_seq": [k.last_seq for k in kept.values()],
        "parameters": [fold.key] * len(numbers),
        "body": [k.state.to_bytes() for k in kept.values()],
    }
    insert_columns(connection, states, columns)


def openings_of(connection: Connection, numbers: Sequence[int], fold: Fold) -> dict[int, Kept]:
    """Return the opening balance of each learner who has one: the state after events that were purged.

    It keeps the difficulties it was folded with; skills and tags new in the catalogue since are fresh.
    """
    found = connection.execute(select(openings).where(openings.c.learner.in_(numbers))).all()
    layouts = {row.layout: _layout(connection, row.layout) for row in found}
    return {
        row.learner: Kept(
            _laid_out(LearnerState.from_bytes(row.body), layouts[row.layout], fold.catalogue),
            row.upto,
            row.last_time,
            row.last_seq,
        )
        for row in found
    }


def save_opening(connection: Connection, learner: int, kept: Kept, fold: Fold) -> None:
    """Store a learner's opening balance, within a write; the states folded from it stay as they are."""
    catalogue = fold.catalogue
    said = [[s.skill_id for s in catalogue.skills], catalogue.tag_ids, catalogue.kind_ids, catalogue.hash]
    put_document(connection, f"layout:{catalogue.hash}", json.dumps(said).encode())
    connection.execute(openings.delete().where(openings.c.learner == learner))
    row = {"learner": learner, "upto": kept.upto, "last_time": kept.last_time, "last_seq": kept.last_seq}
    body = kept.state.to_bytes()
    connection.execute(openings.insert().values(**row, layout=catalogue.hash, body=body))


def _layout(connection: Connection, name: str) -> list[Any]:
    body = get_document(connection, f"layout:{name}")
    assert body is not None, "a balance is stored with its layout"
    layout: list[Any] = json.loads(body)
    return layout


def _laid_out(state: LearnerState, layout: list[Any], catalogue: Catalogue) -> LearnerState:
    """Return a state under today's catalogue, whose resources keep their places."""
    skills, tags, kinds, said = layout
    if said == catalogue.hash:
        return state
    new = LearnerState.fresh(catalogue)
    new.items = state.items
    new.rows[-1] = state.rows[-1]
    new.rows[[catalogue.skill_index[s] for s in skills]] = state.rows[:-1]
    known = [(i, catalogue.tag_index[t]) for i, t in enumerate(tags) if t in catalogue.tag_index]
    for i, j in known:
        new.stated[j], new.revealed[j] = state.stated[i], state.revealed[i]
    for i, kind in enumerate(kinds):
        if kind in catalogue.kind_ids:
            new.kinds[catalogue.kind_ids.index(kind)] = state.kinds[i]
    return new


def clear_states(connection: Connection) -> None:
    """Drop every stored state, within a write: each is folded anew when it is read."""
    connection.execute(states.delete())


def stale(connection: Connection, fold: Fold) -> list[int]:
    """Return the learners whose stored state lacks events, or was folded by other difficulties."""
    query = (
        select(events.c.learner)
        .join_from(events, states, _of_fold(fold), isouter=True)
        .group_by(events.c.learner, states.c.upto)
        .having(func.max(events.c.number) > func.coalesce(states.c.upto, 0))
    )
    return sorted(connection.execute(query).scalars())


def events_of(connection: Connection, number: int) -> list[Row[Any]]:
    """Return all events of one learner, as the fold reads them."""
    query = select(*_FOLDED).where(events.c.learner == number).order_by(events.c.number)
    return list(connection.execute(query))


def _of_fold(fold: Fold) -> Any:
    return and_(states.c.learner == events.c.learner, states.c.parameters == fold.key)


def _stored(connection: Connection, numbers: Sequence[int], fold: Fold) -> dict[int, Kept]:
    query = select(states).where(states.c.learner.in_(numbers), states.c.parameters == fold.key)
    return {
        row.learner: Kept(LearnerState.from_bytes(row.body), row.upto, row.last_time, row.last_seq)
        for row in connection.execute(query)
    }


def _unfolded(
    connection: Connection, numbers: Sequence[int], fold: Fold
) -> Iterator[tuple[int, list[Row[Any]]]]:
    """Yield each learner with events not folded yet, and those events."""
    query = (
        select(*_FOLDED)
        .join_from(events, states, _of_fold(fold), isouter=True)
        .where(events.c.learner.in_(numbers))
        .where(or_(states.c.upto.is_(None), events.c.number > states.c.upto))
        .order_by(events.c.learner, events.c.number)
    )
    by_learner: Callable[[Row[Any]], int] = lambda row: row.learner  # noqa: E731
    for number, rows in groupby(connection.execute(query), key=by_learner):
        yield number, list(rows)


def _follows(base: Kept, rows: Rows) -> bool:
    """Return whether `rows` all come after what is folded, so that the fold can go on."""
    if base.last_seq is None or any(row.supersedes or row.voids for row in rows):
        return False
    if base.last_time is None:
        return all(row.time is None and row.seq >= base.last_seq for row in rows)
    after = (base.last_time, base.last_seq)
    return all(row.time is not None and (row.time, row.seq) >= after for row in rows)
