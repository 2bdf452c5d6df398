"""What can be asked of a log beyond the fixed estimates: tuned caps, own predictions, balanced weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from segue.experiments.evaluation.estimators.balanced_weights import balanced_weights
from segue.experiments.evaluation.estimators.reward_predictions import fit_qhat
from segue.experiments.evaluation.estimators.single_step import (
    Rounds,
    clipped_doubly_robust,
    clipped_ips,
    snips,
)
from segue.experiments.evaluation.estimators.slope import CAPS, slope
from segue.experiments.evaluation.estimators.standard_errors import standard_error
from segue.experiments.evaluation.intervals.betting import betting
from segue.experiments.evaluation.intervals.closed_form import bounds_of
from segue.experiments.evaluation.logs.logged_data import Log


@dataclass(frozen=True)
class MoreWanted:
    """Which of them are wanted."""

    slope: bool = False
    balanced: bool = False
    betting: bool = False

    def __bool__(self) -> bool:
        return self.slope or self.balanced or self.betting


@dataclass(frozen=True)
class More:
    """One further estimate, in figures and in a sentence; ends are NaN where it has no interval."""

    value: float
    se: float
    low: float
    high: float
    told: str

    def to_dict(self) -> dict[str, float | str]:
        """Return the figures by name."""
        return {"estimate": self.value, "se": self.se, "low": self.low, "high": self.high, "told": self.told}


def with_predictions(log: Log, *, rng: np.random.Generator, folds: int = 5) -> Log:
    """Return the log with rewards predicted for every action from its contexts, cross-fitted by cluster.

    Logistic regression for rewards of 0 and 1, ridge regression for others.

    Raises
    ------
    ValueError
        If the log lacks contexts or the target's probabilities of every action.
    """
    if log.contexts is None or log.action is None or log.policy is None:
        raise ValueError(
            "predictions need contexts (--context-prefix) and tables (--action, --target-prefix)"
        )
    known = log.action >= 0
    binary = bool(np.isin(log.reward, (0.0, 1.0)).all()) and len(np.unique(log.reward[known])) > 1
    retired = len(log.actions)
    prediction = fit_qhat(
        LogisticRegression(max_iter=1000) if binary else Ridge(),
        log.contexts,
        action=np.where(known, log.action, retired),
        reward=log.reward,
        n_actions=retired + 1,
        rng=rng,
        folds=folds,
        cluster=log.cluster,
    )
    return replace(log, prediction=prediction[:, :retired])


def more_estimates(
    log: Log,
    asked: MoreWanted,
    *,
    rng: np.random.Generator,
    reward_range: tuple[float, float] | None = None,
    max_weight: float | None = None,
    level: float = 0.95,
) -> dict[str, More]:
    """Return the further estimates that were asked for, by name.

    Raises
    ------
    ValueError
        If one of them needs what the log, or the caller, does not give.
    """
    rounds, out = log.rounds(), {}
    if asked.slope:
        out["SLOPE"] = _tuned(log, rounds)
    if asked.betting:
        bounds = bounds_of(rounds, reward_range=reward_range, max_weight=max_weight)
        found = betting(rounds, bounds=bounds, cluster=log.cluster, level=level)
        value = float((rounds.weight * rounds.reward).mean())
        told = f"IPS {value:.4g}, {found.low:.4g} to {found.high:.4g} by betting: valid at every sample size"
        out["betting"] = More(value, float("nan"), found.low, found.high, told)
    if asked.balanced:
        out["balanced_SNIPS"] = _balanced(log, rng)
    return out


def _tuned(log: Log, rounds: Rounds) -> More:
    """Return the estimate whose cap the data chose."""
    estimator = clipped_ips if rounds.q_target is None else clipped_doubly_robust
    choice = slope(rounds, lambda r, cap: estimator(r, cap=cap), grid=CAPS, cluster=log.cluster)
    name = "IPS" if rounds.q_target is None else "DR"
    told = f"{name} with weights cut at {choice.setting:g}: {choice.parts.value:.4g} (its bias is unknown)"
    nothing = float("nan")
    return More(choice.parts.value, standard_error(choice.parts, log.cluster), nothing, nothing, told)


def _balanced(log: Log, rng: np.random.Generator) -> More:
    """Return SNIPS with weights that need no propensity: a check of propensities one doubts."""
    if log.contexts is None or log.action is None or log.policy is None:
        raise ValueError("balanced weights need contexts (--context-prefix) and tables (--target-prefix)")
    if (log.action < 0).any():
        raise ValueError("balanced weights need a log whose actions the target still has")
    model = LogisticRegression(max_iter=1000)
    weight = balanced_weights(
        model, log.contexts, action=log.action, policy=log.policy, rng=rng, cluster=log.cluster
    )
    found = snips(Rounds(weight, log.reward))
    own = snips(log.rounds()).value
    told = f"without propensities {found.value:.4g}, with them {own:.4g}"
    nothing = float("nan")
    return More(found.value, standard_error(found, log.cluster), nothing, nothing, told)
