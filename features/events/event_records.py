"""The events we accept, checked once at the door: good rows are kept, bad rows leave with a reason."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from segue.features.events.text_dialects import THOUSANDS, decimal_point

KINDS = ("attempt", "view", "completion", "rating", "dwell", "hint", "choice", "enrol", "override", "other")
COLUMNS = (
    "event_id",
    "kind",
    "learner",
    "resource",
    "score",
    "time",
    "seq",
    "seconds",
    "class_id",
    "attempt_no",
    "step",
    "completed",
    "tags",
    "supersedes",
    "voids",
)
ITSELF = "an event cannot supersede or void itself: name the one before, or none"
_TEXT = ("event_id", "kind", "learner", "resource", "class_id", "step", "tags", "supersedes", "voids")
_NUMBERS = ("score", "seconds", "attempt_no", "completed")
_TRUTH = {"true": "1", "false": "0", "yes": "1", "no": "0"}
_ZONE = r"(?:[zZ]|[+-]\d{2}:?\d{2})$"
_EPOCH = r"\d{9,}(?:\.\d*)?"
Epoch = Literal["s", "ms"]
Bools = NDArray[np.bool_]


# The law of a valid event, for files, HTTP and documents of an LMS alike.
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
LONGEST_ID, MOST_TAGS = 200, 200
MOST_ATTEMPTS, MOST_SECONDS = 10_000, 1e7
AHEAD = timedelta(days=1)  # a clock may be a little fast; what is dated later is set aside
PERCENT = " (percent? give the highest score: --max-score 100)"
CONTROL = r"[\x00-\x1f\x7f-\x9f]"


class RecordsError(ValueError):
    """Nothing of this input can be used as it stands; the message says what to change."""


class ArrowFrame(Protocol):
    """A table of polars, Arrow or another library: it hands out its columns as Arrow's C stream."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


Frame = pd.DataFrame | ArrowFrame


def as_pandas(frame: Frame) -> pd.DataFrame:
    """Return a frame of any of these libraries as pandas; a TypeError names what is none."""
    if not hasattr(frame, "__arrow_c_stream__"):
        raise TypeError(f"a frame of pandas, polars or Arrow is needed, got {type(frame).__name__}")
    whole: pd.DataFrame = frame if isinstance(frame, pd.DataFrame) else pa.table(frame).to_pandas()
    return whole


@dataclass(frozen=True)
class Clock:
    """How the times of a source are to be read.

    `time_zone` is the IANA zone of times that carry none; `epoch` the unit when times are numbers.
    """

    time_zone: str | None = None
    epoch: Epoch | None = None


AS_WRITTEN = Clock()


UnknownLearners = Callable[[Sequence[str]], Mapping[str, str]]  # learners in, reasons by learner out


@dataclass(frozen=True)
class Checked:
    """Events that hold, and the rows that do not.

    Attributes
    ----------
    events : DataFrame
        Columns `COLUMNS`, in the order read. `time` is UTC or NaT; `score`, `seconds`, `attempt_no` and
        `completed` (1, 0) are floats, NaN when not given; texts are "" when not given; `tags` are joined by
        ";"; `seq` is an int64.
    rejects : DataFrame
        Columns line (int), reason (str). A reason never quotes the learner.
    dropped : tuple of str
        Columns of the source that are not kept.
    lines : tuple of int
        The line of each event.
    """

    events: pd.DataFrame
    rejects: pd.DataFrame
    dropped: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()

    def set_aside(self, positions: Sequence[int], reason: str) -> pd.DataFrame:
        """Return the rejects with some of the events among them, by position, for a reason found later."""
        more = {"line": [self.lines[i] for i in positions], "reason": [reason] * len(positions)}
        both = pd.concat([self.rejects, pd.DataFrame(more)]) if positions else self.rejects
        return both.sort_values("line", ignore_index=True)

    @property
    def rows(self) -> int:
        """Rows looked at."""
        return len(self.events) + len(self.rejects)


