"""The rows of a block of learners side by side, as the success model reads them."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from segue.features.history.attempts import Floats, Ints
from segue.features.history.learner_state import StateBlock, fresh_rows

LANES = 8  # rows are read in full groups of so many, so that no sum depends on how many there are


class StateRows(NamedTuple):
    """The rows of a block side by side, feature by feature, each kind padded to full `LANES`.

    First the skills touched and a fresh row, which stands for every other skill; then sets of skills; then
    the learners' own.

    Attributes
    ----------
    columns : array of shape (N_COLUMNS, Q)
    owner : int array of shape (Q,)
    skills, sets, own : slice
        Where each kind lies, padding included.
    """

    columns: Floats
    owner: Ints
    skills: slice
    sets: slice
    own: slice

    @classmethod
    def of(cls, block: StateBlock) -> StateRows:
        """Return the rows of `block`."""
        sizes = (len(block.owner), len(block.set_owner), len(block))
        # a fresh row at the end of the skills, at least
        padded = [-(-(size + (kind == 0)) // LANES) * LANES for kind, size in enumerate(sizes)]
        ends = [0, *np.cumsum(padded).tolist()]
        columns = np.empty((fresh_rows().size, ends[-1]))
        columns[:] = fresh_rows()[:, None]
        owner = np.zeros(ends[-1], dtype=np.int64)
        parts = (
            (block.touched, block.owner),
            (block.set_values, block.set_owner),
            (block.general, np.arange(len(block))),
        )
        for start, (rows, of) in zip(ends, parts, strict=False):
            columns[:, start : start + len(rows)] = rows.T
            owner[start : start + len(rows)] = of
        return cls(columns, owner, *(slice(a, b) for a, b in pairwise(ends)))


class Used(NamedTuple):
    """Which candidates the learners of a block have used: memory, learner and candidate of each, (M,).

    `where` is the position of each resource among the candidates, -1: none.
    """

    memory: Ints
    owner: Ints
    position: Ints
    where: Ints

    @classmethod
    def of(cls, block: StateBlock, where: Ints) -> Used:
        """Return the uses of candidates; `where` is the position of each resource among them, -1: none."""
        position = where.take(block.item_id)
        memory = np.flatnonzero(position >= 0)
        return cls(memory, block.item_owner.take(memory), position.take(memory), where)
