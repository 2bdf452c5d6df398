"""Stored rows by the page, in the order they came: a number once given stays, so that a cursor does too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, select

from segue.workspace.storage.schema import decisions, events, learners, playlists

Stored = Mapping[str, Any]


def event_rows(connection: Connection, *, after: int, limit: int) -> list[Stored]:
    """Return events of learners who have not opted out, from the one behind number `after` on."""
    own = ("number", "kind", "resource", "score", "time", "seconds", "class_id", "step")
    query = (
        select(learners.c.surrogate.label("learner"), *(events.c[name] for name in own))
        .join_from(events, learners, events.c.learner == learners.c.number)
        .where(learners.c.opted_out.is_(False))
    )
    return _page(connection, query, events.c.number, after, limit)


def decision_rows(connection: Connection, *, after: int, limit: int) -> list[Stored]:
    """Return decisions with what their lists say, from the one behind number `after` on."""
    own = ("number", "decision_id", "position", "resource", "propensity", "joint_propensity", "score")
    query = (
        select(
            learners.c.surrogate.label("learner"),
            *(decisions.c[name] for name in (*own, "explored", "relaxed")),
            (decisions.c.override != "{}").label("overridden"),
            *(playlists.c[name] for name in ("week", "time", "surface", "policy")),
            playlists.c.playlist_id.label("list"),
            playlists.c.model_hash.label("model"),
            playlists.c.undelivered.is_(False).label("received"),
        )
        .join_from(decisions, playlists, decisions.c.playlist_id == playlists.c.playlist_id)
        .join(learners, decisions.c.learner == learners.c.number)
        .where(learners.c.opted_out.is_(False))
    )
    return _page(connection, query, decisions.c.number, after, limit)


def learner_rows(connection: Connection, *, after: int, limit: int) -> list[Stored]:
    """Return learners, from the one behind number `after` on."""
    query = select(learners.c.number, learners.c.surrogate.label("learner"), learners.c.opted_out)
    return _page(connection, query, learners.c.number, after, limit)


def _page(connection: Connection, query: Select[Any], number: Any, after: int, limit: int) -> list[Stored]:
    rows = connection.execute(query.where(number > after).order_by(number).limit(limit))
    return [dict(row) for row in rows.mappings()]
