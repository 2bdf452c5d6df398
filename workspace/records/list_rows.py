"""The rows behind learners' lists: heads, steps, what teachers did with them, what was done since."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from segue.workspace.records.decision_queries import steps_of
from segue.workspace.records.learners import where_in
from segue.workspace.records.overrides import OverrideRecord, acts_for, taken_out
from segue.workspace.records.statements import lists_taken_back
from segue.workspace.storage.database import get_document
from segue.workspace.storage.schema import events, playlists

DOING = ("attempt", "completion")
AHEAD = 14 * 86_400_000_000  # microseconds: a list of a coming week is worked on before that begins
RETIRED = "retired"  # document: ids of the resources that were taken out of the catalogue


@dataclass(frozen=True, eq=False)
class ShownSince:
    """What a learner did: times (UTC microseconds) and numbers of events by resource, ratings by step."""

    done: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    rated: Mapping[str, float] = field(default_factory=dict)

    def has_done(self, resource: str, head: Row[Any]) -> bool:
        """Whether a resource of a list was worked on since its beginning, or ahead of it once drawn."""
        ahead = head.time - AHEAD
        return any(
            time >= head.time or (number > head.upto and time >= ahead)
            for time, number in self.done.get(resource, ())
        )


@dataclass(frozen=True, eq=False)
class ListRows:
    """Heads in the order they were made, the steps of each in order, and what became of them.

    `out` has, by learner and resource, the last act that took it out of the learner's lists; `left` when the
    learner left the last of the courses that have it; `closes` when a resource does, of those that do; `at`
    is when the rows are read (all UTC microseconds). `put_in` are a learner's acts, undone ones too, that put
    something in, in order.
    """

    heads: Sequence[Row[Any]]
    steps: Mapping[str, Sequence[Row[Any]]]
    acts: Mapping[str, Sequence[OverrideRecord]]
    since: Mapping[int, ShownSince]
    retired: Collection[str] = ()
    closes: Mapping[str, float] = field(default_factory=dict)
    at: int = 0
    out: Mapping[int, Mapping[str, OverrideRecord]] = field(default_factory=dict)
    left: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    put_in: Mapping[int, Sequence[OverrideRecord]] = field(default_factory=dict)


def list_rows(
    connection: Connection,
    learners: Collection[int],
    *,
    weeks: Collection[str] | None = None,
    surfaces: Collection[str] | None = None,
    ids: Collection[str] | None = None,
) -> ListRows:
    """Return the lists of some learners, of all weeks and surfaces or of those named.

    Left out are lists drawn on account of a statement that was taken back; one that nobody received counts
    only where it is asked for by its id.
    """
    query = select(playlists)
    if ids is None:
        query = query.where(playlists.c.undelivered.is_(False))
    else:
        query = query.where(playlists.c.playlist_id.in_(ids))
    if weeks is not None:
        query = query.where(playlists.c.week.in_(weeks))
    if surfaces is not None:
        query = query.where(playlists.c.surface.in_(surfaces))
    found = where_in(connection, query, playlists.c.learner, set(learners))
    gone = lists_taken_back(connection, learners)
    heads = sorted((row for row in found if row.playlist_id not in gone), key=lambda row: int(row.number))
    steps = {head.playlist_id: steps_of(connection, head.playlist_id) for head in heads}
    acts: dict[str, list[OverrideRecord]] = {}
    put_in: dict[int, list[OverrideRecord]] = {}
    every = acts_for(connection, learners)
    for act in every:
        acts.setdefault(act.decision_id, []).append(act)
        if act.resource:
            put_in.setdefault(act.learner, []).append(act)
    earliest = min((head.time for head in heads), default=0)
    since = _since(connection, {head.learner for head in heads}, earliest)
    out = taken_out(every)
    return ListRows(heads, steps, acts, since, retired_in(connection), out=out, put_in=put_in)


def retired_in(connection: Connection) -> frozenset[str]:
    """Return the resources that were retired, by id."""
    return frozenset(json.loads(get_document(connection, RETIRED) or b"[]"))


def _since(connection: Connection, learners: Collection[int], earliest: int) -> dict[int, ShownSince]:
    names = ("learner", "kind", "resource", "time", "step", "score", "event_id", "supersedes", "voids")
    corrects = events.c.voids.is_not(None) | events.c.supersedes.is_not(None)
    wanted = (events.c.time >= earliest - AHEAD) & (events.c.kind.in_((*DOING, "rating")) | corrects)
    query = select(events.c.number, *(events.c[name] for name in names)).where(wanted)
    done: dict[int, dict[str, list[tuple[int, int]]]] = {number: {} for number in learners}
    rated: dict[int, dict[str, float]] = {number: {} for number in learners}
    rows = list(where_in(connection, query.order_by(events.c.number), events.c.learner, learners))
    gone = {bytes(name) for row in rows for name in (row.supersedes, row.voids) if name}
    for row in rows:
        if bytes(row.event_id) in gone:
            continue
        if row.kind == "rating":
            rated[row.learner][row.step] = row.score
        elif row.kind in DOING:
            came = 0 if row.supersedes else row.number  # a correction is no new work
            done[row.learner].setdefault(row.resource, []).append((row.time, came))
    return {number: ShownSince(done[number], rated[number]) for number in learners}
