from __future__ import annotations

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.single_step import EstimateParts, Rounds, ips, snips
from segue.experiments.evaluation.estimators.standard_errors import standard_error
from segue.experiments.evaluation.intervals.bootstrap import bootstrap
from segue.experiments.evaluation.intervals.closed_form import Bounds, empirical_bernstein, normal
from segue.experiments.simulation.worlds.synthetic_logs import make_world

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
    with pytest.raises(ValueError, match="round 1 has weight 3"):
        Bounds(max_weight=2.0).largest(np.array([1.0, 3.0]))


def test_a_single_round_has_no_error() -> None:
    assert np.isnan(standard_error(EstimateParts(np.array([1.0]))))
