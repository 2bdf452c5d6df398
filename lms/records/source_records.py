"""What every door shares: the event, the report, and reading a source record by record."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, NotRequired, TypedDict

from segue.features.events.text_dialects import encoding_of

Mode = Literal["strict", "lenient"]
Json = Any  # what `json.loads` gives: each reader checks before it trusts
Source = Mapping[str, Json] | list[Json] | str | Path | Iterable[Json]

MAX_LINE = 16_000_000  # characters of one NDJSON line; a longer one is refused unread
MAX_FILE = 256_000_000  # bytes of one JSON document
MAX_TYPES = 500  # kinds of record that a report tells apart


Event = TypedDict(
    "Event",
    {
        "kind": str,
        "learner": str,
        "resource": str,
        "score": float | None,
        "time": str | None,
        "id": str,
        "seconds": NotRequired[float],
        "class": NotRequired[str],
        "attempt_no": NotRequired[int],
        "supersedes": NotRequired[str],
        "voids": NotRequired[str],
        "key": NotRequired[str],
        "removed": NotRequired[bool],
        "within": NotRequired[tuple[str, ...]],
        "role": NotRequired[str],
        "until": NotRequired[str | None],
        "also": NotRequired[tuple[str, ...]],
    },
)
"""One thing a learner did, as the store takes it.

`learner` is the source's own id (an e-mail address in its place is hashed); `score` is in [0, 1] or None;
`time` is ISO 8601 in UTC, or None when the source gives none; `id` is the record's own, or made from it.

For the doors alone, and never shown: `key` names a grade that may be given anew, `removed` says that it was
taken back (``segue.lms.records.grade_versions``); `within` are the activities around the resource, nearest
first; `role` and `until` belong to an enrolment; `also` are other ids that the source gives the learner.
"""
INTERNAL = ("key", "removed", "within", "role", "until", "also")


def new_event(
    kind: str,
    learner: str,
    resource: str,
    time: str | None,
    score: float | None = None,
    *,
    name: str = "",
    place: str | None = None,
) -> Event:
    """Return an event with the id `name`; `place` is the class that it happened in, where that is said."""
    made: Event = {
        "kind": kind,
        "learner": learner,
        "resource": resource,
        "score": score,
        "time": time,
        "id": name,
    }
    if place is not None:
        made["class"] = place
    return made


class RecordRefusedError(ValueError):
    """A document that cannot be taken: the message says why, `code` names the rule where it has a name."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


@dataclass
class ReadReport:
    """What became of the records read: filled while the events are consumed.

    Attributes
    ----------
    taken : events by kind
    skipped : records that teach nothing, by what they were
    refused : records that break a rule, by reason
    warnings : things worth knowing that stopped nothing
    counts : sizes of what was read (items, resources, ...)
    codes : names of the rules broken, in order found
    clipped : scores that lay outside their range
    """

    taken: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    codes: list[str] = field(default_factory=list)
    clipped: int = 0

    def refuse(self, refusal: RecordRefusedError) -> None:
        """Count one refused record."""
        self.refused[str(refusal)] += 1
        if refusal.code:
            self.codes.append(refusal.code)

    def skip(self, what: str) -> None:
        """Count one record that teaches nothing; beyond `MAX_TYPES` kinds, new ones are counted together."""
        known = what in self.skipped or len(self.skipped) < MAX_TYPES
        self.skipped[what if known else "other"] += 1

    @property
    def reason(self) -> str:
        """Return the first reasons, joined; empty when nothing was refused."""
        return "; ".join(list(self.refused)[:5])


Translate = Callable[[Json, Mode, ReadReport], Iterator[Event]]
Unpack = Callable[[Json], Iterable[Json]]
Trim = Callable[[str], str]


def single(document: Json) -> Iterable[Json]:
    """Return the document as the only record in it."""
    return (document,)


def as_is(line: str) -> str:
    """Return a line of a file as it is."""
    return line


def read(
    source: Source, mode: Mode, *, translate: Translate, unpack: Unpack = single, trim: Trim = as_is
) -> tuple[Iterator[Event], ReadReport]:
    """Return the events of a source one by one, and the report they fill; one bad record sinks no other.

    `trim` takes off what a program that kept the lines of a file put before them.
    """
    report = ReadReport()
    records = (record for document in documents(source, report, trim) for record in unpack(document))
    return translated(records, mode, translate, report), report


def translated(
    records: Iterator[Json], mode: Mode, translate: Translate, report: ReadReport
) -> Iterator[Event]:
    """Yield the events of records; what cannot be taken goes to the report, one by one."""
    for record in records:
        try:
            for event in translate(record, mode, report):
                report.taken[event["kind"]] += 1
                yield event
        except RecordRefusedError as refusal:
            report.refuse(refusal)
        except (RecursionError, OverflowError):
            report.refuse(RecordRefusedError("record is nested too deeply or holds a number out of range"))


def documents(source: Source, report: ReadReport, trim: Trim = as_is) -> Iterator[Json]:
    """Yield the records of a document, a list, or a file (JSON or NDJSON, also .gz), one at a time."""
    if isinstance(source, Mapping):
        yield source
    elif isinstance(source, str | Path):
        yield from _file(Path(source), report, trim)
    else:
        yield from source


def _file(path: Path, report: ReadReport, trim: Trim) -> Iterator[Json]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding=_encoding(path), errors="replace") as handle:
            yield from _lines(handle, report, trim, is_json=path.suffix == ".json")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        report.refuse(RecordRefusedError(f"file cannot be read: {type(error).__name__}"))


def _encoding(path: Path) -> str:
    """Return the encoding of a text file: UTF-16 where its first bytes say so, else UTF-8."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as handle:
        return encoding_of(handle.read(4))


def _lines(handle: IO[str], report: ReadReport, trim: Trim, *, is_json: bool) -> Iterator[Json]:
    line = trim(handle.readline(MAX_LINE))
    if _begins_document(line, is_json):
        yield from _whole(line + handle.read(MAX_FILE), report)
        return
    while line:
        if len(line) >= MAX_LINE:
            report.refuse(RecordRefusedError(f"line is longer than {MAX_LINE} characters"))
            while line and not line.endswith("\n"):
                line = handle.readline(MAX_LINE)
        elif line.strip():
            yield from _whole(line, report)
        line = trim(handle.readline(MAX_LINE))


def _begins_document(line: str, is_json: bool) -> bool:
    """Whether a first line begins one JSON document, rather than being a record of its own."""
    bare = line.strip()
    if bare.startswith("[") or len(line) >= MAX_LINE:
        return True
    return bare[:1] == "{" and (bare[-1] in "{[,:" or (is_json and bare[-1] != "}"))


def _whole(text: str, report: ReadReport) -> Iterator[Json]:
    try:
        document = parse(text)
    except RecordRefusedError as refusal:
        report.refuse(refusal)
        return
    if isinstance(document, list):
        yield from document
    else:
        yield document


def _no_constant(name: str) -> float:
    raise RecordRefusedError(f"{name} is not JSON: numbers must be finite")


def parse(text: str) -> Json:
    """Return the JSON document of a text.

    Raises
    ------
    RecordRefusedError
        When it is not JSON, holds NaN or Infinity, or is nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise RecordRefusedError("document is nested too deeply") from None
    except ValueError as error:
        if isinstance(error, RecordRefusedError):
            raise
        raise RecordRefusedError("not JSON") from None
