"""Rows of CSV and Parquet files as text columns; a line that cannot be read leaves with its number."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from segue.features.events.event_records import COLUMNS, RecordsError
from segue.features.events.text_dialects import DAMAGED, delimiter_of, encoding_of, is_json, snake_case

LONGEST_LINE = 1 << 20
PART_ROWS = 100_000  # of a file are in memory at once
OURS = {*COLUMNS, "title", "url", "language", "grade_band", "skills", "courses", "difficulty", "minutes"}
OURS |= {"prerequisite", "skill"}
"""Names of ours that are known in any spelling."""
Rejects = list[tuple[int, str]]


@dataclass(frozen=True)
class Table:
    """A file's rows: `frame` (its columns), `lines` (where each row ends), and what was unreadable."""

    frame: pd.DataFrame
    lines: NDArray[np.int64]
    rejects: pd.DataFrame


def read_table(path: Path, names: Mapping[str, str], *, aliases: Mapping[str, str]) -> Table:
    """Return the rows of a file at once, see :func:`table_parts`."""
    (table,) = table_parts(path, names, aliases=aliases, rows=None)
    return table


def table_parts(
    path: Path, names: Mapping[str, str], *, aliases: Mapping[str, str], rows: int | None = PART_ROWS
) -> Iterator[Table]:
    """Yield the rows of a ``.csv``, ``.csv.gz`` or ``.parquet`` file, so many at a time, columns renamed.

    `names` maps columns of the file to ours; several that map to one are joined by ";". `aliases` are other
    spellings of our own names, in the file as in `names`. CSV cells stay text. A line that is not UTF-8, has
    the wrong number of cells, or is longer than 1 MiB is rejected on its own. At least one part is yielded;
    with `rows` None it is the only one.

    Raises
    ------
    RecordsError
        When the file is missing or empty, its header cannot be read, or `names` speaks of a column it lacks.
    """
    for table in _tables(path, rows):
        yield replace(table, frame=_renamed(table.frame, names, aliases, path))


def columns_of(path: Path) -> list[str]:
    """Return the names of a file's columns, as they stand there.

    Raises
    ------
    RecordsError
        When the file is missing or empty, or its header cannot be read.
    """
    return [str(name) for name in next(_tables(path, 1)).frame.columns]


def _tables(path: Path, rows: int | None) -> Iterator[Table]:
    if not path.is_file():
        raise RecordsError(f"{path} is a folder" if path.is_dir() else f"file {path} does not exist")
    if path.stat().st_size == 0:
        raise RecordsError(f"file {path} is empty: it needs a header line and rows")
    return _parquet(path, rows) if path.suffix == ".parquet" else _csv(path, rows)


def _renamed(
    frame: pd.DataFrame, names: Mapping[str, str], aliases: Mapping[str, str], path: Path
) -> pd.DataFrame:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        found = ", ".join(map(str, frame.columns))
        raise RecordsError(f"{path.name} has no column {missing[0]!r} to map (found: {found})")
    sources: dict[str, list[str]] = {}
    for name, target in names.items():
        sources.setdefault(aliases.get(target, target), []).append(name)
    for name in frame.columns:
        if name not in names:
            plain = snake_case(str(name))  # userId and "User ID" are user_id, where that is one of ours
            ours = aliases.get(name) or (aliases.get(plain, plain) if plain not in frame.columns else None)
            ours = ours if ours in OURS or ours in aliases.values() else None
            sources.setdefault(ours or name, [name])
    return pd.DataFrame({target: _joined(frame, columns) for target, columns in sources.items()})


def _joined(frame: pd.DataFrame, columns: list[str]) -> pd.Series:
    if len(columns) == 1:
        return frame[columns[0]]
    joined = frame[columns[0]].astype("str").fillna("")
    for name in columns[1:]:
        joined = joined + ";" + frame[name].astype("str").fillna("")
    return joined


def _parquet(path: Path, rows: int | None) -> Iterator[Table]:
    first = 1
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            if rows is None or file.metadata.num_rows <= rows:
                parts: Iterator[pd.DataFrame] = iter(
                    [file.read(use_threads=False).to_pandas(use_threads=False)]
                )
            else:  # whole numbers stay whole, whether or not a part has an empty cell
                read = file.iter_batches(rows, use_threads=False)
                parts = (part.to_pandas(integer_object_nulls=True, use_threads=False) for part in read)
            for frame in parts:
                last = first + len(frame)
                yield Table(frame, np.arange(first, last, dtype=np.int64), _frame([]))
                first = last
    except MemoryError:  # Arrow's is one of its own errors too
        raise
    except (pa.ArrowException, ValueError, OSError) as error:
        raise RecordsError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from None


