from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from segue.experiments.evaluation.estimators.single_step import Rounds, snips
from segue.experiments.evaluation.intervals.closed_form import Bounds, normal
from segue.experiments.evaluation.intervals.pseudo_round import PART, between, ends_of, typical_weight
from segue.experiments.evaluation.logs.synthetic_logs import make_world
from segue.experiments.evaluation.verdicts.diagnostics import diagnose
from segue.experiments.evaluation.verdicts.interval_rule import default_interval

WORLD = make_world(ess_fraction=0.1, reward_rate=0.3, rng=np.random.default_rng(1))


def rounds(n: int, seed: int = 4) -> Rounds:
    return WORLD.draw(n, np.random.default_rng(seed)).rounds()


def test_each_end_is_the_estimate_of_the_log_with_part_of_a_round_more() -> None:
    seen = rounds(500)
    plain = Rounds(seen.weight, seen.reward)
    for end, reward in zip(ends_of(plain, Bounds(0.0, 1.0)), (0.0, 1.0), strict=True):
        own = plain.weight[plain.reward == reward]  # as heavy as the rounds of that side that count
        heavy = PART * max(typical_weight(plain.weight), float((own**3).sum() / (own**2).sum()))
        more = Rounds(np.append(plain.weight, heavy), np.append(plain.reward, reward))
        assert end.value == pytest.approx(snips(more).value)


def test_predictions_move_the_ends_by_residuals() -> None:
    seen = rounds(500)
    assert seen.q_logged is not None
    assert seen.q_target is not None
    residual = seen.reward - seen.q_logged
    above = residual > 0
    own, third = (np.sum(seen.weight[above] ** k * residual[above] ** 2) for k in (2, 3))
    heavy = PART * max(typical_weight(seen.weight), float(third / own))
    typical = np.sqrt(np.average(residual[above] ** 2, weights=seen.weight[above]))
    _, high = ends_of(seen, Bounds(0.0, 1.0))
    weighted = float(seen.weight @ residual) + heavy * float(typical)
    assert high.value == pytest.approx(seen.q_target.mean() + weighted / (float(seen.weight.sum()) + heavy))


def test_the_interval_does_not_move_with_the_origin_of_rewards() -> None:
    seen = rounds(800)
    here = between(*ends_of(Rounds(seen.weight, seen.reward), Bounds(0.0, 1.0)))
    there = between(*ends_of(Rounds(seen.weight, seen.reward + 5), Bounds(5.0, 6.0)))
    assert (there.low - 5, there.high - 5) == pytest.approx((here.low, here.high), abs=1e-12)


def test_the_imagined_round_fades() -> None:
    def ratio(n: int, seed: int) -> float:
        seen = rounds(n, seed)
        plain = Rounds(seen.weight, seen.reward)
        return between(*ends_of(plain, Bounds(0.0, 1.0))).width / normal(snips(plain)).width

    few, many = (np.mean([ratio(n, seed) for seed in range(5)]) for n in (500, 50_000))
    assert few > 1.1
    assert 1.0 <= many < 1.05


def test_a_side_nobody_saw_reaches_to_the_end_of_the_range() -> None:
    always = Rounds(np.ones(50), np.ones(50))
    interval = between(*ends_of(always, Bounds(0.0, 1.0)))
    assert interval.high == pytest.approx(1.0)
    assert 1 - 4 / 50 < interval.low < 1 - 3 / 50  # of probability 3 / n is missed in 5 % of logs


def test_heavy_rounds_that_chanced_to_earn_nothing_are_still_uncertain() -> None:
    weight = np.r_[np.full(20, 25.0), np.ones(500)]
    never = np.r_[np.zeros(20), np.tile([1.0] + [0.0] * 9, 50)]
    usual = np.r_[np.tile([1.0] + [0.0] * 9, 2), np.tile([1.0] + [0.0] * 9, 50)]
    unseen, seen = (between(*ends_of(Rounds(weight, reward), Bounds(0.0, 1.0))) for reward in (never, usual))
    assert normal(snips(Rounds(weight, never))).high < 0.08
    assert unseen.high > 0.1  # two of the twenty were due
    assert seen.low < 0.1 < seen.high


def test_the_variance_has_one_event_more() -> None:
    seen = Rounds(np.ones(100), np.r_[np.ones(4), np.zeros(96)])
    _, high = ends_of(seen, Bounds(0.0, 1.0))
    assert high.imagined == pytest.approx((0.96 * 100 / (100 + PART)) ** 2)
    assert between(high, high).high > 0.085  # Wilson: .098; the delta method stops at .079


@pytest.mark.parametrize("paid", [0, 1, 3])
def test_few_heavy_rounds_may_carry_all_of_the_reward(paid: int) -> None:
    weight = np.r_[np.full(20, 10.0), np.full(1_800, 1.1)]
    reward = np.r_[np.ones(paid), np.zeros(1_820 - paid)]
    _, high = ends_of(Rounds(weight, reward), Bounds(0.0, 1.0))
    exact = stats.beta.isf(0.05, paid + 1, 20 - paid) * 20 * 10 / weight.sum()  # of the heavy ones alone
    assert between(high, high).high > 0.95 * exact


def test_a_heavy_tail_asks_for_more_than_the_usual_residual() -> None:
    rng = np.random.default_rng(0)
    flat, tail = rng.random(1_000), rng.pareto(2.2, 1_000)
    for reward, more in ((flat, False), (tail, True)):
        _, high = ends_of(Rounds(np.ones(1_000), reward), Bounds())
        above = np.maximum(reward - reward.mean(), 0.0)
        usual = np.sqrt((above**2).sum() / (above > 0).sum())
        imagined = (high.value - reward.mean()) * (1_000 + PART) / PART
        assert bool(imagined > 1.5 * usual) is more


def test_clusters_widen() -> None:
    seen = rounds(400)
    copied = Rounds(np.repeat(seen.weight, 5), np.repeat(seen.reward, 5))
    alone = between(*ends_of(copied, Bounds(0.0, 1.0)))
    together = between(*ends_of(copied, Bounds(0.0, 1.0)), cluster=np.repeat(np.arange(400), 5))
    assert together.width > 2 * alone.width


def test_skewed_classes_reach_farther_on_the_side_of_their_tail() -> None:
    cluster = np.repeat(np.arange(20), 10)
    level = np.r_[np.zeros(15), np.full(4, 1.0), 6.0][cluster]
    noise = np.tile(np.linspace(-0.1, 0.1, 10), 20)
    for sign in (1.0, -1.0):
        seen = Rounds(np.ones(200), sign * (level + noise))
        ends = ends_of(seen, Bounds())
        found, even = between(*ends, cluster=cluster), [normal(end, cluster=cluster) for end in ends]
        reach = found.high - even[1].high, even[0].low - found.low
        assert reach[sign < 0] == pytest.approx(0.6, abs=0.4)
        assert reach[sign > 0] == 0.0


@given(st.integers(0, 2**32 - 1), st.sampled_from([30, 300]), st.floats(0.02, 0.98))
def test_an_interval_holds_its_estimate_and_stays_in_range(seed: int, n: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.lognormal(0.0, 0.8, n)
    seen = Rounds(weight / weight.mean(), (rng.random(n) < rate).astype(np.float64))
    found = default_interval(snips(seen), seen, diagnose(seen), bounds=Bounds(0.0, 1.0))
    if found.method.startswith("none"):
        assert np.isnan(found.low)
    else:
        assert 0 <= found.low <= snips(seen).value <= found.high <= 1
        assert found.low < found.high
