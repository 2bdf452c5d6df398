"""What the history says of a learner: one row of numbers a skill, one for all skills together.

The columns of a row are described in ``segue.features.columns``, how attempts change them in
``segue.features.history``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from segue.features.attempts import Floats, Ints
from segue.features.catalogue import Catalogue
from segue.features.columns import (
    COUNT,
    ITEM_POSITION,
    ITEM_SCORE,
    ITEM_TIME,
    LAST_TIME,
    N_COLUMNS,
    USES,
    VARIANCE,
)


def fresh_rows(*shape: int) -> Floats:
    """Return rows of learners who have done nothing yet, shape ``shape + (N_COLUMNS,)``."""
    rows = np.zeros((*shape, N_COLUMNS))
    rows[..., VARIANCE] = 1.0
    rows[..., LAST_TIME] = -np.inf
    return rows


class ItemMemory:
    """What one learner did with single resources: uses, last score (2y - 1), its position and time.

    Grows with the resources touched, not with the catalogue; `ids (M,)` and `values (M, 4)` are views.
    """

    __slots__ = ("_ids", "_positions", "_values", "size")

    def __init__(self, ids: Ints | None = None, values: Floats | None = None) -> None:
        self._ids = np.zeros(8, dtype=np.int64) if ids is None else ids
        self._values = np.zeros((8, 4)) if values is None else values
        self.size = 0 if ids is None else len(ids)
        self._positions: dict[int, int] | None = {} if ids is None else None

    @property
    def ids(self) -> Ints:
        """Resources used, in order of first use."""
        return self._ids[: self.size]

    @property
    def values(self) -> Floats:
        """Columns USES, ITEM_SCORE, ITEM_POSITION, ITEM_TIME of each."""
        return self._values[: self.size]

    def record(self, item: int, score: float, position: float, time: float) -> None:
        """Count one more use of `item`."""
        if self._positions is None:
            self._positions = {k: i for i, k in enumerate(self.ids.tolist())}
        i = self._positions.get(item)
        if i is None:
            i = self._append(item)
        row = self._values[i]
        row[USES] += 1.0
        row[ITEM_SCORE] = 2.0 * score - 1.0
        row[ITEM_POSITION] = position
        row[ITEM_TIME] = -np.inf if math.isnan(time) else time

    def _append(self, item: int) -> int:
        i = self.size
        if i == len(self._ids):
            self._ids = np.concatenate([self._ids, np.zeros(i + 8, dtype=np.int64)])
            self._values = np.concatenate([self._values, np.zeros((i + 8, 4))])
        self._ids[i] = item
        self._values[i] = 0.0
        self.size = i + 1
        assert self._positions is not None
        self._positions[item] = i
        return i

    def copy(self) -> ItemMemory:
        """Return an independent copy."""
        return ItemMemory(self.ids.copy(), self.values.copy())


@dataclass(eq=False)
class LearnerState:
    """One learner, now; changed in place by ``segue.features.history.update``.

    Attributes
    ----------
    rows : array of shape (S + 1, N_COLUMNS)
        One row a skill; the last one is the learner over all skills.
    items : ItemMemory
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
    items: ItemMemory = field(default_factory=ItemMemory)

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
            self.rows.copy(), self.stated.copy(), self.revealed.copy(), self.kinds.copy(), self.items.copy()
        )

    def to_bytes(self) -> bytes:
        """Return the state as bytes: only the rows touched; equal histories give equal bytes."""
        touched = np.flatnonzero(self.rows[:, COUNT] > 0)
        order = np.argsort(self.items.ids, kind="stable")
        tags = np.flatnonzero((self.stated != 0) | (self.revealed != 0))
        head = (len(self.rows), len(touched), len(order), len(self.stated), len(tags), len(self.kinds))
        numbers = (touched, self.items.ids[order], tags)
        values = (
            self.rows[touched],
            self.items.values[order],
            self.stated[tags],
            self.revealed[tags],
            self.kinds,
        )
        return b"".join(
            [np.array(head, dtype="<i8").tobytes()]
            + [a.astype("<i8").tobytes() for a in numbers]
            + [np.ascontiguousarray(a, dtype="<f8").tobytes() for a in values]
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> LearnerState:
        """Return the state that `to_bytes` wrote."""
        reader = _Reader(data)
        n_rows, n_touched, n_items, n_tags, n_named, n_kinds = reader.ints(6).tolist()
        touched, ids, tags = reader.ints(n_touched), reader.ints(n_items), reader.ints(n_named)
        rows = fresh_rows(n_rows)
        rows[touched] = reader.floats(n_touched, N_COLUMNS)
        items = ItemMemory(ids.copy(), reader.floats(n_items, 4).copy())
        stated, revealed = np.zeros((2, n_tags))
        stated[tags] = reader.floats(n_named)
        revealed[tags] = reader.floats(n_named)
        return cls(rows, stated, revealed, reader.floats(n_kinds, 2).copy(), items)


class _Reader:
    """Arrays from a run of bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def ints(self, n: int) -> Ints:
        self.at += 8 * n
        return np.frombuffer(self.data, "<i8", n, self.at - 8 * n).astype(np.int64)

    def floats(self, *shape: int) -> Floats:
        n = int(np.prod(shape))
        self.at += 8 * n
        flat = np.frombuffer(self.data, "<f8", n, self.at - 8 * n)
        return np.asarray(flat, dtype=np.float64).reshape(shape)


@dataclass(frozen=True, eq=False)
class StateBlock:
    """B learners as arrays; a block of one is a view of the state it came from.

    Attributes
    ----------
    rows : array of shape (B, S + 1, N_COLUMNS)
    stated, revealed : arrays of shape (B, T)
    kinds : array of shape (B, n_kinds, 2)
    item_owner, item_id : int arrays of shape (M,)
        Which learner of the block used which resource; each pair once.
    item_values : array of shape (M, 4)
        Columns USES, ITEM_SCORE, ITEM_POSITION, ITEM_TIME.
    """

    rows: Floats
    stated: Floats
    revealed: Floats
    kinds: Floats
    item_owner: Ints
    item_id: Ints
    item_values: Floats

    @classmethod
    def of(cls, states: Sequence[LearnerState]) -> StateBlock:
        """Return `states` (at least one) side by side."""
        if len(states) == 1:
            (s,) = states
            owner = np.zeros(s.items.size, dtype=np.int64)
            return cls(
                s.rows[None],
                s.stated[None],
                s.revealed[None],
                s.kinds[None],
                owner,
                s.items.ids,
                s.items.values,
            )
        return cls(
            np.stack([s.rows for s in states]),
            np.stack([s.stated for s in states]),
            np.stack([s.revealed for s in states]),
            np.stack([s.kinds for s in states]),
            np.repeat(np.arange(len(states)), [s.items.size for s in states]),
            np.concatenate([s.items.ids for s in states]),
            np.concatenate([s.items.values for s in states]),
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def general(self) -> Floats:
        """Learners over all skills, shape (B, N_COLUMNS)."""
        return self.rows[:, -1]

    @property
    def skills(self) -> Floats:
        """Shape (B, S, N_COLUMNS)."""
        return self.rows[:, :-1]

    def states(self) -> list[LearnerState]:
        """Return the learners one by one, as copies."""
        order = np.argsort(self.item_owner, kind="stable")
        ends = np.searchsorted(self.item_owner[order], np.arange(len(self) + 1))
        return [
            LearnerState(
                self.rows[i].copy(),
                self.stated[i].copy(),
                self.revealed[i].copy(),
                self.kinds[i].copy(),
                ItemMemory(self.item_id[order[a:b]], self.item_values[order[a:b]]),
            )
            for i, (a, b) in enumerate(pairwise(ends))
        ]
