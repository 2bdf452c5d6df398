"""Scores by criterion: raters who differ in severity and care, evidence for skills, and why a score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.features.catalogue import Floats, Ints

PRIOR_SEVERITY = 0.1  # standard deviation of raters' severity before anything is seen
PRIOR_NOISE = 0.12
PRIOR_RATINGS = 4.0
SURE = 0.1  # as near to 0 or 1 as the score of one work is believed to be


@dataclass(frozen=True, eq=False)
class Raters:
    """What ratings say of raters and works.

    Attributes
    ----------
    severity, noise : arrays of shape (R,)
        What a rater takes off a score (positive is severe) and the standard deviation of the rest.
    quality, quality_std : arrays of shape (W,)
        Of each work on its criterion, freed of severity.
    """

    severity: Floats
    noise: Floats
    quality: Floats
    quality_std: Floats


def fit_raters(score: Floats, work: Ints, rater: Ints, *, rounds: int = 50) -> Raters:
    """Return severities, noises and qualities: score = quality - severity + noise, all normal.

    Alternating posterior means; severities sum to zero, since only differences between raters can be seen.
    Noises are shrunk to `PRIOR_NOISE` by `PRIOR_RATINGS` ratings.

    Parameters
    ----------
    score : array of shape (n,)
        In [0, 1].
    work, rater : int arrays of shape (n,)
        Codes from 0; a work is one product on one criterion.

    Raises
    ------
    ValueError
        When a score is outside [0, 1], or there is none.

    References
    ----------
    Linacre (1989), "Many-facet Rasch measurement": the additive model of severity, here on a linear scale.
    """
    if not len(score) or not ((score >= 0.0) & (score <= 1.0)).all():
        raise ValueError("score must hold numbers in [0, 1], at least one (levels? divide by the highest)")
    n_works, n_raters = int(work.max()) + 1, int(rater.max()) + 1
    severity: Floats = np.zeros(n_raters)
    noise: Floats = np.full(n_raters, PRIOR_NOISE)
    quality: Floats = np.zeros(n_works)
    weight: Floats = np.zeros(n_works)
    for _ in range(rounds):
        precision = 1.0 / noise[rater] ** 2
        weight = np.asarray(np.bincount(work, precision, n_works), dtype=np.float64)
        total = np.bincount(work, precision * (score + severity[rater]), n_works)
        quality = np.divide(total, weight, out=np.full(n_works, np.nan), where=weight > 0)
        off = quality[work] - score
        load = np.bincount(rater, precision, n_raters) + 1.0 / PRIOR_SEVERITY**2
        severity = np.bincount(rater, precision * off, n_raters) / load
        severity -= severity.mean()
        rest = off - severity[rater]
        count = np.bincount(rater, minlength=n_raters)
        own = precision / weight[work]  # each rating's share in the quality that it is compared with
        square = np.bincount(rater, rest**2 / np.maximum(1.0 - own, 0.25), n_raters)
        noise = np.sqrt((square + PRIOR_RATINGS * PRIOR_NOISE**2) / (count + PRIOR_RATINGS))
    return Raters(severity, noise, quality, _quality_std(score, work, rater, severity, weight))


def _quality_std(score: Floats, work: Ints, rater: Ints, severity: Floats, weight: Floats) -> Floats:
    """Return how uncertain a quality is: by the raters' noise, and more where they disagree on this work."""
    free = score + severity[rater]
    count = np.bincount(work, minlength=len(weight))
    mean = np.bincount(work, free, len(weight)) / np.maximum(count, 1)
    spread = np.bincount(work, (free - mean[work]) ** 2, len(weight)) / np.maximum(count - 1, 1)
    known = np.divide(1.0, weight, out=np.full(len(weight), np.nan), where=weight > 0)
    return np.asarray(np.sqrt(known + np.where(count > 1, spread / np.maximum(count, 1), 0.0)))


def attempt_weight(score: float, std: float) -> float:
    """Return what a score of a standard error counts beside a certain one, in (0, 1].

    A learner's vector takes a score for a try with the variance of one, y (1 - y); what raters leave open
    adds to it, and the weight is the share of the information that is left.

    >>> attempt_weight(0.5, 0.0), attempt_weight(0.5, 0.25), attempt_weight(0.5, 0.5)
    (1.0, 0.8, 0.5)
    """
    own = min(max(score, SURE), 1.0 - SURE)
    return own * (1.0 - own) / (own * (1.0 - own) + std**2)
