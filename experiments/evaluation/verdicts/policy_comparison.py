"""Two policies on one log: the paired difference, whether to ship, and how long until one can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil, inf, isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from segue.experiments.evaluation.estimators.difference import Difference
from segue.experiments.evaluation.estimators.single_step import (
    NIL,
    EstimateParts,
    Ints,
    Rounds,
    self_normalised_doubly_robust,
    snips,
)
from segue.experiments.evaluation.estimators.standard_errors import standard_error
from segue.experiments.evaluation.intervals.closed_form import (
    Bounds,
    Interval,
    Unshown,
    bounds_of,
    joint_level,
    normal,
)
from segue.experiments.evaluation.intervals.heavy_tail import with_tails, without_mean
from segue.experiments.evaluation.intervals.pseudo_round import between, ends_of, typical_weight
from segue.experiments.evaluation.logs.labels import labels_of
from segue.experiments.evaluation.verdicts.diagnostics import Diagnostics, diagnose
from segue.experiments.evaluation.verdicts.interval_rule import NO_ANSWER, RULE, around, reach_of_unshown
from segue.features.events.outward_text import finite
from segue.models.cluster_errors import recoded

Shipping = Literal["ship", "do not ship", "not enough evidence"]


@dataclass(frozen=True)
class Comparison:
    """A challenger against a champion.

    Attributes
    ----------
    difference, se, low, high : float
        Challenger minus champion, its standard error and interval (NaN when refused).
    interval : str
        Method of the interval.
    level, margin : float
        Confidence level; how much worse than the champion is still accepted (0: must not be worse).
    verdict : "ship" if low > -margin, "do not ship" if high < -margin, else "not enough evidence"
    reason : str
    n : int
        Rounds.
    """

    difference: float
    se: float
    low: float
    high: float
    interval: str
    level: float
    margin: float
    verdict: Shipping
    reason: str
    n: int

    def detectable(self, power: float = 0.8) -> float:
        """Return the smallest true difference this log finds with the given probability."""
        return float(stats.norm.isf((1 - self.level) / 2) + stats.norm.isf(1 - power)) * self.se

    def rounds_needed(self, effect: float | None = None, *, power: float = 0.8) -> float:
        """Return how many rounds such a log needs to find `effect` above -margin; inf if it is not above.

        Without `effect`, the difference estimated here is taken for true.
        """
        distance = (self.difference if effect is None else effect) + self.margin
        if not distance > 0 or not isfinite(self.se):
            return inf
        return self.n * (self.detectable(power) / distance) ** 2

    def weeks_needed(
        self, rounds_per_week: float, effect: float | None = None, *, power: float = 0.8
    ) -> float:
        """Return the weeks still to log, 0 if this log is long enough already, inf if none ever is."""
        missing = self.rounds_needed(effect, power=power) - self.n
        return float(ceil(max(missing, 0.0) / rounds_per_week)) if isfinite(missing) else inf

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name, null where there is none."""
        more = {"minimum_detectable_effect": self.detectable(), "rounds_needed": self.rounds_needed()}
        return {name: finite(value) for name, value in (asdict(self) | more).items()}

    def __str__(self) -> str:
        """Return the verdict in one sentence."""
        if not isfinite(self.low):
            return f"{self.verdict.capitalize()}: {self.reason}."
        return (
            f"{self.verdict.capitalize()}: {self.difference:+.4g}, {self.level:.0%} interval {self.low:+.4g} "
            f"to {self.high:+.4g} ({self.interval}), {self.reason}.{self._outlook()}"
        )

    def _outlook(self) -> str:
        """Return how much longer to log, when that is what is missing."""
        missing = self.rounds_needed() - self.n
        if self.verdict != "not enough evidence" or not 0 < missing < inf:
            return ""
        return f" If it is what it looks like, about {missing:,.0f} more rounds will show it."


def logging_policy(rounds: Rounds) -> Rounds:
    """Return the rounds as seen by the policy that logged them: every weight 1."""
    return Rounds(np.ones(rounds.n), rounds.reward)


