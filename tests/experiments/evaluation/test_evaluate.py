from __future__ import annotations

import json
from dataclasses import replace
from math import isnan

import numpy as np
import pandas as pd
import pytest

from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.logs.columns import Columns
from segue.experiments.evaluation.logs.logged_data import Log, log_of_frame
from segue.experiments.evaluation.logs.synthetic_logs import LogWorld, make_world
from segue.experiments.evaluation.reports.slate_report import evaluate_slates, list_clusters, slates_of_log
from segue.features.events.outward_text import finite


def world(ess: float, rate: float = 0.3) -> LogWorld:
    return make_world(ess_fraction=ess, reward_rate=rate, rng=np.random.default_rng(1))


def test_default_interval_covers_among_the_answers_given() -> None:
    hits, given, logs = [], [], 75
    for ess, rate in [(0.6, 0.3), (0.1, 0.3), (0.005, 0.3), (0.5, 0.02)]:
        where = world(ess, rate)
        drawn = [where.draw(1_000, np.random.default_rng(seed)) for seed in range(logs)]
        answers = [evaluate(replace(log, group=None)) for log in drawn]
        told = [answer.headline for answer in answers if answer.verdict == "enough evidence"]
        given.append(len(told))
        hits.append(sum(one.low <= where.truth <= one.high for one in told))
        assert given[-1] >= 50
        assert hits[-1] >= 0.86 * given[-1]  # 93 % would show fewer with probability .02
    assert sum(hits) >= 0.89 * sum(given)  # 93 % would with probability .004, 85 % with .97


def test_subgroup_intervals_cover_together() -> None:
    where = world(0.3)
    truths = where.group_truths()
    hits = 0
    for seed in range(40):
        groups = evaluate(where.draw(2_000, np.random.default_rng(seed))).groups
        hits += all(
            groups[f"g{k}"].headline.low <= t <= groups[f"g{k}"].headline.high for k, t in enumerate(truths)
        )
    assert hits >= 36  # 95 % would show fewer with probability .05, 80 % with .92


def test_json_holds_no_nan_and_refuses_aloud() -> None:
    log = world(0.005).draw(200, np.random.default_rng(0))
    answer = evaluate(replace(log, group=None))
    assert answer.verdict == "not enough evidence"
    out = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    assert out["estimates"]["IPS"]["low"] is None
    assert out["verdict"] == "not enough evidence"
    assert out["reason"]
    assert "not enough evidence" in str(answer.estimates["IPS"])


def test_a_table_never_shows_a_figure_alone() -> None:
    table = evaluate(world(0.6).draw(500, np.random.default_rng(0))).table()
    assert {"ess", "max_weight", "share_of_max", "mean_weight", "unseen_support", "verdict"} <= set(table)
    assert (table["verdict"] == "enough evidence").all()


def test_the_direct_method_claims_no_error() -> None:
    answer = evaluate(world(0.6).draw(2_000, np.random.default_rng(0)))
    assert isnan(answer.estimates["DM"].se)
    assert isnan(answer.estimates["DM"].low)
    assert "bias" in answer.estimates["SWITCH_DR_10"].interval


def test_a_better_policy_is_shipped_and_a_worse_one_not() -> None:
    log = world(0.6).draw(20_000, np.random.default_rng(0))
    good = evaluate(log).versus_logging
    assert good is not None
    assert good.verdict == "ship"
    bad = evaluate(replace(log, reward=1 - log.reward, prediction=None)).versus_logging
    assert bad is not None
    assert bad.verdict == "do not ship"


def test_a_policy_on_actions_never_logged_is_refused() -> None:
    n = 1000
    policy = np.tile([0.5, 0.5], (n, 1))
    log = Log(
        reward=np.ones(n),
        propensity=np.full(n, 0.5),
        target=np.full(n, 0.5),
        action=np.zeros(n, dtype=np.int64),
        policy=policy,
    )
    answer = evaluate(log)
    assert answer.diagnostics.unseen_support == 0.5
    assert "actions that the log does not show" in answer.reason


def test_signed_rewards_around_zero_are_evidence() -> None:
    rng = np.random.default_rng(0)
    log = Log(reward=rng.normal(0, 0.2, 3000), propensity=np.full(3000, 0.5), target=np.full(3000, 0.5))
    answer = evaluate(log, reward_range=(-2.0, 2.0))
    assert answer.verdict == "enough evidence"
    assert answer.headline.low < 0 < answer.headline.high


def test_small_groups_are_not_shown() -> None:
    log = world(0.6).draw(500, np.random.default_rng(0))
    group = np.array(["many"] * 497 + ["few"] * 3, dtype=object)
    assert list(evaluate(replace(log, group=group)).groups) == ["many"]


