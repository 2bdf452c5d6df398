"""Where an LMS wants to hear of a learner's progress: kept by launches, told when something was done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, select

from segue.workspace.storage.database import get_document, put_document
from segue.workspace.storage.schema import documents, playlists

PREFIX = "gradebook:"
MOST_LINKS = 20  # of one learner; the latest stay


@dataclass(frozen=True)
class GradebookLink:
    """A column of a platform's gradebook, and what it was told last: `given` of `of` steps.

    `user` is the learner's id on that platform, sealed under the tenant's key: the column knows no other.
    """

    issuer: str
    client_id: str
    user: str = ""
    given: int = -1
    of: int = 0
    done: bool = False


def links_of(connection: Connection, learner: int) -> dict[str, GradebookLink]:
    """Return a learner's links by the address of the column."""
    body = get_document(connection, _name(learner))
    return {url: GradebookLink(**said) for url, said in json.loads(body).items()} if body else {}


def keep_links(connection: Connection, learner: int, links: Mapping[str, GradebookLink]) -> None:
    """Keep a learner's links, within a write."""
    latest = dict(list(links.items())[-MOST_LINKS:])
    body = json.dumps({url: asdict(link) for url, link in latest.items()})
    put_document(connection, _name(learner), body.encode())


def forget_links(connection: Connection, learner: int) -> None:
    """Remove a learner's links, within a write."""
    connection.execute(documents.delete().where(documents.c.name == _name(learner)))


def weeks_listed(connection: Connection, learner: int, surfaces: tuple[str, ...]) -> list[str]:
    """Return the ISO weeks for which a learner got lists on some surfaces, oldest first."""
    query = (
        select(playlists.c.week)
        .where(playlists.c.learner == learner, playlists.c.surface.in_(surfaces))
        .distinct()
        .order_by(playlists.c.week)
    )
    return list(connection.execute(query).scalars())


def _name(learner: int) -> str:
    return f"{PREFIX}{learner}"
