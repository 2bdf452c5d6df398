"""CSV and Parquet files as logs: every cell as it stands; only an empty one is missing."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segue.experiments.evaluation.logs.columns import Columns
from segue.experiments.evaluation.logs.logged_data import Log, log_of_frame

PARQUET = (".parquet", ".pq")


def read_csv_log(
    path: str | Path, columns: Columns, *, reward_range: tuple[float, float] | None = None
) -> Log:
    """Return the usable rows of a CSV (``.gz`` is read too) or Parquet file; see `log_of_frame` for the rest.

    Labels are text: "None", "NA" and "null" are names like any other, and only an empty cell is missing.

    Raises
    ------
    ValueError
        If the file is empty, not separated by commas, or a column is missing.
    FileNotFoundError
        If there is no such file.
    """
    if Path(path).suffix in PARQUET:
        return log_of_frame(_parquet(Path(path), columns), columns, reward_range=reward_range)
    frame, unreadable = read_frame(Path(path), columns.labels)
    return log_of_frame(frame, columns, reward_range=reward_range, unreadable=unreadable)


def _parquet(path: Path, columns: Columns) -> pd.DataFrame:
    """Return the columns that are asked for, and no other; labels as text, as in a CSV file."""
    try:
        held = pq.read_schema(path).names
        prefixes = tuple(p for p in (columns.target_prefix, columns.qhat_prefix, columns.context_prefix) if p)
        wanted = [name for name in held if name in columns.single or name.startswith(prefixes or ("\0",))]
        frame: pd.DataFrame = pq.read_table(path, columns=wanted).to_pandas(
            split_blocks=True, self_destruct=True
        )
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is no Parquet file: {str(error).splitlines()[0]}") from None
    for name in set(columns.labels) & set(frame):
        texts = frame[name].astype("string")
        frame[name] = texts.mask(texts == "")
    return frame


def read_frame(path: Path, labels: tuple[str, ...]) -> tuple[pd.DataFrame, int]:
    """Return the table and the number of lines with too many fields, which are not in it."""
    types = dict.fromkeys(labels, "string")
    bad: list[list[str]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                frame = pd.read_csv(path, dtype=types, index_col=False, keep_default_na=False, na_values=[""])
            except pd.errors.ParserError:
                frame = _read_slowly(path, types, bad)
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty: a header and at least one row are needed") from None
    except pd.errors.ParserWarning:
        _refuse_other_marks(path, pd.read_csv(path, nrows=0))
        raise ValueError(f"the first row of {path} has more fields than its header") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from None
    _refuse_other_marks(path, frame)
    return frame, len(bad)


def read_texts(path: Path) -> pd.DataFrame:
    """Return a table of labels, a roster for instance, with every cell as text: "007" is not "7".

    Raises
    ------
    ValueError
        If the file is empty, not separated by commas, or a line has more fields than the header.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        header = next(csv.reader(lines), [])
    frame, bad = read_frame(path, tuple(header))
    if bad:
        raise ValueError(f"{path}: {bad} lines have more fields than the header")
    return frame


def _refuse_other_marks(path: Path, frame: pd.DataFrame) -> None:
    """Raise where a header was written with another mark between its fields."""
    if len(frame.columns) == 1 and (mark := next((m for m in ";\t|" if m in str(frame.columns[0])), "")):
        raise ValueError(
            f"{path} separates its fields by {mark!r}, not by commas: save it with commas, and numbers with "
            "points"
        )


def _read_slowly(path: Path, types: dict[str, str], bad: list[list[str]]) -> pd.DataFrame:
    """Return the table without lines of too many fields, which are added to `bad`."""
    return pd.read_csv(
        path,
        dtype=types,
        index_col=False,
        engine="python",
        on_bad_lines=bad.append,
        keep_default_na=False,
        na_values=[""],
    )
