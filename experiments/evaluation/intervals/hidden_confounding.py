"""Hidden confounding: how wrong may the propensities be before the verdict flips?

Marginal sensitivity model (Tan 2006): given something nobody logged, the odds of the logged action may differ
from the logged odds by a factor of at most Λ, either way. The inverse propensity then lies in
[1 + (1/p - 1)/Λ, 1 + (1/p - 1) Λ], and the self-normalised value has a sharp range (Zhao, Small &
Bhattacharya 2019): its extremes put the large weights on the large (small) rewards, so one sort finds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from segue.experiments.evaluation.estimators.single_step import EstimateParts, Floats, Ints
from segue.experiments.evaluation.estimators.standard_errors import standard_error

LARGEST = 1000.0
HALVINGS = 16


@dataclass(frozen=True)
class Confounded:
    """Range of a value when odds may be wrong by `strength`: of the estimate, and with its error."""

    strength: float
    lowest: float
    highest: float
    low: float
    high: float


def sensitivity_bounds(
    reward: Floats,
    propensity: Floats,
    *,
    target: Floats,
    strength: float,
    cluster: Ints | None = None,
    level: float = 0.95,
) -> Confounded:
    """Return the range of the self-normalised value under confounding of at most `strength` (Λ >= 1).

    `low` and `high` add the sampling error at the extremes: the delta method with the extreme weights, which
    is right to first order because they are optima.

    Raises
    ------
    ValueError
        If `strength` is below 1.

    Examples
    --------
    >>> reward, half = np.array([0.0, 1.0, 0.0, 1.0]), np.full(4, 0.5)
    >>> found = sensitivity_bounds(reward, half, target=np.ones(4), strength=2.0)
    >>> round(found.lowest, 3), round(found.highest, 3)
    (0.333, 0.667)
    """
    if not strength >= 1:
        raise ValueError(f"strength must be >= 1 (1: no hidden confounding), got {strength}")
    odds = 1 / propensity - 1
    small, large = target * (1 + odds / strength), target * (1 + odds * strength)
    lower = _extreme(-reward, small, large)
    upper = _extreme(reward, small, large)
    bottom, top = (EstimateParts(weight * reward, denominator=weight) for weight in (lower, upper))
    z = float(stats.norm.isf((1 - level) / 2))
    return Confounded(
        strength,
        bottom.value,
        top.value,
        bottom.value - z * standard_error(bottom, cluster),
        top.value + z * standard_error(top, cluster),
    )


def flipping_strength(
    reward: Floats,
    propensity: Floats,
    *,
    target: Floats,
    baseline: float,
    cluster: Ints | None = None,
    level: float = 0.95,
) -> float:
    """Return the smallest Λ at which "better (or worse) than `baseline`" no longer holds, to 1 in 10,000.

    1 when the verdict does not even hold without confounding, `LARGEST` (1000) when it always holds. The
    closer to 1, the less hidden confounding it takes.
    """
    order = np.argsort(reward, kind="stable")  # sorted already, each of the bounds below is found sooner
    reward, propensity, target = reward[order], propensity[order], target[order]
    cluster = None if cluster is None else cluster[order]

    def undecided(strength: float) -> bool:
        found = sensitivity_bounds(
            reward, propensity, target=target, strength=strength, cluster=cluster, level=level
        )
        return found.low <= baseline <= found.high

    if undecided(1.0):
        return 1.0
    holds, flips = 0.0, float(np.log(LARGEST))
    if not undecided(LARGEST):
        return LARGEST
    for _ in range(HALVINGS):
        middle = (holds + flips) / 2
        holds, flips = (holds, middle) if undecided(float(np.exp(middle))) else (middle, flips)
    return float(np.exp(flips))


def told(strength: float) -> str:
    """Return what a flipping strength means, in a sentence.

    >>> told(1.5)
    'A hidden cause that makes the odds of what was logged 1.5 times higher or lower could undo this verdict.'
    """
    if strength <= 1:
        return "Against hidden causes nothing can be said: the weights alone do not carry this verdict."
    if strength >= LARGEST:
        return "No hidden cause of what was logged could undo this verdict."
    return (
        f"A hidden cause that makes the odds of what was logged {strength:.3g} times higher or lower could "
        "undo this verdict."
    )


def _extreme(score: Floats, small: Floats, large: Floats) -> Floats:
    """Return weights between `small` and `large` that make the weighted mean of the score largest.

    The optimum is a threshold: large weights above it, small below. All thresholds are tried by prefix sums.
    """
    order = np.argsort(-score, kind="stable")
    score, low, high = score[order], small[order], large[order]

    def prefixes(first: Floats, rest: Floats) -> Floats:
        head = np.concatenate([[0.0], np.cumsum(first)])
        tail = np.concatenate([[0.0], np.cumsum(rest[::-1])])[::-1]
        return np.asarray(head + tail)

    total = prefixes(high, low)
    means = np.full(len(total), -np.inf)
    np.divide(prefixes(high * score, low * score), total, out=means, where=total > 0)
    best = int(means.argmax())
    weight = np.empty_like(small)
    weight[order[:best]], weight[order[best:]] = large[order[:best]], small[order[best:]]
    return weight
