"""Which candidates of a decision its learners have used before."""

from __future__ import annotations

from typing import NamedTuple

from segue.features.history.attempts import Ints
from segue.features.history.learner_state import StateBlock


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
        memory = (position >= 0).nonzero()[0]
        return cls(memory, block.item_owner.take(memory), position.take(memory), where)