def check(
    raw: Frame,
    lines: Sequence[int] | NDArray[np.int64],
    *,
    resources: Collection[str] | None = None,
    clock: Clock = AS_WRITTEN,
    kind: str = "attempt",
    max_score: float = 1.0,
    now: datetime | None = None,
    unknown: UnknownLearners | None = None,
) -> Checked:
    """Return the rows of `raw` that are events, and a reason for each that is not.

    Parameters
    ----------
    raw : DataFrame
        Of pandas, polars or Arrow. Columns named as in `COLUMNS`, texts or typed values; `learner` is
        required, and `time` or `seq`.
        Other columns are dropped and listed: what Segue does not need, it does not keep.
    lines : sequence of int
        Where each row stands in its source.
    resources : collection of str, optional
        Known resource ids; a row that names another is rejected.
    kind : str
        The kind of rows that do not say theirs.
    max_score : float
        Scores are divided by this (100 for percentages).
    now : datetime, optional
        UTC-aware; an event dated more than a day later is set aside.
    unknown : callable, optional
        Says of which learners no event is taken, and why.

    Raises
    ------
    RecordsError
        When a required column is missing or the time zone is unknown.

    Examples
    --------
    >>> rows = pd.DataFrame({"learner": ["a", "a"], "resource": ["r", "r"], "score": [1, 87], "seq": [1, 2]})
    >>> done = check(rows, [2, 3])
    >>> len(done.events), done.rejects.reason[0]
    (1, 'score must be in [0, 1], got 87 (percent? give the highest score: --max-score 100)')
    """
    raw = as_pandas(raw)
    _require(raw.columns)
    n = len(raw)
    faults = _Faults(n)
    out = pd.DataFrame({name: _text(raw, name) for name in _TEXT}, index=range(n))
    out.loc[out["kind"] == "", "kind"] = kind
    faults.add(~out["kind"].isin(KINDS), f"kind must be one of {', '.join(KINDS)}", out["kind"])
    faults.add(out["learner"] == "", "learner is empty")
    _check_learners(out, unknown, faults)
    _check_texts(out[[name for name in _TEXT if name in raw.columns]], faults)
    own = (out["supersedes"] == out["event_id"]) | (out["voids"] == out["event_id"])
    faults.add(own & (out["event_id"] != ""), ITSELF)
    _check_resources(out, resources, faults)
    for name in _NUMBERS:
        out[name] = _number(raw, name, faults)
    _check_numbers(out, max_score, faults)
    out["time"] = _time(raw, clock, faults)
    if now is not None:
        late = out["time"] > pd.Timestamp(now + AHEAD)
        faults.add(late.fillna(False), "time lies in the future", out["time"])
    out["seq"] = _sequence(raw, lines, faults)
    good = faults.reasons == ""
    rejects = pd.DataFrame(
        {"line": np.asarray(lines, dtype=np.int64)[~good], "reason": faults.reasons[~good]}
    )
    dropped = tuple(str(c) for c in raw.columns if c not in COLUMNS)
    kept = out.loc[good, list(COLUMNS)].reset_index(drop=True)
    return Checked(kept, rejects, dropped, tuple(np.asarray(lines, dtype=np.int64)[good].tolist()))


