"""What a decision knows of its candidates before it reads a learner: their skills, and who used which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from segue.features.candidates import Combinations
from segue.features.history.attempts import Floats, HistoryParameters, Ints
from segue.features.history.learner_state import StateBlock


class Used(NamedTuple):
    """Which candidates the learners of a block have used: memory and learner of each, (M,), and its place
    in an array (B, n).

    `where` is the position of each resource among the n candidates, -1: none.
    """

    memory: Ints
    owner: Ints
    place: Ints
    where: Ints

    @classmethod
    def of(cls, block: StateBlock, where: Ints, n: int) -> Used:
        """Return the uses of `n` candidates; `where` is the place of each resource among them, -1: none."""
        position = where.take(block.item_id)
        memory = (position >= 0).nonzero()[0]
        owner = block.item_owner.take(memory)
        return cls(memory, owner, owner * n + position.take(memory), where)


@dataclass(frozen=True, eq=False)
class KnownCombinations:
    """What a success model knows of combinations of skills, whoever the learner.

    Attributes
    ----------
    combinations : Combinations, D of them
    parts : array of shape (1 + U + 8, 1, D)
        Those of ``SuccessReader.skill_set_parts``.
    code : int array of shape (D,)
        Their numbers in ``HistoryParameters.combination_of``.
    column : int array of shape (D,)
        Where the set of each lies among skills and sets of several.
    weakest : array of shape (1, D)
        What the lowest skill's mean less the mean of all skills weighs; 0 for one skill.
    """

    combinations: Combinations
    parts: Floats
    code: Ints
    column: Ints
    weakest: Floats

    @classmethod
    def of(
        cls, combinations: Combinations, parameters: HistoryParameters, parts: Floats, weakest: Floats
    ) -> KnownCombinations:
        """Return it for a catalogue; `parts` (1 + U + 8, n) are of its resources, `weakest` (1,) of sets."""
        head, several = combinations.head, parameters.set_of.take(combinations.head)
        return cls(
            combinations,
            parts.take(head, axis=1)[:, None],
            parameters.combination_of.take(head),
            np.where(several >= 0, several + combinations.n_skills, combinations.skills[:, 0]),
            np.minimum(combinations.sizes[None] - 1.0, 1.0) * weakest,
        )
