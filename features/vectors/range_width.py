"""How wide a range must be: how much learners differ, and on a skill, is learned from their answers."""

from __future__ import annotations

import numpy as np

from segue.features.catalogue import Floats, Ints
from segue.features.history.attempts import Attempts, HistoryParameters
from segue.features.history.batch_replay import filtered

LEAST_PAIRS = 200  # of answers of a learner, below which the filter's own prior stands
LAGS = 3
WIDEST = 9.0  # variance of a logit


def extra_precision(
    logit: Floats, easiness: Floats, attempts: Attempts, parameters: HistoryParameters
) -> tuple[float, float]:
    """Return what to add to the filter's precision of a learner, and of a skill, to make its variances true.

    The filter starts learners and skills from variance 1 each. Where they differ by V₀ instead, a posterior
    precision is off by 1/V₀ - 1, whatever was seen since. Pairs of answers of one learner tell: with
    predictions made before the first, the product of their residuals has the expectation w w' V, where V is
    the variance of what the two logits share: the learner's alone on different skills, the skill's besides
    on the same. The constants that make the sums agree are returned.

    Parameters
    ----------
    logit : array of shape (n,)
        Predicted before each attempt.
    easiness : array of shape (n,)
        Of the items met, in logits.
    """
    combination = parameters.combination_of[attempts.resource]
    own, skill = _filter_variances(attempts, parameters, easiness)
    apart, alike = _pairs(attempts, combination, alike=False), _pairs(attempts, combination, alike=True)
    if min(len(apart[0]), len(alike[0])) < LEAST_PAIRS:
        return 0.0, 0.0
    total, weight = _residual_products(logit, easiness, attempts.score, *apart)
    of_learner = _extra_that_explains(total, weight, own[apart[0]])
    total, weight = _residual_products(logit, easiness, attempts.score, *alike)
    shared = float((weight * widened(own[alike[0]], of_learner)).sum())
    return of_learner, _extra_that_explains(total - shared, weight, skill[alike[0]])


def widened(variance: Floats, extra: float) -> Floats:
    """Return variances with `extra` precision, at most `WIDEST`.

    >>> widened(np.array([2.0, 0.5]), 0.5).round(2)
    array([1. , 0.4])
    """
    return np.asarray(1.0 / np.maximum(1.0 / variance + extra, 1.0 / WIDEST))


def _residual_products(
    logit: Floats, easiness: Floats, score: Floats, first: Ints, second: Ints
) -> tuple[float, Floats]:
    """Return the sum of the products of residuals, and what each says per unit of variance, (pairs,)."""
    before = 1.0 / (1.0 + np.exp(-logit[first]))
    after = 1.0 / (1.0 + np.exp(-(logit[first] + easiness[second] - easiness[first])))
    product = (score[first] - before) * (score[second] - after)
    return float(product.sum()), before * (1.0 - before) * after * (1.0 - after)


def _extra_that_explains(total: float, weight: Floats, spread: Floats) -> float:
    """Return the extra precision at which the expected products sum to `total`."""
    low, high = -0.9, 30.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        if float((weight * widened(spread, middle)).sum()) > total:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _pairs(attempts: Attempts, combination: Ints, *, alike: bool) -> tuple[Ints, Ints]:
    """Return rows of attempts of one learner that follow each other closely, on the same skills or not."""
    rows = np.arange(len(attempts))
    order = np.lexsort((rows, combination, attempts.learner)) if alike else rows
    found = [(order[:-lag], order[lag:]) for lag in range(1, LAGS + 1)]
    one, two = (np.concatenate(side) for side in zip(*found, strict=True))
    keep = attempts.learner[one] == attempts.learner[two]
    keep &= (combination[one] == combination[two]) == alike
    return one[keep], two[keep]


def _filter_variances(
    attempts: Attempts, parameters: HistoryParameters, easiness: Floats
) -> tuple[Floats, Floats]:
    """Return the filter's variances before each attempt: the learner's, and the share of its skills, (n,)."""
    (_, variance), _, _ = filtered(attempts, parameters, easiness, attempts.local)
    share = parameters.skill_weights[attempts.resource].T
    return variance[0], np.asarray((share * share * variance[1:]).sum(axis=0))
