"""One answer for one document, whatever the format: the service's and the command line's way in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from segue.lms.caliper import reader as caliper
from segue.lms.canvas import reader as canvas
from segue.lms.catalogues import case
from segue.lms.catalogues.common_cartridge import reader as cartridge
from segue.lms.moodle import standard_log as moodle
from segue.lms.oneroster import reader as oneroster
from segue.lms.openedx import reader as openedx
from segue.lms.records.grade_versions import versioned
from segue.lms.records.source_records import (
    INTERNAL,
    Event,
    Json,
    Mode,
    ReadReport,
    RecordRefusedError,
    Source,
    parse,
)
from segue.lms.xapi import cmi5
from segue.lms.xapi import reader as xapi

_NUMBER = re.compile(r'"n"\s*:\s*(\d{1,18})')  # tells which request a line was, even when it is not JSON
Reader = Callable[[Source, Mode], tuple[Iterator[Event], ReadReport]]
READERS: dict[str, Reader] = {
    "xapi": xapi.read,
    "caliper": caliper.read,
    "openedx": openedx.read,
    "canvas": canvas.read,
    "oneroster": oneroster.read,
    "case": case.read,
    "cartridge": cartridge.read,
    "cmi5": cmi5.read,
    "moodle": moodle.read,
}
"""Readers by the name of the format."""


@dataclass(frozen=True)
class DocumentAnswer:
    """Verdict on one document, with the events it gave."""

    accepted: bool
    reason: str = ""
    codes: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


def answer(format_name: str, source: Source, mode: Mode = "strict") -> DocumentAnswer:
    """Return the verdict on a document and its events.

    In strict mode a document is accepted when nothing in it was refused; in lenient mode also when some
    of it could be taken. A refusal always has a reason. Of events with one id the first is kept.
    """
    reader = READERS.get(format_name)
    if reader is None:
        return DocumentAnswer(False, f"format must be one of {', '.join(READERS)}")
    stream, report = reader(source, mode)
    by_id: dict[str, Event] = {}
    for event in versioned(stream, own_ids=True):
        if event.get("removed") and event["kind"] == "enrol":
            continue  # who has left is a matter of the roster
        by_id.setdefault(event["id"], event)
    events = tuple(by_id.values())
    useful = bool(events) or bool(report.counts)
    accepted = not report.refused or (mode == "lenient" and useful)
    counts = {f"skipped {what}": n for what, n in report.skipped.items()} | dict(report.counts)
    counts |= {f"warning: {what}": n for what, n in report.warnings.items()}
    if report.clipped:
        counts["scores clipped"] = report.clipped
    return DocumentAnswer(accepted, "" if accepted else report.reason, tuple(report.codes), events, counts)


def answer_line(line: str) -> dict[str, Any]:
    """Return the answer to one request line; whatever the line holds, an answer comes back."""
    found = _NUMBER.search(line[:10_000])
    number: Json = int(found[1]) if found else None
    try:
        request = parse(line)
        if not isinstance(request, dict):
            raise RecordRefusedError("request must be a JSON object")
        number = request.get("n")
        result = _asked(request)
    except RecordRefusedError as refusal:
        result = DocumentAnswer(False, str(refusal))
    except Exception as error:  # the last net: a reader's own mistake must not end the stream
        result = DocumentAnswer(False, f"document cannot be read ({type(error).__name__})")
    return {
        "n": number,
        "accepted": result.accepted,
        "reason": result.reason,
        "codes": list(result.codes),
        "events": [{k: v for k, v in event.items() if k not in INTERNAL} for event in result.events],
        "counts": result.counts,
    }


def _asked(request: dict[str, Json]) -> DocumentAnswer:
    mode = request.get("mode", "strict")
    if mode not in ("strict", "lenient"):
        raise RecordRefusedError("mode must be strict or lenient")
    path, document = request.get("path"), request.get("doc")
    if isinstance(path, str) and path:
        source: Source = path
    elif isinstance(document, dict | list):
        source = document
    elif "doc" in request:
        raise RecordRefusedError("doc must be a JSON object or array")
    else:
        raise RecordRefusedError("request needs doc or path")
    return answer(str(request.get("format")), source, mode)
