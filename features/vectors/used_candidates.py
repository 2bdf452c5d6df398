"""Which of the candidates of a decision the learners have used before."""

from __future__ import annotations

from typing import NamedTuple

from segue.features.history.attempts import Ints
from segue.features.history.learner_state import StateBlock


class Used(NamedTuple):
    """Which of n candidates the learners of a block have used, one entry each, (M,).

    `memory` says where in ``StateBlock.item_values``, `owner` by which learner, and `place` where in an array
    (B, n). `where` is the position of each resource among the candidates, -1: none.
    """

    memory: Ints
    owner: Ints
    place: Ints
    where: Ints

    @classmethod
    def of(cls, block: StateBlock, where: Ints, n: int) -> Used:
        """Return the uses of `n` candidates that are at `where`."""
        position = where.take(block.item_id)
        memory = (position >= 0).nonzero()[0]
        owner = block.item_owner.take(memory)
        return cls(memory, owner, owner * n + position.take(memory), where)
