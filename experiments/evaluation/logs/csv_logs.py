"""CSV and Parquet files as logs: every cell as it stands; only an empty one is missing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from segue.experiments.evaluation.logs.columns import Columns
from segue.experiments.evaluation.logs.logged_data import Log, log_of_frame
from segue.features.events.typed_tables import typed_table


def read_csv_log(
    path: str | Path, columns: Columns, *, reward_range: tuple[float, float] | None = None
) -> Log:
    """Return the usable rows of a CSV or Parquet file; see `typed_table` and `log_of_frame` for the rest.

    Labels are text: "None", "NA" and "null" are names like any other, and only an empty cell is missing.

    Raises
    ------
    ValueError
        If the file is empty, names a column twice, or a column is missing.
    FileNotFoundError
        If there is no such file.
    """
    frame, unreadable = typed_table(Path(path), columns.labels, wanted=columns.reads)
    return log_of_frame(frame, columns, reward_range=reward_range, unreadable=unreadable)


def read_texts(path: Path) -> pd.DataFrame:
    """Return a table of labels, a roster for instance, with every cell as text: "007" is not "7".

    Raises
    ------
    ValueError
        If the file is empty, or a line has more fields than the header.
    """
    frame, bad = typed_table(path, None)
    if bad:
        raise ValueError(f"{path}: {bad} lines have more fields than the header")
    return frame
