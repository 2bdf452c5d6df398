"""Every set of learners that a draw of places can give, with its probability: a check on the draws."""

from __future__ import annotations

import numpy as np

from segue.engine.practices.capacity import Floats, _chance, _checked, _duel


def enumerated(probability: Floats) -> dict[tuple[int, ...], float]:
    """Return every set of learners that `draw_places` can give one *fixed* order, with its probability.

    For small classes: summed over the sets with a learner, they give its probability back.

    Examples
    --------
    >>> sets = enumerated(np.array([0.5, 0.75, 0.75]))
    >>> round(sum(p for who, p in sets.items() if 1 in who), 12)
    0.75
    """
    p = _checked(probability)
    branches: list[tuple[Floats, int, float]] = [(p, 0, 1.0)]
    for other in range(1, len(p)):
        grown: list[tuple[Floats, int, float]] = []
        for left, pivot, weight in branches:
            share = _chance(float(left[pivot]), float(left[other]))
            for uniform, chance in ((-1.0, share), (2.0, 1.0 - share)):
                if chance > 0.0:
                    after = left.copy()
                    grown.append((after, _duel(after, pivot, other, uniform), weight * chance))
        branches = grown
    out: dict[tuple[int, ...], float] = {}
    for left, _, weight in branches:
        who = tuple(np.flatnonzero(left > 0.5).tolist())
        out[who] = out.get(who, 0.0) + weight
    return out
