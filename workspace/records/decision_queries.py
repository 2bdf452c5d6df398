"""Logged playlists and decisions, read back; the writing is in ``decision_log``."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, outerjoin, select

from segue.workspace.records.decision_log import QUESTION, decision_id
from segue.workspace.records.learners import where_in
from segue.workspace.records.matured_rewards import latest_rewards
from segue.workspace.storage.database import plain
from segue.workspace.storage.schema import decisions, playlists

Rows = Sequence[Row[Any]]
MOST_DRAWN = 100  # lists looked through for one that was drawn anew


def decision_of(connection: Connection, decision_id: str) -> Row[Any] | None:
    """Return a logged decision, None when there is none of this id."""
    query = select(decisions).where(decisions.c.decision_id == decision_id)
    return connection.execute(query).one_or_none()


def learners_of_decisions(connection: Connection, decision_ids: Collection[str]) -> set[int]:
    """Return the numbers of the learners whom some decisions are about."""
    query = select(decisions.c.learner).where(decisions.c.decision_id.in_(decision_ids))
    return set(connection.execute(query).scalars())


def heads_of(connection: Connection, playlist_ids: Collection[str]) -> dict[str, Row[Any]]:
    """Return the heads of those playlists that are there, by id."""
    marks = ", ".join("?" * len(playlist_ids))
    query = f"SELECT playlist_id FROM playlists WHERE playlist_id IN ({marks})"
    there = [name for (name,) in plain(connection, query, tuple(playlist_ids))] if playlist_ids else []
    found = (connection.execute(_HEAD, {"name": name}).one() for name in there)  # most of the time, none
    return {row.playlist_id: row for row in found}


def drawn_for(connection: Connection, learner: int, name: str) -> list[tuple[str, int]]:
    """Return ids and moments of the lists drawn for the question of a standing name, the newest first."""
    query = (
        "SELECT playlist_id, time FROM playlists WHERE learner = ? AND playlist_id BETWEEN ? AND ? "
        "ORDER BY number DESC LIMIT ?"
    )
    first, last = (name[:QUESTION] + 16 * digit for digit in "0f")
    return [(name, time) for name, time in plain(connection, query, (learner, first, last, MOST_DRAWN))]


_HEAD = select(playlists).where(playlists.c.playlist_id == bindparam("name"))


def set_received(connection: Connection, playlist_id: str, *, received: bool) -> None:
    """Say whether the one who asked got a list, within a write."""
    this = playlists.c.playlist_id == playlist_id
    connection.execute(playlists.update().where(this).values(undelivered=not received))


def set_cell(connection: Connection, decision_id: str, column: str, value: Mapping[str, Any]) -> None:
    """Write the `menu` or `override` of a decision as JSON, within a write."""
    this = decisions.update().where(decisions.c.decision_id == decision_id)
    connection.execute(this.values({column: json.dumps(dict(value))}))


def steps_of(connection: Connection, playlist_id: str) -> Rows:
    """Return the decisions of a playlist, in order."""
    beside = {"first": decision_id(playlist_id, 0), "last": decision_id(playlist_id, 0xFFFF)}
    return connection.execute(_STEPS, beside | {"name": playlist_id}).all()


_STEPS = (  # a list's steps lie side by side by their ids, so that no other index is needed
    select(decisions)
    .where(decisions.c.decision_id.between(bindparam("first"), bindparam("last")))
    .where(decisions.c.playlist_id == bindparam("name"))
    .order_by(decisions.c.position)
)


def weekly_heads(connection: Connection, learners: Collection[int], week: str) -> Rows:
    """Return the weekly playlists that learners received in an ISO week, in order."""
    query = select(playlists).where(playlists.c.surface == "weekly", playlists.c.week == week)
    found = where_in(connection, query.where(~playlists.c.undelivered), playlists.c.learner, learners)
    return sorted(found, key=lambda head: int(head.number))


def drawn_in(connection: Connection, playlist_id: str) -> dict[str, str]:
    """Return what was drawn at each step of a playlist, by decision, in order."""
    beside = {"first": decision_id(playlist_id, 0), "last": decision_id(playlist_id, 0xFFFF)}
    rows = connection.execute(_DRAWN, beside | {"name": playlist_id})
    return {row.decision_id: row.resource for row in rows}


_DRAWN = _STEPS.with_only_columns(decisions.c.decision_id, decisions.c.resource)


def heads_since(connection: Connection, week: str) -> Rows:
    """Return the playlists from an ISO week on, in order."""
    query = select(playlists).where(playlists.c.week >= week)
    return connection.execute(query.order_by(playlists.c.number)).all()


def steps_with_rewards(connection: Connection, learners: Collection[int] | None = None) -> Rows:
    """Return decisions with their playlist's head and the reward that stands (None: none), in order.

    Those of `learners` (numbers); of everybody when left out. What explains a decision is left out.
    """
    newest = latest_rewards().subquery()
    where = outerjoin(decisions, newest, decisions.c.decision_id == newest.c.decision_id).join(
        playlists, playlists.c.playlist_id == decisions.c.playlist_id
    )
    head = [playlists.c[name] for name in ("week", "time", "surface", "policy", "model_hash")]
    reward = [newest.c[name] for name in ("status", "value", "parts", "matured")]
    own = [column for column in decisions.c if column.name not in _EXPLAINS]
    query = select(*own, *reward, *head).select_from(where)
    query = query.where(playlists.c.undelivered.is_(False))
    if learners is None:
        return connection.execute(query.order_by(decisions.c.number)).all()
    found = where_in(connection, query, decisions.c.learner, learners)
    return sorted(found, key=lambda row: int(row.number))


_EXPLAINS = ("score", "relaxed", "context", "reasons", "forecast")  # wide cells that no table asks for


def first_decision(connection: Connection) -> datetime | None:
    """Return when the first playlist was made."""
    first = connection.execute(select(func.min(playlists.c.time))).scalar()
    return None if first is None else datetime.fromtimestamp(first / 1e6, UTC)


def last_decision(connection: Connection) -> int:
    """Return the number of the last decision stored, 0 when there is none."""
    query = select(decisions.c.number).order_by(decisions.c.number.desc()).limit(1)
    return connection.execute(query).scalar() or 0


def unsettled_fits(connection: Connection) -> Collection[str]:
    """Return the fits whose decisions are not settled yet."""
    unsettled = select(decisions.c.playlist_id).where(decisions.c.settled.is_(False))
    query = select(playlists.c.fit_hash).where(playlists.c.playlist_id.in_(unsettled)).distinct()
    return set(connection.execute(query).scalars())
