"""What goes out runs nothing: cells of CSV files, addresses on pages and in exports."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from segue.features.catalogue import Resource
from segue.features.outward_text import csv_frame, web_address

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