def odd_log(seed: int) -> Log:
    """Return a small log with something odd: few rounds, tiny propensities, constant or huge rewards."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.choice([1, 2, 3, 8, 60, 200])), int(rng.integers(1, 4))
    policy = rng.dirichlet(np.ones(k), n) if rng.random() < 0.7 else np.eye(k)[rng.integers(k, size=n)]
    action = rng.integers(k, size=n)
    rewards = [np.zeros(n), np.ones(n), -np.ones(n), rng.normal(size=n) * 1e6, (rng.random(n) < 0.3) * 1.0]
    return Log(
        reward=rewards[rng.integers(len(rewards))],
        propensity=rng.choice([1e-9, 0.01, 0.5, 1.0], n),
        target=policy[np.arange(n), action],
        action=action,
        policy=policy,
        prediction=rng.random((n, k)) if rng.random() < 0.5 else None,
        cluster=rng.integers(1 + n // 3, size=n) if rng.random() < 0.5 else None,
        group=rng.choice(["a", "b", ""], n).astype(object),
        slate=np.arange(n) // 3,
        position=np.arange(n) % 3,
    )


@pytest.mark.parametrize("seed", range(60))
def test_no_log_is_too_odd_to_be_answered_or_refused(seed: int) -> None:
    log = odd_log(seed)
    answer = evaluate(log)
    lists = evaluate_slates(slates_of_log(log), cluster=list_clusters(log))
    assert str(answer)
    assert str(lists)
    assert json.dumps([answer.to_dict(), finite(lists.to_dict())], allow_nan=False)
    for estimate in answer.estimates.values():
        assert isnan(estimate.low) or estimate.low <= estimate.value <= estimate.high


def test_the_logging_policy_is_worth_its_mean_reward() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 1.0, 2000)
    log = Log(reward=rng.random(2000), propensity=p, target=p * (1 + 1e-15))
    answer = evaluate(log)
    assert answer.headline.value == pytest.approx(log.reward.mean())
    assert answer.headline.high - answer.headline.low == pytest.approx(4 * answer.headline.se, rel=0.1)
    assert answer.versus_logging is not None
    assert answer.versus_logging.difference == pytest.approx(0, abs=1e-12)
    assert answer.versus_logging.verdict == "not enough evidence"


def test_a_constant_in_the_predictions_moves_no_headline() -> None:
    world = make_world(ess_fraction=0.2, reward_rate=0.3, rng=np.random.default_rng(3))
    log = world.draw(800, np.random.default_rng(4))
    assert log.prediction is not None
    moved = replace(log, prediction=log.prediction + 5.0)
    one, other = evaluate(log), evaluate(moved)
    assert other.headline.value == pytest.approx(one.headline.value, rel=1e-9)
    assert one.versus_logging is not None
    assert other.versus_logging is not None
    assert other.versus_logging.difference == pytest.approx(one.versus_logging.difference, rel=1e-6)
    assert abs(other.estimates["DR"].value - one.estimates["DR"].value) > 0.01


def with_prizes(rate: float, *, size: float = 100.0, n: int = 1000) -> Log:
    rng = np.random.default_rng(6)
    prize = np.zeros(n)
    prize[: int(rate * n)] = size
    reward = np.maximum(prize, (rng.random(n) < 0.4) * 1.0)
    return Log(reward, np.full(n, 0.5), (np.arange(n) % 2 == 1) * 1.0)


def test_prizes_so_rare_that_chance_decides_are_said() -> None:
    (said,) = [line for line in evaluate(with_prizes(0.003)).warnings if line.startswith("Caution")]
    assert said.startswith("Caution: 3 rounds with a reward of 100 or more bring 43% of all that was earned")
    assert "1.5 can be expected among the target's choices" in said


@pytest.mark.parametrize(("rate", "size"), [(0.02, 100.0), (0.003, 4.0), (0.0, 1.0)])
def test_prizes_that_are_many_or_small_are_not(rate: float, size: float) -> None:
    assert not any(line.startswith("Caution") for line in evaluate(with_prizes(rate, size=size)).warnings)


@pytest.mark.parametrize(("lost", "said"), [(0, False), (3, False), (100, True)])
def test_few_lost_rows_are_said_where_they_could_move_the_answer(lost: int, said: bool) -> None:
    rng = np.random.default_rng(7)
    table = pd.DataFrame({"r": (rng.random(10_000) < 0.3) * 1.0, "p": 0.5, "t": rng.integers(2, size=10_000)})
    zeros = np.flatnonzero(table["r"] == 0)[:lost]
    table.loc[zeros, "r"] = np.nan
    warnings = evaluate(log_of_frame(table, Columns("r", "p", target="t"))).warnings
    assert any(line.startswith(f"Caution: {lost} of 10,000 rows") for line in warnings) == said
