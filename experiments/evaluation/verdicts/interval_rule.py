"""Which interval a log deserves, or none: one rule, fixed before any coverage table was made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

from scipy import stats

from segue.experiments.evaluation.estimators.single_step import EstimateParts, Ints, Rounds
from segue.experiments.evaluation.intervals.closed_form import Bounds, Interval, Unshown, normal
from segue.experiments.evaluation.intervals.heavy_tail import with_tails
from segue.experiments.evaluation.intervals.pseudo_round import between, ends_of
from segue.experiments.evaluation.logs.lost_rows import Lost
from segue.experiments.evaluation.verdicts.diagnostics import Diagnostics

NOTHING = float("nan")
NO_ANSWER = Interval(NOTHING, NOTHING, "none: not enough evidence")


@dataclass(frozen=True)
class IntervalRule:
    """The rule that chooses the default interval.

    Attributes
    ----------
    normal_rewards, normal_share : float
        The normal (delta) interval from this many effective rewarded events on, if no single weight holds
        more than this share of all weight: an imagined round then makes no difference.
    rewards, size : float
        No answer below this many rewarded events, or this effective sample size. Events are counted as they
        can be expected among rounds of such weights (`Diagnostics.expected_rewards`), or as they were seen
        among the heavy ones (`heavy_rewards`): which heavy rounds happened to be rewarded must not decide
        whether there is an answer. From there on, the interval with one imagined round (`pseudo_round`).
    deviation, excess : float
        No answer when the mean weight is more standard errors below 1, or above it, beyond rounding (few
        clusters: as improbable under Student's t). Heavy weights that happen to be missing pull it down; of
        true propensities nothing pulls it up but chance.
    short : float
        From this many standard errors below 1 on (`Diagnostics.weight_shortfall`), what the mean weight lacks
        may be choices that the log does not show: intervals reach over any reward of theirs (`unshown`).
    unseen : float
        No answer when the target gives more than this share of its choices to actions the log does not
        show, beyond those that by their like could have been drawn and were not (`unseen_by_chance`).
        Up to it, intervals reach over any reward of theirs.
    clusters, weighted_clusters : float
        No answer below this many effective clusters, counted by size and by weight.
    lost, lost_caution : float
        No answer when more than the first share of a log's rows was lost (a reward or another figure is
        missing), or more than the second and not alike over actions, or weights. Between the two: a caution.
    moved : float
        A caution as well where rewards at an end of their range, in the rows that were lost, would move the
        answer by more than this share of the interval's width.
    chance : float
        Probability below which losses are not taken to be alike.
    """

    normal_rewards: float = 10_000.0
    normal_share: float = 0.001
    rewards: float = 3.0
    size: float = 8.0
    deviation: float = 5.0
    excess: float = 3.0
    short: float = 2.0
    unseen: float = 0.05
    clusters: float = 5.0
    weighted_clusters: float = 4.0
    lost: float = 0.2
    lost_caution: float = 0.02
    moved: float = 0.125
    chance: float = 1e-3

    def refusal(self, found: Diagnostics) -> str:
        """Return why there is no answer, or an empty string."""
        return next(self._faults(found), "")

    def _faults(self, found: Diagnostics) -> Iterator[str]:
        """Yield what forbids an answer."""
        if found.n == 0:
            yield "there is no round"
        if found.max_weight == 0:
            yield "the target policy never chooses what was logged"
        yield from self._too_few_clusters(found)
        events = self.events(found)
        if events < self.rewards:
            yield (
                f"only {events:.1f} effective rewarded events can be expected, {self.rewards:g} are needed "
                f"(effective sample size {found.ess:.1f} of {found.n:,})"
            )
        if found.ess < self.size:
            yield f"an effective sample size of only {found.ess:.1f} of {found.n:,}, {self.size:g} is needed"
        yield from self._doubts(found)

    def doubt(self, found: Diagnostics) -> str:
        """Return why no interval holds here, of whatever method and size of log, or an empty string."""
        return next(self._doubts(found), "")

    def _doubts(self, found: Diagnostics) -> Iterator[str]:
        """Yield what contradicts the log's probabilities, or what the target wants."""
        if self._unsupported(found):
            yield (
                f"the target policy gives {found.unseen_support:.1%} of its choices to actions that the log "
                "does not show, more than chance explains"
            )
        allowed = self.deviation if found.weight_deviation < 0 else self.excess
        if abs(found.weight_deviation) > _few(allowed, found.effective_clusters):
            yield (
                f"weights average {found.mean_weight:.3g} ± {found.mean_weight_se:.2g} where 1 is due: "
                "propensities are wrong, or the policies share too little"
            )

    def refusal_of_log(self, lost: Lost) -> str:
        """Return why a log gives no answer whatever its weights are, or an empty string."""
        if lost.share > self.lost:
            return (
                f"{lost}, more than {self.lost:.0%}: if they are missing because of what they were, "
                "the value is another"
            )
        by = self._uneven(lost)
        if by and lost.share > self.lost_caution:
            return f"{lost}, and which do depends on {by}: what is left is a selection"
        return ""

    def cautions(self, lost: Lost, *, reach: float = 0.0, width: float = inf) -> tuple[str, ...]:
        """Return what a reader must know of rows that were lost.

        `reach` is how far rewards lie apart, `width` that of the interval which what was lost might move.
        """
        if self.refusal_of_log(lost) or not lost.lost:
            return ()
        by = self._uneven(lost)
        if not by and lost.share <= self.lost_caution and lost.share * reach <= self.moved * width:
            return ()
        which = f", and which do depends on {by}" if by else ""
        return (f"Caution: {lost}{which}; the answer holds only if they are missing whatever they were.",)

    def _uneven(self, lost: Lost) -> str:
        """Return what losses depend on."""
        on = {"the action": lost.by_action, "the weight": lost.by_weight}
        return " and ".join(name for name, chance in on.items() if chance < self.chance)

    def events(self, found: Diagnostics) -> float:
        """Return the rewarded events that an answer can rest on."""
        return max(found.expected_rewards, found.heavy_rewards)

    def _unsupported(self, found: Diagnostics) -> bool:
        """Return whether the target wants what the logging policy may never have offered."""
        unseen = found.unseen_support
        return unseen is not None and unseen - found.unseen_by_chance > self.unseen

    def _too_few_clusters(self, found: Diagnostics) -> Iterator[str]:
        """Yield what is missing in clusters."""
        if found.effective_clusters is None or found.weighted_clusters is None:
            return
        if found.effective_clusters == 1:
            yield f"all rounds are in a single cluster, {self.clusters:g} are needed"
        if found.effective_clusters < self.clusters:
            yield f"only {found.effective_clusters:.1f} effective clusters, {self.clusters:g} are needed"
        if found.weighted_clusters < self.weighted_clusters:
            yield (
                f"only {found.weighted_clusters:.1f} effective clusters hold what the target would choose, "
                f"{self.weighted_clusters:g} are needed"
            )

    def unshown(self, found: Diagnostics) -> float:
        """Return the share of the target's choices that the log does not show.

        By its table, beyond chance; or what the mean weight lacks of 1 where chance does not explain it, and
        one standard error more: logs that lack most are refused, and those left show too little of it.
        """
        unseen = max((found.unseen_support or 0.0) - found.unseen_by_chance, 0.0)
        if found.weight_shortfall < _few(self.short, found.effective_clusters):
            return unseen
        lacks = 1.0 - found.mean_weight - found.rounding
        return max(unseen, lacks * (1.0 - 1.0 / found.weight_deviation))

    def trusts_normal(self, found: Diagnostics) -> bool:
        """Return whether the normal interval may be used."""
        events = min(found.effective_rewards, found.expected_rewards)
        return events >= self.normal_rewards and found.share_of_max <= self.normal_share


