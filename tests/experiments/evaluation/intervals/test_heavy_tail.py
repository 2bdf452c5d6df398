"""Rewards of any size: a heavy tail widens the interval, a light one leaves it as it was."""

from __future__ import annotations

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.single_step import Floats, Rounds, snips
from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.intervals.closed_form import Bounds, Interval, normal
from segue.experiments.evaluation.intervals.heavy_tail import fit_tail, with_tails, without_mean
from segue.experiments.evaluation.intervals.pseudo_round import between, ends_of
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.verdicts.policy_comparison import compare, logging_policy

EITHER = np.tile([2.0, 0.0], 500)  # weights of the second of two arms


def lognormal(sigma: float, seed: int) -> Floats:
    return np.random.default_rng(seed).lognormal(0, sigma, 1_000)


def intervals(reward: Floats, bounds: Bounds | None = None) -> tuple[Interval, Interval]:
    """Return the interval without and with tails."""
    rounds, bounds = Rounds(EITHER, reward), bounds or Bounds()
    plain = between(*ends_of(rounds, bounds))
    return plain, with_tails(plain, rounds, bounds=bounds)


@pytest.mark.parametrize("index", [0.2, 0.5, 0.8])
def test_the_law_of_a_tail_is_found(index: float) -> None:
    uniform = (np.arange(2_000) + 0.5) / 2_000
    found = fit_tail(3 * ((1 - uniform) ** -index - 1) / index, np.ones(2_000), alpha=0.05)
    assert found is not None
    assert found.index == pytest.approx(index, abs=0.03)
    assert found.mean == pytest.approx(3 / (1 - index), rel=0.1)
    assert found.mean < 3 / (1 - index) * 1.1 < found.largest * 1.05


def test_a_bound_errs_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    found = [fit_tail(rng.pareto(2.5, 200), np.ones(200), alpha=0.05) for _ in range(200)]
    assert 0.01 <= np.mean([tail is None or tail.largest < 1 / 1.5 for tail in found]) <= 0.1


def test_counts_weigh_as_often_as_they_say() -> None:
    excess = np.random.default_rng(2).pareto(2.0, 300)
    many = fit_tail(np.repeat(excess, 3), np.ones(900), alpha=0.05)
    weighed = fit_tail(excess, np.full(300, 3.0), alpha=0.05)
    assert many is not None
    assert weighed is not None
    assert (weighed.index, weighed.mean) == pytest.approx((many.index, many.mean))
    assert weighed.largest > many.largest  # a weight of 3 is one round, and not three


def test_heavy_tails_are_covered_where_the_variance_seen_is_too_small() -> None:
    truth = 1 / 0.3
    both = [intervals(np.random.default_rng(seed).pareto(1.3, 1_000)) for seed in range(120)]
    before, after = (np.mean([one[i].low <= truth <= one[i].high for one in both]) for i in (0, 1))
    assert before < 0.93 < after
    assert all(wide.low <= plain.low and wide.high >= plain.high for plain, wide in both)


@pytest.mark.parametrize("law", ["normal", "random", "exponential"])
def test_light_tails_change_nothing(law: str) -> None:
    rng = np.random.default_rng(3)
    both = [intervals(getattr(rng, law)(size=1_000)) for _ in range(20)]
    assert np.median([wide.width / plain.width for plain, wide in both]) == 1.0
    assert np.mean([wide.width / plain.width for plain, wide in both]) < 1.02


def test_a_range_cuts_a_tail_off_and_one_far_away_tells_nothing() -> None:
    reward = lognormal(2.0, 2)
    tight, far, none = (intervals(reward, b)[1] for b in (Bounds(0, reward.max()), Bounds(0, 1e9), Bounds()))
    assert intervals(reward, Bounds(0, reward.max()))[0].high <= tight.high < 0.95 * none.high
    assert far.high == pytest.approx(none.high, rel=0.15)


def test_a_range_far_away_costs_no_coverage() -> None:
    found = []
    for seed in range(150):
        reward = np.random.default_rng(seed).pareto(1.5, 1_000)
        log = Log(np.minimum(reward, 1e5), np.full(1_000, 0.5), EITHER / 2)
        answer = evaluate(log, reward_range=(0, 1e5))
        if answer.verdict == "enough evidence":
            found.append(answer.headline.low <= 2.0 <= answer.headline.high)
    assert np.mean(found) > 0.89  # .85 of 500 where only the variance seen counted


def test_tails_go_with_the_unit_and_the_origin() -> None:
    reward = lognormal(1.8, 4)
    here, there = intervals(reward)[1], intervals(40 - 1_000 * reward)[1]
    assert (40 - there.high, 40 - there.low) == pytest.approx((1_000 * here.low, 1_000 * here.high))


def test_rewards_without_a_mean_are_no_evidence() -> None:
    one, several = (np.random.default_rng(seed).pareto(0.5, 1_000) for seed in (5, 3))
    found = evaluate(Log(one, np.full(1_000, 0.5), EITHER / 2))
    assert found.verdict == "not enough evidence"
    assert "effective rewarded events" in found.reason  # one reward is most of them all
    answer = evaluate(Log(several, np.full(1_000, 0.5), EITHER / 2))
    assert answer.verdict == "not enough evidence"
    assert "may have no mean" in answer.reason
    assert answer.versus_logging is not None
    assert answer.versus_logging.verdict == "not enough evidence"
    rng = np.random.default_rng(5)
    assert without_mean(Rounds(EITHER, rng.lognormal(0, 1.5, 1_000)), bounds=Bounds()) == ""


def test_a_difference_reaches_as_far_as_either_tail() -> None:
    rng = np.random.default_rng(6)
    heavy = np.where(EITHER > 0, rng.lognormal(0, 2, 1_000), rng.normal(7, 1, 1_000))
    for sign in (1, -1):
        rounds = Rounds(EITHER, sign * heavy)
        found, other = compare(rounds, logging_policy(rounds)), compare(logging_policy(rounds), rounds)
        far, near = found.high - found.difference, found.difference - found.low
        assert (far > 1.3 * near) if sign == 1 else (near > 1.3 * far)
        assert (other.low, other.high) == pytest.approx((-found.high, -found.low))


def test_a_large_log_that_missed_the_largest_rewards_reaches_as_far() -> None:
    n = 300_000
    seen = (np.arange(n) + 0.5) / n * (1 - 2e-5)  # all but the six largest, as it were, of a law of mean 2
    reward = (1 - seen) ** (-1 / 1.5) - 1
    answer, rounds = evaluate(Log(reward, np.full(n, 0.5), np.full(n, 0.5))), Rounds(np.ones(n), reward)
    assert answer.headline.interval == "normal", "the variance seen says that it may be"
    assert normal(snips(rounds)).high < 2.0 < answer.headline.high
    assert answer.headline.low == normal(snips(rounds)).low
