"""What can be asked of a log beyond the fixed estimates: tuned caps, own predictions, balanced weights."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import nan
from typing import Literal

import numpy as np
from sklearn.linear_model import LogisticRegression

from segue.experiments.evaluation.estimators.balanced_weights import balanced_weights
from segue.experiments.evaluation.estimators.reward_predictions import calibrated, fit_linear_qhat
from segue.experiments.evaluation.estimators.single_step import (
    NIL,
    Floats,
    Rounds,
    clipped_doubly_robust,
    clipped_ips,
    snips,
)
from segue.experiments.evaluation.estimators.slope import CAPS, slope
from segue.experiments.evaluation.estimators.standard_errors import standard_error
from segue.experiments.evaluation.intervals.betting import betting
from segue.experiments.evaluation.intervals.closed_form import Interval, bounds_of
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.verdicts.diagnostics import diagnose
from segue.experiments.evaluation.verdicts.interval_rule import RULE, reach_of_unshown

FOLDS = 5
Wanted = Literal["slope", "balanced", "betting"]


@dataclass(frozen=True)
class More:
    """One further estimate, in a sentence and in figures; NaN where there is no answer or no interval."""

    told: str
    value: float = nan
    se: float = nan
    low: float = nan
    high: float = nan

    def to_dict(self) -> dict[str, float | str]:
        """Return the figures by name."""
        return {"estimate": self.value, "se": self.se, "low": self.low, "high": self.high, "told": self.told}


def with_predictions(log: Log, *, rng: np.random.Generator) -> Log:
    """Return the log with rewards predicted for every action from its contexts, cross-fitted by cluster.

    Each action has its own line (`fit_linear_qhat`), shrunk as far as rewards ask for it (`calibrated`).
    Contexts may have any unit.

    Raises
    ------
    ValueError
        If the log lacks contexts or the target's probabilities of every action, or is a single cluster.
    """
    if log.contexts is None or log.action is None or log.policy is None:
        raise ValueError(
            "predictions need contexts (--context-prefix) and tables (--action, --target-prefix)"
        )
    retired = len(log.actions)
    prediction = fit_linear_qhat(
        _standard(log.contexts),
        action=np.where(log.action >= 0, log.action, retired),
        reward=log.reward,
        n_actions=retired + 1,
        rng=rng,
        folds=_folds(log),
        cluster=log.cluster,
    )
    prediction = prediction[:, :retired]
    return replace(log, prediction=calibrated(prediction, replace(log, prediction=prediction).rounds()))


def more_estimates(
    log: Log,
    asked: Collection[Wanted],
    *,
    rng: np.random.Generator,
    reward_range: tuple[float, float] | None = None,
    max_weight: float | None = None,
    level: float = 0.95,
    refused: str = "",
) -> dict[str, More]:
    """Return the further estimates that were asked for, by name.

    `refused` says why the log gives no answer (`Evaluation.reason`), if it does not. Betting needs no size:
    it answers all the same, unless rows were lost or probabilities are contradicted.

    Raises
    ------
    ValueError
        If one of them needs what the log, or the caller, does not give.
    """
    rounds = log.rounds()
    out = {}
    if "slope" in asked:
        out["SLOPE"] = _refusal(refused) if refused else _tuned(log, rounds)
    if "betting" in asked:
        bounds = bounds_of(rounds, reward_range=reward_range, max_weight=max_weight)
        known = diagnose(rounds, cluster=log.cluster)
        found = betting(rounds, bounds=bounds, cluster=log.cluster, level=level)
        unshown = reach_of_unshown(rounds, known, bounds, stands=0.0)
        found = found.over(unshown).within(bounds.low, bounds.high)
        doubt = RULE.refusal_of_log(log.lost) or RULE.doubt(known)
        out["betting"] = _refusal(doubt) if doubt else _bet(rounds, found)
    if "balanced" in asked:
        own = _balanced(log, rng)
        out["balanced_SNIPS"] = _refusal(refused) if refused else own
    return out


def _refusal(reason: str) -> More:
    return More(f"not enough evidence: {reason}")


def _bet(rounds: Rounds, found: Interval) -> More:
    """Return IPS in its betting interval: where it lies outside of what can be, the end that can."""
    value = min(max(float(rounds.weighted.mean()), found.low), found.high)
    told = f"IPS {value:.4g}, {found.low:.4g} to {found.high:.4g} by betting: valid at every sample size"
    return More(told, value, low=found.low, high=found.high)


def _standard(contexts: Floats) -> Floats:
    """Return contexts with mean 0 and deviation 1 a column, so that no unit decides how well a fit goes.

    >>> _standard(np.array([[0.0, 3.0], [2e12, 3.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    largest = np.abs(contexts).max(axis=0, initial=0.0)
    scaled = contexts / np.where(largest > 0, largest, 1.0)
    centred = scaled - scaled.mean(axis=0)
    spread = centred.std(axis=0)
    return np.asarray(np.where(spread > NIL, centred / np.where(spread > NIL, spread, 1.0), 0.0))


def _folds(log: Log) -> int:
    """Return the folds such a log allows.

    Raises
    ------
    ValueError
        If it is a single round or cluster.
    """
    units = log.n if log.cluster is None else len(np.unique(log.cluster))
    if units < 2:
        what = "round" if log.cluster is None else "cluster"
        raise ValueError(
            f"what is predicted for some {what}s must come from others, and the log is a single {what}"
        )
    return min(FOLDS, units)


def _tuned(log: Log, rounds: Rounds) -> More:
    """Return the estimate whose cap the data chose."""
    estimator = clipped_ips if rounds.q_target is None else clipped_doubly_robust
    choice = slope(rounds, lambda r, cap: estimator(r, cap=cap), grid=CAPS, cluster=log.cluster)
    name = "IPS" if rounds.q_target is None else "DR"
    told = f"{name} with weights cut at {choice.setting:g}: {choice.parts.value:.4g} (its bias is unknown)"
    return More(told, choice.parts.value, standard_error(choice.parts, log.cluster))


def _balanced(log: Log, rng: np.random.Generator) -> More:
    """Return SNIPS with weights that need no propensity: a check of propensities one doubts."""
    if log.contexts is None or log.action is None or log.policy is None:
        raise ValueError("balanced weights need contexts (--context-prefix) and tables (--target-prefix)")
    if (log.action < 0).any():
        raise ValueError("balanced weights need a log whose actions the target still has")
    model = LogisticRegression(max_iter=1000)
    weight = balanced_weights(
        model,
        _standard(log.contexts),
        action=log.action,
        policy=log.policy,
        rng=rng,
        folds=_folds(log),
        cluster=log.cluster,
    )
    found = snips(Rounds(weight, log.reward))
    own = snips(log.rounds()).value
    told = f"without propensities {found.value:.4g}, with them {own:.4g}"
    return More(told, found.value, standard_error(found, log.cluster))
