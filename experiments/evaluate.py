"""From a log to an answer: every estimate with its diagnostics, or "not enough evidence" with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import Any, Literal

import numpy as np
import pandas as pd

from segue.experiments.choice import DEFAULT_RULE, Rule, default_interval
from segue.experiments.compare import Comparison, compare, logging_policy
from segue.experiments.diagnostics import Diagnostics, diagnose, unseen_support
from segue.experiments.estimators import Ints, Parts, Rounds, estimators_for
from segue.experiments.intervals import (
    Bounds,
    Interval,
    empirical_bernstein,
    joint_level,
    normal,
    recoded,
    standard_error,
)
from segue.experiments.likelihood import cressie_read
from segue.experiments.logs import Log
from segue.experiments.rejects import Rejected
from segue.experiments.sensitivity import flipping_strength, told

Verdict = Literal["enough evidence", "not enough evidence"]
SMALLEST_GROUP = 5
SHOWN = ("n", "ess", "max_weight", "share_of_max", "mean_weight", "unseen_support", "effective_rewards")


@dataclass(frozen=True)
class Estimate:
    """One estimate that never stands alone; prints as one sentence.

    `low` and `high` are NaN when there is no interval; `interval` then says why. `se` is NaN where no
    standard error would be honest. `others` holds intervals the rule did not choose, for comparison only.
    """

    name: str
    value: float
    se: float
    low: float
    high: float
    interval: str
    level: float
    diagnostics: Diagnostics
    verdict: Verdict
    reason: str
    caveat: str = ""
    others: Mapping[str, Interval] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the estimate, its interval and what it rests on, or the refusal and its reason."""
        found = self.diagnostics
        if self.verdict == "not enough evidence":
            return f"{self.name}: not enough evidence — {self.reason}."
        rests = (
            f"effective sample size {found.ess:,.0f} of {found.n:,}, largest weight {found.max_weight:.3g} "
            f"({found.share_of_max:.1%} of all), weights average {found.mean_weight:.3g}"
        )
        if not isfinite(self.low):
            return f"{self.name}: {self.value:.4g}, without an interval ({self.interval}); {rests}."
        caveat = f"; {self.caveat}" if self.caveat else ""
        return (
            f"{self.name}: {self.value:.4g}, {self.level:.0%} interval {self.low:.4g} to {self.high:.4g} "
            f"({self.interval}{caveat}); {rests}."
        )


@dataclass(frozen=True)
class Evaluation:
    """All estimates of one policy on one log, and the same by group (simultaneous intervals)."""

    estimates: Mapping[str, Estimate]
    diagnostics: Diagnostics
    verdict: Verdict
    reason: str
    warnings: tuple[str, ...] = ()
    groups: Mapping[str, Evaluation] = field(default_factory=dict)
    rejected: Rejected = field(default_factory=Rejected)
    versus_logging: Comparison | None = None
    log: Log | None = field(default=None, repr=False, compare=False)

    @property
    def headline(self) -> Estimate:
        """The estimate to quote, fixed beforehand: DR with predictions, else SNIPS."""
        return self.estimates["DR" if "DR" in self.estimates else "SNIPS"]

    @cached_property
    def flips_at(self) -> float | None:
        """How much hidden confounding undoes the verdict against the policy that logged; None without one.

        See `flipping_strength`.
        """
        gain, log = self.versus_logging, self.log
        if log is None or gain is None or gain.verdict == "not enough evidence":
            return None
        return flipping_strength(
            log.reward,
            log.propensity,
            target=log.target,
            baseline=float(log.reward.mean()),
            cluster=log.cluster,
            level=gain.level,
        )

    def table(self) -> pd.DataFrame:
        """Return one row an estimate, and beside each figure what it rests on."""
        found = {name: getattr(self.diagnostics, name) for name in SHOWN}
        rows = {name: _figures(e) | found | {"verdict": e.verdict} for name, e in self.estimates.items()}
        columns = ["estimate", "se", "low", "high", "interval", *SHOWN, "verdict"]
        return pd.DataFrame.from_dict(rows, orient="index")[columns]

    def to_dict(self) -> dict[str, Any]:
        """Return what `segue evaluate --json` prints: no NaN, null where there is no figure."""
        out: dict[str, Any] = {
            "estimates": {name: _figures(estimate) for name, estimate in self.estimates.items()},
            "diagnostics": asdict(self.diagnostics),
            "verdict": self.verdict,
            "reason": self.reason,
            "warnings": list(self.warnings),
        }
        if self.versus_logging is not None:
            out["versus_logging"] = self.versus_logging.to_dict()
            out["sensitivity"] = {"flipping_strength": self.flips_at}
        if self.groups:
            out["groups"] = {name: group.to_dict() for name, group in self.groups.items()}
        out["rejected"] = asdict(self.rejected)
        return {key: finite(value) for key, value in out.items()}

    def __str__(self) -> str:
        """Return the verdict, the headline and the caveats, one sentence each."""
        lines = [str(self.headline), *self.warnings]
        if self.versus_logging is not None:
            lines.append(f"Against the policy that logged — {self.versus_logging}")
        if self.flips_at is not None:
            lines.append(told(self.flips_at))
        lines += [f"{name} — {group.headline}" for name, group in self.groups.items()]
        return "\n".join(lines)


