"""The manner of teaching as a part of the score: what content, process and product of a resource weigh.

A weight is in the units of a reward: how much better learners did after work of this manner than after the
same skills taught in another one. It counts as what a step is worth does, by

    log clip(1 + weight / .25, .4, 2.5)

summed over the three axes: a step that brings .25 is worth its full, and no manner moves a score by more than
a resource that teaches well does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from segue.features.catalogue import AXES, Catalogue, Floats, WeighedManner
from segue.models.resource_effects import CLIP

FULL = 0.25  # what a step brings that is worth its full, as the look-ahead's factor has it
NAME = "manner"
SENTENCE = "work of another manner has taught more, or was preferred by the teacher"


def points_of(weight: float) -> float:
    """Return what a weight gives a score.

    >>> points_of(0.0), round(points_of(0.15), 3), round(points_of(-1.0), 3)
    (0.0, 0.47, -0.916)
    """
    return float(np.log(np.clip(1.0 + weight / FULL, *CLIP)))


def manner_points(
    catalogue: Catalogue, earned: Sequence[WeighedManner], fixed: Sequence[WeighedManner], *, exponent: float
) -> Floats:
    """Return the points of every resource, (n,).

    Parameters
    ----------
    earned : sequence of WeighedManner
        From outcomes; their points are multiplied by `exponent`.
    fixed : sequence of WeighedManner
        By a teacher: each stands in place of what that manner has earned, as it is.
    """
    weighed: Mapping[tuple[str, str], float] = {
        **{(one.axis, one.level): exponent * points_of(one.weight) for one in earned},
        **{(one.axis, one.level): points_of(one.weight) for one in fixed},
    }
    out = np.zeros(len(catalogue.resources))
    for axis in AXES:
        levels = [str(getattr(one, axis)) for one in catalogue.resources]
        out += np.array([weighed.get((axis, level), 0.0) if level else 0.0 for level in levels])
    return out
