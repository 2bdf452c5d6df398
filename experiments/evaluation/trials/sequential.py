"""An interval that may be looked at every week: it holds at all times together, not at one.

A confidence sequence by the method of mixtures (Robbins 1970) for an estimate with a known-enough variance,
as the asymptotic theory allows (Waudby-Smith et al. 2024, "Time-uniform central limit theory"): with V the
variance of the estimate now, and τ² a number chosen beforehand,

    estimate ± sqrt(V (V + τ²) / τ² · (2 log(1 / α) + log((V + τ²) / V)))

covers at all looks at once with probability at least 1 - α. It is tightest near the error that was expected;
that costs about half of the width again beside an interval for a single look.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, log, nan, sqrt

import numpy as np
from scipy import optimize, stats

from segue.experiments.evaluation.estimators.single_step import Floats, Ints
from segue.experiments.evaluation.verdicts.policy_comparison import Comparison, Shipping

FEWEST_UNITS = 5  # a side


@dataclass(frozen=True)
class TrialLook:
    """One arm less the first, as it stands: valid whenever one looks.

    Attributes
    ----------
    difference, se, low, high : float
        NaN with fewer than five units on a side.
    units : (in the arm, in the first)
    verdict, reason : str
        As of a comparison of policies: "ship" when all of the interval is better.
    """

    arm: str
    against: str
    difference: float
    se: float
    low: float
    high: float
    alpha: float
    units: tuple[int, int]
    verdict: Shipping
    reason: str

    def __str__(self) -> str:
        """Return the verdict in a sentence."""
        head = f"{self.arm} against {self.against}: {self.verdict}"
        if not isfinite(self.low):
            return f"{head} — {self.reason}."
        return (
            f"{head} — {self.difference:+.4g}, {1 - self.alpha:.0%} at any time {self.low:+.4g} to "
            f"{self.high:+.4g}, {self.units[0]} against {self.units[1]} units; {self.reason}."
        )


def always_valid(estimate: float, se: float, *, alpha: float, expected_se: float) -> tuple[float, float]:
    """Return the ends of the confidence sequence now.

    >>> low, high = always_valid(0.0, 0.02, alpha=0.05, expected_se=0.02)
    >>> round(high / 0.02, 2)
    3.04
    """
    if not se > 0:
        return -inf, inf
    variance, mixture = se * se, _mixture(alpha) * expected_se**2
    room = variance * (variance + mixture) / mixture
    half = sqrt(room * (2 * log(1 / alpha) + log((variance + mixture) / variance)))
    return estimate - half, estimate + half


def _mixture(alpha: float) -> float:
    """Return τ² / V at which the interval is narrowest for this V."""

    def width(logarithm: float) -> float:
        ratio = float(np.exp(logarithm))
        return (1 + ratio) / ratio * (2 * log(1 / alpha) + log(1 + ratio))

    return float(np.exp(optimize.minimize_scalar(width, bounds=(-3.0, 8.0), method="bounded").x))


def look(
    value: Floats,
    unit: Ints,
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]],
    *,
    names: tuple[str, str],
    alpha: float,
    expected_se: float,
) -> TrialLook:
    """Return the difference of two arms' means over their units as it stands.

    Parameters
    ----------
    value : (n,)
        The metric of each row, NaN where not known.
    unit : (n,) of int
        Who was drawn; a unit counts once for each arm it was in, by its mean.
    inside : (n,) of bool
        Rows of the arm; the others are of the first arm.
    names : (arm, first arm)

    Notes
    -----
    Few units make the variance itself uncertain: it is taken larger by (t / z)², with Welch's degrees of
    freedom, so that an early look does not find what is not there. In a crossover a unit's two means are
    paired.
    """
    known = np.isfinite(value)
    mine, first = (_unit_means(value[rows], unit[rows]) for rows in (known & inside, known & ~inside))
    counts = len(mine), len(first)
    if min(counts) < FEWEST_UNITS:
        reason = f"{counts[0]} against {counts[1]} units, {FEWEST_UNITS} a side are needed"
        return TrialLook(*names, nan, nan, nan, nan, alpha, counts, "not enough evidence", reason)
    both = sorted(mine.keys() & first.keys())
    if len(both) >= FEWEST_UNITS and len(both) == max(counts):
        gaps = np.array([mine[u] - first[u] for u in both])
        estimate, se, dof = float(gaps.mean()), float(gaps.std(ddof=1)) / sqrt(len(gaps)), len(gaps) - 1.0
    else:
        estimate, se, dof = _welch(np.array(list(mine.values())), np.array(list(first.values())))
    wider = float(stats.t.isf(alpha / 2, dof) / stats.norm.isf(alpha / 2))
    low, high = always_valid(estimate, se * wider, alpha=alpha, expected_se=expected_se)
    verdict, reason = _verdict(low, high)
    return TrialLook(*names, estimate, se, low, high, alpha, counts, verdict, reason)


def as_comparison(found: TrialLook) -> Comparison:
    """Return a look as the gate reads it."""
    return Comparison(
        difference=found.difference,
        se=found.se,
        low=found.low,
        high=found.high,
        interval="always valid",
        level=1 - found.alpha,
        margin=0.0,
        verdict=found.verdict,
        reason=found.reason,
        n=sum(found.units),
    )


def _unit_means(value: Floats, unit: Ints) -> dict[int, float]:
    names, code = np.unique(unit, return_inverse=True)
    means = np.bincount(code, weights=value) / np.bincount(code) if len(code) else np.zeros(0)
    return dict(zip(names.tolist(), means.tolist(), strict=True))


def _welch(one: Floats, other: Floats) -> tuple[float, float, float]:
    """Return the difference of means, its error, and Welch's degrees of freedom."""
    a, b = float(one.var(ddof=1)) / len(one), float(other.var(ddof=1)) / len(other)
    if a + b == 0:
        return float(one.mean() - other.mean()), 0.0, float(len(one) + len(other) - 2)
    dof = (a + b) ** 2 / (a * a / (len(one) - 1) + b * b / (len(other) - 1))
    return float(one.mean() - other.mean()), sqrt(a + b), dof


def _verdict(low: float, high: float) -> tuple[Shipping, str]:
    if not (isfinite(low) and isfinite(high)):
        return "not enough evidence", "nothing varies yet"
    if low > 0:
        return "ship", "all of it better"
    if high < 0:
        return "do not ship", "all of it worse"
    return "not enough evidence", "both sides are possible; one may look again next week"
