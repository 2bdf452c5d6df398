"""The steps of a block as cells are those of each list alone; texts are what Python writes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segue.workspace.records import decision_log


@pytest.mark.parametrize("n", [3, 400])
def test_parts_of_scores_are_written_as_python_writes_them(n: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, 4)) * 10.0 ** rng.integers(-8, 20, (n, 4))
    values[0], values[1] = [np.nan, np.inf, -np.inf, 0.0], [-0.0, 1e16, 2.0**53, 5e-324]
    values[2] = [3.0, -12.0, 1e-4, 9.99e-5]
    names = ("zone", "a % of it", 'with "quotes"', "é")
    texts = decision_log._json_objects(names, values)
    assert texts == [json.dumps(dict(zip(names, row, strict=True))) for row in values.tolist()]
