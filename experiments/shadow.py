"""A challenger in the champion's shadow: what another policy would have done, at the very same steps.

The champion draws with its own generator, so every state, mask and step before is the logged one; beside each
vector the champion draws from, the challenger's is noted. Its entry at what was drawn is the target
probability that evaluation needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from segue.engine.decisions import Request, Step
from segue.engine.policies import Choice, Policy
from segue.engine.recommender import Recommender
from segue.experiments.estimators import Floats, Ints


@dataclass(frozen=True)
class Shadow(Policy):
    """Chooses as `champion` does, and notes what `challenger` would give each candidate.

    `seen` grows by one pair (challenger's probabilities, scores; -inf where not allowed) a call.
    """

    champion: Policy
    challenger: Policy
    seen: list[tuple[Floats, Floats]] = field(default_factory=list, repr=False, compare=False)

    def weigh(self, choice: Choice) -> Floats:
        """Return the champion's probabilities."""
        scores = choice.values.copy()
        other = self.challenger.weigh(replace(choice, values=scores.copy()))
        self.seen.append((np.array(other), scores))
        return self.champion.weigh(choice)


@dataclass(frozen=True, eq=False)
class ShadowList:
    """A playlist with the challenger's view of every step.

    Attributes
    ----------
    steps : tuple of Step
        As the champion drew them.
    target : (k,)
        Challenger's probability of what was drawn (of the whole menu, in order), given the steps before; NaN
        where a teacher's pin was.
    probabilities, scores : (k, m, n)
        Challenger's probability and the champion's score (-inf: not allowed) of every candidate at every
        option.
    codes : (n,) of int
        Catalogue position of each candidate.
    """

    steps: tuple[Step, ...]
    target: Floats
    probabilities: Floats
    scores: Floats
    codes: Ints


def shadow_lists(
    recommender: Recommender,
    requests: Sequence[Request],
    *,
    rngs: Sequence[np.random.Generator],
    challenger: Policy,
) -> list[ShadowList]:
    """Return the champion's lists as `recommend_batch` draws them, with the challenger beside each step.

    To look back on logged lists, give the requests and generators of then: the same bits come out.
    """
    return [
        _shadow_list(recommender, request, rng, challenger)
        for request, rng in zip(requests, rngs, strict=True)
    ]


def _shadow_list(
    recommender: Recommender, request: Request, rng: np.random.Generator, challenger: Policy
) -> ShadowList:
    """Return one list; a batch of one is drawn as it is in any batch."""
    watching = Shadow(recommender.kernel.policy, challenger)
    kernel = replace(recommender.kernel, policy=watching)
    block = kernel.draw(Recommender(kernel).asked((request,)), [rng])
    length, menu = block.length(0), block.drawn.position.shape[2]
    seen = np.array(watching.seen).reshape(-1, menu, 2, len(block.codes))[:length]
    drawn = block.drawn.position[0, :length]
    chances = np.take_along_axis(seen[:, :, 0], np.maximum(drawn, 0)[:, :, None], axis=2)[:, :, 0]
    target = np.where(drawn >= 0, chances, 1.0).prod(axis=1)
    target[[step for _, step in block.drawn.pinned]] = np.nan
    steps = tuple(block.step(0, step) for step in range(length))
    return ShadowList(steps, target, seen[:, :, 0], seen[:, :, 1], block.codes)
