"""Values on their way out, to where programs read other things into them: spreadsheets, browsers, JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

FORMULA = ("=", "+", "-", "@", "\t", "\r")
FORMULA_START = f"^[{re.escape(''.join(FORMULA))}]"
NUMBER = re.compile(r"[+-]?[0-9.,]+(?:[eE][+-]?[0-9]+)?")
CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f]")


def one_line(text: str) -> str:
    """Return a text without line breaks and other control characters: it cannot begin a line of its own.

    >>> one_line("x\\r\\nATTACH:y\\u2028z")
    'x ATTACH:y z'
    """
    return " ".join(CONTROLS.sub(" ", text).split())


def csv_cell(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; numbers stay what they are.

    >>> csv_cell("=1+1"), csv_cell("-0.5"), csv_cell("ada")
    ("'=1+1", '-0.5', 'ada')
    """
    return f"'{cell}" if cell.startswith(FORMULA) and not NUMBER.fullmatch(cell) else cell


def csv_table(table: pa.Table) -> pa.Table:
    """Return an Arrow table whose texts are fit for a CSV file that people open, and NaN an empty cell."""
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_floating(field.type):
            safe = pc.if_else(pc.is_nan(column), pa.scalar(None, field.type), column)
        elif (
            pa.types.is_string(field.type) and pc.any(pc.match_substring_regex(column, FORMULA_START)).as_py()
        ):
            cells = [csv_cell(cell) if cell else cell for cell in column.to_pylist()]
            safe = pa.array(cells, field.type)
        else:
            continue
        table = table.set_column(place, field, safe)
    return table


def csv_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts and headings are fit for a CSV file that people open."""
    safe = table.rename(columns=lambda name: csv_cell(name) if isinstance(name, str) else name)
    for place, kind in enumerate(safe.dtypes):
        if not pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_datetime64_any_dtype(kind):
            column = safe.iloc[:, place]
            cells = [csv_cell(cell) if isinstance(cell, str) else cell for cell in column]
            safe.isetitem(place, np.array(cells, dtype=object))
    return safe


def finite(value: Any) -> Any:
    """Return the same structure with None for every number JSON cannot hold.

    >>> finite({"a": float("nan"), "b": [1.0, np.float64("inf")]})
    {'a': None, 'b': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
