"""CSV and Parquet files as frames whose numbers are numbers: logs, attempts, views, rosters."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
from collections.abc import Callable, Collection
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segue.features.events.text_dialects import DAMAGED, delimiter_of, encoding_of, is_json

PARQUET = (".parquet", ".pq")
PACKED = (".zip", ".xz", ".bz2", ".zst")  # read by pandas, with commas
HEAD = 100_000


def typed_table(
    path: Path,
    labels: Collection[str] | None = (),
    *,
    missing: Collection[str] = ("",),
    wanted: Callable[[str], bool] = bool,
) -> tuple[pd.DataFrame, int]:
    """Return the table of a file, and the number of lines with too many fields, which are not in it.

    CSV (``.gz`` too) in UTF-8 or UTF-16, fields between commas, semicolons, tabs or bars; or Parquet.

    Parameters
    ----------
    labels : collection of str, optional
        Columns that hold labels: text as it stands, where only an empty cell is missing. None: all of them.
    missing : collection of str
        How a missing number is written in a CSV file.
    wanted : callable
        Which columns of a Parquet file are read, by name.

    Raises
    ------
    ValueError
        If the file is empty, cannot be read, or names a column twice.
    """
    if path.suffix in PARQUET:
        return _parquet(path, labels, wanted), 0
    try:
        return _text(path, labels, missing)
    except DAMAGED as error:
        raise ValueError(f"{path} cannot be read to its end: {error}") from None


def _text(path: Path, labels: Collection[str] | None, missing: Collection[str]) -> tuple[pd.DataFrame, int]:
    """Return the table of a text file, and the number of lines that are not in it."""
    encoding, header, delimiter = _head(path)
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise ValueError(f"{path} names a column twice: {twice!r}")
    types = dict.fromkeys(header if labels is None else labels, "string")

    def read(**options: object) -> pd.DataFrame:
        return pd.read_csv(  # type: ignore[call-overload,no-any-return]
            path,
            sep=delimiter,
            encoding=encoding,
            dtype=types,
            index_col=False,
            keep_default_na=False,
            na_values=list(missing),
            **options,
        )

    bad: list[list[str]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:  # read at once where no column's type is known, so that a column has one
                return read(low_memory=bool(types)), 0
            except pd.errors.ParserError:
                return read(engine="python", on_bad_lines=bad.append), len(bad)
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty: a header and at least one row are needed") from None
    except pd.errors.ParserWarning:
        raise ValueError(f"the first row of {path} has more fields than its header") from None
    except UnicodeError:
        raise ValueError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from None


def _head(path: Path) -> tuple[str, list[str], str]:
    """Return how a CSV file is encoded, its header, and what separates its fields."""
    if path.suffix in PACKED:
        return "utf-8-sig", [], ","
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        head = file.read(HEAD)
        if b"\n" not in head:
            head += file.readline()
    encoding = encoding_of(head[:4])
    text = head.decode(encoding, "replace").lstrip("\ufeff\r\n")
    if is_json(text):
        raise ValueError(f"{path} is JSON, which is no table: write it as CSV or Parquet")
    delimiter = delimiter_of(text)
    return encoding, next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), []), delimiter


def _parquet(path: Path, labels: Collection[str] | None, wanted: Callable[[str], bool]) -> pd.DataFrame:
    """Return the columns that are wanted, and no other; labels as text, as in a CSV file."""
    try:
        names = [name for name in pq.read_schema(path).names if wanted(name)]
        frame: pd.DataFrame = pq.read_table(path, columns=names).to_pandas(
            split_blocks=True, self_destruct=True
        )
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is no Parquet file: {str(error).splitlines()[0]}") from None
    for name in names if labels is None else set(labels) & set(names):
        texts = frame[name].astype("string")
        frame[name] = texts.mask(texts == "")
    return frame
