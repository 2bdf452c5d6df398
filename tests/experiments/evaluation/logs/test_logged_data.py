from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segue.experiments.evaluation.logs.columns import Columns
from segue.experiments.evaluation.logs.logged_data import log_of_frame, read_csv_log
from segue.features.events.row_faults import Rejected
from tests.experiments.evaluation.reference_data import parity_means

TABLES = Columns("r", "p", action="a", target_prefix="pi_", qhat_prefix="q_", cluster="c", group="g")


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "r": [1.0, 0.0, 1.0, 0.5],
            "p": [0.5, 0.5, 0.25, 1.0],
            "a": ["x", "y", "y", "x"],
            "pi_x": [0.2, 0.2, 0.2, 1.0],
            "pi_y": [0.8, 0.8, 0.8, 0.0],
            "q_x": [0.1, 0.2, 0.3, 0.4],
            "q_y": [0.5, 0.6, 0.7, 0.8],
            "c": ["k", "k", None, "m"],
            "g": ["b", None, "b", "w"],
        }
    )


def test_a_clean_frame_is_read_whole() -> None:
    log = log_of_frame(frame(), TABLES)
    assert log.actions == ("x", "y")
    assert log.target.tolist() == [0.2, 0.8, 0.8, 1.0]
    rounds = log.rounds()
    assert rounds.q_logged is not None
    assert rounds.q_logged.tolist() == [0.1, 0.6, 0.7, 0.4]
    assert log.cluster is not None
    assert log.cluster.tolist() == [0, 0, 2, 1]  # an unknown cluster stands alone
    assert log.group is not None
    assert log.group.tolist() == ["b", "", "b", "w"]
    assert str(log.rejected) == "no row rejected"


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("r", np.nan, "r is not a number"),
        ("r", np.inf, "r is not a number"),
        ("p", 0.0, r"p outside (0, 1]"),
        ("p", 1.5, r"p outside (0, 1]"),
        ("p", np.nan, "p is not a number"),
        ("a", None, "a is missing"),
        ("pi_y", -0.1, "target probability outside [0, 1]"),
        ("pi_y", np.nan, "target probability is not a number"),
        ("pi_y", 0.3, "target probabilities do not sum to 1"),
        ("q_x", np.nan, "predicted reward is not a number"),
    ],
)
def test_a_bad_row_is_set_aside_counted_and_located(column: str, value: object, reason: str) -> None:
    table = frame()
    table.loc[2, column] = value
    log = log_of_frame(table, TABLES, reward_range=(0.0, 1.0))
    assert log.rejected == Rejected(1, {reason: 1}, (4,))
    assert log.n == 3
    assert np.isfinite(log.rounds().weight).all()


def test_whole_number_actions_find_their_columns() -> None:
    table = frame().rename(columns={"pi_x": "pi_0", "pi_y": "pi_1", "q_x": "q_0", "q_y": "q_1"})
    for actions in ([0, 1, 1, 0], [0.0, 1.0, 1.0, 0.0], ["0", "1", "1.0", "0"]):
        log = log_of_frame(table.assign(a=actions), TABLES)
        assert log.action is not None
        assert log.action.tolist() == [0, 1, 1, 0]


def test_missing_columns_and_empty_logs_are_errors() -> None:
    with pytest.raises(ValueError, match="no column 'p'"):
        log_of_frame(frame().drop(columns="p"), TABLES)
    with pytest.raises(ValueError, match="action 'y' has no column q_y"):
        log_of_frame(frame().drop(columns="q_y"), TABLES)
    with pytest.raises(ValueError, match="no usable row: 4 rows rejected: 4 × p outside"):
        log_of_frame(frame().assign(p=0), TABLES)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "give the target policy"),
        ({"target_prefix": "pi_"}, "need action"),
        ({"target": "t", "qhat_prefix": "q_", "action": "a"}, "qhat_prefix needs target_prefix"),
        ({"target": "t", "slate": "s"}, "both slate"),
    ],
)
def test_incomplete_columns_say_what_is_missing(columns: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Columns("r", "p", **columns)


def test_a_list_that_lost_a_step_is_left_out_whole() -> None:
    table = pd.DataFrame({"r": [1, 0, 1, 1, 0, 1], "p": [0.5, 0.0, 0.5, 0.5, 0.5, 0.5], "t": 0.5})
    table = table.assign(s=["a", "a", "b", "b", "c", "c"], k=[1, 2, 1, 2, 3, 3])
    log = log_of_frame(table, Columns("r", "p", target="t", slate="s", position="k"))
    assert log.reward.tolist() == [1, 1]
    assert log.rejected.reasons == {
        "another row of its list is unusable": 2,
        "p outside (0, 1]": 1,
        "k given twice in its list": 1,
    }


def test_csv_with_broken_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("r,p,t\n1,0.5,0.25\n1,2,3,4\n0,0.5\nabc,0.5,0.5\n0.1,0.30000000000000004,1\n")
    log = read_csv_log(path, Columns("r", "p", target="t"))
    assert log.n == 2
    assert log.rejected.n == 3
    assert log.rejected.reasons["too many fields in the line"] == 1
    assert log.propensity[1] == pytest.approx(0.3, rel=1e-15)


def test_an_empty_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("")
    with pytest.raises(ValueError, match="is empty: a header"):
        read_csv_log(path, Columns("r", "p", target="t"))
    path.write_text("r,p,t\n1,2,3,4\n")
    with pytest.raises(ValueError, match="more fields than its header"):
        read_csv_log(path, Columns("r", "p", target="t"))


def test_parity_means_never_use_their_own_row() -> None:
    reward, action = np.array([1.0, 0.0, 0.0, 1.0]), np.array([0, 0, 1, 0])
    q = parity_means(reward, action, n_actions=2, prior=2.0)
    odd, even = [(0 + 1 + 2 * 0.5) / 4, (0 + 2 * 0.5) / 2], [(1 + 2 * 0.5) / 3, (0 + 2 * 0.5) / 3]
    assert q == pytest.approx(np.array([odd, even, odd, even]))