def _few(errors: float, clusters: float | None) -> float:
    """Return how many standard errors are as improbable under Student's t of the clusters there are."""
    if clusters is None or clusters < 2:
        return errors
    return float(stats.t.isf(stats.norm.sf(errors), clusters - 1))


RULE = IntervalRule()


def default_interval(
    parts: EstimateParts,
    rounds: Rounds,
    found: Diagnostics,
    *,
    bounds: Bounds,
    cluster: Ints | None = None,
    level: float = 0.95,
    refused: bool = False,
) -> Interval:
    """Return the interval the diagnostics allow (see `IntervalRule`); NaN ends when there is none."""
    if refused or RULE.refusal(found):
        return NO_ANSWER
    if parts.biased:
        return Interval(NOTHING, NOTHING, "none: its bias is unknown")
    seen = rounds if parts.base is not None else rounds.without_predictions()
    unshown = reach_of_unshown(seen, found, bounds)
    if RULE.trusts_normal(found):
        interval = normal(parts, cluster=cluster, level=level)
        return with_tails(interval, seen, bounds=bounds, cluster=cluster, level=level).over(unshown)
    low, high = ends_of(seen, bounds)
    interval = between(low, high, cluster=cluster, level=level)
    interval = with_tails(interval, seen, bounds=bounds, cluster=cluster, level=level).over(unshown)
    return around(interval.within(bounds.low, bounds.high), parts.value)


def reach_of_unshown(
    rounds: Rounds, found: Diagnostics, bounds: Bounds, *, stands: float | None = None
) -> Unshown:
    """Return how far the target's value may lie below and above what the log says, for choices not in it.

    Their rewards may be any in the range, without one among those seen (Manski 1990). What `stands` for them
    in the estimate is by default its own mean or, doubly robust, the predictions'.
    """
    share = RULE.unshown(found)
    if not share:
        return Unshown()
    known = bounds.over(rounds.reward)
    if stands is None:
        weighed = float(rounds.weighted.sum()) / float(rounds.weight.sum())
        stands = weighed if rounds.q_target is None else float(rounds.q_target.mean())
    return Unshown(share, share * max(stands - known.low, 0.0), share * max(known.high - stands, 0.0))


def around(interval: Interval, value: float) -> Interval:
    """Return the interval stretched to hold the estimate.

    It is made for self-normalised values; plain IPS and DR are not, and may lie outside.
    """
    return replace(interval, low=min(interval.low, value), high=max(interval.high, value))
