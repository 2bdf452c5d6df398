"""Every figure of the reference file, recomputed from the raw data sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segue.experiments.evaluation.estimators.difference import Difference
from segue.experiments.evaluation.estimators.single_step import ESTIMATORS, rounds_of
from segue.experiments.evaluation.estimators.standard_errors import standard_error
from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.intervals.closed_form import Bounds, empirical_bernstein, normal
from segue.experiments.evaluation.intervals.empirical_likelihood import cressie_read
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.verdicts.diagnostics import diagnose
from segue.experiments.evaluation.verdicts.evaluation_result import Evaluation
from tests.experiments.evaluation.reference_data import STAR_ARMS, item_shares, open_bandit, star

Find = Callable[[str], Path]
CAMPAIGNS = ["men", "women"]
BANDIT_POLICIES = ["uniform_from_bts", "bts_share_from_random"]
STAR_POLICIES = ["always_small", "always_reg", "always_reg+A", "uniform"]


def reference(find: Find) -> Any:
    return json.loads(find("ope_reference_dev.json").read_text())


def bandit_log(find: Find, campaign: str, policy: str) -> Log:
    folder = find("open-bandit-small")
    if policy == "uniform_from_bts":
        return open_bandit(folder, campaign, logger="bts")
    return open_bandit(folder, campaign, logger="random", target=item_shares(folder, campaign, logger="bts"))


def star_target(policy: str) -> np.ndarray:
    if policy == "uniform":
        return np.full(3, 1 / 3)
    return np.eye(3)[STAR_ARMS.index(policy.removeprefix("always_"))]


def star_log(find: Find, policy: str) -> Log:
    return star(find("project-star") / "star_long.csv.gz", star_target(policy))


def near(value: float) -> Any:
    """Return an approximation at the file's tolerance: 1e-9, relative above 1."""
    return pytest.approx(value, rel=1e-9, abs=1e-9)


def check_policy(log: Log, expected: dict[str, Any]) -> None:
    rounds = log.rounds()
    assert rounds.n == expected["n"]
    assert log.policy is not None
    assert log.action is not None
    assert log.policy.shape[1] == expected["K"]
    assert rounds.reward.mean() == near(expected["on_policy_mean"])
    parts = {name: estimator(rounds) for name, estimator in ESTIMATORS.items()}
    values = {name: parts[name].value for name in expected["estimates"]}
    assert values == {name: near(value) for name, value in expected["estimates"].items()}
    for name in ("IPS", "SNIPS", "DR"):
        key = "SNIPS_delta" if name == "SNIPS" else name
        assert standard_error(parts[name]) == near(expected["se"][key])
        interval = normal(parts[name])
        assert [interval.low, interval.high] == [near(v) for v in expected["normal95"][name]]
    bernstein = empirical_bernstein(parts["IPS"])
    assert [bernstein.low, bernstein.high] == [
        near(v) for v in expected["emp_bernstein95_IPS_range_sample_max"]
    ]
    found = diagnose(rounds, log.propensity)
    figures = {
        "ess": found.ess,
        "ess_fraction": found.ess_fraction,
        "max_weight": found.max_weight,
        "mean_weight": found.mean_weight,
        "mean_weight_se": found.mean_weight_se,
        "share_of_max_in_sum": found.share_of_max,
        "min_propensity": found.min_propensity,
        "support_mass_unseen": found.unseen_support,
    }
    assert figures == {name: near(value) for name, value in expected["diagnostics"].items()}


@pytest.mark.parametrize("campaign", CAMPAIGNS)
@pytest.mark.parametrize("policy", BANDIT_POLICIES)
def test_open_bandit(shared_data: Find, campaign: str, policy: str) -> None:
    expected = reference(shared_data)["open_bandit"][campaign][policy]
    log = bandit_log(shared_data, campaign, policy)
    check_policy(log, expected)
    interval = cressie_read(replace(log.rounds(), q_target=None), bounds=Bounds(0.0, 1.0))
    assert [interval.low, interval.high] == pytest.approx(expected["vw_cressie_read95_wmax=max"], abs=1e-6)


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_open_bandit_table_by_position(shared_data: Find, campaign: str) -> None:
    expected = reference(shared_data)["open_bandit"][campaign]["obp_bts_from_random"]
    folder = shared_data("open-bandit-small")
    frame = pd.read_csv(folder / f"random_{campaign}.csv.gz")
    table = np.array(expected["table_item_by_position"])
    rounds = rounds_of(
        frame["click"].to_numpy(float),
        frame["propensity_score"].to_numpy(float),
        target=table[frame["item_id"], frame["position"] - 1],
    )
    found = diagnose(rounds)
    bts = pd.read_csv(folder / f"bts_{campaign}.csv.gz")["click"]
    figures = {
        "IPS": ESTIMATORS["IPS"](rounds).value,
        "SNIPS": ESTIMATORS["SNIPS"](rounds).value,
        "ess": found.ess,
        "mean_weight": found.mean_weight,
        "max_weight": found.max_weight,
        "bts_log_mean_click": bts.mean(),
        "bts_log_se": bts.std() / np.sqrt(len(bts)),
    }
    assert figures == {name: near(expected[name]) for name in figures}


@pytest.mark.parametrize("policy", STAR_POLICIES)
def test_star(shared_data: Find, policy: str) -> None:
    whole = reference(shared_data)["star_odd_schools"]
    expected = whole[policy]
    log = star_log(shared_data, policy)
    assert log.n == whole["rows"]
    check_policy(log, expected)
    answer = evaluate(log)
    for name in ("IPS", "SNIPS"):
        assert answer.estimates[name].se == near(expected["se_cluster_tch"][name])
    assert list(answer.groups) == list(expected["by_ses"])
    for name, group in answer.groups.items():
        check_group(group, expected["by_ses"][name])


def check_group(group: Evaluation, expected: dict[str, float]) -> None:
    assert group.diagnostics.n == expected["n"]
    assert group.diagnostics.mean_weight == near(expected["mean_weight"])
    for name in ("IPS", "SNIPS"):
        assert group.estimates[name].value == near(expected[name])


def test_star_effect_of_small_classes(shared_data: Find) -> None:
    whole = reference(shared_data)["star_odd_schools"]
    small, regular = star_log(shared_data, "always_small"), star_log(shared_data, "always_reg")
    for name, suffix, key in (("IPS", "", "IPS"), ("SNIPS", "_SNIPS", "value")):
        estimator = ESTIMATORS[name]
        expected = whole[f"effect_small_minus_reg{suffix}"]
        parts = Difference(estimator(small.rounds()), estimator(regular.rounds()))
        assert parts.value == near(expected[key])
        assert standard_error(parts) == near(expected["se_iid"])
        assert standard_error(parts, small.cluster) == near(expected["se_cluster_tch"])


def test_uniform_from_bts_women_is_refused_with_the_reason(shared_data: Find) -> None:
    answer = evaluate(bandit_log(shared_data, "women", "uniform_from_bts"))
    assert answer.verdict == "not enough evidence"
    assert "effective sample size 2.1 of 10,000" in answer.reason
    sentence = str(answer.estimates["IPS"])
    assert sentence.startswith("IPS: not enough evidence")
    assert "0.0074" not in sentence
