"""Rows older than a moment: what may go, and what goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select

from segue.workspace.records.learners import in_parts, where_in
from segue.workspace.records.overrides import OUT
from segue.workspace.records.statements import Statement, standing_of, statements_of
from segue.workspace.storage.database import Connection
from segue.workspace.storage.schema import (
    decisions,
    enrolments,
    events,
    overrides,
    playlists,
    practices,
    replies,
    rewards,
    statements,
)


def learners_before(connection: Connection, limit: int) -> list[int]:
    """Return the numbers of learners with an event or a list before `limit`, or an event without a time."""
    old = select(events.c.learner).where((events.c.time < limit) | events.c.time.is_(None)).distinct()
    decided = select(playlists.c.learner).where(playlists.c.time < limit).distinct()
    return sorted({*connection.execute(old).scalars(), *connection.execute(decided).scalars()})


def settled_lists(connection: Connection, learner: int, limit: int) -> list[str]:
    """Return a learner's lists before `limit` that are settled and whose overrides hold nothing any more."""
    unsettled = select(decisions.c.playlist_id).where(decisions.c.settled.is_(False))
    holding = (
        select(decisions.c.playlist_id)
        .join_from(decisions, overrides, decisions.c.decision_id == overrides.c.decision_id)
        .where(overrides.c.learner == learner, overrides.c.undone.is_(None), overrides.c.action.in_(OUT))
    )
    old = (
        (playlists.c.learner == learner)
        & (playlists.c.time < limit)
        & playlists.c.playlist_id.not_in(unsettled)
        & playlists.c.playlist_id.not_in(holding)
    )
    return list(connection.execute(select(playlists.c.playlist_id).where(old)).scalars())


def delete_lists(connection: Connection, playlist_ids: Sequence[str]) -> int:
    """Remove lists with their decisions, overrides and rewards; return how many decisions went."""
    mine = decisions.c.playlist_id.in_(playlist_ids)
    steps = select(decisions.c.decision_id).where(mine)
    connection.execute(delete(rewards).where(rewards.c.decision_id.in_(steps)))
    connection.execute(delete(overrides).where(overrides.c.decision_id.in_(steps)))
    count = connection.execute(delete(decisions).where(mine)).rowcount
    connection.execute(delete(playlists).where(playlists.c.playlist_id.in_(playlist_ids)))
    return count


def kept_from(connection: Connection, learner: int, limit: int) -> int:
    """Return from when on events stay: `limit`, or the learner's first decision that is kept."""
    first = select(playlists.c.time).where(playlists.c.learner == learner).order_by(playlists.c.time).limit(1)
    earliest = connection.execute(first).scalar()
    return limit if earliest is None else min(limit, earliest)


def delete_events(connection: Connection, numbers: Sequence[int]) -> None:
    """Remove events by number."""
    for part in in_parts(numbers):
        connection.execute(delete(events).where(events.c.number.in_(part)))


def delete_said(connection: Connection, limit: int) -> None:
    """Remove what was said, agreed and noted before `limit`, and enrolments that had ended by then.

    A learner's goal that stands, and whose day has not passed, stays; so does what a list is kept for.
    """
    connection.execute(delete(practices).where(practices.c.time < limit))
    connection.execute(delete(enrolments).where(enrolments.c.ends < limit))
    connection.execute(delete(replies).where(replies.c.time < limit))
    old = statements.c.time < limit
    found = connection.execute(select(statements.c.learner).where(old).distinct()).scalars().all()
    for mine in in_parts(found):
        said = statements_of(connection, mine)
        kept = {goal.statement_id for goal in _goals(said, limit)}
        lists = where_in(connection, select(playlists.c.playlist_id), playlists.c.learner, mine)
        there = {row.playlist_id for row in lists}
        kept |= {s.statement_id for s in said if s.playlist_id and s.playlist_id in there}
        kept |= {s.statement_id for s in said if s.kind == "undo" and s.about in kept}
        gone = [
            s.statement_id for s in said if s.time.timestamp() * 1e6 < limit and s.statement_id not in kept
        ]
        for part in in_parts(gone):
            connection.execute(delete(statements).where(statements.c.statement_id.in_(part)))


def _goals(said: Sequence[Statement], limit: int) -> list[Statement]:
    """Return each learner's goal in force, unless its day has passed."""
    last = {s.learner: s for s in standing_of(said) if s.kind == "goal"}
    return [goal for goal in last.values() if not goal.body.get("due") or _micros(goal.body["due"]) >= limit]


def _micros(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() * 1e6
