"""What the alarms look at: steps done, rewards, propensities and learners of late; times in microseconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Subquery, case, func, or_, select

from segue.features.reward import CENSOR_DAYS
from segue.workspace.records.matured_rewards import latest_rewards
from segue.workspace.storage.database import Connection
from segue.workspace.storage.schema import decisions, events, playlists

_DONE = ("attempt", "completion", "view")
DAY = 86_400_000_000  # microseconds


def first_attempts(connection: Connection, since: int, until: int) -> list[Any]:
    """Return, of every step decided since, its context and the score of its first attempt before `until`.

    The attempts in between are looked through once, and found by learner and resource: no learner's whole
    history is read for each step.
    """
    c = events.c
    told = select(c.number, c.learner, c.resource, c.time, c.score).where(
        c.kind == "attempt", c.time >= since, c.time < until
    )
    late = told.cte("late").prefix_with("MATERIALIZED")
    attempt = (
        (late.c.learner == decisions.c.learner + 0)  # not by the index of decisions: it knows no resource
        & (late.c.resource == decisions.c.resource)
        & (late.c.time >= playlists.c.time)
    )
    query = (
        select(decisions.c.decision_id, decisions.c.context, late.c.score, late.c.time)
        .join_from(decisions, playlists, decisions.c.playlist_id == playlists.c.playlist_id)
        .join(late, attempt)
        .where(playlists.c.time >= since)
        .order_by(late.c.time.desc(), late.c.number.desc())
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


def drawn_propensities(connection: Connection, since: int, until: int) -> list[float]:
    """Return the propensities of the steps that the engine drew for the time from `since` to `until`."""
    query = (
        select(decisions.c.propensity)
        .join_from(decisions, playlists, decisions.c.playlist_id == playlists.c.playlist_id)
        .where(playlists.c.time >= since, playlists.c.time <= until, decisions.c.override == "{}")
    )
    return list(connection.execute(query).scalars())


def _bare(span: int, which: ColumnElement[int]) -> tuple[Subquery, ColumnElement[bool]]:
    """Return the first and last event of each learner, resource and span that names no step, and how to join.

    Spans (microseconds) are counted from 0; `which` is the one that is joined to a decision.
    """
    at = (events.c.time // span).label("at")
    bare = select(
        events.c.learner,
        events.c.resource,
        at,
        func.min(events.c.time).label("first"),
        func.max(events.c.time).label("last"),
    ).where(events.c.kind.in_(_DONE), events.c.step == "")
    found = bare.group_by(events.c.learner, events.c.resource, at).subquery()
    same = (found.c.learner == decisions.c.learner) & (found.c.resource == decisions.c.resource)
    return found, same & (found.c.at == which)


def liking(connection: Connection, until: int) -> dict[str, tuple[float, float]]:
    """Return, by resource, how often it was offered up to a time or rated, and how much of that was liked.

    A step of a list, or work that an event says was offered, is liked when it was done: an event names the
    step, or one that names none was at its resource while its reward could still come. A rating counts what
    it says, in [0, 1].
    """
    work = (events.c.kind.in_(_DONE), events.c.step != "")
    named = select(events.c.step).where(*work).distinct().subquery()  # joined: `step` has no index
    time, span = playlists.c.time, CENSOR_DAYS * DAY
    here, same = _bare(span, time // span)  # what begins in one span ends in the next
    after, following = _bare(span, time // span + 1)
    done = or_(named.c.step.is_not(None), here.c.last >= time, after.c.first <= time + span)
    steps = (
        select(decisions.c.resource, func.count(), func.sum(case((done, 1.0), else_=0.0)))
        .join_from(decisions, playlists, decisions.c.playlist_id == playlists.c.playlist_id)
        .outerjoin(named, named.c.step == decisions.c.decision_id)
        .outerjoin(here, same)
        .outerjoin(after, following)
        .where(time < until, decisions.c.override == "{}")
        .group_by(decisions.c.resource)
    )
    offers = select(events.c.resource, func.count(), func.sum(events.c.completed)).where(
        events.c.completed.is_not(None), events.c.step == ""
    )
    ratings = select(events.c.resource, func.count(), func.sum(events.c.score)).where(
        events.c.kind == "rating", events.c.score.is_not(None)
    )
    found: dict[str, tuple[float, float]] = {}
    for query in (steps, *(each.group_by(events.c.resource) for each in (offers, ratings))):
        for resource, offered, liked in connection.execute(query):
            before = found.get(resource, (0.0, 0.0))
            found[resource] = (before[0] + float(offered), before[1] + float(liked))
    return found


def recent_learners(connection: Connection, begins: int, ends: int, most: int) -> list[int]:
    """Return the numbers of learners with an attempt in [begins, ends), at most so many."""
    inside = (events.c.time >= begins, events.c.time < ends)
    recent = select(events.c.learner).where(events.c.kind == "attempt", *inside)
    return list(connection.execute(recent.distinct().order_by(events.c.learner).limit(most)).scalars())
