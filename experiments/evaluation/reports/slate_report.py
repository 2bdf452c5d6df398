"""Slate estimates with intervals, refusals and a report by position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from segue.experiments.evaluation.estimators.single_step import Floats, Ints, Parts, Rounds
from segue.experiments.evaluation.estimators.slates import Slates, by_position, controls, slates_of
from segue.experiments.evaluation.estimators.standard_errors import recoded, standard_error
from segue.experiments.evaluation.intervals.closed_form import Interval
from segue.experiments.evaluation.intervals.pseudo_round import between, ends
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.verdicts.diagnostics import Diagnostics, diagnose
from segue.experiments.evaluation.verdicts.interval_rule import DEFAULT_RULE, NOTHING, Rule, around


@dataclass(frozen=True)
class SlateEstimate:
    """The value of a whole list by one estimator; prints as one sentence."""

    name: str
    value: float
    se: float
    low: float
    high: float
    interval: str
    reason: str
    diagnostics: Diagnostics

    def __str__(self) -> str:
        """Return the estimate and its interval, or the refusal."""
        if self.reason:
            return f"{self.name}: not enough evidence — {self.reason}."
        found = self.diagnostics
        return (
            f"{self.name}: {self.value:.4g} a list, interval {self.low:.4g} to {self.high:.4g} "
            f"({self.interval}); effective sample size {found.ess:,.0f} of {found.n:,} lists."
        )


@dataclass(frozen=True)
class SlateEvaluation:
    """All slate estimates, and how they hold up position by position."""

    estimates: Mapping[str, SlateEstimate]
    positions: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return what `segue evaluate --json` prints under "slates"."""
        return {
            "estimates": {
                name: {
                    "estimate": e.value,
                    "se": e.se,
                    "low": e.low,
                    "high": e.high,
                    "interval": e.interval,
                    "reason": e.reason,
                    "diagnostics": asdict(e.diagnostics),
                }
                for name, e in self.estimates.items()
            },
            "by_position": self.positions.to_dict(orient="records"),
        }

    def __str__(self) -> str:
        """Return the estimates and the table by position."""
        return "\n".join([*map(str, self.estimates.values()), self.positions.round(4).to_string(index=False)])


def slates_of_log(log: Log) -> Slates:
    """Return the lists of a log that has slates and positions.

    Raises
    ------
    ValueError
        If it has none.
    """
    if log.slate is None or log.position is None:
        raise ValueError("the log has no slates: give the columns of the list's id and the step's position")
    rounds = log.rounds()
    return slates_of(
        log.slate,
        log.position,
        reward=log.reward,
        propensity=log.propensity,
        target=log.target,
        q_logged=rounds.q_logged,
        q_target=rounds.q_target,
    )


def list_clusters(log: Log) -> Ints | None:
    """Return each list's cluster, (S,), in the order of `slates_of_log`; None if all stand alone."""
    if log.cluster is None or log.slate is None:
        return None
    labels, first = np.unique(log.slate, return_index=True)
    clusters = recoded(log.cluster[first])
    return clusters if int(clusters.max()) + 1 < len(labels) else None


def evaluate_slates(
    slates: Slates,
    *,
    reward_range: tuple[float, float] | None = None,
    cluster: Ints | None = None,
    level: float = 0.95,
    rule: Rule = DEFAULT_RULE,
) -> SlateEvaluation:
    """Return every slate estimate with an interval for the list's total reward, or the refusal.

    `reward_range` is that of one step ([0, 1], stretched to the sample's, if not given); `cluster` (S,)
    groups lists. Each estimator's overall weight averages 1.
    """
    steps = slates.weight.shape[1]
    low, high = reward_range or (min(0.0, slates.reward.min()), max(1.0, slates.reward.max()))
    span = (steps * low, steps * high)
    estimates = {}
    for name, (parts, weight) in controls(slates).items():
        found = diagnose(Rounds(weight, _typical(parts, weight)), cluster=cluster)
        refusal = rule.refusal(found)
        interval = (
            Interval(NOTHING, NOTHING, "none: not enough evidence")
            if refusal
            else _interval(parts, weight, span=span, cluster=cluster, level=level)
        )
        estimates[name] = SlateEstimate(
            name,
            parts.value,
            standard_error(parts, cluster),
            interval.low,
            interval.high,
            interval.method,
            refusal,
            found,
        )
    return SlateEvaluation(estimates, by_position(slates))


def _typical(parts: Parts, weight: Floats) -> Floats:
    """Return each list's contribution over its weight: what stands for its reward in the diagnostics."""
    value = parts.numerator
    return np.divide(value, weight, out=np.zeros_like(value), where=weight != 0)


def _interval(
    parts: Parts, weight: Floats, *, span: tuple[float, float], cluster: Ints | None, level: float
) -> Interval:
    """Return the interval with one imagined list more."""
    typical = float(parts.numerator.sum()) / float(weight.sum())
    low, high = ends(weight, parts.numerator, reach=(span[0] - typical, span[1] - typical), base=parts.base)
    return around(between(low, high, cluster=cluster, level=level).within(*span), parts.value)
