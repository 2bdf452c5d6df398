"""The playlists of a week as they stand in the store, under the ids of the LMS that asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from segue.engine.facts import find_learners
from segue.engine.schema import decisions, events, playlists
from segue.engine.workspace import Workspace


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
    playlists of one week the last one counts.
    """
    with workspace.store.read() as connection:
        people = find_learners(connection, workspace.keyring, roster)
        inside = {person.number: who for who, person in people.items() if not person.opted_out}
        query = (
            select(playlists.c.learner, playlists.c.number, playlists.c.time, decisions.c.resource)
            .join_from(playlists, decisions, playlists.c.playlist_id == decisions.c.playlist_id)
            .where(playlists.c.week == week, playlists.c.surface.in_(surfaces))
            .order_by(playlists.c.learner, playlists.c.number, decisions.c.position)
        )
        if len(inside) <= SMALL:
            query = query.where(playlists.c.learner.in_(inside))
        lists: dict[int, tuple[int, int, list[str]]] = {}
        for row in connection.execute(query):
            if row.learner in inside:
                if lists.get(row.learner, (None,))[0] != row.number:
                    lists[row.learner] = (row.number, row.time, [])
                lists[row.learner][2].append(row.resource)
        return {
            inside[learner]: Published(tuple(found), _done(connection, learner, made, found))
            for learner, (_, made, found) in lists.items()
        }


SMALL = 500  # learners named in one query


def _done(connection: Connection, learner: int, made: int, resources: Sequence[str]) -> frozenset[str]:
    query = select(events.c.resource).where(
        events.c.learner == learner,
        events.c.time >= made,
        events.c.resource.in_(resources),
        events.c.kind.in_(("attempt", "completion")),
    )
    return frozenset(connection.execute(query).scalars())
