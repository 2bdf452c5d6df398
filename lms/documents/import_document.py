"""From documents of any format to what a workspace takes: frames of events, and catalogues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pandas as pd

from segue.features.catalogue import Catalogue
from segue.features.events.event_records import COLUMNS
from segue.lms.catalogues import case
from segue.lms.catalogues.common_cartridge import reader as cartridge
from segue.lms.documents.resource_names import ResourceNames
from segue.lms.oneroster import reader as oneroster
from segue.lms.records.source_records import Event, Mode, ReadReport

BLOCK = 20_000  # events held in memory at once


def to_frame(events: Iterable[Event], first: int = 0) -> pd.DataFrame:
    """Return events as a frame with the columns that `segue.features.events.event_records.check` takes.

    An enrolment names its class only; `first` is the sequence number of the first event.
    """
    rows = [
        {
            "event_id": event["id"],
            "kind": event["kind"],
            "learner": event["learner"],
            "resource": "" if event["kind"] == "enrol" else event["resource"],
            "score": event["score"],
            "time": event["time"],
            "seq": position,
            "seconds": event.get("seconds"),
            "class_id": event.get("class", ""),
            "attempt_no": event.get("attempt_no"),
            "completed": 1.0 if event["kind"] == "completion" else None,
            "supersedes": event.get("supersedes", ""),
            "voids": event.get("voids", ""),
        }
        for position, event in enumerate(events, first)
    ]
    frame = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("step", "tags")])
    frame["time"] = pd.to_datetime(frame["time"], utc=True, format="ISO8601")
    for name in ("score", "seconds", "attempt_no", "completed"):
        frame[name] = frame[name].astype("float64")
    return frame


def frames(events: Iterator[Event], size: int = BLOCK) -> Iterator[pd.DataFrame]:
    """Yield frames of at most `size` events, so that a log of any length needs the memory of one."""
    first = 0
    while block := list(islice(events, size)):
        yield to_frame(block, first)
        first += len(block)


def named(events: Iterable[Event], names: ResourceNames) -> Iterator[Event]:
    """Yield events with our ids of resources; an enrolment and a void without resource stay as they are.

    An enrolment that has ended is left out: that is a matter of the roster.
    """
    for event in events:
        if event["kind"] == "enrol" and event.get("removed"):
            continue
        if event["kind"] == "enrol" or not event["resource"]:
            yield event
        else:
            yield event | {"resource": names.ours(event["resource"], event.get("within", ()))}


def catalogue_in(format_name: str, path: Path, mode: Mode, report: ReadReport) -> Catalogue | None:
    """Return the catalogue of a CASE package, a cartridge or a OneRoster bundle; None where there is none.

    Prerequisites that close a cycle are left out (the catalogue names them).
    """
    if format_name == "case":
        framework = case.open_framework(path, mode, report)
        return Catalogue.build([], framework.skills, framework.prerequisites, on_cycle="break")
    if format_name == "cartridge":
        resources = list(cartridge.open_cartridge(path, mode, report).resources)
    elif format_name == "oneroster":
        resources = oneroster.open_bundle(path, mode, report).resources()
    else:
        return None
    return Catalogue.build(resources) if resources else None