def evaluate(
    log: Log,
    *,
    reward_range: tuple[float, float] | None = None,
    max_weight: float | None = None,
    level: float = 0.95,
    rule: Rule = DEFAULT_RULE,
) -> Evaluation:
    """Return the evaluation of the log's target policy.

    Parameters
    ----------
    log : Log
    reward_range : (low, high), optional
        Range a reward can have. Default: [0, 1] if all rewards lie there, else the sample's range, flagged.
    max_weight : float, optional
        Largest possible weight. Default: the sample's, flagged where an interval rests on it.
    level : float
        Confidence level of each interval; groups share the error (`joint_level`).

    Notes
    -----
    On a log of playlists the estimand is the one-step deviation: the target policy at the logged states,
    then the logging policy.
    """
    rounds = log.rounds()
    unseen = None
    if log.policy is not None and log.action is not None:
        unseen = unseen_support(log.policy, log.action)
    found = diagnose(rounds, log.propensity, unseen=unseen, cluster=log.cluster)
    bounds = bounds_of(rounds, reward_range=reward_range, max_weight=max_weight)
    whole = judge(rounds, found, cluster=log.cluster, bounds=bounds, level=level, rule=rule)
    gain = compare(rounds, logging_policy(rounds), bounds=bounds, cluster=log.cluster, level=level, rule=rule)
    return replace(
        whole,
        rejected=log.rejected,
        warnings=_warnings(log, reward_range is not None or _unit(rounds)),
        versus_logging=gain,
        log=log,
        groups={} if log.group is None else _by_group(log, rounds, bounds, level, rule),
    )


def judge(
    rounds: Rounds,
    found: Diagnostics,
    *,
    bounds: Bounds,
    cluster: Ints | None = None,
    level: float = 0.95,
    rule: Rule = DEFAULT_RULE,
) -> Evaluation:
    """Return every estimate these rounds allow, with the default interval or the refusal."""
    bounds.largest(rounds.weight)
    refusal = rule.refusal(found)
    verdict: Verdict = "not enough evidence" if refusal else "enough evidence"
    reason = refusal or (
        f"{found.effective_rewards:,.0f} effective rewarded events, effective sample size {found.ess:,.0f}"
    )
    estimates = {}
    for name, estimator in estimators_for(rounds).items():
        parts = estimator(rounds)
        chosen = default_interval(
            parts, rounds, found, bounds=bounds, cluster=cluster, level=level, rule=rule
        )
        estimates[name] = Estimate(
            name=name,
            value=parts.value,
            se=float("nan") if name == "DM" else standard_error(parts, cluster),
            low=chosen.low,
            high=chosen.high,
            interval=chosen.method,
            level=level,
            diagnostics=found,
            verdict=verdict,
            reason=reason,
            caveat=chosen.caveat,
            others=_others(parts, rounds, name=name, bounds=bounds, cluster=cluster, level=level),
        )
    return Evaluation(estimates, found, verdict, reason)


