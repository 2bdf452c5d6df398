"""What pleases and does not teach is noticed; what pleases and teaches alike, or not at all, is let be."""

from __future__ import annotations

import numpy as np
import pytest

from segue.models.pleasing import Pleasing, pleasing
from segue.models.resource_effects import EffectSums, Groups, estimate

N_SKILLS, EACH, STEPS = 40, 6, 80
N = N_SKILLS * EACH


def watched(rng: np.random.Generator, *, charm: np.ndarray, teaches: np.ndarray) -> Pleasing:
    """Return the verdict on resources finished with a chance of .85 + .1 charm, after which learners do
    `teaches` better than forecast."""
    skills = np.stack([np.arange(N) % N_SKILLS, np.full(N, -1)], axis=1)
    groups = Groups(skills, np.stack([np.ones(N), np.zeros(N)], axis=1), *np.zeros((2, N), dtype=np.int64))
    resource = np.repeat(np.arange(N), STEPS)
    values = teaches[resource] + rng.normal(0.0, 0.33, N * STEPS)
    half = rng.integers(2, size=N * STEPS)
    sums = EffectSums.of(np.ones((len(values), 1)), values, resource=resource, half=half, n_resources=N)
    liked = rng.binomial(STEPS, 0.85 + 0.1 * charm).astype(np.float64)
    return pleasing(estimate(sums, groups), groups, offered=np.full(N, float(STEPS)), liked=liked)


def test_it_rings_where_a_fifth_pleases_and_teaches_nothing() -> None:
    rang, right = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        charm = (rng.random(N) < 0.2).astype(np.float64)
        found = watched(rng, charm=charm, teaches=np.where(charm > 0, 0.0, 0.05))
        rang.append(found.rings)
        right.append(charm[found.liked[:5]].mean())
    assert np.mean(rang) >= 0.95
    assert np.mean(right) > 0.8


@pytest.mark.parametrize(
    "case", ["nothing differs", "charming, taught alike", "teaching differs", "both grow"]
)
def test_it_is_silent_elsewhere(case: str) -> None:
    rang = []
    for seed in range(40):
        rng = np.random.default_rng(100 + seed)
        charm = (rng.random(N) < 0.2).astype(np.float64)
        spread = np.exp(rng.normal(0.0, 0.6, N)) * 0.03
        teaches = {"teaching differs": spread, "both grow": 0.03 + 0.03 * charm}.get(case, np.full(N, 0.03))
        rang.append(watched(rng, charm=0.0 * charm if "differ" in case else charm, teaches=teaches).rings)
    assert np.mean(rang) <= 0.05


def test_with_too_little_to_go_by_it_says_nothing() -> None:
    skills = np.stack([np.zeros(3, np.int64), np.full(3, -1)], axis=1)
    groups = Groups(skills, np.ones((3, 2)), *np.zeros((2, 3), dtype=np.int64))
    assert not pleasing(None, groups, offered=np.ones(3), liked=np.ones(3)).rings
    none = estimate(EffectSums.zero(3, 1), groups)
    assert np.isnan(pleasing(none, groups, offered=np.ones(3), liked=np.ones(3)).z)
