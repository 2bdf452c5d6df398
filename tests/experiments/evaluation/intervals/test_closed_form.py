from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from segue.experiments.evaluation.estimators.single_step import EstimateParts, Rounds, ips, snips
from segue.experiments.evaluation.estimators.standard_errors import few_clusters_error, standard_error
from segue.experiments.evaluation.intervals.closed_form import Bounds, empirical_bernstein, normal
from segue.experiments.evaluation.logs.synthetic_logs import make_world

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


def test_few_equal_clusters_are_a_sample_of_their_means() -> None:
    means = np.array([0.0, 1.0, 5.0, 2.0, 2.0, 4.0])
    parts = EstimateParts(np.repeat(means, 3), denominator=np.ones(18))
    found = few_clusters_error(parts, np.repeat(np.arange(6), 3))
    assert found.error == pytest.approx(means.std(ddof=1) / np.sqrt(6))
    assert found.clusters == pytest.approx(6)
    for level in (0.5, 0.95, 0.999):
        assert found.reach(level) == pytest.approx(found.error * stats.t.isf((1 - level) / 2, 5))


def test_whole_classes_in_the_other_arm_lend_no_freedom() -> None:
    weight = np.repeat([2.0, 0.0, 2.0, 0.0, 2.0, 2.0], 10)
    reward = np.random.default_rng(0).random(60)
    cluster = np.repeat(np.arange(6), 10)
    found = few_clusters_error(snips(Rounds(weight, reward)), cluster)
    means = reward[weight > 0].reshape(4, 10).mean(axis=1)
    assert found.error == pytest.approx(means.std(ddof=1) / 2)
    assert found.reach(0.95) == pytest.approx(found.error * stats.t.isf(0.025, 3))


def test_one_large_class_among_small_ones_reaches_farther() -> None:
    sizes = np.array([200, 10, 10, 10, 10, 10, 10])
    reward = np.random.default_rng(0).random(sizes.sum())
    parts = EstimateParts(reward, denominator=np.ones(len(reward)))
    assert np.isnan(few_clusters_error(parts, np.repeat(np.arange(7), sizes)).reach(0.95))
    even = few_clusters_error(parts, np.arange(len(reward)) % 7)
    some = few_clusters_error(parts, np.repeat(np.arange(7), [80, 30, 30, 30, 30, 30, 30]))
    assert 1.1 < some.reach(0.95) / some.error / (even.reach(0.95) / even.error) < 1.5


@pytest.mark.parametrize("falls", [0.0, 0.5, 1.0])
def test_a_mean_over_clusters_of_any_sizes_keeps_its_level(falls: float) -> None:
    rng = np.random.default_rng(0)
    sizes = np.maximum(2, 200 / np.arange(1, 31) ** falls).astype(int)
    cluster = np.repeat(np.arange(30), sizes)
    hits = []
    for _ in range(4_000):
        values = rng.normal(size=30)[cluster]
        found = few_clusters_error(EstimateParts(values, denominator=np.ones(len(values))), cluster)
        hits.append(abs(values.mean()) <= found.reach(0.95))
    assert 0.94 < np.mean(hits) < 0.985  # .94 is three standard errors of the share below .95


def test_one_cluster_has_no_interval() -> None:
    assert np.isnan(normal(ips(ROUNDS), cluster=np.zeros(ROUNDS.n, dtype=int)).low)


def test_empirical_bernstein_needs_a_bound_for_its_guarantee() -> None:
    stated, seen = empirical_bernstein(ips(ROUNDS), reach=100.0), empirical_bernstein(ips(ROUNDS))
    assert not stated.caveat
    assert "no guarantee" in seen.caveat
    assert stated.width > seen.width > normal(ips(ROUNDS)).width


def test_bounds_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="low < high"):
        Bounds(1.0, 1.0)
    with pytest.raises(ValueError, match="at least 1"):
        Bounds(max_weight=0.5)
    with pytest.raises(ValueError, match="a weight of 3 occurs"):
        Bounds(max_weight=2.0).largest(np.array([1.0, 3.0]))


def test_a_single_round_has_no_error() -> None:
    assert np.isnan(standard_error(EstimateParts(np.array([1.0]))))
