"""Which resource teaches, from decided steps: the sums that ``segue.models.resource_effects`` reads."""

from __future__ import annotations

import numpy as np

from segue.engine.training.replay import Steps
from segue.features.catalogue import Catalogue, Floats
from segue.features.contexts.context_columns import INDEX, TABLE
from segue.features.reward import Tries, surprise
from segue.models.resource_effects import EffectSums

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


def rows_of(contexts: Floats) -> Floats:
    """Return what a surprise is freed of: columns, and products of the main ones, (n, N_FEATURES)."""
    core = contexts[:, _CORE]
    return np.concatenate([contexts[:, _READ], core[:, _PAIRS[0]] * core[:, _PAIRS[1]]], axis=1)


def effect_sums(steps: Steps, catalogue: Catalogue, *, later: Tries | None = None) -> EffectSums:
    """Return the sums of the steps that attempts have followed; the halves are learners of even and odd code.

    `later` holds all attempts that may follow them (None: the steps themselves).
    """
    followed = surprise(steps.tries, steps.tries if later is None else later, forecasts=steps.forecasts)
    known = np.flatnonzero(~np.isnan(followed))
    return EffectSums.of(
        rows_of(steps.contexts[known]),
        followed[known],
        resource=steps.resource[known],
        half=steps.tries.learner[known] % 2,
        n_resources=len(catalogue.resources),
    )
