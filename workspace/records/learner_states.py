"""Learner states as folds over stored events, kept with how far they have come, brought up when read.

A state is always folded in canonical order (time, source sequence), many learners at once or one event after
the other, which is the same to the bit; so the same events give the same bytes however they arrived. An event
that belongs before what is folded already, or corrects another, folds that learner anew; so does another
model, whose difficulties the fold rests on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress, groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import numpy as np
from sqlalchemy import Connection, Row, func, select

from segue.features.catalogue import Catalogue
from segue.features.history.attempts import Attempt, Attempts, Bools, Floats, HistoryParameters, Ints
from segue.features.history.batch_fold import fold, view
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_columns import N_COLUMNS
from segue.features.history.streaming_update import update
from segue.features.vectors.interests import rate, reveal, worked_through
from segue.workspace.records.learners import in_parts, present
from segue.workspace.storage.database import get_document, insert_columns, plain, put_document
from segue.workspace.storage.schema import events, learners, openings, states


class EventRow(NamedTuple):
    """One stored event, as the fold reads it."""

    number: int
    event_id: bytes
    learner: int
    kind: str
    resource: str
    score: float | None
    time: int | None
    seq: int
    completed: float | None
    tags: str
    step: str
    supersedes: bytes | None
    voids: bytes | None
    weight: float | None


_FOLDED = [events.c[name] for name in EventRow._fields]
RATED = 0.5  # how much a rating says of whether work of this kind gets finished, beside finishing it
READS = b"ratings, finished views"  # what this fold reads beside the rest: another word folds all anew
SEEN = ("view", "completion", "dwell", "choice")  # what reveals an interest, unless it was left unfinished
FEW = 4  # learners up to whom one event after the other is quicker than a block
Cells = tuple[Any, ...]  # of an EventRow
AnyRow = TypeVar("AnyRow", bound="Row[Any] | EventRow")
Rows = Sequence[Row[Any] | EventRow]


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
        """Digest of what is read of both: states of one key can be continued."""
        catalogue = self.catalogue
        names = [(r.resource_id, r.skills, r.tags, r.kind) for r in catalogue.resources]
        read = repr((N_COLUMNS, names, list(catalogue.skill_index), catalogue.tag_ids, catalogue.kind_ids))
        digest = hashlib.blake2b(read.encode(), digest_size=8)
        digest.update(self.parameters.item_logit.tobytes() + READS)
        return digest.hexdigest()

    def fresh(self) -> Kept:
        """Return the state of a learner without events, to be folded into."""
        return Kept(LearnerState.fresh(self.catalogue))

    @cached_property
    def nobody(self) -> Kept:
        """The same, to be read only."""
        return self.fresh()

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

    def after_all(self, bases: Mapping[int, Kept], rows: Sequence[Cells]) -> dict[int, Kept]:
        """Return each of `bases` with its learner's `rows` folded in, see `after`; rows stand by learner."""
        if len(bases) <= FEW:
            mine = groupby(map(EventRow._make, rows), key=lambda row: row.learner)
            return {number: self.after(bases[number], list(some)) for number, some in mine}
        numbers = sorted(bases)
        block = StateBlock.of([bases[number].state for number in numbers])
        found = _Columns.of(rows, np.array(numbers), self.catalogue)
        folded = fold(found.attempts, len(numbers), self.parameters, base=block)
        found.fold_others(folded, self.catalogue)
        places = found.places([bases[number] for number in numbers])
        return {n: replace(p, state=s) for n, p, s in zip(numbers, places, folded.states(), strict=True)}

    def apply(self, state: LearnerState, row: Row[Any] | EventRow) -> None:
        """Fold one event into `state`, in place."""
        if row.tags:
            state_interests(state.stated, row.tags, self.catalogue)
        code = self.catalogue.resource_index.get(row.resource)
        if code is None:
            return
        if row.completed is not None:
            state.kinds[self.catalogue.kind_code[code]] += (1.0, row.completed)
        if row.kind == "attempt" and row.score is not None:
            seconds = float("nan") if row.time is None else row.time / 1e6
            weight = 1.0 if row.weight is None else row.weight
            update(state, Attempt(code, row.score, seconds, row.seq, weight), self.parameters)
            return
        if worked_through(self.catalogue.resources[code], row.kind, row.completed):
            state.view(code, float("nan") if row.time is None else row.time / 1e6)
        if row.kind in SEEN and row.completed != 0.0:
            reveal(state.revealed, self.catalogue.tag_matrix[code])
        elif row.kind == "rating" and row.score is not None:
            rate(state.revealed, self.catalogue.tag_matrix[code], row.score)
            state.kinds[self.catalogue.kind_code[code]] += (RATED, RATED * row.score)


