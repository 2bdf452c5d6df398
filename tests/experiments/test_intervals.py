from __future__ import annotations

import numpy as np
import pytest

from segue.experiments.betting import betting, mean_by_betting
from segue.experiments.bootstrap import bootstrap, bootstrap_t
from segue.experiments.estimators import ESTIMATORS, Parts, Rounds, ips, snips
from segue.experiments.intervals import Bounds, empirical_bernstein, normal, standard_error
from segue.experiments.likelihood import Sums, cressie_read, cressie_read_bounds, unseen_rounds
from segue.experiments.simulated_logs import make_world

WORLD = make_world(ess_fraction=0.3, reward_rate=0.3, rng=np.random.default_rng(1))
ROUNDS = WORLD.draw(3_000, np.random.default_rng(4)).rounds()


def test_cluster_error_of_singletons_is_the_delta_error() -> None:
    parts = snips(ROUNDS)
    assert standard_error(parts, np.arange(parts.n)) == pytest.approx(standard_error(parts))


def test_copied_rounds_in_a_cluster_add_no_evidence() -> None:
    once, copied = ips(ROUNDS), ips(Rounds(np.repeat(ROUNDS.weight, 5), np.repeat(ROUNDS.reward, 5)))
    cluster = np.repeat(np.arange(once.n), 5)
    factor = np.sqrt((once.n - 1) / once.n)
    assert standard_error(copied, cluster) == pytest.approx(standard_error(once) * factor)
    wide, narrow = normal(copied, cluster=cluster), normal(copied)
    assert wide.width > 2 * narrow.width
    for method in (bootstrap({"x": copied}, rng=np.random.default_rng(0), cluster=cluster)["x"],):
        assert method.width == pytest.approx(normal(once).width, rel=0.15)


def test_one_cluster_has_no_interval() -> None:
    assert np.isnan(normal(ips(ROUNDS), cluster=np.zeros(ROUNDS.n, dtype=int)).low)


@pytest.mark.parametrize("name", ["IPS", "SNIPS", "DR", "SNDR"])
def test_bootstraps_agree_with_the_delta_method_on_a_good_log(name: str) -> None:
    parts = ESTIMATORS[name](ROUNDS)
    expected = normal(parts)
    for interval in (
        bootstrap({name: parts}, rng=np.random.default_rng(0))[name],
        bootstrap_t(parts, rng=np.random.default_rng(0)),
    ):
        assert interval.width == pytest.approx(expected.width, rel=0.15)
        assert interval.low < parts.value < interval.high


def test_bootstrap_resamples_ratios_as_ratios() -> None:
    constant = Rounds(ROUNDS.weight, np.full(ROUNDS.n, 0.4))
    interval = bootstrap({"SNIPS": snips(constant)}, rng=np.random.default_rng(0))["SNIPS"]
    assert (interval.low, interval.high) == pytest.approx((0.4, 0.4))


def test_bootstrap_repeats_with_its_generator() -> None:
    first, second = (bootstrap({"x": ips(ROUNDS)}, rng=np.random.default_rng(7)) for _ in range(2))
    assert first == second


def test_empirical_bernstein_needs_a_bound_for_its_guarantee() -> None:
    stated, seen = empirical_bernstein(ips(ROUNDS), reach=100.0), empirical_bernstein(ips(ROUNDS))
    assert not stated.caveat
    assert "no guarantee" in seen.caveat
    assert stated.width > seen.width > normal(ips(ROUNDS)).width


def test_betting_covers_and_beats_bernstein() -> None:
    bounds = Bounds(max_weight=float(ROUNDS.weight.max()))
    interval = betting(ROUNDS, bounds=bounds)
    reach = float(ROUNDS.weight.max())
    assert interval.low <= WORLD.truth <= interval.high
    assert interval.width < empirical_bernstein(ips(ROUNDS), reach=reach).width
    with pytest.raises(ValueError, match="stated max_weight"):
        betting(ROUNDS, bounds=Bounds())


def test_betting_covers_a_mean_with_few_rare_events() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = mean_by_betting((rng.random(300) < 0.02).astype(float))
        hits += low <= 0.02 <= high
    assert hits >= 190


def test_betting_with_clusters_is_wider() -> None:
    bounds = Bounds(max_weight=float(ROUNDS.weight.max()))
    cluster = np.arange(ROUNDS.n) // 10
    assert betting(ROUNDS, bounds=bounds, cluster=cluster).width > betting(ROUNDS, bounds=bounds).width


def test_cressie_read_does_not_move_with_the_origin_of_rewards() -> None:
    here = cressie_read(Rounds(ROUNDS.weight, ROUNDS.reward), bounds=Bounds())
    there = cressie_read(Rounds(ROUNDS.weight, ROUNDS.reward + 5), bounds=Bounds(5.0, 6.0))
    assert (there.low - 5, there.high - 5) == pytest.approx((here.low, here.high), abs=1e-9)


def test_cressie_read_against_a_direct_optimiser() -> None:
    from scipy.optimize import minimize
    from scipy.stats import f

    rng = np.random.default_rng(0)
    n = 12
    weight = rng.uniform(0.2, 2.5, n)
    weight *= (n + 1 - 2.5) / weight.sum()  # the mean with the imagined weight is then exactly 1: no slack
    value = weight * rng.random(n)
    low, _ = cressie_read_bounds(
        Sums.of(weight, value), unseen_rounds(np.asarray(2.5), low=0.0, high=1.0), mean=1.0, dof=np.asarray(n)
    )
    radius = f.isf(0.05, 1, n) / (2 * (1 + n))
    lowest = []
    for fake in (0.0, 2.5):
        w, v = np.append(weight, fake), np.append(value, 0.0)
        found = minimize(
            lambda q, v=v: q @ v,
            np.full(n + 1, 1 / (n + 1)),
            method="SLSQP",
            constraints=[
                {"type": "eq", "fun": lambda q: q.sum() - 1},
                {"type": "eq", "fun": lambda q, w=w: q @ w - 1},
                {"type": "ineq", "fun": lambda q: radius - ((q * (n + 1) - 1) ** 2).mean() / 2},
            ],
            options={"maxiter": 500, "ftol": 1e-12},
        )
        if found.success:
            lowest.append(found.fun)
    assert float(low) == pytest.approx(min(lowest), abs=1e-6)


def test_many_logs_at_once_equal_one_by_one() -> None:
    rng = np.random.default_rng(0)
    weight, value = rng.exponential(size=(2, 6, 80))
    largest = weight.max(axis=1)
    together = cressie_read_bounds(
        Sums.of(weight, value), unseen_rounds(largest, low=0.0, high=1.0), mean=1.0, dof=np.asarray(80)
    )
    for index in range(6):
        alone = cressie_read_bounds(
            Sums.of(weight[index], value[index]),
            unseen_rounds(largest[index], low=0.0, high=1.0),
            mean=1.0,
            dof=np.asarray(80),
        )
        assert [float(x) for x in alone] == pytest.approx([float(side[index]) for side in together])


def test_bounds_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="low < high"):
        Bounds(1.0, 1.0)
    with pytest.raises(ValueError, match="at least 1"):
        Bounds(max_weight=0.5)
    with pytest.raises(ValueError, match="round 1 has weight 3"):
        Bounds(max_weight=2.0).largest(np.array([1.0, 3.0]))


def test_a_single_round_has_no_error() -> None:
    assert np.isnan(standard_error(Parts(np.array([1.0]))))
