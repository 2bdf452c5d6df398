"""How far the learned part is to be trusted: what it foresees of learners that it has not learned from.

Learners are split in two; a reward model of each half foresees the rewards of the other. What matters is the
choice among resources for a learner in one state, so the rewards, the factors of pedagogy that give way and
the learned part are all freed of what the state foretells. Then each weight η is as likely as its mixture
(1 - η) · pedagogy + η · learned correlates with the rewards, and small weights are likelier beforehand: with
nothing seen the mean is about .13.
"""

from __future__ import annotations

import numpy as np

from segue.engine.scoring.factors import FACTORS, LEAST, learned_part
from segue.engine.settings import Settings
from segue.engine.training.replay import ReplaySteps
from segue.engine.training.reward_model import reward_model
from segue.features.catalogue import Bools, Floats
from segue.features.contexts.context_columns import INDEX
from segue.features.reward import Rewards

WEIGHTS = np.linspace(0.0, 0.6, 13)  # at 1 and beyond pedagogy is forgotten, which hurts
CAUTION = 0.15  # mean of the law that weights follow beforehand
ALIKE = 5.0  # rewards that say as much as one: of one learner, and resting on the same attempts
FEWEST = 100  # rewards of each half
_STATE = [
    INDEX[name]
    for name in (
        "mastery",
        "uncertainty",
        "evidence",
        "recent",
        "lag",
        "retention",
        "novelty",
        "due",
        "mastery_min",
        "bias",
    )
]


def trusted(steps: ReplaySteps, rewards: Rewards, settings: Settings) -> float:
    """Return the weight η of the learned part that held-out rewards speak for."""
    known = rewards.status == 1
    half = steps.tries.learner % 2
    log = -WEIGHTS / CAUTION
    if min(int((known & (half == part)).sum()) for part in (0, 1)) >= FEWEST:
        log = log + _evidence(steps.contexts, rewards, known, half == 0, settings)
    chance = np.exp(log - log.max())
    return float(chance @ WEIGHTS / chance.sum())


def _evidence(X: Floats, rewards: Rewards, known: Bools, first: Bools, settings: Settings) -> Floats:
    """Return the log-likelihood of each weight."""
    learned = _foreseen_by_other_half(X, rewards, known, first, settings)
    if learned is None:
        return np.zeros(len(WEIGHTS))
    X = X[known]
    three = np.stack([rewards.value[known], _pedagogy(X, settings), learned[known]], axis=1)
    three -= _foretold_by_state(X, three)
    square = three.T @ three
    mixture = np.stack([1.0 - WEIGHTS, WEIGHTS])
    size = np.einsum("iw,ij,jw->w", mixture, square[1:, 1:], mixture)
    r = square[0, 1:] @ mixture / np.sqrt(np.maximum(size * square[0, 0], 1e-300))
    explained = np.minimum(
        np.maximum(r, 0.0) ** 2, 0.99
    )  # a weight that foresees the opposite explains nothing
    return np.asarray(-0.5 * len(X) / ALIKE * np.log1p(-explained))


def _foreseen_by_other_half(
    X: Floats, rewards: Rewards, known: Bools, first: Bools, settings: Settings
) -> Floats | None:
    """Return the learned part of each step by the model of the other half; None where a half taught none."""
    out = np.zeros(len(X))
    for half in (first, ~first):
        taught = known & half
        part = Rewards(rewards.value[taught], rewards.status[taught], rewards.matured[taught])
        model = reward_model(X[taught], part, settings=settings)
        if model is None:
            return None
        out[~half] = learned_part(X[~half] @ model.model.mean, value_range=model.value_range)
    return out


def _pedagogy(X: Floats, settings: Settings) -> Floats:
    """Return the points of the factors that give way to the learned part, for contexts (n, C)."""
    columns = {name: X[:, i] for name, i in INDEX.items()}
    out = np.zeros(len(X))
    for factor in FACTORS:
        if factor.gives_way:
            weight = getattr(settings.weights, factor.name)
            out += weight * np.log(np.maximum(factor.value(columns), LEAST))
    return out


def _foretold_by_state(X: Floats, values: Floats) -> Floats:
    """Return what the learner's state foretells of `values` (n, m): a regression on its columns, with the
    squares of the first six and their products with mastery."""
    state = X[:, _STATE]
    state = np.hstack([state, state[:, :6] ** 2, state[:, :1] * state[:, 1:6]])
    ridge = 1e-6 * len(state) * np.eye(state.shape[1])
    return np.asarray(state @ np.linalg.solve(state.T @ state + ridge, state.T @ values))
