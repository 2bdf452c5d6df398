"""What goes out runs nothing: cells of CSV files, addresses on pages and in exports."""

from __future__ import annotations

import io
import math

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.features.catalogue import Resource, web_address
from segue.features.events.outward_text import FORMULA, csv_cell, csv_frame, csv_table

HEADS = ["", "0", "a", "'", *FORMULA]
BAD = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " java\tscript:x",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc",
]


@pytest.mark.parametrize("url", BAD)
def test_no_resource_keeps_an_address_that_runs(url: str) -> None:
    assert web_address(url) == ""
    assert Resource("r", url=url).url == ""


@pytest.mark.parametrize("url", ["https://lms.example/x:y", "http://a", "lessons/1.html", ""])
def test_addresses_of_pages_stay(url: str) -> None:
    assert Resource("r", url=url).url == url


@given(
    cells=st.lists(st.one_of(st.none(), st.sampled_from(HEADS).flatmap(lambda h: st.text().map(h.__add__))))
)
def test_an_arrow_table_gets_the_cells_of_a_frame(cells: list[str | None]) -> None:
    table = pa.table({"cell": pa.array(cells, pa.string()), "n": pa.array([-1.0] * len(cells), pa.float64())})
    safe = csv_table(table)
    assert safe["cell"].to_pylist() == [None if cell is None else csv_cell(cell) for cell in cells]
    assert (safe["n"].to_pylist(), safe.schema) == ([-1.0] * len(cells), table.schema)


def test_what_is_unknown_is_an_empty_cell() -> None:
    table = pa.table({"minutes": [math.nan, 5.0, None]})
    assert csv_table(table)["minutes"].to_pylist() == [None, 5.0, None]


def test_no_cell_of_a_csv_is_a_formula() -> None:
    table = pd.DataFrame(
        {
            "learner": ["=cmd|' /C calc'!A0", "+1-2", "@SUM(A1)", "ada", "\t=1"],
            "=1": [-1.5, 2.0, 3.0, 4.0, 5.0],
        }
    )
    table["kind"] = pd.Categorical(["=a", "b", "b", "b", "b"])
    found = pd.read_csv(io.StringIO(csv_frame(table).to_csv(index=False)), dtype=str, keep_default_na=False)
    for cell in [*found.columns, *found.to_numpy().ravel().tolist()]:
        assert not cell.startswith(("=", "+", "@", "\t", "\r")), cell
    assert found.iloc[0, 1] == "-1.5"
    assert table.iloc[3, 0] == found.iloc[3, 0] == "ada"