@dataclass(frozen=True, eq=False)
class _Columns:
    """Events of some learners as columns; `order` holds the rows that stand, in canonical order.

    `code` is the resource's place in the catalogue, -1 where it has none; `learner` counts within the block.
    """

    cells: EventRow
    learner: Ints
    code: Ints
    time: Floats
    seq: Ints
    order: Ints
    corrected: Bools

    @classmethod
    def of(cls, rows: Sequence[Cells], numbers: Ints, catalogue: Catalogue) -> _Columns:
        """Read rows that stand by learner and number."""
        cells = EventRow._make(zip(*rows, strict=True))  # each a column now
        learner, seq = np.searchsorted(numbers, np.array(cells.learner)), np.array(cells.seq)
        names = sorted(set(_column(cells.resource)))
        place = {name: i for i, name in enumerate(names)}
        rank = np.array([place[name] for name in _column(cells.resource)])
        code = np.array([catalogue.resource_index.get(name, -1) for name in names], dtype=np.int64)[rank]
        time = np.array(cells.time, dtype=np.float64)
        untimed = np.bincount(learner, np.isnan(time), minlength=len(numbers)) > 0
        order = np.lexsort((rank, seq, np.where(untimed[learner], 0.0, time), learner))
        corrected = np.zeros(len(numbers), dtype=np.bool_)
        if any(_column(cells.supersedes)) or any(_column(cells.voids)):
            who = _column(cells.learner)
            gone = {*zip(who, _column(cells.supersedes), strict=True)}
            gone |= {*zip(who, _column(cells.voids), strict=True)}
            stands = [pair not in gone for pair in zip(who, _column(cells.event_id), strict=True)]
            order = order[np.array(stands)[order]]
            corrected = np.isin(numbers, [number for number, other in gone if other])
        return cls(cells, learner, code, time, seq, order, corrected)

    def chosen(self, which: Sequence[bool]) -> Ints:
        """Return the rows that stand, are of a known resource, and are chosen."""
        return np.asarray(self.order[(np.array(which, dtype=np.bool_) & (self.code >= 0))[self.order]])

    @property
    def attempts(self) -> Attempts:
        """The attempts that stand."""
        at = self.chosen([kind == "attempt" for kind in _column(self.cells.kind)])
        score = np.array(self.cells.score, dtype=np.float64)[at]
        weight = None
        if any(cell is not None for cell in _column(self.cells.weight)):
            said = np.array(self.cells.weight, dtype=np.float64)[at]
            weight = np.where(np.isnan(said), 1.0, said)
        return Attempts(self.learner[at], self.code[at], score, self.time[at] / 1e6, self.seq[at], weight)

    def fold_others(self, block: StateBlock, catalogue: Catalogue) -> None:
        """Fold in what is no attempt: stated interests, completions, what was viewed and rated."""
        kind, tags = _column(self.cells.kind), _column(self.cells.tags)
        for i in self.order[np.array([bool(cell) for cell in tags])[self.order]].tolist():
            state_interests(block.stated[self.learner[i]], tags[i], catalogue)
        score = np.array(self.cells.score, dtype=np.float64)
        completed = np.array(self.cells.completed, dtype=np.float64)
        rated = np.array([name == "rating" for name in kind]) & ~np.isnan(score)
        offers = (
            np.stack([~np.isnan(completed), rated], axis=1)[self.order] & (self.code >= 0)[self.order, None]
        )
        at, second = np.nonzero(
            offers
        )  # in order, a completion before its rating: sums differ in the last bit
        rows, share = self.order[at], np.where(second, RATED, 1.0)
        worth = share * np.where(second, score[rows], completed[rows])
        where = (self.learner[rows], catalogue.kind_code[self.code[rows]])
        np.add.at(block.kinds, where, np.stack([share, worth], axis=1))
        seen = np.array([name in SEEN for name in kind]) & (completed != 0.0)
        done, made = _column(self.cells.completed), catalogue.resources
        looked = self.chosen(seen.tolist()).tolist()
        used = [i for i in looked if worked_through(made[self.code[i]], kind[i], done[i])]
        view(block, *(a[used].tolist() for a in (self.learner, self.code, self.time / 1e6)))
        for i in self.chosen((seen | rated).tolist()).tolist():
            revealed, item = block.revealed[self.learner[i]], catalogue.tag_matrix[self.code[i]]
            if seen[i]:
                reveal(revealed, item)
            else:
                rate(revealed, item, float(score[i]))

    def places(self, bases: Sequence[Kept]) -> list[Kept]:
        """Return how far each learner of the block has come, with the states of `bases`."""
        numbers, count = np.array(self.cells.number), np.arange(len(bases))
        upto = numbers[np.searchsorted(self.learner, count, side="right") - 1].tolist()
        ordered = self.learner[self.order]
        last = np.searchsorted(ordered, count, side="right") - 1
        out = []
        for i, base in enumerate(bases):
            place = replace(base, upto=max(base.upto, upto[i]))
            if last[i] >= 0 and ordered[last[i]] == i:
                at = self.order[last[i]]
                seq = None if self.corrected[i] else int(self.seq[at])
                place = replace(place, last_time=_column(self.cells.time)[at], last_seq=seq)
            out.append(place)
        return out


