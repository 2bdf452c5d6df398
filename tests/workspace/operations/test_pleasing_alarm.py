"""The alarm over what is done gladly and teaches less, from a model's own knowledge of what teaches."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segue.engine.training.fit import TrainingLog, fit_kernel
from segue.engine.training.resource_effects import N_FEATURES
from segue.features.catalogue import Catalogue, Resource
from segue.models.resource_effects import EffectSums
from segue.workspace.operations import monitoring as drift


def test_what_is_done_gladly_and_teaches_less_rings_and_is_named() -> None:
    resources = [Resource(f"r{i}", skills=(f"s{i % 12}",)) for i in range(72)]
    catalogue = Catalogue.build(resources)
    kernel = fit_kernel(catalogue, TrainingLog.of(pd.DataFrame(), catalogue), rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    charming = np.arange(72) < 12  # one of each skill
    at = np.repeat(np.arange(72), 200)
    values = np.where(charming, 0.0, 0.08)[at] + rng.normal(0.0, 0.3, len(at))
    half = rng.integers(2, size=len(at))
    sums = EffectSums.of(np.ones((len(at), N_FEATURES)), values, resource=at, half=half, n_resources=72)
    kernel = kernel.with_effects(sums)
    liked = {f"r{i}": (200.0, 195.0 if charming[i] else 160.0) for i in range(72)}
    alarm = drift._pleasing(kernel, liked)
    assert alarm.rings
    named = alarm.said.split(": ")[1].split(", ")
    assert all(charming[int(name[1:])] for name in named)
    alike = dict.fromkeys(liked, (200.0, 160.0))
    assert not drift._pleasing(kernel, alike).rings
    assert not drift._pleasing(kernel, {}).rings
