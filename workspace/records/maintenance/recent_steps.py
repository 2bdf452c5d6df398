"""What the alarms look at: steps done, rewards, propensities and learners of late; times in microseconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from segue.workspace.records.matured_rewards import latest_rewards
from segue.workspace.storage.database import Connection
from segue.workspace.storage.schema import decisions, events, playlists


def first_attempts(connection: Connection, since: int) -> list[Any]:
    """Return, of every step decided since, its context and the score of its first attempt."""
    attempt = (
        (events.c.learner == decisions.c.learner)
        & (events.c.resource == decisions.c.resource)
        & (events.c.kind == "attempt")
        & (events.c.time >= playlists.c.time)
    )
    query = (
        select(decisions.c.decision_id, decisions.c.context, events.c.score, events.c.time)
        .join_from(decisions, playlists, decisions.c.playlist_id == playlists.c.playlist_id)
        .join(events, attempt)
        .where(playlists.c.time >= since)
        .order_by(events.c.time.desc(), events.c.number.desc())
    )
    first = {row.decision_id: row for row in connection.execute(query)}  # the earliest is written last
    return list(first.values())


def rewards_in_time(connection: Connection) -> list[Any]:
    """Return the value of every reward that has one, with the time of its list."""
    latest = latest_rewards().subquery()
    query = (
        select(latest.c.value, playlists.c.time)
        .join_from(latest, decisions, latest.c.decision_id == decisions.c.decision_id)
        .join(playlists, decisions.c.playlist_id == playlists.c.playlist_id)
        .where(latest.c.value.is_not(None))
    )
    return list(connection.execute(query).all())


def outcomes_by_status(connection: Connection, begins: int, ends: int) -> dict[str, int]:
    """Return how many decisions of lists in [begins, ends) came to what."""
    latest = latest_rewards().subquery()
    query = (
        select(latest.c.status, func.count())
        .join_from(latest, decisions, latest.c.decision_id == decisions.c.decision_id)
        .join(playlists, decisions.c.playlist_id == playlists.c.playlist_id)
        .where(playlists.c.time >= begins, playlists.c.time < ends)
        .group_by(latest.c.status)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def drawn_propensities(connection: Connection, since: int) -> list[float]:
    """Return the propensities of the steps that the engine drew since."""
    query = (
        select(decisions.c.propensity)
        .join_from(decisions, playlists, decisions.c.playlist_id == playlists.c.playlist_id)
        .where(playlists.c.time >= since, decisions.c.override == "{}")
    )
    return list(connection.execute(query).scalars())


def recent_learners(connection: Connection, since: int, most: int) -> list[int]:
    """Return the numbers of learners with an attempt since, at most so many."""
    recent = select(events.c.learner).where(events.c.kind == "attempt", events.c.time >= since)
    return list(connection.execute(recent.distinct().order_by(events.c.learner).limit(most)).scalars())
