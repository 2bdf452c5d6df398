"""The playlists of a week as they stand in the store, under the ids of the LMS that asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, select

from segue.workspace.records.learners import find_learners
from segue.workspace.storage.schema import decisions, events, playlists
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class Published:
    """A stored playlist: its resources in order, and those its learner has done since it was made."""

    resources: tuple[str, ...]
    done: frozenset[str]


def published(
    workspace: Workspace, roster: Sequence[str], week: str, *, surfaces: Sequence[str] = ("weekly",)
) -> dict[str, Published]:
    """Return each learner's playlist of `week` from one of the `surfaces`; who has none is left out.

    `roster` holds the LMS's own ids: each is looked up, nothing stored is turned back into an id. Of several
    playlists of one week the last one counts; the lists of a week's courses follow one another.
    """
    with workspace.store.read() as connection:
        people = find_learners(connection, workspace.keyring, roster)
        inside = {person.number: who for who, person in people.items() if not person.opted_out}
        query = (
            select(*_OF_LIST, decisions.c.resource)
            .join_from(playlists, decisions, playlists.c.playlist_id == decisions.c.playlist_id)
            .where(playlists.c.week == week, playlists.c.surface.in_(surfaces))
            .order_by(playlists.c.learner, playlists.c.number, decisions.c.position)
        )
        if len(inside) <= SMALL:
            query = query.where(playlists.c.learner.in_(inside))
        steps: Iterable[Row[Any]] = connection.execute(query)
        mine = groupby(steps, key=lambda row: int(row.learner))
        lists = {learner: _last(list(rows)) for learner, rows in mine if learner in inside}
        return {
            inside[learner]: Published(found, _done(connection, learner, made, found))
            for learner, (made, found) in lists.items()
        }


_OF_LIST = [
    playlists.c[name] for name in ("learner", "number", "time", "request_no", "surface", "model_hash")
]


def _last(rows: Sequence[Row[Any]]) -> tuple[int, tuple[str, ...]]:
    """Return when the last playlist among steps in order was made, and its steps.

    A weekly list for a course is numbered from 1, and goes with those of the other courses by the same model.
    """
    last = rows[-1]
    if last.surface == "weekly" and last.request_no:
        by_course = {r.request_no: r.number for r in rows if r.request_no and r.model_hash == last.model_hash}
        numbers = set(by_course.values())
    else:
        numbers = {last.number}
    return last.time, tuple(row.resource for row in rows if row.number in numbers)


SMALL = 500  # learners named in one query


def _done(connection: Connection, learner: int, made: int, resources: Sequence[str]) -> frozenset[str]:
    query = select(events.c.resource).where(
        events.c.learner == learner,
        events.c.time >= made,
        events.c.resource.in_(resources),
        events.c.kind.in_(("attempt", "completion")),
    )
    return frozenset(connection.execute(query).scalars())
