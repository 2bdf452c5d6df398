"""Which interval a log deserves, or none: one rule, fixed before any coverage table was made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segue.experiments.diagnostics import Diagnostics
from segue.experiments.estimators import Floats, Ints, Parts, Rounds
from segue.experiments.intervals import Bounds, Interval, normal
from segue.experiments.likelihood import cressie_read

NOTHING = float("nan")
TARGET_MASS = 0.95


@dataclass(frozen=True)
class Rule:
    """The rule that chooses the default interval.

    Attributes
    ----------
    normal_rewards, normal_share : float
        The normal (delta) interval from this many effective rewarded events on, if no single weight holds
        more than this share of all weight: the likelihood then agrees with it to a few per cent.
    likelihood_rewards : float
        Cressie-Read empirical likelihood from this many effective rewarded events; below, no answer.
    deviation : float
        No answer when the mean weight is more than this many standard errors from 1.
    unseen : float
        No answer when the target gives more than this share of its choices to actions never logged.
    clusters : float
        No answer below this many effective clusters.
    """

    normal_rewards: float = 10_000.0
    normal_share: float = 0.001
    likelihood_rewards: float = 5.0
    deviation: float = 5.0
    unseen: float = 0.05
    clusters: float = 5.0

    def refusal(self, found: Diagnostics) -> str:
        """Return why there is no answer, or an empty string."""
        if found.max_weight == 0:
            return "the target policy never chooses what was logged"
        if found.effective_rewards < self.likelihood_rewards:
            return (
                f"only {found.effective_rewards:.1f} effective rewarded events, {self.likelihood_rewards:g} "
                f"are needed (effective sample size {found.ess:.1f} of {found.n:,})"
            )
        if found.unseen_support is not None and found.unseen_support > self.unseen:
            return (
                f"the target policy gives {found.unseen_support:.1%} of its choices to actions never logged"
            )
        if abs(found.weight_deviation) > self.deviation:
            return (
                f"weights average {found.mean_weight:.3g} ± {found.mean_weight_se:.2g} where 1 is due: "
                "propensities are wrong, or the policies share too little"
            )
        if found.effective_clusters is not None and found.effective_clusters < self.clusters:
            return f"only {found.effective_clusters:.1f} effective clusters, {self.clusters:g} are needed"
        return ""

    def trusts_normal(self, found: Diagnostics) -> bool:
        """Return whether the normal interval may be used."""
        return found.effective_rewards >= self.normal_rewards and found.share_of_max <= self.normal_share


DEFAULT_RULE = Rule()


def default_interval(
    parts: Parts,
    rounds: Rounds,
    found: Diagnostics,
    *,
    bounds: Bounds,
    cluster: Ints | None = None,
    level: float = 0.95,
    rule: Rule = DEFAULT_RULE,
) -> Interval:
    """Return the interval the diagnostics allow (see `Rule`); NaN ends when they allow none."""
    if rule.refusal(found):
        return Interval(NOTHING, NOTHING, "none: not enough evidence")
    if parts.biased:
        return Interval(NOTHING, NOTHING, "none: its bias is unknown")
    if rule.trusts_normal(found):
        return normal(parts, cluster=cluster, level=level)
    seen = rounds if parts.base is not None else Rounds(rounds.weight, rounds.reward)
    ball = cressie_read(
        seen,
        bounds=bounds,
        largest=imagined_weight(rounds.weight, bounds),
        dof=spare_evidence(found),
        cluster=cluster,
        level=level,
    )
    return around(ball, parts.value)


def imagined_weight(weight: Floats, bounds: Bounds) -> float:
    """Return the weight of the round nobody saw: the stated bound, else a high one under the target policy.

    Without a bound it is the weight up to which lies `TARGET_MASS` of the sum of weights: of the rounds the
    target policy would make itself, one in twenty weighs more. (The largest of the sample covers no better
    and widens the interval up to twofold where rewards are rare.)

    Examples
    --------
    >>> imagined_weight(np.array([1.0] * 19 + [30.0]), Bounds())
    30.0
    >>> imagined_weight(np.ones(20), Bounds(max_weight=9.0))
    9.0
    """
    if bounds.max_weight is not None:
        return bounds.largest(weight)
    ordered = np.sort(np.maximum(weight, 0.0))
    mass = np.cumsum(ordered)
    return max(1.0, float(ordered[np.searchsorted(mass, TARGET_MASS * mass[-1])]))


def spare_evidence(found: Diagnostics) -> float:
    """Return an interval's degrees of freedom: effective rewarded events (or clusters, if fewer) less 1."""
    clusters = found.n if found.effective_clusters is None else found.effective_clusters
    return max(min(found.effective_rewards, clusters) - 1, 1.0)


def around(interval: Interval, value: float) -> Interval:
    """Return the interval stretched to hold the estimate.

    The likelihood knows that weights average 1; plain IPS does not, and may lie outside.
    """
    return replace(interval, low=min(interval.low, value), high=max(interval.high, value))
