"""From a log to an answer: every estimate with its diagnostics, or "not enough evidence" with the reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segue.experiments.evaluation.estimators.single_step import Ints, Parts, Rounds, estimators_for
from segue.experiments.evaluation.estimators.standard_errors import recoded, standard_error
from segue.experiments.evaluation.intervals.closed_form import (
    Bounds,
    Interval,
    empirical_bernstein,
    joint_level,
    normal,
)
from segue.experiments.evaluation.intervals.empirical_likelihood import cressie_read
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.verdicts.diagnostics import Diagnostics, diagnose, unseen_support
from segue.experiments.evaluation.verdicts.evaluation_result import Estimate, Evaluation, Verdict
from segue.experiments.evaluation.verdicts.interval_rule import DEFAULT_RULE, Rule, default_interval
from segue.experiments.evaluation.verdicts.policy_comparison import compare, logging_policy

SMALLEST_GROUP = 5


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