def _others(
    parts: Parts, rounds: Rounds, *, name: str, bounds: Bounds, cluster: Ints | None, level: float
) -> dict[str, Interval]:
    """Return the textbook intervals of an estimate, by method, whatever the diagnostics say."""
    if parts.biased:
        return {}
    intervals = {"normal": normal(parts, cluster=cluster, level=level)}
    if name == "IPS" and cluster is None:
        intervals["empirical Bernstein"] = empirical_bernstein(parts, level=level)
        plain = Rounds(rounds.weight, rounds.reward)
        intervals["Cressie-Read"] = cressie_read(plain, bounds=bounds, level=level)
    return intervals


def bounds_of(
    rounds: Rounds, *, reward_range: tuple[float, float] | None = None, max_weight: float | None = None
) -> Bounds:
    """Return the stated range, else [0, 1] when every reward lies there, else the sample's range."""
    if reward_range is not None:
        return Bounds(*reward_range, max_weight)
    if _unit(rounds):
        return Bounds(max_weight=max_weight)
    low, high = float(rounds.reward.min()), float(rounds.reward.max())
    return Bounds(low, high if high > low else low + 1.0, max_weight)


def _unit(rounds: Rounds) -> bool:
    """Return whether all rewards lie in [0, 1]."""
    return bool(rounds.n == 0 or (rounds.reward.min() >= 0 and rounds.reward.max() <= 1))


def _warnings(log: Log, range_known: bool) -> tuple[str, ...]:
    """Return what a reader must know of the log itself."""
    notes = []
    if log.rejected.n:
        notes.append(f"{log.rejected}.")
    if not range_known:
        notes.append("The reward range is taken from the sample.")
    if (
        log.group is not None
        and min(np.unique(log.group.astype(str), return_counts=True)[1]) < SMALLEST_GROUP
    ):
        notes.append(f"Groups under {SMALLEST_GROUP} rounds are not shown.")
    return tuple(notes)


def _by_group(log: Log, rounds: Rounds, bounds: Bounds, level: float, rule: Rule) -> dict[str, Evaluation]:
    """Return the evaluation of every named group of at least five rounds; their intervals hold jointly."""
    assert log.group is not None
    names, sizes = np.unique(log.group.astype(str), return_counts=True)
    shown = [str(n) for n, size in zip(names, sizes, strict=True) if n and size >= SMALLEST_GROUP]
    each = joint_level(level, len(shown))
    out = {}
    for name in shown:
        keep = np.asarray(log.group == name)
        part = rounds.take(keep)
        cluster = None if log.cluster is None else recoded(log.cluster[keep])
        found = diagnose(part, log.propensity[keep], cluster=cluster)
        out[name] = judge(part, found, cluster=cluster, bounds=bounds, level=each, rule=rule)
    return out


def _figures(estimate: Estimate) -> dict[str, Any]:
    """Return the figures of one estimate."""
    out: dict[str, Any] = {
        "estimate": estimate.value,
        "se": estimate.se,
        "low": estimate.low,
        "high": estimate.high,
        "interval": estimate.interval,
        "level": estimate.level,
    }
    if estimate.caveat:
        out["caveat"] = estimate.caveat
    if estimate.others:
        out["others"] = {method: [i.low, i.high] for method, i in estimate.others.items()}
    return out


def finite(value: Any) -> Any:
    """Return the same structure with None for every number JSON cannot hold.

    Examples
    --------
    >>> finite({"a": float("nan"), "b": [1.0, np.float64("inf")]})
    {'a': None, 'b': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if isfinite(value) else None
    return value
