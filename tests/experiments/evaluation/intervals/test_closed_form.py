from __future__ import annotations

import numpy as np
import pytest

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
    error, freedom = few_clusters_error(parts, np.repeat(np.arange(6), 3))
    assert error == pytest.approx(means.std(ddof=1) / np.sqrt(6))
    assert freedom == pytest.approx(5)


def test_whole_classes_in_the_other_arm_lend_no_freedom() -> None:
    weight = np.repeat([2.0, 0.0, 2.0, 0.0, 2.0, 2.0], 10)
    reward = np.random.default_rng(0).random(60)
    cluster = np.repeat(np.arange(6), 10)
    error, freedom = few_clusters_error(snips(Rounds(weight, reward)), cluster)
    means = reward[weight > 0].reshape(4, 10).mean(axis=1)
    assert freedom == pytest.approx(3)
    assert error == pytest.approx(means.std(ddof=1) / 2)


def test_one_large_class_among_small_ones_leaves_little_freedom() -> None:
    sizes = np.array([200, 10, 10, 10, 10, 10, 10])
    reward = np.random.default_rng(0).random(sizes.sum())
    parts = EstimateParts(reward, denominator=np.ones(len(reward)))
    assert np.isnan(few_clusters_error(parts, np.repeat(np.arange(7), sizes))[0])
    even = few_clusters_error(parts, np.arange(len(reward)) % 7)[1]
    some = few_clusters_error(parts, np.repeat(np.arange(7), [80, 30, 30, 30, 30, 30, 30]))[1]
    assert 1 < some < 4 < even < 6.1


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
