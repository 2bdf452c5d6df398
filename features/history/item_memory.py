"""A small growing table: one row of numbers for each thing a learner has met."""

from __future__ import annotations

import numpy as np

from segue.features.history.attempts import Floats, Ints


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

    def place(self, key: int) -> tuple[Floats, int]:
        """Return the table that holds the row of `key`, a fresh one when it is new, and the byte it is at.

        The table is good to write to until another key is asked for.
        """
        if self._index is None:
            self._index = {k: i for i, k in enumerate(self.ids.tolist())}
        i = self._index.get(key)
        if i is None:
            i = self._index[key] = self._append(key)
        return self._values, i * self._row_bytes

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
