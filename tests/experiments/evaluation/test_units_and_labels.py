"""What is answered does not hang on the unit, on how a label is spelt, or on what is not there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segue.experiments.evaluation.estimators.single_step import Rounds
from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.intervals.closed_form import Bounds
from segue.experiments.evaluation.logs.columns import Columns
from segue.experiments.evaluation.logs.logged_data import Log, log_of_frame, read_csv_log
from segue.experiments.evaluation.logs.synthetic_logs import make_world
from segue.experiments.evaluation.verdicts.policy_comparison import (
    compare,
    compare_groups,
    logging_policy,
)
from segue.experiments.evaluation.verdicts.promotion_gate import GateRules, gate, gate_log
from segue.features.events.text_dialects import label_of

WORLD = make_world(ess_fraction=0.3, reward_rate=0.3, rng=np.random.default_rng(1), n_actions=3)
PLAIN = Columns("r", "p", target="t", group="g", cluster="c")


def frame(n: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    second = rng.integers(2, size=n)
    return pd.DataFrame(
        {
            "r": (rng.random(n) < 0.3 + 0.3 * second).astype(float),
            "p": 0.5,
            "t": np.where(second == 1, 0.9, 0.1),
            "g": rng.choice(["a", "b"], n),
            "c": np.arange(n) // 6,
        }
    )


@pytest.mark.parametrize("unit", [1.0, 100.0, 0.001])
@pytest.mark.parametrize("grades", [None, 4.0])
def test_an_answer_scales_with_the_unit(unit: float, grades: float | None) -> None:
    log = replace(WORLD, grades=grades).draw(1_500, np.random.default_rng(0))
    assert log.prediction is not None
    scaled = replace(log, reward=log.reward * unit, prediction=log.prediction * unit)
    one, other = evaluate(log), evaluate(scaled)
    assert other.verdict == one.verdict
    for name, estimate in one.estimates.items():
        here = other.estimates[name]
        assert (here.value, here.low, here.high) == pytest.approx(
            (estimate.value * unit, estimate.low * unit, estimate.high * unit), rel=1e-9, nan_ok=True
        )
    assert one.versus_logging is not None
    assert other.versus_logging is not None
    assert other.versus_logging.high == pytest.approx(one.versus_logging.high * unit, rel=1e-9)
    assert other.versus_logging.verdict == one.versus_logging.verdict


def test_a_difference_of_scores_is_not_cut_at_one() -> None:
    rng = np.random.default_rng(0)
    second = rng.integers(2, size=2_000)
    rounds = Rounds(np.where(second == 1, 1.8, 0.2), 50 + 30 * second + rng.normal(0, 5, 2_000))
    found = compare(rounds, logging_policy(rounds))
    assert found.low < 12 < found.high  # 30 × .4
    groups = compare_groups(rounds, logging_policy(rounds), group=np.array(["a", "b"] * 1_000, dtype=object))
    assert all(group.low < 12 < group.high for group in groups.values())
    stated = compare(rounds, logging_policy(rounds), bounds=Bounds(0.0, 11.0))
    assert stated.high == pytest.approx(max(11.0, stated.difference))


def test_a_group_worse_by_its_margin_is_let_through_at_most_alpha_of_the_time() -> None:
    rng, logs = np.random.default_rng(3), 60
    passed = {
        (unit, labels): let_through(rng, logs, unit=unit, labels=labels)
        for unit in (1.0, 100.0)
        for labels in (("None", "NA", ""), ("1", "2.0", ""), (None, "null", "nan"))
    }
    for n, found in ((logs, max(passed.values())), (6 * logs, sum(passed.values()))):
        assert found <= n * 0.05 + 3 * np.sqrt(n * 0.05 * 0.95), passed


def let_through(rng: np.random.Generator, logs: int, *, unit: float, labels: tuple[str | None, ...]) -> int:
    """Return how many of some logs pass where the second group is worse by exactly its margin."""
    passed, effect = 0, np.array([0.6, -0.05 / 0.4, 0.6])
    for _ in range(logs):
        second, who = rng.integers(2, size=1_200), rng.integers(3, size=1_200)
        reward = unit * (rng.random(1_200) < 0.5 + (second - 0.5) * effect[who])
        group = np.array(labels, dtype=object)[who]
        rules = GateRules(group_margin=0.05 * unit)
        passed += (
            gate(Rounds(np.where(second == 1, 1.8, 0.2), reward), group=group, rules=rules).decision
            == "promote"
        )
    return passed


def test_labels_have_one_spelling_and_only_an_empty_cell_is_missing() -> None:
    spelt = [(1, "1"), (1.0, "1"), ("1", "1"), ("1.0", "1"), (" 1.00 ", "1"), ("01", "01"), ("-2.0", "-2")]
    assert [label_of(value) for value, _ in spelt] == [text for _, text in spelt]
    assert [label_of(v) for v in ("None", "NA", "null", "nan", "N/A")] == ["None", "NA", "null", "nan", "N/A"]
    assert [label_of(v) for v in ("", "  ", None, float("nan"), pd.NA, np.float64("nan"))] == [""] * 6


@pytest.mark.parametrize("marker", ["None", "NA", "null", "NaN", "n/a", "<NA>"])
def test_a_marker_is_a_name_like_any_other(tmp_path: Path, marker: str) -> None:
    table = frame()
    table["g"] = np.where(table["g"] == "a", marker, "b")
    table["c"] = np.where(table["c"] == 0, marker, table["c"].astype(str))
    table.to_csv(tmp_path / "log.csv", index=False)
    log = read_csv_log(tmp_path / "log.csv", PLAIN)
    assert log.n == 600
    assert set(evaluate(log).groups) == {marker, "b"}
    assert log.cluster is not None
    assert len(np.unique(log.cluster)) == 100
    passage = gate_log(log, declared=(marker,))
    assert list(passage.groups) == [marker]
    assert "shows none of it" not in str(passage)


def test_an_action_called_na_or_none_is_found(tmp_path: Path) -> None:
    table = pd.DataFrame({"r": [1, 0, 1], "p": 0.5, "a": ["NA", "None", "1.0"]})
    table = table.assign(pi_NA=0.2, pi_None=0.3, pi_1=0.5)
    table.to_csv(tmp_path / "log.csv", index=False)
    log = read_csv_log(tmp_path / "log.csv", Columns("r", "p", action="a", target_prefix="pi_"))
    assert log.target.tolist() == [0.2, 0.3, 0.5]


def test_missing_groups_and_clusters_are_said_and_counted(tmp_path: Path) -> None:
    table = frame()
    table.loc[:9, "g"] = None
    table["c"] = table["c"].astype("object")
    table.loc[10:14, "c"] = None
    table.to_csv(tmp_path / "log.csv", index=False)
    log = read_csv_log(tmp_path / "log.csv", PLAIN)
    said = str(evaluate(log))
    assert "10 rows have no group" in said
    assert "5 rows have no cluster: each stands alone" in said
    passage = gate_log(log)
    assert passage.without_group == 10
    assert "10 rounds have no group" in str(passage)
    assert json.dumps(passage.to_dict(), allow_nan=False)


def test_an_empty_label_cannot_be_declared() -> None:
    log = log_of_frame(frame(), PLAIN)
    with pytest.raises(ValueError, match="an empty label is no group"):
        gate_log(log, declared=("",))


def test_clusters_and_lists_are_the_same_however_their_ids_are_spelt() -> None:
    table = frame()
    one = log_of_frame(table, PLAIN)
    other = log_of_frame(
        table.assign(c=[f"{c}.0" if i % 2 else str(c) for i, c in enumerate(table["c"])]), PLAIN
    )
    assert evaluate(one).headline.se == pytest.approx(evaluate(other).headline.se, rel=1e-12)
    lists = Columns("r", "p", target="t", slate="c", position="k")
    table = table.assign(k=np.tile(np.arange(6), 100))
    mixed = table.assign(c=[float(c) if i % 2 else c for i, c in enumerate(table["c"])])
    assert log_of_frame(mixed.astype({"c": object}), lists).n == log_of_frame(table, lists).n == 600


def test_declared_numbers_find_their_rows() -> None:
    log = log_of_frame(frame().assign(g=np.tile([1.0, 2.0], 300)), PLAIN)
    assert list(gate_log(log, declared=("1", "2.0")).groups) == ["1", "2"]
    rules = GateRules(group_margins={"1.0": 0.5})
    assert gate_log(log, rules=rules).groups["1"].margin == 0.5
    rounds = log.rounds()
    assert list(gate(rounds, group=np.tile([1, 2], 300)).groups) == ["1", "2"]


@pytest.mark.parametrize("limits", [(1.0, 0.0), (0.0, 0.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_a_range_must_be_two_finite_numbers_in_order(limits: tuple[float, float]) -> None:
    table = frame()
    with pytest.raises(ValueError, match="two finite numbers"):
        log_of_frame(table, PLAIN, reward_range=limits)
    with pytest.raises(ValueError, match="two finite numbers"):
        evaluate(log_of_frame(table, PLAIN), reward_range=limits)


def test_a_range_that_the_log_contradicts_refuses_it() -> None:
    table = frame()
    table.loc[7, "r"] = 7.0
    with pytest.raises(ValueError, match=r"0 to 1, but 1 of 600 rows lie outside: r goes from 0 to 7;"):
        log_of_frame(table, PLAIN, reward_range=(0.0, 1.0))
    log = log_of_frame(table, PLAIN)
    with pytest.raises(ValueError, match="lie outside"):
        evaluate(log, reward_range=(0.0, 1.0))
    with pytest.raises(ValueError, match="lie outside"):
        gate_log(log, reward_range=(0.0, 1.0))


def test_constant_scores_without_a_range_are_no_evidence() -> None:
    n = 500
    log = Log(np.full(n, 73.0), np.full(n, 0.5), np.tile([0.9, 0.1], n // 2))
    answer = evaluate(log)
    assert answer.verdict == "not enough evidence"
    assert "all rewards are alike" in answer.reason
    assert answer.versus_logging is not None
    assert answer.versus_logging.verdict == "not enough evidence"
    assert evaluate(log, reward_range=(0.0, 100.0)).headline.high == pytest.approx(73.0, abs=1.0)


def test_a_parquet_file_says_what_the_same_csv_says(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"r": rng.integers(0, 101, 200), "p": 0.5, "a": rng.integers(2, size=200)})
    frame = frame.assign(pi_0=0.2, pi_1=0.8, g=rng.choice(["None", "NA", ""], 200), other="not read")
    frame.to_csv(tmp_path / "log.csv", index=False)
    frame.to_parquet(tmp_path / "log.parquet")
    columns = Columns(reward="r", propensity="p", action="a", target_prefix="pi_", group="g")
    one, two = (read_csv_log(tmp_path / name, columns) for name in ("log.csv", "log.parquet"))
    assert evaluate(one).to_dict() == evaluate(two).to_dict()
    assert set(evaluate(two).groups) == {"None", "NA"}
    (tmp_path / "no.parquet").write_text("r,p\n", encoding="utf-8")
    with pytest.raises(ValueError, match="is no Parquet file"):
        read_csv_log(tmp_path / "no.parquet", columns)
