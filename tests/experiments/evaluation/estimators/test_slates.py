from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.single_step import EstimateParts
from segue.experiments.evaluation.estimators.slates import (
    Slates,
    by_position,
    cascade_doubly_robust,
    independent_ips,
    pseudo_inverse,
    reward_interaction_ips,
    sequence_ips,
    slates_of,
)
from segue.experiments.evaluation.estimators.standard_errors import standard_error
from segue.experiments.evaluation.reports.slate_report import evaluate_slates

LOGGING, TARGET = np.array([0.5, 0.3, 0.2]), np.array([0.25, 0.35, 0.4])
STEPS, N = 3, 20_000


def means(actions: np.ndarray, reward: str) -> np.ndarray:
    """Return expected rewards (..., steps) under one of three worlds."""
    own = 0.1 + 0.2 * actions
    if reward == "independent":
        return own
    earlier = np.concatenate([np.zeros_like(own[..., :1]), own[..., :-1]], axis=-1)
    if reward == "cascade":
        return own + 0.5 * earlier
    return own + 0.3 * (own.sum(axis=-1, keepdims=True) - own)  # every step matters to every other


def truth(reward: str) -> float:
    lists = np.array(list(product(range(3), repeat=STEPS)))
    return float(TARGET[lists].prod(axis=1) @ means(lists, reward).sum(axis=1))


def drawn(reward: str, seed: int = 0, *, predictions: bool = False) -> Slates:
    rng = np.random.default_rng(seed)
    actions = rng.choice(3, p=LOGGING, size=(N, STEPS))
    rewards = means(actions, reward) + rng.normal(0, 0.1, (N, STEPS))
    rows = rng.permutation(N * STEPS)
    columns = {
        "reward": rewards.ravel()[rows],
        "propensity": LOGGING[actions].ravel()[rows],
        "target": TARGET[actions].ravel()[rows],
    }
    own = 0.1 + 0.2 * np.arange(3)
    q = {"q_logged": own[actions].ravel()[rows], "q_target": np.full(N * STEPS, TARGET @ own)}
    slate, position = np.repeat(np.arange(N), STEPS)[rows], np.tile(np.arange(STEPS), N)[rows]
    return slates_of(slate, position, **columns, **(q if predictions else {}))


def off(parts: EstimateParts, reward: str) -> float:
    """Return the error in standard errors."""
    return abs(parts.value - truth(reward)) / standard_error(parts)


@pytest.mark.parametrize("reward", ["independent", "cascade", "everything"])
def test_sequence_ips_is_right_in_every_world(reward: str) -> None:
    assert off(sequence_ips(drawn(reward)), reward) < 3


@pytest.mark.parametrize("reward", ["independent", "cascade"])
def test_estimators_by_prefix_are_right_where_only_earlier_steps_matter(reward: str) -> None:
    slates = drawn(reward, predictions=True)
    prefix, robust = reward_interaction_ips(slates), cascade_doubly_robust(slates)
    assert off(prefix, reward) < 3
    assert off(robust, reward) < 3
    assert standard_error(robust) < standard_error(prefix) < standard_error(sequence_ips(slates))


def test_independent_ips_is_right_only_where_steps_stand_alone() -> None:
    assert off(independent_ips(drawn("independent")), "independent") < 3
    assert off(independent_ips(drawn("cascade")), "cascade") > 5
    assert off(reward_interaction_ips(drawn("everything")), "everything") > 5


@pytest.mark.parametrize("reward", ["independent", "cascade", "everything"])
def test_pseudo_inverse_is_right_where_rewards_add_up(reward: str) -> None:
    assert off(pseudo_inverse(drawn(reward)), reward) < 3


def test_lists_of_different_lengths_in_any_order() -> None:
    slates = slates_of(
        np.array([7, 3, 7, 3, 3]),
        np.array([2, 5, 1, 1, 9]),
        reward=np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
        propensity=np.full(5, 0.5),
        target=np.array([0.5, 0.25, 1.0, 0.5, 1.0]),
    )
    assert slates.length.tolist() == [3, 2]
    assert slates.reward.tolist() == [[4, 2, 5], [3, 1, 0]]
    assert slates.weight.tolist() == [[1, 0.5, 2], [2, 1, 1]]
    assert sequence_ips(slates).numerator.tolist() == [11, 8]
    assert reward_interaction_ips(slates).numerator.tolist() == [4 + 1 + 5, 6 + 2]
    with pytest.raises(ValueError, match="list 3 has two rows at position 1"):
        slates_of(
            np.array([3, 3]),
            np.array([1, 1]),
            reward=np.ones(2),
            propensity=np.ones(2),
            target=np.ones(2),
        )


def test_report_by_position_adds_up() -> None:
    slates = drawn("cascade")
    table = by_position(slates)
    assert table["reward_interaction"].sum() == pytest.approx(reward_interaction_ips(slates).value)
    assert table["independent"].sum() == pytest.approx(independent_ips(slates).value)
    assert (table["ess"].diff().dropna() < 0).all()
    assert table["mean_weight"].to_numpy() == pytest.approx(1, abs=0.05)


def test_intervals_cover_and_refuse() -> None:
    slates = drawn("independent", predictions=True)
    found = evaluate_slates(slates)
    assert set(found.estimates) == {"SIPS", "IIPS", "RIPS", "PI", "cascade_DR"}
    for estimate in found.estimates.values():
        assert estimate.low <= truth("independent") <= estimate.high
    few = Slates(slates.weight[:4], slates.reward[:4], slates.length[:4])
    assert "not enough evidence" in str(evaluate_slates(few).estimates["SIPS"])


def test_independent_ips_misses_where_a_choice_leaves_fewer() -> None:
    """Two of two without replacement: every list earns 1, whatever is first; products of weights know it."""
    first = np.random.default_rng(1).integers(2, size=4000)
    action = np.stack([first, 1 - first], axis=1)
    weight = np.stack([np.where(first == 0, 0.9, 0.1) / 0.5, np.ones(4000)], axis=1)
    lists = Slates(weight, (action == 0).astype(float), np.full(4000, 2))
    assert sequence_ips(lists).value == pytest.approx(1.0, abs=0.03)
    assert reward_interaction_ips(lists).value == pytest.approx(1.0, abs=0.03)
    assert independent_ips(lists).value == pytest.approx(1.4, abs=0.03)
    assert "not to be used here" in str(evaluate_slates(lists).estimates["IIPS"])
