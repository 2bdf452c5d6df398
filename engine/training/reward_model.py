"""What happened to decisions: contexts and forecasts at the time, rewards later, and the model of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

import numpy as np

from segue.engine.pipeline import Kernel, Learned
from segue.engine.request import Request
from segue.engine.request_batch import Asked
from segue.engine.settings import Settings
from segue.features.catalogue import Floats, Ints
from segue.features.contexts.context_columns import COLUMNS, INDEX
from segue.features.history.attempts import Attempts
from segue.features.history.streaming_update import LearnerState, StateBlock, update
from segue.features.reward import Forecasts, Rewards, Tries, learning
from segue.models.bayesian_linear import BayesianLinear

NOISE_VARIANCE = 0.06
PRIOR_PRECISION = 40.0
PRIOR_MEAN = {"readiness": 0.02, "mastery": -0.03, "due": 0.02, "uses": -0.02}
"""Pedagogy before any reward: learn what is within reach and not yet mastered, and what is due."""
_TRIES, _FORECASTS = (tuple(f.name for f in fields(kind)) for kind in (Tries, Forecasts))
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # replayed times are given as numbers


@dataclass(frozen=True, eq=False)
class Steps:
    """Decided steps with what was known when they were decided: contexts (n, C), tries and forecasts."""

    contexts: Floats
    tries: Tries
    forecasts: Forecasts


def replay(kernel: Kernel, attempts: Attempts) -> Steps:
    """Return the steps of a log with the contexts and forecasts that `kernel` would have seen before each.

    All learners take their t-th attempt together.
    """
    n, skills = len(attempts), kernel.catalogue.skill_matrix
    forecasts = Forecasts(*np.zeros((3, n, skills.shape[1])))
    steps = Steps(np.zeros((n, len(COLUMNS))), tries_of(kernel, attempts), forecasts)
    starts = attempts.starts
    states = [LearnerState.fresh(kernel.catalogue) for _ in starts[:-1]]
    lengths = np.diff(starts)
    for number in range(int(lengths.max(initial=0))):
        alive = np.flatnonzero(lengths > number)
        _replay_step(
            kernel, attempts, rows=starts[alive] + number, states=[states[i] for i in alive], steps=steps
        )
    return steps


def observe(kernel: Kernel, states: list[LearnerState], attempts: Attempts) -> Steps:
    """Fold one attempt into each state, in place, and return the steps with what was known before them.

    Row i of `attempts` is of `states[i]`; each learner at most once.
    """
    n, skills = len(attempts), kernel.catalogue.skill_matrix
    forecasts = Forecasts(*np.zeros((3, n, skills.shape[1])))
    steps = Steps(np.zeros((n, len(COLUMNS))), tries_of(kernel, attempts), forecasts)
    _replay_step(kernel, attempts, rows=np.arange(n), states=states, steps=steps)
    return steps


def joined(parts: Sequence[Steps]) -> Steps:
    """Return steps of several occasions as one; each keeps the forecasts of the model that made it."""
    tries, forecasts = [p.tries for p in parts], [p.forecasts for p in parts]
    return Steps(
        np.concatenate([p.contexts for p in parts]),
        Tries(*(np.concatenate([getattr(t, name) for t in tries]) for name in _TRIES)),
        Forecasts(*(np.concatenate([getattr(f, name) for f in forecasts]) for name in _FORECASTS)),
    )


def _replay_step(
    kernel: Kernel, attempts: Attempts, *, rows: Ints, states: list[LearnerState], steps: Steps
) -> None:
    codes, items = attempts.resource[rows], np.unique(attempts.resource[rows])
    now = attempts.time[rows]
    requests = tuple(Request(str(i), _NEVER, state=state) for i, state in enumerate(states))
    asked = Asked(requests, kernel.catalogue, kernel.whole.keep(items), kernel.settings, now)
    scene = kernel.scene(asked)
    each = np.arange(len(rows))
    steps.contexts[rows] = scene.columns[:, each, np.searchsorted(items, codes)].T
    skills = np.maximum(kernel.catalogue.skill_matrix[codes], 0)
    steps.forecasts.now[rows] = scene.skills.chance[each[:, None], skills]
    steps.forecasts.week[rows] = scene.skills.chance_later[each[:, None], skills]
    for state, row in zip(states, rows.tolist(), strict=True):
        update(state, attempts.one(row), kernel.parameters)
    after = kernel.reader.forecast(StateBlock.of(states), 168.0, now)
    steps.forecasts.after[rows] = after[each[:, None], skills]


def tries_of(kernel: Kernel, attempts: Attempts) -> Tries:
    """Return attempts as the reward reads them, with the easiness that `kernel` sees."""
    skills = kernel.catalogue.skill_matrix[attempts.resource]
    weights = kernel.catalogue.skill_weights[attempts.resource]
    standard = (kernel.reader.skill_part[np.maximum(skills, 0)] * weights).sum(axis=1)
    shift = kernel.reader.item_part[attempts.resource] - standard
    return Tries(attempts.learner, skills, attempts.time, attempts.score, shift)


def learn_rewards(
    steps: Steps, *, settings: Settings, now: float, time_zone: str, later: Tries | None = None
) -> Learned | None:
    """Return the reward model of decided steps, None before any reward has matured.

    `later` holds all attempts that may mature them (None: the steps themselves).
    """
    later = steps.tries if later is None else later
    rewards = learning(steps.tries, later, forecasts=steps.forecasts, now=now, time_zone=time_zone)
    return reward_model(steps.contexts, rewards, settings=settings)


def reward_model(contexts: Floats, rewards: Rewards, *, settings: Settings) -> Learned | None:
    """Return the Bayesian linear model of matured rewards on contexts (n, C), with its frozen range."""
    matured = rewards.status == 1
    if not matured.any():
        return None
    model = fresh_model()
    model.update_many(contexts[matured], rewards.value[matured])
    return learned_of(model, contexts, settings)


def fresh_model() -> BayesianLinear:
    """Return the reward model before any reward: its mean is pedagogy."""
    mean = np.zeros(len(COLUMNS))
    for name, weight in PRIOR_MEAN.items():
        mean[INDEX[name]] = weight
    return BayesianLinear(len(COLUMNS), mean, prior_precision=PRIOR_PRECISION, noise_variance=NOISE_VARIANCE)


def learned_of(model: BayesianLinear, contexts: Floats, settings: Settings) -> Learned:
    """Return the learned part of the score: range frozen on `contexts` (n, C), weight by the evidence."""
    values = contexts @ model.mean
    low, high = np.quantile(values, [0.02, 0.98]).tolist()
    eta = settings.eta * model.n / (model.n + settings.eta_evidence)
    return Learned(model, (low, max(high, low + 1e-6)), eta)
