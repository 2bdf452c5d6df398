"""The reward model: what decided steps were worth, learned from their contexts."""

from __future__ import annotations

import numpy as np

from segue.engine.pipeline import UNTESTED, Learned
from segue.engine.settings import Settings
from segue.engine.training.replay import ReplaySteps
from segue.features.catalogue import Floats
from segue.features.contexts.context_columns import COLUMNS, INDEX, TABLE
from segue.features.reward import Rewards, Tries, learning
from segue.models.bayesian_linear import BayesianLinear

NOISE_VARIANCE = 0.06
PRIOR_PRECISION = 40.0
ALIKE = 1e-9  # range below which a column is constant
UNREAD = 1e9  # prior precision of a column that the reward model does not read
PRIOR_MEAN = {"readiness": 0.02, "mastery": -0.03, "due": 0.02, "uses": -0.02}
"""Pedagogy before any reward: learn what is within reach and not yet mastered, and what is due."""


def learn_rewards(
    steps: ReplaySteps,
    *,
    settings: Settings,
    now: float,
    time_zone: str,
    later: Tries | None = None,
    trust: float = UNTESTED,
) -> Learned | None:
    """Return the reward model of decided steps, None before any reward has matured.

    `later` holds all attempts that may mature them (None: the steps themselves).
    """
    later = steps.tries if later is None else later
    rewards = learning(steps.tries, later, forecasts=steps.forecasts, now=now, time_zone=time_zone)
    return reward_model(steps.contexts, rewards, settings=settings, trust=trust)


def reward_model(
    contexts: Floats, rewards: Rewards, *, settings: Settings, trust: float = UNTESTED
) -> Learned | None:
    """Return the Bayesian linear model of matured rewards on contexts (n, C), with its frozen range."""
    matured = rewards.status == 1
    if not matured.any():
        return None
    model = fresh_model(contexts)
    model.update_many(contexts[matured], rewards.value[matured])
    return learned_of(model, contexts, settings, trust)


def fresh_model(contexts: Floats | None = None) -> BayesianLinear:
    """Return the reward model before any reward: its mean is pedagogy.

    A column in which all of `contexts` (n, C) are alike drops out until the next fit: nothing can be learned
    of it, and it would only say what `bias` says.
    """
    mean = np.zeros(len(COLUMNS))
    for name, weight in PRIOR_MEAN.items():
        mean[INDEX[name]] = weight
    read = np.array([column.learned for column in TABLE])
    if contexts is not None and len(contexts):
        read &= (np.ptp(contexts, axis=0) > ALIKE) | (np.array(COLUMNS) == "bias")
    precision = np.where(read, PRIOR_PRECISION, UNREAD)
    return BayesianLinear(len(COLUMNS), mean, prior_precision=precision, noise_variance=NOISE_VARIANCE)


def learned_of(
    model: BayesianLinear, contexts: Floats, settings: Settings, trust: float = UNTESTED
) -> Learned:
    """Return the learned part of the score: range frozen on `contexts` (n, C), weight by the evidence."""
    values = contexts @ model.mean
    low, high = np.quantile(values, [0.02, 0.98]).tolist()
    eta = settings.learned_weight(model.n, trust)
    return Learned(model, (low, max(high, low + 1e-6)), eta, trust)