def _csv(path: Path, rows: int | None) -> Iterator[Table]:
    rejects: Rejects = []
    with _opened(path) as source:
        numbers: list[int] = []
        lines = _texts(source, path, numbers, rejects)
        first = next(lines, "")
        if is_json(first):
            raise RecordsError(
                f"{path} is JSON, which is no table: `segue import --format` reads that of other systems"
            )
        delimiter = delimiter_of(first)
        if first.strip() == f"sep={delimiter}":  # as Excel is told
            first = next(lines, "")
        reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
        try:
            header = [name.strip() for name in next(reader, [])]
        except csv.Error:
            raise RecordsError(f"{path} does not end its lines as CSV does: save it as CSV (UTF-8)") from None
        if not any(header):
            raise RecordsError(f"{path} has no header line")
        if len(set(header)) < len(header):
            raise RecordsError(f"{path} names a column twice: {', '.join(header)}")
        more = True
        while more:
            cells, ends, more = _rows(reader, len(header), numbers, rejects, rows)
            columns = zip(*cells, strict=True) if cells else [()] * len(header)
            frame = pd.DataFrame(
                {name: pd.Series(cells, dtype="str") for name, cells in zip(header, columns, strict=True)}
            )
            yield Table(frame, np.array(ends, dtype=np.int64), _frame(rejects))
            rejects.clear()


def _rows(
    reader: Iterator[list[str]], width: int, numbers: list[int], rejects: Rejects, most: int | None
) -> tuple[list[list[str]], list[int], bool]:
    """Return the next rows, where each ends, and whether there may be more."""
    rows: list[list[str]] = []
    ends: list[int] = []
    while most is None or len(rows) < most:
        try:
            row = next(reader)
        except StopIteration:
            return rows, ends, False
        except csv.Error as error:
            rejects.append((numbers[-1], f"line cannot be read as CSV: {error}"))
            continue
        if len(row) == width:
            rows.append(row)
            ends.append(numbers[-1])
        elif row:
            rejects.append((numbers[-1], f"line has {len(row)} cells, the header has {width}"))
    return rows, ends, True


def _opened(path: Path) -> BinaryIO:
    """Return a file's bytes as UTF-8, whatever it is written in and however it is packed."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(b"PK"):
        raise RecordsError(f"{path} is a ZIP file, as Excel's are too: unpack it, or save it as CSV (UTF-8)")
    packed = head.startswith(b"\x1f\x8b") or path.suffix == ".gz"
    source = cast(BinaryIO, gzip.open(path, "rb") if packed else path.open("rb"))  # noqa: SIM115 - returned
    try:
        encoding = encoding_of(source.read(4))
        source.seek(0)
        if not encoding.startswith("utf-16"):
            return source
        with source:
            return io.BytesIO(source.read().decode(encoding, "replace").lstrip("\ufeff").encode())
    except DAMAGED as error:
        source.close()
        raise RecordsError(f"{path} cannot be read as gzip: {error}") from None


def _texts(source: BinaryIO, path: Path, numbers: list[int], rejects: Rejects) -> Iterator[str]:
    """Yield decoded lines; `numbers[-1]` is the number of the line yielded last."""
    number = 0
    numbers.append(0)
    try:
        while line := source.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                _skip(source)
                text, fault = None, f"line is longer than {LONGEST_LINE:,} bytes"
            else:
                text, fault = _decoded(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
            if text is not None:
                numbers[-1] = number
                yield text
            elif number == 1:
                raise RecordsError(f"the header of {path} cannot be read: {fault}")
            else:
                rejects.append((number, fault))
    except DAMAGED as error:
        raise RecordsError(f"{path} cannot be read as gzip: {error}") from None


def _decoded(line: bytes) -> tuple[str | None, str]:
    if b"\x00" in line:
        return None, "line holds zero bytes (UTF-16? save the file as UTF-8)"
    try:
        return line.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        return None, f"line is not UTF-8 at byte {error.start + 1} (Latin-1? convert the file to UTF-8)"


def _skip(source: BinaryIO) -> None:
    """Read to the end of the line, a piece at a time: memory stays flat however long it is."""
    while (piece := source.readline(LONGEST_LINE)) and not piece.endswith(b"\n"):
        pass


def _frame(rejects: Rejects) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "line": np.array([line for line, _ in rejects], dtype=np.int64),
            "reason": pd.Series([reason for _, reason in rejects], dtype="str"),
        }
    )