def _column(cells: Any) -> Sequence[Any]:
    """Return a field of `_Columns.cells` as what it is there: the cells of all rows."""
    column: Sequence[Any] = cells
    return column


def state_interests(stated: Floats, tags: str, catalogue: Catalogue) -> None:
    """Note what a learner named as interests, (T,), in place of what was named before."""
    stated[:] = 0.0
    stated[[catalogue.tag_index[tag] for tag in tags.split(";") if tag in catalogue.tag_index]] = 1.0


def in_order(rows: Sequence[AnyRow]) -> list[AnyRow]:
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
    for part in in_parts(wanted):
        stored, balance = _stored(connection, part, fold), openings_of(connection, part, fold)
        rows = _events(connection, part, not_folded_by=fold.key)
        mine = {n: list(some) for n, some in groupby(rows, key=itemgetter(EventRow._fields.index("learner")))}
        again = [n for n in mine if n in stored and not _follows(stored[n], [*map(EventRow._make, mine[n])])]
        if again:
            mine |= {n: [] for n in again}
            for row in _events(connection, again):
                mine[row[EventRow._fields.index("learner")]].append(row)
            rows = [row for some in mine.values() for row in some]
        begun = {n: kept for n, kept in stored.items() if n not in again}
        bases = {n: begun.get(n) or balance.get(n) or fold.fresh() for n in mine}
        newer |= fold.after_all(bases, rows)
        known = balance | stored | newer
        out |= {number: known.get(number) or fold.fresh() for number in part}
    return out, newer


def save(connection: Connection, kept: Mapping[int, Kept], fold: Fold) -> None:
    """Store states, within a write."""
    save_columns(connection, columns_of(kept, fold))


def columns_of(kept: Mapping[int, Kept], fold: Fold) -> dict[str, list[Any]]:
    """Return states as columns to store; any process may do this."""
    return {
        "learner": list(kept),
        "upto": [k.upto for k in kept.values()],
        "last_time": [k.last_time for k in kept.values()],
        "last_seq": [k.last_seq for k in kept.values()],
        "parameters": [fold.key] * len(kept),
        "body": [k.state.to_bytes() for k in kept.values()],
    }