class Repeats:
    """How often rows were said before, over the parts of a file; it keeps eight bytes a row."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.uint64]] = []

    def before(self, rows: pd.DataFrame) -> NDArray[np.int64]:
        """Return how many rows of earlier parts said the same as each of `rows`, and remember these."""
        said = pd.util.hash_pandas_object(rows, index=False).to_numpy(dtype=np.uint64)
        out = np.zeros(len(said), dtype=np.int64)
        for part in self._parts:
            out += np.searchsorted(part, said, side="right") - np.searchsorted(part, said)
        self._parts.append(np.sort(said))
        while len(self._parts) > 1 and len(self._parts[-2]) <= 2 * len(self._parts[-1]):
            self._parts[-2:] = [np.sort(np.concatenate(self._parts[-2:]), kind="stable")]  # a few large ones
        return out


def identify(events: pd.DataFrame, *, by_seq: bool = True, before: Repeats | None = None) -> pd.DataFrame:
    """Return `events` with an id for each row that has none, made from what the row says.

    The same rows get the same ids, so a file read twice changes nothing; the nth row that says exactly the
    same gets an id of its own. `by_seq` tells whether `seq` belongs to the source (False: it is only the
    line, which moves when a file grows at its head). `before` remembers the parts of the file read earlier.
    """
    bare = (events["event_id"] == "").to_numpy()
    if not bare.any():
        return events
    said = ["kind", "learner", "resource", "score", "time", "completed", "step", *(["seq"] if by_seq else [])]
    rows = events.loc[bare, said]
    stamps = rows.assign(time=rows["time"].astype("int64"))
    repeat = stamps.groupby(said, dropna=False, sort=False).cumcount()
    if before is not None:
        repeat += before.before(stamps)
    texts = _reprs([*(stamps[name] for name in said), repeat])
    ids = [hashlib.blake2b(text, digest_size=16).hexdigest() for text in texts]
    out = events.copy()
    out.loc[bare, "event_id"] = ids
    return out


def _reprs(columns: Sequence[pd.Series]) -> list[bytes]:
    """Return what Python writes of each row as a tuple, ``repr((…)).encode()``, made by columns."""
    pieces: list[pa.Array | str] = []
    for column in columns:
        values = column.to_numpy()
        if values.dtype.kind in "iu":
            cells = pa.array(values).cast(pa.string())
        else:  # each value that there is written once; bits tell -0.0 from 0.0
            floats = values.dtype.kind == "f"
            coded = pa.array(values.view(np.int64) if floats else values).dictionary_encode()
            known = coded.dictionary.to_numpy(zero_copy_only=False)
            written = [repr(one) for one in (known.view(np.float64) if floats else known).tolist()]
            cells = pa.array(written, pa.string()).take(coded.indices)
        pieces += [", " if pieces else "(", cells]
    texts: list[bytes] = pc.binary_join_element_wise(*pieces, ")", "").cast(pa.binary()).to_pylist()
    return texts


class _Faults:
    """The first fault of each row, as a sentence."""

    def __init__(self, n: int) -> None:
        self.reasons = np.full(n, "", dtype=object)

    def add(self, wrong: pd.Series, rule: str, found: pd.Series | None = None, remedy: str = "") -> None:
        for i in np.flatnonzero(wrong.to_numpy(dtype=bool) & (self.reasons == "")):
            got = "" if found is None else f", got {str(found.iloc[i])[:80]}"
            self.reasons[i] = f"{rule}{got}{remedy}"


def _require(columns: pd.Index[str]) -> None:
    have = ", ".join(str(c) for c in columns) or "none"
    if "learner" not in columns:
        raise RecordsError(f"column learner is missing (found: {have}): name it, as in --map user_id=learner")
    if "time" not in columns and "seq" not in columns:
        raise RecordsError(
            f"column time is missing (found: {have}): name it, as in --map created_at=time, "
            "or say what orders the rows: --order-by seq, or --order-by line for the order of the file "
            "(totals of use: --kind view --order-by clicks)"
        )


def _text(raw: pd.DataFrame, name: str) -> pd.Series:
    """Return a column as stripped text, "" where nothing is given."""
    if name not in raw.columns:
        return pd.Series("", index=range(len(raw)), dtype="str")
    column = raw[name].reset_index(drop=True)
    if name == "tags" and column.map(lambda cell: isinstance(cell, (list, tuple, np.ndarray))).any():
        column = column.map(lambda cell: ";".join(map(str, cell)) if cell is not None else "")
    if pd.api.types.is_float_dtype(column):  # ids that passed through a float, as beside an empty cell
        column = column.astype("Int64") if (column.dropna() % 1 == 0).all() else column
    return column.astype("str").fillna("").str.strip()


def _check_learners(out: pd.DataFrame, unknown: UnknownLearners | None, faults: _Faults) -> None:
    if unknown is None:
        return
    enrolled = out.loc[out["kind"] == "enrol", "learner"].unique()
    named = out.loc[~out["learner"].isin(enrolled), "learner"].unique().tolist()
    why: dict[str, list[str]] = {}
    for learner, reason in unknown(named).items():
        why.setdefault(reason, []).append(learner)
    for reason, learners in why.items():
        faults.add(out["learner"].isin(learners), reason)


def _check_resources(out: pd.DataFrame, resources: Collection[str] | None, faults: _Faults) -> None:
    named = out["resource"] != ""
    faults.add(~named & (out["kind"] != "enrol") & (out["kind"] != "other"), "resource is empty")
    if resources is not None:
        unknown = named & ~out["resource"].isin(list(resources))
        remedy = ": add it to the catalogue, then import again"
        faults.add(unknown, "unknown resource", out["resource"], remedy)


def _check_texts(said: pd.DataFrame, faults: _Faults) -> None:
    for name, texts in said.items():
        if name != "tags":
            faults.add(texts.str.len() > LONGEST_ID, f"{name} must have at most {LONGEST_ID} letters")
        faults.add(texts.str.contains(CONTROL, regex=True), f"{name} must have no control characters")
    if "tags" not in said:
        return
    tags = {cell: cell.split(";") for cell in said["tags"].unique()}
    many = {cell for cell, each in tags.items() if len(each) > MOST_TAGS}
    faults.add(said["tags"].isin(many), f"tags must be at most {MOST_TAGS}")
    long = {cell for cell, each in tags.items() if max(map(len, each)) > LONGEST_ID}
    faults.add(said["tags"].isin(long), f"a tag has at most {LONGEST_ID} letters")


def _number(raw: pd.DataFrame, name: str, faults: _Faults) -> pd.Series:
    """Return a column as floats, NaN where nothing is given; what is no number is a fault."""
    if name not in raw.columns:
        return pd.Series(np.nan, index=range(len(raw)))
    column = raw[name].reset_index(drop=True)
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return column.astype("float64")
    text = column.astype("str").fillna("").str.strip().str.lower()
    given = ~text.isin(["", "nan", "null", "none", "na", "n/a"])
    if text.str.contains(",", regex=False).any():
        text = text.map(decimal_point)
    number = pd.to_numeric(text.replace(_TRUTH).where(given), errors="coerce").astype("float64")
    wrong = given & number.isna()
    if wrong.any():
        rule = f"{name} must be a number"
        faults.add(
            wrong & text.str.fullmatch(THOUSANDS), f"{rule}, as 1000 or 1.5 (which does the comma mean?)"
        )
        faults.add(wrong & text.str.endswith("%"), f"{rule} (percent? without the sign, and --max-score 100)")
        faults.add(wrong, rule)
    return number


def _check_numbers(out: pd.DataFrame, max_score: float, faults: _Faults) -> None:
    score = out["score"] / max_score
    limit = f"score must be in [0, {max_score:g}]"
    wrong = (score < 0) | (score > 1)
    shown = out["score"].where(wrong).map("{:g}".format, na_action="ignore")
    faults.add(wrong, limit, shown, PERCENT)
    faults.add((out["kind"] == "attempt") & score.isna(), "an attempt needs a score")
    seconds, tries, completed = (out[name] for name in ("seconds", "attempt_no", "completed"))
    if seconds.notna().any():
        wrong = (seconds < 0) | (seconds > MOST_SECONDS)
        faults.add(wrong, f"seconds must be in [0, {MOST_SECONDS:g}]", seconds)
    if tries.notna().any():
        wrong = tries.notna() & ~((tries >= 1) & (tries <= MOST_ATTEMPTS) & (tries % 1 == 0))
        faults.add(wrong, f"attempt_no must be a whole number, 1 to {MOST_ATTEMPTS}")
    if completed.notna().any():
        faults.add(completed.notna() & ~completed.isin([0.0, 1.0]), "completed must be 0 or 1")
    out["score"] = score


def _time(raw: pd.DataFrame, clock: Clock, faults: _Faults) -> pd.Series:
    """Return UTC times; NaT where nothing is given and a `seq` orders the rows."""
    n = len(raw)
    if "time" not in raw.columns:
        return pd.Series(pd.NaT, index=range(n), dtype="datetime64[ns, UTC]")
    column = raw["time"].reset_index(drop=True)
    if clock.epoch is not None:
        return _epoch(column, clock.epoch, faults)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return _within_years(pd.to_datetime(column, utc=True), faults)
    text = column.astype("str").fillna("").str.strip()
    given = ~text.isin(["", "NaT", "nan", "null", "None"])
    if "seq" not in raw.columns:
        faults.add(~given, "time is empty")
    zoned = text.str.contains(_ZONE, regex=True)
    out = pd.to_datetime(text.where(zoned & given), utc=True, format="ISO8601", errors="coerce")
    naive = given & ~zoned
    if naive.any():
        naive &= ~text.str.fullmatch(_EPOCH)
    if clock.time_zone is None:
        faults.add(
            naive, "time has no zone", text, ": say where it was written, as in --time-zone Europe/Paris"
        )
    else:
        local = pd.to_datetime(text.where(naive), format="ISO8601", errors="coerce")
        out = out.where(~naive, _localize(local, clock.time_zone))
    faults.add(
        given & out.isna(), "time must be ISO 8601, as 2026-11-23T08:00:00Z (numbers? --epoch s, or ms)", text
    )
    return _within_years(out, faults)


def _within_years(times: pd.Series, faults: _Faults) -> pd.Series:
    """Return times in nanoseconds; those of other centuries are slips of a clock or a unit."""
    wrong = (times < pd.Timestamp(EARLIEST)) | (times > pd.Timestamp(LATEST))
    years = f"time must lie between {EARLIEST.year} and {LATEST.year} (milliseconds for seconds?)"
    faults.add(wrong, years, times)
    return times.where(~wrong).astype("datetime64[ns, UTC]")


def _localize(local: pd.Series, time_zone: str | None) -> pd.Series:
    """Return naive times of a zone in UTC; of the hour that a clock change repeats, the first."""
    try:
        zone = ZoneInfo(time_zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise RecordsError(
            f"time zone must be an IANA name such as Europe/Paris or UTC, got {time_zone!r}"
        ) from None
    first = np.ones(len(local), dtype=bool)
    stamps = pd.DatetimeIndex(local).tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return pd.Series(stamps.tz_convert("UTC"), index=local.index)


def _epoch(column: pd.Series, unit: Epoch, faults: _Faults) -> pd.Series:
    number = pd.to_numeric(column, errors="coerce").astype("float64")
    limit = {"s": 1.0, "ms": 1e3}[unit] * 253_402_300_800  # the year 10000
    sane = number.abs() < min(limit, 9e9 * {"s": 1.0, "ms": 1e3}[unit])
    said = {"s": "seconds since 1970 (13 digits? --epoch ms)", "ms": "milliseconds since 1970"}[unit]
    faults.add(~sane, f"time must be a number of {said}")
    stamps: pd.Series = pd.to_datetime(number.where(sane), unit=unit, utc=True)
    return _within_years(stamps, faults)


def _sequence(raw: pd.DataFrame, lines: Sequence[int] | NDArray[np.int64], faults: _Faults) -> pd.Series:
    """Return the source's sequence number, or the line where there is none."""
    if "seq" not in raw.columns:
        return pd.Series(np.asarray(lines, dtype=np.int64))
    number = pd.to_numeric(raw["seq"].reset_index(drop=True), errors="coerce").astype("float64")
    whole = (number % 1 == 0) & (number.abs() < 2**53)
    faults.add(~whole, "seq must be a whole number")
    return number.where(whole, 0).astype("int64")
