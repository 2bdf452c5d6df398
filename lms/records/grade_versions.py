"""Grades that change: of one key, a newer grade supersedes the one before, a removed one voids it.

A platform gives a grade a key that stays (a OneRoster result, a Canvas submission, a Caliper attempt): the
first grade gets the key as its event's id, the nth `key#n`. What was stored before comes from `known`, so a
file read again changes nothing, and an older file after a newer one takes nothing back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from segue.features.events.grade_names import GradeVersion, name_of, void_of
from segue.lms.records.source_records import Event

BLOCK = 20_000  # events looked at together


Known = Callable[[Collection[str]], Mapping[str, GradeVersion]]


def none_known(_: Collection[str]) -> Mapping[str, GradeVersion]:
    """Return that nothing was stored before."""
    return {}


def versioned(
    events: Iterable[Event], known: Known = none_known, *, own_ids: bool = False
) -> Iterator[Event]:
    """Yield events with the grades of each key in a chain; all others pass as they are.

    With `own_ids` the records keep their ids (nothing is stored, so nothing has to be found again); without,
    a grade is named after its key and number, which a later file can know too. What was removed before it
    was given is left out.
    """
    stream = iter(events)
    chains: dict[str, _Chain] = {}
    while block := list(islice(stream, BLOCK)):
        keys = {event["key"] for event in block if "key" in event} - set(chains)
        stored = known(keys) if keys else {}
        chains |= {key: _Chain(version, name_of(key, version.number)) for key, version in stored.items()}
        for event in block:
            if "key" in event:
                yield from _linked(event, chains, own_ids=own_ids)
            else:
                yield event


@dataclass
class _Chain:
    """The last grade of a key, and the id of its event."""

    last: GradeVersion
    event_id: str


def _linked(event: Event, chains: dict[str, _Chain], *, own_ids: bool) -> Iterator[Event]:
    key, removed = event["key"], event.get("removed", False)
    chain = chains.get(key)
    if chain is None:
        if not removed:
            name = event["id"] if own_ids else key
            chains[key] = _Chain(GradeVersion(1, event["score"], event["time"]), name)
            yield event | {"id": name}
        elif event["id"] != key:  # a record of its own that says there is no grade
            yield event
        return
    before = chain.last
    is_same = before.removed == removed and (removed or before.score == event["score"])
    is_older = before.time is not None and event["time"] is not None and event["time"] < before.time
    if is_same or is_older:  # known already: an id is taken once
        yield event | {"id": void_of(key, before.number) if before.removed else chain.event_id}
    elif removed:
        chain.last = GradeVersion(before.number, None, event["time"] or before.time, removed=True)
        blank: Event = {**event, "kind": "other", "score": None}
        yield blank | {"id": void_of(key, before.number), "voids": chain.event_id}
    else:
        chain.last = GradeVersion(before.number + 1, event["score"], event["time"])
        name, replaced = name_of(key, before.number + 1), chain.event_id
        chain.event_id = event["id"] if own_ids and event["id"] not in (replaced, key) else name
        newer: Event = {**event, "id": chain.event_id}
        yield newer if before.removed else newer | {"supersedes": replaced}
