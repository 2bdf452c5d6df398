"""Which resource teaches, from decided steps: the sums that ``segue.models.resource_effects`` reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np
import pandas as pd

from segue.engine.pipeline import Kernel
from segue.engine.training.replay import ReplaySteps, replay
from segue.features.catalogue import Catalogue, Floats, Ints
from segue.features.contexts.context_columns import INDEX, TABLE
from segue.features.history.attempts import encode
from segue.features.reward import certainty, followed, one_more_step, surprise
from segue.models.resource_effects import EffectSums

Halves = Callable[[Sequence[str]], Ints]
_READ = np.array([INDEX[column.name] for column in TABLE if column.learned])
_CORE = np.array(
    [
        INDEX[name]
        for name in (
            "mastery",
            "uncertainty",
            "evidence",
            "recent",
            "lag",
            "success",
            "readiness",
            "uses",
            "difficulty",
        )
    ]
)
_PAIRS = np.triu_indices(len(_CORE))
N_FEATURES = len(_READ) + len(_PAIRS[0])
LEAST_ROOM = 0.02  # of the look-ahead's column


def rows_of(contexts: Floats) -> Floats:
    """Return what a surprise is freed of: columns, and products of the main ones, (n, N_FEATURES)."""
    core = contexts[:, _CORE]
    return np.concatenate([contexts[:, _READ], core[:, _PAIRS[0]] * core[:, _PAIRS[1]]], axis=1)


def room_of(contexts: Floats) -> Floats:
    """Return how much there was to learn in each step, (n,): the root of what a practice was to add.

    Half way between taking all steps for alike and taking the look-ahead at its word, which is rough; half as
    much without the prerequisites.
    """
    room = np.sqrt(np.maximum(contexts[:, INDEX["forecast_gain"]], LEAST_ROOM))
    return np.asarray(room * (1.0 + contexts[:, INDEX["readiness"]]) / 2.0)


def attempt_effects(kernel: Kernel, events: pd.DataFrame, *, halves: Halves) -> EffectSums:
    """Return the sums of the attempts among events, every attempt taken for a step.

    Linear in the learners: the sums of two groups add up to those of both.
    """
    if not len(events):
        return EffectSums.zero(len(kernel.catalogue.resources), N_FEATURES)
    attempts, learners = encode(events, kernel.catalogue)
    return effect_sums(replay(kernel, attempts), kernel.catalogue, halves=halves(learners))


def halves_of(learners: Sequence[str]) -> Ints:
    """Return which half of the learners each belongs to, 0 or 1, by a digest of the id.

    >>> halves_of(["ada", "ben", "cleo", "dan"]).tolist()
    [1, 1, 1, 0]
    """
    return np.array([blake2b(who.encode(), digest_size=1).digest()[0] & 1 for who in learners], np.int64)


def effect_sums(steps: ReplaySteps, catalogue: Catalogue, *, halves: Ints | None = None) -> EffectSums:
    """Return the sums of the steps that others of the same learner and skill have followed.

    `halves` says to which half of the learners each belongs (None: even and odd codes).
    """
    after = followed(steps.tries, steps.tries, forecasts=steps.forecasts)
    surprised, rises = surprise(after), one_more_step(after)
    known = np.flatnonzero(~np.isnan(surprised))
    learner = steps.tries.learner[known]
    return EffectSums.of(
        rows_of(steps.contexts[known]),
        surprised[known],
        resource=steps.resource[known],
        half=learner % 2 if halves is None else halves[learner],
        n_resources=len(catalogue.resources),
        room=room_of(steps.contexts[known]),
        certain=certainty(after)[known],
        rises=rises,
    )
