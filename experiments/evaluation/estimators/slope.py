"""SLOPE: the data choose how much to clip or shrink (Su, Srinath & Krishnamurthy 2020; Tucker & Lee 2021).

Candidates go from little bias and much noise to much bias and little noise. As long as their confidence
intervals overlap enough, the bias has not shown yet, and the less noisy one is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

from scipy import stats

from segue.experiments.evaluation.estimators.single_step import EstimateParts, Ints, Rounds
from segue.experiments.evaluation.estimators.standard_errors import standard_error

CAPS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, float("inf"))


@dataclass(frozen=True)
class TunedSetting:
    """The hyper-parameter chosen and the estimate with it."""

    setting: float
    parts: EstimateParts


def slope(
    rounds: Rounds,
    estimator: Callable[[Rounds, float], EstimateParts],
    *,
    grid: Sequence[float],
    cluster: Ints | None = None,
) -> TunedSetting:
    """Return the setting with the least noise whose 95 % interval meets those of all noisier ones.

    Ordered by error e from large to small, candidate i is kept while |v_i - v_j| <= e_i + (√6 - 1) e_j for
    all j before it (SLOPE++, Tucker & Lee 2021, algorithm 1).

    Parameters
    ----------
    estimator : function of (rounds, setting)
    grid : settings to try, in any order

    Examples
    --------
    >>> import numpy as np
    >>> from segue.experiments.evaluation.estimators.single_step import clipped_ips
    >>> rng = np.random.default_rng(0)
    >>> rounds = Rounds(rng.exponential(size=2000), rng.random(2000))
    >>> slope(rounds, lambda r, cap: clipped_ips(r, cap=cap), grid=CAPS).setting
    3.0
    """
    if not grid:
        raise ValueError("grid must hold at least one setting")
    z = float(stats.norm.isf(0.025))
    tried = [TunedSetting(setting, estimator(rounds, setting)) for setting in grid]
    errors = {choice.setting: z * standard_error(choice.parts, cluster) for choice in tried}
    tried.sort(key=lambda choice: (-errors[choice.setting], -choice.setting))
    best = tried[0]
    for index, choice in enumerate(tried):
        for noisier in tried[:index]:
            reach = errors[choice.setting] + (sqrt(6) - 1) * errors[noisier.setting]
            if abs(choice.parts.value - noisier.parts.value) > reach:
                return best
        best = choice
    return best
