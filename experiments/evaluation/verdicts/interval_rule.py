"""Which interval a log deserves, or none: one rule, fixed before any coverage table was made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from segue.experiments.evaluation.estimators.single_step import Ints, Parts, Rounds
from segue.experiments.evaluation.intervals.closed_form import Bounds, Interval, normal
from segue.experiments.evaluation.intervals.pseudo_round import between, ends_of
from segue.experiments.evaluation.verdicts.diagnostics import Diagnostics

NOTHING = float("nan")


@dataclass(frozen=True)
class Rule:
    """The rule that chooses the default interval.

    Attributes
    ----------
    normal_rewards, normal_share : float
        The normal (delta) interval from this many effective rewarded events on, if no single weight holds
        more than this share of all weight: an imagined round then makes no difference.
    rewards, size : float
        No answer below this many effective rewarded events, or this effective sample size. From there on,
        the interval with one imagined round (see `pseudo_round`).
    deviation : float
        No answer when the mean weight is more than this many standard errors from 1.
    unseen : float
        No answer when the target gives more than this share of its choices to actions never logged.
    clusters : float
        No answer below this many effective clusters.
    """

    normal_rewards: float = 10_000.0
    normal_share: float = 0.001
    rewards: float = 5.0
    size: float = 8.0
    deviation: float = 5.0
    unseen: float = 0.05
    clusters: float = 5.0

    def refusal(self, found: Diagnostics) -> str:
        """Return why there is no answer, or an empty string."""
        return next(self._faults(found), "")

    def _faults(self, found: Diagnostics) -> Iterator[str]:
        """Yield what forbids an answer."""
        if found.max_weight == 0:
            yield "the target policy never chooses what was logged"
        if found.effective_rewards < self.rewards:
            yield (
                f"only {found.effective_rewards:.1f} effective rewarded events, {self.rewards:g} are needed "
                f"(effective sample size {found.ess:.1f} of {found.n:,})"
            )
        if found.ess < self.size:
            yield f"an effective sample size of only {found.ess:.1f} of {found.n:,}, {self.size:g} is needed"
        if found.unseen_support is not None and found.unseen_support > self.unseen:
            yield f"the target policy gives {found.unseen_support:.1%} of its choices to actions never logged"
        if abs(found.weight_deviation) > self.deviation:
            yield (
                f"weights average {found.mean_weight:.3g} ± {found.mean_weight_se:.2g} where 1 is due: "
                "propensities are wrong, or the policies share too little"
            )
        if found.effective_clusters is not None and found.effective_clusters < self.clusters:
            yield f"only {found.effective_clusters:.1f} effective clusters, {self.clusters:g} are needed"

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
    low, high = ends_of(seen, bounds)
    interval = between(low, high, cluster=cluster, level=level).within(bounds.low, bounds.high)
    return around(interval, parts.value)


def around(interval: Interval, value: float) -> Interval:
    """Return the interval stretched to hold the estimate.

    It is made for self-normalised values; plain IPS and DR are not, and may lie outside.
    """
    return replace(interval, low=min(interval.low, value), high=max(interval.high, value))
