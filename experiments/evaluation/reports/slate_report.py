"""Slate estimates with intervals, refusals and a report by position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from segue.experiments.evaluation.estimators.difference import Difference
from segue.experiments.evaluation.estimators.single_step import EstimateParts, Floats, Ints, Rounds
from segue.experiments.evaluation.estimators.slates import Slates, by_position, controls, slates_of
from segue.experiments.evaluation.estimators.standard_errors import standard_error
from segue.experiments.evaluation.intervals.closed_form import Interval, bounds_of
from segue.experiments.evaluation.intervals.pseudo_round import between, ends
from segue.experiments.evaluation.logs.logged_data import Log, with_gaps
from segue.experiments.evaluation.verdicts.diagnostics import Diagnostics, diagnose
from segue.experiments.evaluation.verdicts.interval_rule import NO_ANSWER, RULE, around
from segue.features.events.outward_text import finite
from segue.models.cluster_errors import recoded

CHANCE = 0.01  # of marking an estimator whose assumption holds
ASSUMED: Mapping[str, str] = {
    "IIPS": "a step's reward depends on that step alone, and so does what is drawn",
    "RIPS": "a step's reward does not depend on later steps",
    "PI": "rewards add up over steps drawn independently",
    "cascade_DR": "a step's reward does not depend on later steps",
}


@dataclass(frozen=True)
class SlateEstimate:
    """The value of a whole list by one estimator; prints as one sentence.

    `contradicted` says why the log speaks against what the estimator assumes, if it does; `untested` whether
    that could not be tested.
    """

    name: str
    value: float
    se: float
    low: float
    high: float
    interval: str
    reason: str
    diagnostics: Diagnostics
    contradicted: str = ""
    untested: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        said = asdict(self)
        del said["name"]
        return {"estimate": said.pop("value")} | said

    def __str__(self) -> str:
        """Return the estimate and its interval, or the refusal."""
        if self.reason:
            return f"{self.name}: not enough evidence — {self.reason}."
        if self.contradicted:
            return f"{self.name}: not to be used here — {self.contradicted}."
        found = self.diagnostics
        doubt = f"; right only where {ASSUMED[self.name]}" if self.name in ASSUMED else ""
        doubt += ", which could not be tested" if self.untested else ""
        return (
            f"{self.name}: {self.value:.4g} a list, interval {self.low:.4g} to {self.high:.4g} "
            f"({self.interval}); effective sample size {found.ess:,.0f} of {found.n:,} lists{doubt}."
        )


@dataclass(frozen=True)
class SlateEvaluation:
    """All slate estimates, and how they hold up position by position."""

    estimates: Mapping[str, SlateEstimate]
    positions: pd.DataFrame
    set_aside: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return what `segue evaluate --json` prints under "slates"; null where there is no figure."""
        out: dict[str, Any] = {
            "estimates": {name: estimate.to_dict() for name, estimate in self.estimates.items()},
            "by_position": self.positions.to_dict(orient="records"),
            "lists_set_aside": self.set_aside,
        }
        return {key: finite(value) for key, value in out.items()}

    def __str__(self) -> str:
        """Return the estimates and the table by position."""
        gone = [f"{self.set_aside:,} lists lack a position and are set aside."] if self.set_aside else []
        short = {"logged_reward": "reward", "mean_weight": "weight", "reward_interaction": "interaction"}
        table = self.positions.rename(columns=short).round(4).to_string(index=False)
        return "\n".join([*map(str, self.estimates.values()), *gone, table])


def slates_of_log(log: Log) -> Slates:
    """Return the lists of a log that has slates and positions; those that lack a position are left out.

    Raises
    ------
    ValueError
        If it has none.
    """
    if log.slate is None or log.position is None:
        raise ValueError("the log has no slates: give the columns of the list's id and the step's position")
    whole = ~with_gaps(log.slate, log.position)
    if not whole.any():
        raise ValueError("every list of the log lacks a position: nothing can be said of whole lists")
    rounds = log.rounds().take(whole)
    return slates_of(
        log.slate[whole],
        log.position[whole],
        reward=log.reward[whole],
        propensity=log.propensity[whole],
        target=log.target[whole],
        q_logged=rounds.q_logged,
        q_target=rounds.q_target,
    )


