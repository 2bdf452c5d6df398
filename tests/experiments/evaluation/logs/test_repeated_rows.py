"""Rows exported twice are said; rows alike by chance are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.logs import repeated_rows
from segue.experiments.evaluation.logs.columns import Columns
from segue.experiments.evaluation.logs.logged_data import log_of_frame
from segue.experiments.evaluation.verdicts.promotion_gate import gate_log

COLUMNS = Columns("r", "p", target="t")
SAID = "rows repeat another in all that is read"
Make = Callable[[np.random.Generator], pd.DataFrame]


def fine(rng: np.random.Generator) -> pd.DataFrame:
    """Propensities that differ from round to round."""
    p = rng.uniform(0.1, 0.9, 1000)
    return pd.DataFrame({"r": (rng.random(1000) < 0.3) * 1.0, "p": p, "t": 0.5})


def graded(rng: np.random.Generator) -> pd.DataFrame:
    """Two arms, and rewards of any size."""
    arm = rng.integers(2, size=1000)
    return pd.DataFrame({"r": rng.lognormal(size=1000), "p": 0.5, "t": arm * 1.0})


def coarse(rng: np.random.Generator) -> pd.DataFrame:
    """A few kinds of rows."""
    action = rng.integers(5, size=1000)
    chance = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    table = {"r": (rng.random(1000) < 0.3) * 1.0, "p": chance[action], "t": chance[::-1][action]}
    return pd.DataFrame(table)


def twice_asked(rng: np.random.Generator) -> pd.DataFrame:
    """Two rounds of each learner, at the same propensities."""
    p = np.repeat(rng.uniform(0.1, 0.9, 500), 2)
    first = rng.random(1000) < p
    rate = np.repeat(rng.uniform(0.0, 0.6, 500), 2)
    table = {"r": (rng.random(1000) < rate) * 1.0, "p": np.where(first, p, 1 - p), "t": first * 0.4 + 0.3}
    return pd.DataFrame(table)


def in_turn(rng: np.random.Generator) -> pd.DataFrame:
    """Three arms in turn: as many rounds of each."""
    arm = np.arange(999) % 3
    return pd.DataFrame({"r": (rng.random(999) < 0.1) * 1.0, "p": 1 / 3, "t": (arm == 1) * 1.0})


def cautions(table: pd.DataFrame, columns: Columns = COLUMNS) -> list[str]:
    return [line for line in evaluate(log_of_frame(table, columns)).warnings if SAID in line]


@pytest.mark.parametrize("make", [fine, graded, coarse, twice_asked, in_turn])
def test_a_log_in_the_file_twice_is_said(make: Make) -> None:
    table = make(np.random.default_rng(1))
    both = pd.concat([table, table])
    (caution,) = cautions(both)
    assert caution.startswith(f"Caution: {len(table):,} rows repeat"), caution
    assert "--decision" in caution
    assert caution in gate_log(log_of_frame(both, COLUMNS)).cautions


@pytest.mark.parametrize("make", [fine, graded, twice_asked])
def test_it_is_said_in_any_order(make: Make) -> None:
    table = make(np.random.default_rng(1))
    assert cautions(pd.concat([table, table]).sample(frac=1, random_state=0))


def timed(rng: np.random.Generator) -> pd.DataFrame:
    """A few kinds of rows, and a time that nothing reads."""
    start = pd.Timestamp("2026-11-30T08:00:00Z")
    return coarse(rng).assign(time=start + pd.to_timedelta(rng.integers(100_000, size=1000), "s"))


@pytest.mark.parametrize("make", [fine, graded, timed])
def test_a_part_that_two_exports_share_is_said(make: Make) -> None:
    table = make(np.random.default_rng(2))
    (caution,) = cautions(pd.concat([table, table[:150]]))
    assert caution.startswith("Caution: 150 rows repeat")


def test_of_a_long_table_a_sample_of_groups_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_rows, "ENOUGH", 400)
    table = fine(np.random.default_rng(2))
    found = repeated_rows.repeated_rows(pd.concat([table, table[:300]]), COLUMNS)
    assert abs(found - 300) < 4 * 3 * np.sqrt(300 * 2 / 9)  # 300 groups, a third of them looked at
    assert repeated_rows.repeated_rows(table, COLUMNS) == 0


@pytest.mark.parametrize("make", [fine, graded, coarse, twice_asked, timed, in_turn])
def test_chance_is_not(make: Make) -> None:
    assert not any(cautions(make(np.random.default_rng([3, seed]))) for seed in range(25))


def test_the_remedy_it_names_is_one() -> None:
    table = fine(np.random.default_rng(4)).assign(id=np.arange(1000))
    both = pd.concat([table, table[:300]])
    assert cautions(both)
    named = Columns("r", "p", target="t", decision="id")
    assert not cautions(both, named)
    assert log_of_frame(both, named).n == 1000