def compare(
    challenger: Rounds,
    champion: Rounds,
    *,
    bounds: Bounds | None = None,
    margin: float = 0.0,
    cluster: Ints | None = None,
    level: float = 0.95,
    refused: str = "",
) -> Comparison:
    """Return the paired comparison of two policies on the same rounds.

    Self-normalised, and doubly robust where the challenger has predictions. The champion is often the policy
    that logged (`logging_policy`).

    Parameters
    ----------
    bounds : Bounds, optional
        Reward range and largest weight; `bounds_of` the rounds if not given.
    margin : float
        Non-inferiority margin, >= 0, in the reward's unit.
    cluster : (n,) of int, optional
    refused : str
        Why the log as a whole gives no answer, if it does not.

    Raises
    ------
    ValueError
        If the rounds do not match or the margin is negative.
    """
    if challenger.n != champion.n:
        raise ValueError(f"both policies need the same rounds, got {challenger.n} and {champion.n}")
    if not margin >= 0:
        raise ValueError(f"margin must be >= 0 (how much worse is accepted), got {margin}")
    pair = Difference(_parts(challenger), _parts(champion))
    found = [diagnose(rounds, cluster=cluster) for rounds in (challenger, champion)]
    bounds = bounds or bounds_of(challenger)
    refusal = refused or next(filter(None, map(RULE.refusal, found)), "")
    if not refusal and not all(map(RULE.trusts_normal, found)):
        refusal = without_mean(challenger, champion, bounds=bounds)
    interval = NO_ANSWER
    if not refusal:
        policies = (pair, challenger, champion)
        interval = _interval(*policies, found=found, bounds=bounds, cluster=cluster, level=level)
        if not (isfinite(interval.low) and isfinite(interval.high)):
            refusal = "all rewards are alike and no range is stated: what else could have come is not known"
            interval = NO_ANSWER
    verdict, reason = _verdict(interval, margin, scale=float(np.abs(challenger.reward).max(initial=0.0)))
    return Comparison(
        difference=pair.value,
        se=standard_error(pair, cluster),
        low=interval.low,
        high=interval.high,
        interval="; ".join(filter(None, (interval.method, interval.caveat))),
        level=level,
        margin=margin,
        verdict=verdict,
        reason=refusal or reason,
        n=pair.n,
    )


def compare_groups(
    challenger: Rounds,
    champion: Rounds,
    *,
    group: NDArray[np.object_],
    bounds: Bounds | None = None,
    margin: float = 0.0,
    cluster: Ints | None = None,
    level: float = 0.95,
    refused: str = "",
) -> Mapping[str, Comparison]:
    """Return a comparison for each label of `group` (n,) but the missing ones; the intervals hold jointly."""
    group = labels_of(group)
    bounds = bounds or bounds_of(challenger)
    names = [str(name) for name in np.unique(group) if name]
    each = joint_level(level, len(names))
    out = {}
    for name in names:
        keep = np.asarray(group == name)
        out[name] = compare(
            challenger.take(keep),
            champion.take(keep),
            bounds=bounds,
            margin=margin,
            cluster=None if cluster is None else recoded(cluster[keep]),
            level=each,
            refused=refused,
        )
    return out


def _parts(rounds: Rounds) -> EstimateParts:
    """Return the estimator of the headline: SNDR with predictions, else SNIPS."""
    return snips(rounds) if rounds.q_target is None else self_normalised_doubly_robust(rounds)


def _interval(
    pair: Difference,
    challenger: Rounds,
    champion: Rounds,
    *,
    found: list[Diagnostics],
    bounds: Bounds,
    cluster: Ints | None,
    level: float,
) -> Interval:
    """Return the interval both policies' diagnostics allow."""
    own, others = (
        reach_of_unshown(rounds, one, bounds)
        for rounds, one in zip((challenger, champion), found, strict=True)
    )
    unshown = Unshown(own.share + others.share, own.below + others.above, own.above + others.below)
    if all(map(RULE.trusts_normal, found)):
        interval = normal(pair, cluster=cluster, level=level)
        tails = with_tails(interval, challenger, champion, bounds=bounds, cluster=cluster, level=level)
        return tails.over(unshown)
    apart = typical_weight(challenger.weight - champion.weight)  # what both share carries no variance
    low, high = ends_of(challenger, bounds, heavy=apart)
    champion_low, champion_high = ends_of(champion, bounds)
    ends = Difference(low, champion_high), Difference(high, champion_low)
    reach = bounds.high - bounds.low
    interval = between(*ends, cluster=cluster, level=level)
    interval = with_tails(interval, challenger, champion, bounds=bounds, cluster=cluster, level=level)
    return around(interval.over(unshown).within(-reach, reach), pair.value)


def _verdict(interval: Interval, margin: float, *, scale: float) -> tuple[Shipping, str]:
    """Return the verdict an interval allows, and the clause that explains it; rounding decides nothing."""
    nil = NIL * scale
    if interval.low > nil:
        return "ship", "all of it better"
    if interval.low > -margin + nil:
        return "ship", f"not worse by more than {margin:g}"
    if interval.high < -margin - nil:
        return "do not ship", "all of it worse" if margin == 0 else f"worse by more than {margin:g}"
    return "not enough evidence", f"both sides of {-margin if margin else 0:g} are possible"
