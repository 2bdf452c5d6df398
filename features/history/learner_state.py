"""What the history says of a learner: one row of numbers a skill, one for all skills together.

The columns of a row are described in ``segue.features.history.state_columns``, how attempts change them in
``segue.features.history.streaming_update``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from struct import Struct
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segue.features.catalogue import Catalogue, Once
from segue.features.history.attempts import Floats, Ints
from segue.features.history.state_columns import COUNT
from segue.features.history.state_rows import StateRows, fresh_rows

T = TypeVar("T", bound=np.generic)


_VIEW = Struct("2d")
FRESH_ROW = fresh_rows()
FRESH_ITEM = np.zeros(4)
FRESH_VIEW = np.array([0.0, -np.inf])
SITTING = 12 * 3600.0  # seconds: views nearer to each other are one


class Memory:
    """Rows of numbers by key; it grows with what was met, not with what there is.

    Parameters
    ----------
    fresh : array of shape (width,)
        The row of a key met for the first time.
    ids, values : arrays of shape (M,) and (M, width), optional
        What is remembered already; the memory takes them over.
    """

    __slots__ = ("_ids", "_index", "_row_bytes", "_values", "fresh", "size")

    def __init__(self, fresh: Floats, *, ids: Ints | None = None, values: Floats | None = None) -> None:
        self.fresh = fresh
        self._row_bytes = fresh.nbytes
        self._ids = np.zeros(8, dtype=np.int64) if ids is None else ids
        self._values = np.zeros((8, len(fresh))) if values is None else values
        self.size = 0 if ids is None else len(ids)
        self._index: dict[int, int] | None = {} if ids is None else None

    @property
    def ids(self) -> Ints:
        """Keys, in the order in which they were first met; a view of shape (M,)."""
        return self._ids[: self.size]

    @property
    def values(self) -> Floats:
        """The row of each key; a view of shape (M, width)."""
        return self._values[: self.size]

    def place(self, key: int) -> tuple[memoryview, int]:
        """Return the table that holds the row of `key`, a fresh one when it is new, and the byte it is at.

        The table is good to write to until another key is asked for.
        """
        if self._index is None:
            self._index = {k: i for i, k in enumerate(self.ids.tolist())}
        i = self._index.get(key)
        if i is None:
            i = self._index[key] = self._append(key)
        return self._values.data, i * self._row_bytes

    def _append(self, key: int) -> int:
        i = self.size
        if i == len(self._ids):  # twice the room, so that appending costs the same on average at any size
            self._ids = np.concatenate([self._ids, np.zeros(i + 8, dtype=np.int64)])
            self._values = np.concatenate([self._values, np.zeros((i + 8, len(self.fresh)))])
        self._ids[i] = key
        self._values[i] = self.fresh
        self.size = i + 1
        return i

    def copy(self) -> Memory:
        """Return an independent copy."""
        return Memory(self.fresh, ids=self.ids.copy(), values=self.values.copy())


@dataclass(eq=False)
class LearnerState:
    """One learner, now; changed in place by ``segue.features.history.streaming_update.update``.

    Attributes
    ----------
    rows : array of shape (S + 1, N_COLUMNS)
        One row a skill; the last one is the learner over all skills.
    items : Memory
        What was done with single resources: uses, last score (2y - 1), its position and time.
    sets : Memory
        One row, as of a skill, for each combination of several skills met.
    views : Memory
        What was worked through without a score: how often, and its time (UTC epoch seconds, -inf: unknown).
    stated : array of shape (T,)
        1 where the learner named the tag as an interest.
    revealed : array of shape (T,)
        Tags of what was chosen lately, each view counting half of the next.
    kinds : array of shape (n_kinds, 2)
        Per kind of resource: offered, completed.
    """

    rows: Floats
    stated: Floats
    revealed: Floats
    kinds: Floats
    items: Memory = field(default_factory=lambda: Memory(FRESH_ITEM))
    sets: Memory = field(default_factory=lambda: Memory(FRESH_ROW))
    views: Memory = field(default_factory=lambda: Memory(FRESH_VIEW))

    @classmethod
    def fresh(cls, catalogue: Catalogue) -> LearnerState:
        """Return the state of a learner of whom nothing is known."""
        n_tags = len(catalogue.tag_ids)
        return cls(
            fresh_rows(len(catalogue.skills) + 1),
            np.zeros(n_tags),
            np.zeros(n_tags),
            np.zeros((len(catalogue.kind_ids), 2)),
        )

    @property
    def general(self) -> Floats:
        """The learner over all skills, shape (N_COLUMNS,)."""
        return np.asarray(self.rows[-1])

    @property
    def skills(self) -> Floats:
        """One row a skill, shape (S, N_COLUMNS)."""
        return np.asarray(self.rows[:-1])

    def copy(self) -> LearnerState:
        """Return an independent copy."""
        return LearnerState(
            self.rows.copy(),
            self.stated.copy(),
            self.revealed.copy(),
            self.kinds.copy(),
            self.items.copy(),
            self.sets.copy(),
            self.views.copy(),
        )

    def view(self, resource: int, time: float) -> None:
        """Note that a resource was worked through without a score, in place; `time` NaN: unknown."""
        table, place = self.views.place(resource)
        _VIEW.pack_into(table, place, *viewed(_VIEW.unpack_from(table, place), time))

    def to_bytes(self) -> bytes:
        """Return the state as bytes: only the rows touched; equal histories give equal bytes.

        Where something was viewed, -1 less the number of such resources, their ids and rows come first.
        """
        touched = np.flatnonzero(self.rows[:, COUNT] > 0)
        items, sets = np.argsort(self.items.ids), np.argsort(self.sets.ids)
        tags = np.flatnonzero((self.stated != 0) | (self.revealed != 0))
        sizes = (len(self.rows), len(touched), len(items), len(sets), len(self.stated), len(tags))
        whole = (
            np.array([*sizes, len(self.kinds)]),
            touched,
            self.items.ids[items],
            self.sets.ids[sets],
            tags,
        )
        numbers = (
            self.rows[touched],
            self.items.values[items],
            self.sets.values[sets],
            self.stated[tags],
            self.revealed[tags],
            self.kinds,
        )
        return self._viewed_bytes() + b"".join(
            [np.ascontiguousarray(a, dtype="<i8").tobytes() for a in whole]
            + [np.ascontiguousarray(a, dtype="<f8").tobytes() for a in numbers]
        )

    def _viewed_bytes(self) -> bytes:
        if not self.views.size:
            return b""
        order = np.argsort(self.views.ids)
        ids = np.array([-1 - len(order), *self.views.ids[order]], dtype="<i8")
        return ids.tobytes() + self.views.values[order].astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> LearnerState:
        """Return the state that `to_bytes` wrote."""
        n_views = -1 - int(np.frombuffer(data, "<i8", 1)[0])
        if n_views > 0:
            state = cls.from_bytes(data[8 * (1 + 3 * n_views) :])
            ids = np.frombuffer(data, "<i8", n_views, 8).astype(np.int64)
            rows = np.frombuffer(data, "<f8", 2 * n_views, 8 * (1 + n_views)).astype(np.float64)
            state.views = Memory(FRESH_VIEW, ids=ids, values=rows.reshape(-1, 2))
            return state
        sizes = np.frombuffer(data, "<i8", 7).tolist()
        n_rows, n_touched, n_items, n_sets, n_tags, n_named, n_kinds = sizes
        ints = np.frombuffer(data, "<i8", n_touched + n_items + n_sets + n_named, 8 * 7).astype(np.int64)
        floats = np.frombuffer(data, "<f8", offset=8 * (7 + len(ints))).astype(np.float64)
        touched, items, sets, tags = _cut(ints, n_touched, n_items, n_sets)
        others = n_items * 4 + n_named * 2 + n_kinds * 2
        width = (len(floats) - others) // max(n_touched + n_sets, 1)  # less in a state of an older version
        seen, used, met, stated, revealed, kinds = _cut(
            floats, n_touched * width, n_items * 4, n_sets * width, n_named, n_named
        )
        state = cls(fresh_rows(n_rows), np.zeros(n_tags), np.zeros(n_tags), kinds.reshape(n_kinds, 2))
        state.rows[touched, :width] = seen.reshape(n_touched, width)
        state.items = Memory(FRESH_ITEM, ids=items, values=used.reshape(-1, 4))
        met_rows = fresh_rows(n_sets)
        met_rows[:, :width] = met.reshape(n_sets, width)
        state.sets = Memory(FRESH_ROW, ids=sets, values=met_rows)
        if n_named:
            state.stated[tags], state.revealed[tags] = stated, revealed
        return state


def viewed(row: tuple[float, ...], time: float) -> tuple[float, float]:
    """Return a row of `LearnerState.views` after a view at `time`, NaN: unknown."""
    count, last = row
    new = not time - last < SITTING
    return count + new, time if time > last else last


def _cut(values: NDArray[T], *lengths: int) -> list[NDArray[T]]:
    """Return the first parts of an array, of these lengths, and what is left."""
    ends = [0, *accumulate(lengths), len(values)]
    return [values[start:end] for start, end in pairwise(ends)]


@dataclass(eq=False)
class StateBlock:
    """B learners as arrays; of skills, only the rows that were touched. Not to be changed.

    (It is not frozen, and what is read of it is not either: every request makes one, and that is dear.)

    Attributes
    ----------
    general : array of shape (B, N_COLUMNS)
        Learners over all skills.
    touched : array of shape (P, N_COLUMNS)
        Rows of skills, of learner `owner` (P,) and skill `skill` (P,); each pair once.
    n_skills : int
    stated, revealed : arrays of shape (B, T)
    kinds : array of shape (B, n_kinds, 2)
    item_owner, item_id : int arrays of shape (M,)
        Which learner of the block used which resource; each pair once.
    item_values : array of shape (M, 4)
        Columns USES, ITEM_SCORE, ITEM_POSITION, ITEM_TIME.
    set_owner, set_id : int arrays of shape (Q,)
        Which learner met which combination of several skills; each pair once.
    set_values : array of shape (Q, N_COLUMNS)
    view_owner, view_id : int arrays of shape (V,)
        Which learner worked through which resource without a score; each pair once.
    view_values : array of shape (V, 2)
        How often, and when last.
    """

    general: Floats
    owner: Ints
    skill: Ints
    touched: Floats
    n_skills: int
    stated: Floats
    revealed: Floats
    kinds: Floats
    item_owner: Ints
    item_id: Ints
    item_values: Floats
    set_owner: Ints
    set_id: Ints
    set_values: Floats
    view_owner: Ints
    view_id: Ints
    view_values: Floats

    @classmethod
    def of(cls, states: Sequence[LearnerState]) -> StateBlock:
        """Return `states` (at least one) side by side."""
        found = [s.rows[:-1, COUNT].nonzero()[0] for s in states]
        n_skills = len(states[0].rows) - 1
        if len(states) == 1:
            (s,), (skill,) = states, found
            owner = np.zeros(len(skill), dtype=np.int64)
            of_learner = (s.rows[-1:], owner, skill, s.rows.take(skill, axis=0), n_skills)
            seen = (s.stated[None], s.revealed[None], s.kinds[None])
            return cls(*of_learner, *seen, *_alone(s.items), *_alone(s.sets), *_alone(s.views))
        return cls(
            np.stack([s.rows[-1] for s in states]),
            np.repeat(np.arange(len(states)), [len(skill) for skill in found]),
            np.concatenate(found),
            np.concatenate([s.rows[skill] for s, skill in zip(states, found, strict=True)]),
            n_skills,
            np.stack([s.stated for s in states]),
            np.stack([s.revealed for s in states]),
            np.stack([s.kinds for s in states]),
            *_together([s.items for s in states]),
            *_together([s.sets for s in states]),
            *_together([s.views for s in states]),
        )

    def __len__(self) -> int:
        return len(self.general)

    def own(self, column: int) -> Floats:
        """Return one number of each learner, (B, 1); of a lone one without axes, which numpy adds at once."""
        return self.general[:, column, None] if len(self.general) > 1 else self.general[0, column, ...]

    def own_of(self, column: int, owner: Ints) -> Floats:
        """Return the number of the learner of each of some rows, (Q,); that of a lone one without axes."""
        return self.general[:, column].take(owner) if len(self.general) > 1 else self.own(column)

    @Once
    def skills(self) -> Floats:
        """Every row of every skill, shape (B, S, N_COLUMNS)."""
        rows = fresh_rows(len(self), self.n_skills)
        rows[self.owner, self.skill] = self.touched
        return rows

    @Once
    def rows(self) -> StateRows:
        """Every row there is, side by side."""
        learners = np.arange(len(self))
        return StateRows.of(
            (self.touched, self.owner), (self.set_values, self.set_owner), (self.general, learners)
        )

    def of_skills(self, values: Floats, fresh: Floats | float) -> Floats:
        """Return numbers (..., P) of the rows touched in their places, (..., B, S); elsewhere `fresh`."""
        out = np.empty((*values.shape[:-1], len(self) * self.n_skills))
        out[...] = np.asarray(fresh)[..., None]
        out[..., self.place] = values
        return out.reshape(*values.shape[:-1], len(self), self.n_skills)

    def of_rows(self, said: Floats) -> Floats:
        """Return the same of numbers (..., P + 1 or more) whose column P is that of a fresh row."""
        n_touched = len(self.skill)
        if len(self) > 1:
            return self.of_skills(said[..., :n_touched], said[..., n_touched])
        return said.take(self._gathered, axis=-1)[..., None, :]

    @Once
    def _gathered(self) -> Ints:
        """Of a lone learner: the row of each skill among those touched, P for a fresh one."""
        out = np.empty(self.n_skills, dtype=np.int64)
        out.fill(len(self.skill))
        out[self.skill] = np.arange(len(self.skill))
        return out

    @Once
    def place(self) -> Ints:
        """Where each row touched lies among B x S."""
        return self.owner * self.n_skills + self.skill

    def part(self, first: int, last: int) -> StateBlock:
        """Return the learners from `first` up to `last`; those of each array must stand in their order."""
        rows, items, sets, views = (
            slice(*np.searchsorted(owner, (first, last)).tolist())
            for owner in (self.owner, self.item_owner, self.set_owner, self.view_owner)
        )
        return StateBlock(
            self.general[first:last],
            self.owner[rows] - first,
            self.skill[rows],
            self.touched[rows],
            self.n_skills,
            self.stated[first:last],
            self.revealed[first:last],
            self.kinds[first:last],
            self.item_owner[items] - first,
            self.item_id[items],
            self.item_values[items],
            self.set_owner[sets] - first,
            self.set_id[sets],
            self.set_values[sets],
            self.view_owner[views] - first,
            self.view_id[views],
            self.view_values[views],
        )

    def states(self) -> list[LearnerState]:
        """Return the learners one by one, as copies."""
        items = _apart(FRESH_ITEM, self.item_owner, self.item_id, self.item_values, n=len(self))
        sets = _apart(FRESH_ROW, self.set_owner, self.set_id, self.set_values, n=len(self))
        views = _apart(FRESH_VIEW, self.view_owner, self.view_id, self.view_values, n=len(self))
        rows = np.concatenate([self.skills, self.general[:, None]], axis=1)
        return [
            LearnerState(
                rows[i].copy(),
                self.stated[i].copy(),
                self.revealed[i].copy(),
                self.kinds[i].copy(),
                items[i],
                sets[i],
                views[i],
            )
            for i in range(len(self))
        ]


def _alone(memory: Memory) -> tuple[Ints, Ints, Floats]:
    return np.zeros(memory.size, dtype=np.int64), memory.ids, memory.values


def _together(memories: Sequence[Memory]) -> tuple[Ints, Ints, Floats]:
    owner = np.repeat(np.arange(len(memories)), [m.size for m in memories])
    return owner, np.concatenate([m.ids for m in memories]), np.concatenate([m.values for m in memories])


def _apart(fresh: Floats, owner: Ints, ids: Ints, values: Floats, *, n: int) -> list[Memory]:
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(n + 1))
    return [Memory(fresh, ids=ids[order[a:b]], values=values[order[a:b]]) for a, b in pairwise(ends.tolist())]
