"""From a log to an answer: every estimate with its diagnostics, or "not enough evidence" with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import isfinite

import numpy as np

from segue.experiments.evaluation.estimators.single_step import (
    NIL,
    EstimateParts,
    Ints,
    Rounds,
    estimators_for,
)
from segue.experiments.evaluation.estimators.standard_errors import standard_error
from segue.experiments.evaluation.estimators.support import with_support
from segue.experiments.evaluation.intervals.closed_form import (
    Bounds,
    Interval,
    bounds_of,
    empirical_bernstein,
    joint_level,
    normal,
)
from segue.experiments.evaluation.intervals.empirical_likelihood import cressie_read
from segue.experiments.evaluation.intervals.heavy_tail import without_mean
from segue.experiments.evaluation.logs.labels import labels_of
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.verdicts.cautions import cautions_of
from segue.experiments.evaluation.verdicts.diagnostics import Diagnostics, diagnose
from segue.experiments.evaluation.verdicts.evaluation_result import Estimate, Evaluation, Verdict
from segue.experiments.evaluation.verdicts.interval_rule import RULE, default_interval
from segue.experiments.evaluation.verdicts.policy_comparison import Comparison, compare, logging_policy
from segue.models.cluster_errors import recoded

SMALLEST_GROUP = 5
ONE_STEP = (
    "A step at a time: the target policy chooses one at each logged state, the logging policy the others."
)


def evaluate(
    log: Log,
    *,
    reward_range: tuple[float, float] | None = None,
    max_weight: float | None = None,
    level: float = 0.95,
) -> Evaluation:
    """Return the evaluation of the log's target policy.

    One log, one verdict: what refuses the whole also refuses the comparison with the policy that logged.

    Parameters
    ----------
    log : Log
    reward_range : (low, high), optional
        Range a reward can have. Default: none (that is said), but of rewards that are all one of two values.
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
    bounds = bounds_of(rounds, reward_range=reward_range, max_weight=max_weight)
    refused = RULE.refusal_of_log(log.lost)
    found = diagnose(rounds, log.propensity, cluster=log.cluster)
    whole = judge(rounds, found, cluster=log.cluster, bounds=bounds, level=level, refused=refused)
    refused = "" if whole.verdict == "enough evidence" else whole.reason
    gain = compare(
        rounds,
        logging_policy(rounds),
        bounds=bounds,
        cluster=log.cluster,
        level=level,
        refused=refused,
    )
    groups = {} if log.group is None else _by_group(log, rounds, bounds, level)
    return replace(
        whole,
        rejected=log.rejected,
        warnings=_warnings(log, rounds, bounds, (whole.headline, gain)),
        versus_logging=gain,
        log=log,
        groups=groups,
    )


def judge(
    rounds: Rounds,
    found: Diagnostics,
    *,
    bounds: Bounds,
    cluster: Ints | None = None,
    level: float = 0.95,
    refused: str = "",
) -> Evaluation:
    """Return every estimate these rounds allow, with the default interval or the refusal.

    `refused` says why the log as a whole gives no answer, if it does not.
    """
    bounds.largest(rounds.weight)
    refusal = refused or RULE.refusal(found) or _nothing_varies(rounds, bounds)
    if not refusal and not RULE.trusts_normal(found):
        refusal = without_mean(rounds, bounds=bounds)
    verdict: Verdict = "not enough evidence" if refusal else "enough evidence"
    reason = refusal or (
        f"{found.effective_rewards:,.0f} effective rewarded events, effective sample size {found.ess:,.0f}"
    )
    estimates = {}
    for name, estimator in estimators_for(rounds).items():
        parts = estimator(rounds)
        chosen = default_interval(
            parts,
            rounds,
            found,
            bounds=bounds,
            cluster=cluster,
            level=level,
            refused=bool(refusal),
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
    parts: EstimateParts, rounds: Rounds, *, name: str, bounds: Bounds, cluster: Ints | None, level: float
) -> dict[str, Interval]:
    """Return the textbook intervals of an estimate, by method, whatever the diagnostics say."""
    if parts.biased:
        return {}
    intervals = {"normal": normal(parts, cluster=cluster, level=level)}
    if name == "IPS" and cluster is None:
        intervals["empirical Bernstein"] = empirical_bernstein(parts, level=level)
        plain = rounds.without_predictions()
        intervals["Cressie-Read"] = cressie_read(plain, bounds=bounds, level=level)
    return intervals


def _nothing_varies(rounds: Rounds, bounds: Bounds) -> str:
    """Return why nothing can be said when all rewards are alike and no range is known."""
    if isfinite(bounds.low) or not rounds.n or float(np.ptp(rounds.reward)) > NIL * abs(rounds.reward[0]):
        return ""
    return "all rewards are alike and no range is stated: what else could have come is not known"


def _warnings(
    log: Log, rounds: Rounds, bounds: Bounds, answers: Iterable[Estimate | Comparison]
) -> tuple[str, ...]:
    """Return what a reader must know of the log itself, and of answers from it."""
    widths = [answer.high - answer.low for answer in answers]
    notes = [*cautions_of(log, rounds, bounds=bounds, width=min(widths))]
    if log.rejected.n:
        notes.append(f"{log.rejected}.")
    notes += log.notes
    if log.slate is not None:
        notes.append(ONE_STEP)
    if not isfinite(bounds.low):
        notes.append("No range of the reward is known: intervals rest on the rewards seen.")
    if log.group is not None:
        names, sizes = np.unique(labels_of(log.group), return_counts=True)
        few = [name for name, size in zip(names, sizes, strict=True) if name and size < SMALLEST_GROUP]
        if few:
            which = "1 group of" if len(few) == 1 else f"{len(few):,} groups of"
            notes.append(f"{which} less than {SMALLEST_GROUP} rounds not shown.")
    return tuple(notes)


def _by_group(log: Log, rounds: Rounds, bounds: Bounds, level: float) -> dict[str, Evaluation]:
    """Return the evaluation of every named group of at least five rounds; their intervals hold jointly."""
    assert log.group is not None
    refused = RULE.refusal_of_log(log.lost)
    group = labels_of(log.group)
    names, sizes = np.unique(group, return_counts=True)
    shown = [str(n) for n, size in zip(names, sizes, strict=True) if n and size >= SMALLEST_GROUP]
    each = joint_level(level, len(shown))
    out = {}
    for name in shown:
        keep = np.asarray(group == name)
        part = rounds.take(keep)
        if log.policy is not None and log.action is not None:
            part = with_support(part, log.policy[keep], log.action[keep], log.propensity[keep])
        cluster = None if log.cluster is None else recoded(log.cluster[keep])
        found = diagnose(part, log.propensity[keep], cluster=cluster)
        out[name] = judge(part, found, cluster=cluster, bounds=bounds, level=each, refused=refused)
    return out
