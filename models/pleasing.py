"""Does what learners finish and like teach them less? Resources of a skill beside each other.

Of each resource e is how gladly it is done (share finished, or mean rating), less what is usual for its
skills. Liked are those whose e is `DEAR` standard errors above 0: where all are alike, one in 25. Where
they are clearly more, what learners do better than forecast after them is held against what they do after the
others of their skills, with a standard error that allows for uneven noise (White 1980). Engagement that comes
at the cost of learning is a difference surely below 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.models.base import Floats, Ints
from segue.models.resource_effects import Effects, Groups

FEWEST = 20  # resources with followed steps and engagement, below which nothing is said
LEAST_Z = 1.645  # standard errors below 0 from which it is sure: one in twenty of no difference
DEAR = 1.75  # standard errors of its share finished from which a resource counts as liked
LEAST_LIKED = 0.09  # share of the resources that are liked, from which liking differs at all


@dataclass(frozen=True)
class Pleasing:
    """Learning against engagement.

    Attributes
    ----------
    slope : float
        How much more is learned after liked resources than after others (score); NaN: too little to say.
    z : float
        The same in standard errors.
    differ : bool
        Whether resources of a skill differ in engagement at all.
    liked : array of int
        The liked resources that taught less than others of their skills, worst first.
    """

    slope: float
    z: float
    differ: bool
    liked: Ints

    @property
    def rings(self) -> bool:
        """Whether what pleases surely teaches less."""
        return self.differ and self.z < -LEAST_Z


def pleasing(effects: Effects | None, groups: Groups, *, offered: Floats, liked: Floats) -> Pleasing:
    """Return how learning goes with engagement.

    Parameters
    ----------
    effects : Effects
        What each of R resources teaches; None: nothing is known.
    offered, liked : arrays of shape (R,)
        How often each was offered, and how much of that was finished (or the sum of ratings in [0, 1]).
    """
    unknown = Pleasing(float("nan"), float("nan"), differ=False, liked=np.zeros(0, dtype=np.int64))
    if effects is None:
        return unknown
    seen = (offered > 0) & (effects.count > 0)
    if seen.sum() < FEWEST:
        return unknown
    usual = groups.centre(liked, offered)
    apart = liked / np.maximum(offered, 1e-9) - usual
    noise = np.maximum(usual * (1.0 - usual), 1e-3) / np.maximum(offered, 1e-9)
    dear = seen & (apart > DEAR * np.sqrt(noise))
    differ = bool(dear.sum() >= LEAST_LIKED * seen.sum())
    v = effects.apart[seen]
    e = (dear - groups.centre(dear * offered, offered))[seen]
    weight = 1.0 / (effects.spread**2 + effects.noise / effects.weight[seen] + 1e-12)
    square = float((weight * e * e).sum())
    if square <= 0.0:
        return unknown
    slope = float((weight * e * v).sum()) / square
    error = float(np.sqrt(((weight * e * (v - slope * e)) ** 2).sum())) / square
    worst = np.flatnonzero(seen)[np.argsort(v)]
    named = worst[dear[worst] & (effects.apart[worst] < 0.0)]
    return Pleasing(slope, slope / max(error, 1e-12), differ, named)