def save_columns(connection: Connection, columns: Mapping[str, list[Any]]) -> None:
    """Store states given as columns, within a write; learners who are gone meanwhile are left out."""
    there = present(connection, columns["learner"])
    keep = [number in there for number in columns["learner"]]
    chosen = {name: list(compress(cells, keep)) for name, cells in columns.items()}
    numbers = chosen["learner"]
    for part in in_parts(numbers):
        connection.execute(states.delete().where(states.c.learner.in_(part)))
    if numbers:
        insert_columns(connection, states, chosen)


def openings_of(connection: Connection, numbers: Sequence[int], fold: Fold) -> dict[int, Kept]:
    """Return the opening balance of each learner who has one: the state after events that were purged.

    It keeps the difficulties it was folded with; skills and tags new in the catalogue since are fresh.
    """
    query = (
        "SELECT learner, upto, last_time, last_seq, layout, body FROM openings "
        f"WHERE learner IN ({', '.join('?' * len(numbers))})"
    )
    found = plain(connection, query, numbers)
    layouts = {layout: _layout(connection, layout) for *_, layout, _ in found}
    return {
        learner: Kept(_laid_out(LearnerState.from_bytes(body), layouts[layout], fold.catalogue), *place)
        for learner, *place, layout, body in found
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
    new.items, new.views = state.items, state.views
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
    newer = (events.c.learner == learners.c.number) & (events.c.number > func.coalesce(states.c.upto, -1))
    mine = (states.c.learner == learners.c.number) & (states.c.parameters == fold.key)
    query = select(learners.c.number).join_from(learners, states, mine, isouter=True)
    return sorted(connection.execute(query.where(select(events.c.number).where(newer).exists())).scalars())


def events_of(connection: Connection, number: int) -> list[Row[Any]]:
    """Return all events of one learner, as the fold reads them."""
    query = select(*_FOLDED).where(events.c.learner == number).order_by(events.c.number)
    return list(connection.execute(query))


def state_before(connection: Connection, number: int, fold: Fold, time: int) -> LearnerState:
    """Return a learner's state as it was at `time` (UTC microseconds), by the events dated before it."""
    rows = [row for row in events_of(connection, number) if row.time is None or row.time < time]
    base = openings_of(connection, [number], fold).get(number) or fold.fresh()
    return fold.after(base, rows).state


def _stored(connection: Connection, numbers: Sequence[int], fold: Fold) -> dict[int, Kept]:
    query = (
        "SELECT learner, upto, last_time, last_seq, body FROM states "
        f"WHERE learner IN ({', '.join('?' * len(numbers))}) AND parameters = ?"
    )
    return {
        learner: Kept(LearnerState.from_bytes(body), *place)
        for learner, *place, body in plain(connection, query, [*numbers, fold.key])
    }


def _events(connection: Connection, numbers: Sequence[int], *, not_folded_by: str = "") -> list[Cells]:
    """Return all events of some learners, or those not folded yet, learner by learner.

    Each is looked up from the number that is folded on.
    """
    if not numbers:
        return []
    folded, newer, key = "", "", []
    if not_folded_by:
        folded, key = "LEFT JOIN states s ON s.learner = l.number AND s.parameters = ? ", [not_folded_by]
        newer = " AND e.number > coalesce(s.upto, -1)"
    columns = ", ".join(f"e.{name}" for name in EventRow._fields)
    query = (
        f"SELECT {columns} FROM learners l {folded}JOIN events e ON e.learner = l.number{newer} "
        f"WHERE l.number IN ({', '.join('?' * len(numbers))}) ORDER BY l.number, e.number"
    )
    return plain(connection, query, [*key, *numbers])


def _follows(base: Kept, rows: Rows) -> bool:
    """Return whether `rows` all come after what is folded, so that the fold can go on."""
    if base.last_seq is None or any(row.supersedes or row.voids for row in rows):
        return False
    if base.last_time is None:
        return all(row.time is None and row.seq >= base.last_seq for row in rows)
    after = (base.last_time, base.last_seq)
    return all(row.time is not None and (row.time, row.seq) >= after for row in rows)