def evaluate_lists(
    log: Log,
    *,
    reward_range: tuple[float, float] | None = None,
    level: float = 0.95,
) -> SlateEvaluation:
    """Return the evaluation of a log's whole lists; what refuses the log refuses its lists.

    Raises
    ------
    ValueError
        If the log has no lists, or none that is whole.
    """
    slates = slates_of_log(log)
    assert log.slate is not None
    found = evaluate_slates(
        slates,
        reward_range=reward_range,
        cluster=list_clusters(log),
        level=level,
        refused=RULE.refusal_of_log(log.lost),
    )
    return replace(found, set_aside=len(np.unique(log.slate)) - slates.n)


def list_clusters(log: Log) -> Ints | None:
    """Return each list's cluster, (S,), in the order of `slates_of_log`; None if all stand alone."""
    if log.cluster is None or log.slate is None:
        return None
    whole = np.ones(log.n, dtype=np.bool_) if log.position is None else ~with_gaps(log.slate, log.position)
    labels, first = np.unique(log.slate[whole], return_index=True)
    clusters = recoded(log.cluster[whole][first])
    return clusters if int(clusters.max()) + 1 < len(labels) else None


def evaluate_slates(
    slates: Slates,
    *,
    reward_range: tuple[float, float] | None = None,
    cluster: Ints | None = None,
    level: float = 0.95,
    refused: str = "",
) -> SlateEvaluation:
    """Return every slate estimate with an interval for the list's total reward, or the refusal.

    `reward_range` is that of one step (see `bounds_of`); `cluster` (S,) groups lists. Each estimator's
    overall weight averages 1. What an estimator assumes is tested against sequence IPS, which assumes
    nothing: where the two differ by more than chance allows, it is marked. `refused` says why the log gives
    no answer, if it does not.
    """
    span = _span(slates, reward_range)
    estimates = {}
    made = controls(slates)
    judged = {name: diagnose(Rounds(w, _typical(p, w)), cluster=cluster) for name, (p, w) in made.items()}
    tested = not (refused or RULE.refusal(judged["SIPS"]))
    for name, (parts, weight) in made.items():
        found = judged[name]
        refusal = refused or RULE.refusal(found)
        interval = NO_ANSWER
        if not refusal:
            interval = _interval(parts, weight, span=span, cluster=cluster, level=level)
        estimates[name] = SlateEstimate(
            name,
            parts.value,
            standard_error(parts, cluster),
            interval.low,
            interval.high,
            interval.method,
            refusal,
            found,
            contradicted=_contradiction(made["SIPS"][0], parts, cluster) if tested and name != "SIPS" else "",
            untested=not tested and name != "SIPS",
        )
    return SlateEvaluation(estimates, by_position(slates))


def _span(slates: Slates, reward_range: tuple[float, float] | None) -> tuple[float, float]:
    """Return the lowest and highest reward a list can have; shorter lists have fewer places."""
    seen = slates.reward[slates.present]
    known = bounds_of(Rounds(np.ones(len(seen)), seen), reward_range=reward_range)
    least, most = int(slates.length.min()), slates.weight.shape[1]
    ends = [steps * end for steps in (least, most) for end in (known.low, known.high)]
    return min(ends), max(ends)


def _contradiction(safe: EstimateParts, other: EstimateParts, cluster: Ints | None) -> str:
    """Return how far an estimate is from the one that assumes nothing, when chance does not explain it."""
    gap = Difference(other, safe)
    limit = float(stats.norm.isf(CHANCE / 2)) * standard_error(gap, cluster)
    if not abs(gap.value) > limit:
        return ""
    return (
        f"it differs from sequence IPS by {gap.value:+.3g}, and chance explains {limit:.2g}: a step's reward "
        "depends on other steps in a way that it leaves out"
    )


def _typical(parts: EstimateParts, weight: Floats) -> Floats:
    """Return each list's contribution over its weight: what stands for its reward in the diagnostics."""
    value = parts.numerator
    return np.divide(value, weight, out=np.zeros_like(value), where=weight != 0)


def _interval(
    parts: EstimateParts, weight: Floats, *, span: tuple[float, float], cluster: Ints | None, level: float
) -> Interval:
    """Return the interval with one imagined list more."""
    typical = float(parts.numerator.sum()) / float(weight.sum())
    reach = span[0] - typical, span[1] - typical
    low, high = ends(weight, _typical(parts, weight), reach=reach, base=parts.base)
    return around(between(low, high, cluster=cluster, level=level).within(*span), parts.value)
