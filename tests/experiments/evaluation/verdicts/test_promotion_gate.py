"""The gate lets through what is better and harms nobody, and is wrong no more often than it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.single_step import Rounds
from segue.experiments.evaluation.verdicts.promotion_gate import GatePassage, GateRules, gate

LOGS, ROUNDS = 300, 1500
MARGIN = 0.02


def logged(
    rng: np.random.Generator, *, effect: tuple[float, float], n: int = ROUNDS
) -> tuple[Rounds, np.ndarray]:
    """A uniform log over two actions; the challenger takes the second one 9 times of 10.

    In each group the second action is worth `effect` more, so the challenger is worth .4 `effect` more.
    """
    second = rng.integers(2, size=n)
    group = rng.integers(2, size=n)
    chance = 0.5 + (second - 0.5) * np.array(effect)[group]
    reward = (rng.random(n) < chance).astype(float)
    return Rounds(np.where(second == 1, 0.9, 0.1) / 0.5, reward), np.array(["a", "b"], dtype=object)[group]


def passages(
    effect: tuple[float, float], seed: int, *, margin: float = MARGIN, logs: int = LOGS
) -> list[GatePassage]:
    rng = np.random.default_rng(seed)
    rules = GateRules(group_margin=margin)
    out = []
    for _ in range(logs):
        rounds, group = logged(rng, effect=effect)
        out.append(gate(rounds, group=group, rules=rules))
    return out


def share(passed: list[GatePassage], decision: str) -> float:
    return float(np.mean([p.decision == decision for p in passed]))


def test_a_policy_that_harms_a_group_by_its_margin_is_promoted_at_most_alpha_of_the_time() -> None:
    wrong = share(passages((0.6, -MARGIN / 0.4), seed=1), "promote")
    assert wrong <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / LOGS)  # three standard errors of the count


def test_a_policy_as_good_as_the_champion_is_promoted_at_most_alpha_of_the_time() -> None:
    wrong = share(passages((0.0, 0.0), seed=2, margin=1.0), "promote")
    assert wrong <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / LOGS)
    assert wrong > 0  # the bound is used, not just never reached


def test_a_policy_that_is_better_for_all_passes_and_one_that_harms_much_is_rejected() -> None:
    assert share(passages((0.5, 0.5), seed=3, logs=80), "promote") > 0.95
    assert share(passages((0.5, -0.8), seed=4, logs=80), "reject") > 0.95


def test_the_champion_against_itself_is_never_promoted() -> None:
    rounds, group = logged(np.random.default_rng(5), effect=(0.3, 0.3))
    assert gate(rounds, rounds, group=group).decision == "hold"


def test_a_group_too_small_to_say_means_hold_with_the_weeks_needed() -> None:
    rounds, _ = logged(np.random.default_rng(6), effect=(0.6, 0.6))
    group = np.array(["small"] * 6 + ["large"] * (ROUNDS - 6), dtype=object)
    passed = gate(rounds, group=group, weeks=3.0)
    assert passed.decision == "hold"
    assert 1 <= passed.weeks_needed < math.inf
    assert "Group small: too little to say" in str(passed)
    assert f"{passed.weeks_needed:.0f} more weeks" in str(passed)


def test_a_declared_group_the_log_does_not_show_means_hold() -> None:
    rounds, group = logged(np.random.default_rng(7), effect=(0.6, 0.6))
    passed = gate(rounds, group=group, declared=("a", "c"))
    assert passed.decision == "hold"
    assert "Group c: too little to say, the log shows none of it" in passed.reasons[0]


def test_declared_groups_need_a_column() -> None:
    rounds, _ = logged(np.random.default_rng(8), effect=(0.1, 0.1))
    with pytest.raises(ValueError, match="no group column"):
        gate(rounds, declared=("a",))


@pytest.mark.parametrize("wrong", [{"alpha": 0.7}, {"margin": -0.1}, {"group_margins": {"a": -1.0}}])
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"alpha|margins"):
        GateRules(**wrong)
