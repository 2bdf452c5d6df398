"""Raw attempts, in any order and of any length, sorted into buckets of whole learners on disk.

One pass, a piece at a time: memory does not grow with the log. A learner's bucket is a hash of the id, so the
same log gives the same buckets wherever and by however many processes they are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segue.batch.parts.output import parquet_in
from segue.features.catalogue import Catalogue
from segue.features.events.event_records import RecordsError
from segue.features.history.attempts import Attempts, Bools, Floats, Ints

PIECE = 1_000_000  # rows held at once
PER_BUCKET = 100_000  # rows a bucket is meant for
COLUMNS = ("learner", "resource", "score", "time", "seq")
SCHEMA = pa.schema(
    [
        ("learner", pa.string()),
        ("resource", pa.int32()),
        ("score", pa.float64()),
        ("time", pa.float64()),
        ("seq", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Shuffled:
    """Bucket files, rows kept, and rows left out because the resource is unknown or the score no score."""

    buckets: tuple[Path, ...]
    rows: int
    rejected: int


def shuffle(attempts: Path, catalogue: Catalogue, folder: Path) -> Shuffled:
    """Sort the attempts of a Parquet file, or of a folder of them, into bucket files in `folder`.

    Columns are learner, resource, score, time (UTC or naive UTC) and, where times are missing or equal, seq.

    Raises
    ------
    RecordsError
        When there is no Parquet file, or a column is missing.
    """
    files = files_of(attempts)
    total = rows_of(attempts)
    n_buckets = count_buckets(attempts)
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"bucket-{number:05d}.parquet" for number in range(n_buckets))
    writers = [  # read once and deleted: quick matters more than small
        pq.ParquetWriter(path, SCHEMA, compression="lz4", use_dictionary=["learner", "resource"])
        for path in paths
    ]
    kept = 0
    for file in files:
        for piece in _pieces(file, catalogue):
            kept += len(piece)
            _spread(piece, writers)
    for writer in writers:
        writer.close()
    return Shuffled(paths, kept, total - kept)


def files_of(attempts: Path) -> list[Path]:
    """Return the Parquet files of a log."""
    files = parquet_in(attempts) if attempts.is_dir() else [attempts]
    if not files or not all(file.is_file() for file in files):
        raise RecordsError(f"{attempts} is no Parquet file, and no folder of them")
    return files


def rows_of(attempts: Path) -> int:
    """Return how many rows a log has, by what its files say of themselves."""
    try:
        return sum(pq.ParquetFile(file).metadata.num_rows for file in files_of(attempts))
    except pa.ArrowInvalid as error:
        raise RecordsError(f"{attempts} cannot be read as Parquet: {str(error).splitlines()[0]}") from None


def count_buckets(attempts: Path) -> int:
    """Return into how many buckets a log goes."""
    return max(1, -(-rows_of(attempts) // PER_BUCKET))


def read_bucket(path: Path) -> tuple[Attempts, list[str]]:
    """Return the attempts of a bucket in canonical order, and the learners that their codes point into."""
    with pq.ParquetFile(path, read_dictionary=["learner"], pre_buffer=False) as file:
        table = file.read(use_threads=False).unify_dictionaries().combine_chunks()
    column = table.column("learner").combine_chunks()
    names = np.array(column.dictionary.to_pylist(), dtype=object)
    order = np.argsort(names, kind="stable")
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    learner = rank[column.indices.to_numpy()] if len(names) else np.zeros(0, dtype=np.int64)
    score, time = (_floats(table, name) for name in ("score", "time"))
    resource, seq = (table.column(name).to_numpy().astype(np.int64) for name in ("resource", "seq"))
    return Attempts.sorted(learner, resource, score, time, seq), names[order].tolist()


def _floats(table: pa.Table, name: str) -> Floats:
    column = table.column(name)
    try:
        return np.asarray(column.to_numpy(), dtype=np.float64)
    except ValueError:
        wanted = "timestamps, or seconds since 1970" if name == "time" else "numbers"
        raise RecordsError(f"column {name} must hold {wanted}, found {column.type}") from None


def _pieces(file: Path, catalogue: Catalogue) -> Iterator[pd.DataFrame]:
    """Yield the rows that hold, with resources as codes and a bucket hash."""
    source = pq.ParquetFile(file, pre_buffer=False)
    present = [name for name in COLUMNS if name in source.schema_arrow.names]
    missing = [name for name in ("learner", "resource", "score") if name not in present]
    if missing or not {"time", "seq"} & set(present):
        wanted = missing[0] if missing else "time (or seq)"
        raise RecordsError(
            f"{file.name} has no column {wanted} (found: {', '.join(source.schema_arrow.names)})"
        )
    line = 0
    for batch in source.iter_batches(PIECE, columns=present, use_threads=False):
        frame = pa.Table.from_batches([batch])
        yield _checked(frame, catalogue, first=line)
        line += len(frame)


def _checked(table: pa.Table, catalogue: Catalogue, *, first: int) -> pd.DataFrame:
    n = len(table)
    who, hashes = _coded(table, "learner")
    what, _ = _coded(table, "resource")
    index = catalogue.resource_index
    code = np.array([index.get(name, -1) for name in what.dictionary.to_pylist()], dtype=np.int64)
    resource = code[what.indices.to_numpy()]
    score = _floats(table, "score")
    frame = pd.DataFrame(
        {
            "learner": pd.Categorical.from_codes(who.indices.to_numpy(), who.dictionary.to_pylist()),
            "resource": resource.astype(np.int32),
            "score": score,
            "time": _seconds(table),
            "seq": table.column("seq").to_numpy()
            if "seq" in table.column_names
            else np.arange(first, first + n),
            "hash": hashes[who.indices.to_numpy()],
        }
    )
    good: Bools = (resource >= 0) & (score >= 0.0) & (score <= 1.0)
    return frame[good]


def _coded(table: pa.Table, name: str) -> tuple[pa.DictionaryArray, Ints]:
    """Return a column of ids as codes, and a hash of each distinct id."""
    column = table.column(name).combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    ids = np.array(column.dictionary.to_pylist(), dtype=object)
    return column, (pd.util.hash_array(ids) >> np.uint64(1)).astype(np.int64)


def _seconds(table: pa.Table) -> Floats:
    if "time" not in table.column_names:
        return np.full(len(table), np.nan)
    column = table.column("time")
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64())
        return np.asarray(column.to_numpy(), dtype=np.float64) / 1e6
    return _floats(table, "time")


def _spread(piece: pd.DataFrame, writers: list[pq.ParquetWriter]) -> None:
    """Append each row to the file of its bucket."""
    bucket = (piece["hash"] % len(writers)).to_numpy()
    small = bucket.astype(np.uint16) if len(writers) <= 2**16 else bucket  # sorted in linear time
    order = np.argsort(small, kind="stable")
    ends = np.searchsorted(bucket[order], np.arange(len(writers) + 1))
    rows = piece.drop(columns="hash").iloc[order]
    for writer, start, end in zip(writers, ends[:-1], ends[1:], strict=True):
        if end > start:
            part = rows.iloc[start:end]
            columns = [pa.array(part[name]) for name in COLUMNS]
            columns[0] = columns[0].cast(pa.string())
            writer.write_table(pa.Table.from_arrays(columns, schema=SCHEMA))
