"""Does what learners finish and like teach them less? Resources of a skill beside each other.

Of each resource e is how gladly it is done (share finished, or mean rating) and v how much better than
forecast learners then did, both less what is usual for its skills. Where the e differ by more than chance,
the slope of v on e, every resource weighed by how well its v is known, with a standard error that allows for
uneven noise (White 1980). Engagement that comes at the cost of learning is a slope surely below 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from segue.models.resource_effects import Effects, Groups

Floats = NDArray[np.float64]
FEWEST = 20  # resources with followed steps and engagement, below which nothing is said
LEAST_Z = 2.6  # standard errors below 0 from which it is sure: half a percent of a null slope
DIFFERS = 0.01  # chance that equal resources differ so much in engagement
LIKED = 0.1  # of the resources, the most gladly done: named when the alarm rings


@dataclass(frozen=True)
class Pleasing:
    """Learning against engagement.

    Attributes
    ----------
    slope : float
        Change of learning (score) with engagement (share finished); NaN: too little to say.
    z : float
        The slope in standard errors.
    differ : bool
        Whether resources of a skill differ in engagement at all.
    liked : array of int
        The resources that are done more gladly and taught less than others of their skills, worst first.
    """

    slope: float
    z: float
    differ: bool
    liked: NDArray[np.int64]

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
    free = max(int(seen.sum()) - groups.n_among(seen), 1)
    differ = bool(chi2.sf(float((apart[seen] ** 2 / noise[seen]).sum()), free) < DIFFERS)
    e, v = apart[seen], effects.apart[seen]
    weight = 1.0 / (effects.spread**2 + effects.noise / effects.count[seen] + 1e-12)
    square = float((weight * e * e).sum())
    if square <= 0.0:
        return unknown
    slope = float((weight * e * v).sum()) / square
    error = float(np.sqrt(((weight * e * (v - slope * e)) ** 2).sum())) / square
    worst = np.flatnonzero(seen)[np.argsort(v)]
    dear = apart >= np.quantile(e, 1.0 - LIKED)
    named = worst[dear[worst] & (effects.apart[worst] < 0.0)]
    return Pleasing(slope, slope / max(error, 1e-12), differ, named)
