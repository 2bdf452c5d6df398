"""The playlists of a week as they stand in the store, under the ids of the LMS that asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from segue.engine.facts import find_learners
from segue.engine.schema import decisions, playlists
from segue.engine.workspace import Workspace

WEEKLY = "weekly"


def published(workspace: Workspace, roster: Sequence[str], week: str) -> dict[str, tuple[str, ...]]:
    """Return the resources of each learner's playlist of `week`, in order; learners without one are left out.

    `roster` holds the LMS's own ids: each is looked up, nothing stored is turned back into an id. Of several
    playlists of one week the last one counts.
    """
    with workspace.store.read() as connection:
        people = find_learners(connection, workspace.keyring, roster)
        by_number = {person.number: who for who, person in people.items() if not person.opted_out}
        query = (
            select(playlists.c.learner, playlists.c.number, decisions.c.position, decisions.c.resource)
            .join_from(playlists, decisions, playlists.c.playlist_id == decisions.c.playlist_id)
            .where(playlists.c.week == week, playlists.c.surface == WEEKLY)
            .order_by(playlists.c.learner, playlists.c.number, decisions.c.position)
        )
        found: dict[int, dict[int, list[str]]] = {}
        for row in connection.execute(query):
            if row.learner in by_number:
                found.setdefault(row.learner, {}).setdefault(row.number, []).append(row.resource)
    return {by_number[learner]: tuple(lists[max(lists)]) for learner, lists in found.items()}
