from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.difference import Difference
from segue.experiments.evaluation.estimators.single_step import Rounds, ips, snips
from segue.experiments.evaluation.estimators.standard_errors import standard_error
from segue.experiments.evaluation.logs.synthetic_logs import make_world
from segue.experiments.evaluation.verdicts.policy_comparison import (
    compare,
    compare_groups,
    logging_policy,
)

WORLD = make_world(ess_fraction=0.4, reward_rate=0.3, rng=np.random.default_rng(1))
LOG = WORLD.draw(8_000, np.random.default_rng(2))
ROUNDS = LOG.rounds()


def test_a_policy_against_itself_differs_by_nothing() -> None:
    assert compare(ROUNDS, ROUNDS).difference == 0
    assert standard_error(Difference(ips(ROUNDS), ips(ROUNDS))) == 0


def test_pairing_takes_out_what_both_share() -> None:
    near = replace(ROUNDS, weight=ROUNDS.weight * 0.5 + 0.5)
    paired = standard_error(Difference(snips(ROUNDS), snips(near)))
    assert paired < standard_error(snips(ROUNDS))


@pytest.mark.parametrize("n", [600, 8_000])
def test_the_difference_covers_its_truth(n: int) -> None:
    hits = 0
    for seed in range(100):
        rounds = WORLD.draw(n, np.random.default_rng(seed)).rounds()
        found = compare(rounds, logging_policy(rounds))
        hits += found.low <= WORLD.truth - WORLD.logged_truth <= found.high
    assert hits >= 90


def test_a_margin_turns_no_worse_into_ship() -> None:
    strict = compare(logging_policy(ROUNDS), logging_policy(ROUNDS))
    assert strict.verdict == "not enough evidence"
    assert compare(logging_policy(ROUNDS), logging_policy(ROUNDS), margin=0.05).verdict == "ship"


def test_groups_are_compared_at_a_stricter_level() -> None:
    assert LOG.group is not None
    found = compare_groups(ROUNDS, logging_policy(ROUNDS), group=LOG.group)
    assert list(found) == ["g0", "g1", "g2", "g3"]
    assert {c.level for c in found.values()} == {0.99}


def test_detectable_effect_and_weeks_needed() -> None:
    found = compare(ROUNDS, logging_policy(ROUNDS))
    assert found.detectable() == pytest.approx((1.959964 + 0.841621) * found.se, rel=1e-5)
    assert found.rounds_needed(found.detectable()) == pytest.approx(found.n)
    assert found.weeks_needed(1000, found.detectable() / 2) == pytest.approx(24)
    assert found.weeks_needed(1000, found.detectable() * 2) == 0
    assert found.rounds_needed(-0.1) == inf


def test_power_at_the_detectable_effect() -> None:
    rng = np.random.default_rng(0)
    first = compare(Rounds(np.ones(500), rng.random(500)), Rounds(np.ones(500), np.zeros(500)))
    assert first.verdict == "not enough evidence"  # a champion that earned nothing rests on no rewarded event
    found = compare(ROUNDS, logging_policy(ROUNDS))
    draws = rng.normal(found.detectable(), found.se, 20_000)
    assert (draws > 1.959964 * found.se).mean() == pytest.approx(0.8, abs=0.01)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="margin must be >= 0"):
        compare(ROUNDS, ROUNDS, margin=-1)
    with pytest.raises(ValueError, match="same rounds"):
        compare(ROUNDS, Rounds(np.ones(2), np.ones(2)))
