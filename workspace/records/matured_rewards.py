"""Rewards of logged decisions: joined when later attempts arrive, revised when those change, counted once.

Everything is computed from facts (events, decisions, the model that decided), so that a second look at the
same facts changes nothing: a revision is written only where a reward differs from the last one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, or_, select, true

from segue.engine.recommender import Recommender
from segue.features.catalogue import Floats
from segue.features.contexts.context_columns import COLUMNS
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.reward import CENSOR_DAYS, STATUS, Forecasts, Rewards, Tries, learning
from segue.features.vectors.success_forecast import WEEK_HOURS
from segue.workspace.records.decision_log import context_of
from segue.workspace.records.learner_states import Fold, events_of, in_order, openings_of
from segue.workspace.records.learners import in_parts, where_in
from segue.workspace.storage.database import insert_columns, take_numbers
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.storage.schema import decisions, events, overrides, playlists, rewards

GRAIN = 2.0**16
DAY = 86400.0
Deciding = Callable[[str], Recommender]


def exact(values: Floats | np.float64) -> Floats:
    """Return values rounded to multiples of 2⁻¹⁶, whose products add up without rounding in any order.

    So the sums of the reward model do not depend on the order of learning, a reward taken out leaves no
    trace, and a rebuild gives the same bits (up to two million rewards).
    """
    return np.asarray(np.round(values * GRAIN) / GRAIN)


@dataclass(frozen=True)
class Outcome:
    """The reward of one decision as it stands now; it may be pending, censored, or overridden.

    `forecast` tells whether the model that decided is there, so that it can still be found out.
    """

    decision_id: str
    status: str
    value: float | None
    parts: str
    matured: int | None
    settled: bool
    forecast: bool = True


@dataclass(frozen=True, eq=False)
class Change:
    """Rewards taken back and rewards given, with their contexts, as the reward model counts them."""

    given_contexts: Floats
    given: Floats
    taken_contexts: Floats
    taken: Floats


def open_learners(connection: Connection, *, since: int, decided: int, now: float) -> list[int]:
    """Return learners with decisions that may have changed.

    They have events after number `since`, or decisions after number `decided` with an attempt that was stored
    before and is dated later (a clock was wrong), or decisions that have been open too long, or steps that a
    teacher changed, or whose change was undone.
    """
    fresh = select(events.c.learner).where(events.c.number > since)
    with_news = select(decisions.c.learner).where(decisions.c.learner.in_(fresh)).distinct()
    new = (
        select(decisions.c.learner, func.min(playlists.c.time).label("time"))
        .join_from(decisions, playlists, decisions.c.playlist_id == playlists.c.playlist_id)
        .where(decisions.c.number > decided)
        .group_by(decisions.c.learner)
        .subquery()
    )
    foretold = exists().where(events.c.learner == new.c.learner, events.c.time >= new.c.time)
    ahead = select(new.c.learner).where(foretold)
    limit = round((now - CENSOR_DAYS * DAY) * 1e6)
    overdue = (
        select(decisions.c.learner)
        .join_from(decisions, playlists, decisions.c.playlist_id == playlists.c.playlist_id)
        .where(decisions.c.settled.is_(False), playlists.c.time < limit)
        .distinct()
    )
    return sorted(
        {n for query in (with_news, ahead, overdue, _unjoined()) for n in connection.execute(query).scalars()}
    )


def _unjoined() -> Select[Any]:
    """Return the query of learners with a step whose reward does not follow what a teacher did, or undid."""
    newest = latest_rewards().subquery()
    return (
        select(decisions.c.learner)
        .join_from(decisions, newest, decisions.c.decision_id == newest.c.decision_id)
        .where(decisions.c.decision_id.in_(select(overrides.c.decision_id)))
        .where(
            and_(decisions.c.override != "{}", newest.c.status != "overridden")
            | and_(decisions.c.override == "{}", newest.c.status == "overridden")
        )
        .distinct()
    )


def outcomes(
    connection: Connection,
    learner: int,
    *,
    deciding: Deciding,
    now: float,
    time_zone: str,
    since: int | None = None,
) -> list[Outcome]:
    """Return the rewards of one learner's decisions, from all events stored.

    With `since`, of the settled ones only those that an event after this number may have changed.

    The model that decided forecast what a reward is held against. Where it is gone (an erasure took it once
    all it decided was settled, or its file cannot be read), what was found out stays as it is.
    """
    done = events_of(connection, learner)
    attempts = [row for row in in_order(done) if row.kind == "attempt"]
    query = (
        select(decisions, playlists.c.time, playlists.c.fit_hash)
        .join_from(decisions, playlists, decisions.c.playlist_id == playlists.c.playlist_id)
        .where(decisions.c.learner == learner, playlists.c.undelivered.is_(False))
        .order_by(decisions.c.number)
    )
    rows = connection.execute(
        query if since is None else query.where(_may_change(done, attempts, since))
    ).all()
    out: list[Outcome] = []
    for fit_hash in sorted({row.fit_hash for row in rows}):
        mine = [row for row in rows if row.fit_hash == fit_hash]
        try:
            recommender = deciding(fit_hash)
        except WorkspaceError:
            out += _as_they_stand(connection, mine, now=now)
        else:
            past = Past.of(connection, learner, attempts, recommender)
            out += _by_model(mine, past, now=now, time_zone=time_zone)
    return out


def _may_change(done: Sequence[Row[Any]], attempts: Sequence[Row[Any]], since: int) -> ColumnElement[bool]:
    """Return the condition on decisions that events after number `since` may have changed, or now may.

    A settled one rests on attempts of four weeks, and on what came before its own step was done: so it stays
    where news are later, and none is of its resource. Of events without a time, or that take others back,
    nothing is known.
    """
    fresh = [row for row in done if row.number > since]
    if any(row.time is None for row in done) or any(row.supersedes or row.voids for row in fresh):
        return true()
    by_teacher = exists().where(overrides.c.decision_id == decisions.c.decision_id)
    if not fresh:
        return or_(decisions.c.settled.is_(False), by_teacher)
    first = min(row.time for row in fresh)
    within = playlists.c.time >= first - round((CENSOR_DAYS + 2) * DAY * 1e6)
    again = {row.resource for row in attempts if row.time >= first}
    return or_(decisions.c.settled.is_(False), by_teacher, within, decisions.c.resource.in_(again))


def _as_they_stand(connection: Connection, rows: Sequence[Row[Any]], *, now: float) -> list[Outcome]:
    """Return what is known of decisions whose model is gone; what is not known in time is censored."""
    last = _last_revisions(connection, [row.decision_id for row in rows])
    out = []
    for row in rows:
        settled = now - row.time / 1e6 > CENSOR_DAYS * DAY
        known = last.get(row.decision_id)
        if _taken_out(row):
            out.append(_overridden(row, settled))
        elif known is None or known.status == "overridden":
            status = "censored" if settled else "pending"
            out.append(Outcome(row.decision_id, status, None, "{}", None, settled, forecast=False))
        else:
            said = (known.status, known.value, known.parts, known.matured)
            out.append(Outcome(row.decision_id, *said, settled, forecast=False))
    return out


def _taken_out(row: Row[Any]) -> bool:
    return row.override != "{}" and "action" in json.loads(row.override)


def _overridden(row: Row[Any], settled: bool) -> Outcome:
    return Outcome(row.decision_id, "overridden", None, "{}", None, settled)


@dataclass(frozen=True, eq=False)
class Past:
    """What a model reads of one learner: the opening balance, and the attempts it knows, in order."""

    recommender: Recommender
    fold: Fold
    opening: LearnerState
    attempts: Sequence[Row[Any]]

    @classmethod
    def of(
        cls, connection: Connection, learner: int, attempts: Sequence[Row[Any]], recommender: Recommender
    ) -> Past:
        """Return the past of a learner under a model."""
        fold = Fold(recommender.catalogue, recommender.kernel.parameters)
        base = openings_of(connection, [learner], fold).get(learner) or fold.fresh()
        index = recommender.catalogue.resource_index
        return cls(recommender, fold, base.state, [row for row in attempts if row.resource in index])


def _by_model(rows: Sequence[Row[Any]], past: Past, *, now: float, time_zone: str) -> list[Outcome]:
    steps, later = _tries(rows, past.recommender), _tries(past.attempts, past.recommender)
    before = np.stack([np.frombuffer(row.forecast, "<f8").reshape(2, -1) for row in rows])
    forecasts = Forecasts(before[:, 0], before[:, 1], _after(rows, past, steps))
    found = learning(steps, later, forecasts=forecasts, now=now, time_zone=time_zone)
    settled = now - steps.time > CENSOR_DAYS * DAY
    return [
        _overridden(row, bool(settled[i]))
        if _taken_out(row)
        else _outcome(row.decision_id, found, forecasts, i=i, settled=bool(settled[i]))
        for i, row in enumerate(rows)
    ]


def _outcome(decision_id: str, found: Rewards, forecasts: Forecasts, *, i: int, settled: bool) -> Outcome:
    status = STATUS[int(found.status[i])]
    if status != "matured":
        return Outcome(decision_id, status, None, "{}", None, settled)
    after = [None if np.isnan(a) else a for a in forecasts.after[i].tolist()]
    parts = {"now": forecasts.now[i].tolist(), "week": forecasts.week[i].tolist(), "after": after}
    value = float(exact(found.value[i]))
    return Outcome(decision_id, status, value, json.dumps(parts), round(found.matured[i] * 1e6), settled)


def _tries(rows: Sequence[Row[Any]], recommender: Recommender) -> Tries:
    """Return one learner's decisions or attempts as the reward reads them."""
    catalogue, reader = recommender.catalogue, recommender.kernel.reader
    codes = np.array([catalogue.resource_index[row.resource] for row in rows], dtype=np.int64)
    times = np.array([np.nan if row.time is None else row.time / 1e6 for row in rows], dtype=np.float64)
    scores = np.array([row.score for row in rows], dtype=np.float64)
    skills = catalogue.skill_matrix[codes]
    learner = np.zeros(len(rows), dtype=np.int64)
    return Tries(learner, skills, times, scores, reader.easier[codes])


def _after(rows: Sequence[Row[Any]], past: Past, steps: Tries) -> Floats:
    """Return the forecasts in 7 days once each step was done, (n, K): NaN for a step not done yet."""
    out = np.full(steps.skills.shape, np.nan)
    attempts = past.attempts
    done = _done_by(rows, attempts)
    if not done:
        return out
    state = past.opening.copy()
    copies: list[LearnerState] = []
    at: list[int] = []
    for place, attempt in enumerate(attempts[: max(done) + 1]):
        past.fold.apply(state, attempt)
        for i in done.get(place, ()):
            copies.append(state.copy())
            at.append(i)
    when = np.array([attempts[place].time / 1e6 for place in sorted(done) for _ in done[place]])
    ahead = past.recommender.kernel.reader.forecast(StateBlock.of(copies), WEEK_HOURS, when)
    out[at] = np.take_along_axis(ahead, np.maximum(steps.skills[at], 0), axis=1)
    return out


def _done_by(rows: Sequence[Row[Any]], attempts: Sequence[Row[Any]]) -> dict[int, list[int]]:
    """Return attempt → decisions it carries out: the first on a decision's resource, at or after it."""
    places: dict[str, list[int]] = {}
    for place, attempt in enumerate(attempts):
        if attempt.time is not None:
            places.setdefault(attempt.resource, []).append(place)
    done: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        for place in places.get(row.resource, ()):
            if attempts[place].time >= row.time:
                done.setdefault(place, []).append(i)
                break
    return done


def fits_gone(connection: Connection, deciding: Deciding) -> set[str]:
    """Return the models that decided something and cannot be read any more."""
    gone = set()
    for fit_hash in connection.execute(select(playlists.c.fit_hash).distinct()).scalars():
        try:
            deciding(fit_hash)
        except WorkspaceError:
            gone.add(fit_hash)
    return gone


def clear_rewards(connection: Connection, *, gone: Collection[str]) -> None:
    """Open every decision again, and drop the rewards that can be found out anew, within a write.

    Those of models that are `gone` stay.
    """
    theirs = select(playlists.c.playlist_id).where(playlists.c.fit_hash.in_(gone))
    kept = select(decisions.c.decision_id).where(decisions.c.playlist_id.in_(theirs))
    connection.execute(rewards.delete().where(rewards.c.decision_id.not_in(kept)))
    connection.execute(decisions.update().values(settled=False))


def record(connection: Connection, found: Sequence[Outcome]) -> Change:
    """Write the revisions that differ from the last, within a write; return what the model must change."""
    ids = [outcome.decision_id for outcome in found]
    last = _last_revisions(connection, ids)
    new = [outcome for outcome in found if _differs(outcome, last.get(outcome.decision_id))]
    if new:
        first = take_numbers(connection, "rewards", len(new))
        insert_columns(connection, rewards, _columns(new, last, first))
    settled = [outcome.decision_id for outcome in found if outcome.settled]
    for part in in_parts(settled):
        these = decisions.update().where(decisions.c.decision_id.in_(part))
        connection.execute(these.values(settled=True))
    contexts = _contexts(connection, [outcome.decision_id for outcome in new])
    given = [(contexts[o.decision_id], o.value) for o in new if o.value is not None]
    old = [(contexts[o.decision_id], last[o.decision_id].value) for o in new if o.decision_id in last]
    return Change(*_stacked(given), *_stacked([(x, r) for x, r in old if r is not None]))


def rewarded(
    connection: Connection, schema_hash: str, *, where: ColumnElement[bool] | None = None
) -> tuple[Floats, Floats]:
    """Return contexts (m, C) and rewards (m,) of matured decisions whose columns are those of today.

    `where` narrows them down, by columns of `decisions`.
    """
    newest = latest_rewards().subquery()
    query = (
        select(decisions.c.context, newest.c.value)
        .join_from(newest, decisions, decisions.c.decision_id == newest.c.decision_id)
        .join(playlists, playlists.c.playlist_id == decisions.c.playlist_id)
        .where(newest.c.value.is_not(None), playlists.c.schema_hash == schema_hash)
        .order_by(decisions.c.number)
    )
    query = query if where is None else query.where(where)
    return _stacked([(context_of(row.context), row.value) for row in connection.execute(query)])


def _last_revisions(connection: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    in_order = select(rewards).order_by(rewards.c.revision)
    return {row.decision_id: row for row in where_in(connection, in_order, rewards.c.decision_id, ids)}


def _differs(outcome: Outcome, last: Row[Any] | None) -> bool:
    """Pending is the absence of a row; anything else is written once, and again when it changes."""
    if last is None:
        return outcome.status != "pending"
    said = (outcome.status, outcome.value, outcome.parts, outcome.matured)
    return said != (last.status, last.value, last.parts, last.matured)


def _columns(new: Sequence[Outcome], last: Mapping[str, Row[Any]], first: int) -> dict[str, list[Any]]:
    return {
        "decision_id": [o.decision_id for o in new],
        "revision": [last[o.decision_id].revision + 1 if o.decision_id in last else 0 for o in new],
        "number": list(range(first, first + len(new))),
        "status": [o.status for o in new],
        "value": [o.value for o in new],
        "parts": [o.parts for o in new],
        "matured": [o.matured for o in new],
    }


def _contexts(connection: Connection, ids: Sequence[str]) -> dict[str, Floats]:
    query = select(decisions.c.decision_id, decisions.c.context)
    rows = where_in(connection, query, decisions.c.decision_id, ids)
    return {row.decision_id: context_of(row.context) for row in rows}


def _stacked(pairs: Sequence[tuple[Floats, float]]) -> tuple[Floats, Floats]:
    """Return contexts and rewards as the reward model counts them: on the grain that adds exactly."""
    values = np.array([r for _, r in pairs], dtype=np.float64)
    rows = np.stack([x for x, _ in pairs]) if pairs else np.zeros((0, len(COLUMNS)))
    return exact(rows), exact(values)


def latest_rewards() -> Select[Any]:
    """Return the query of each decision's last revision."""
    last = select(rewards.c.decision_id, func.max(rewards.c.revision).label("revision"))
    newest = last.group_by(rewards.c.decision_id).subquery()
    same = and_(rewards.c.decision_id == newest.c.decision_id, rewards.c.revision == newest.c.revision)
    columns = (rewards.c.decision_id, rewards.c.status, rewards.c.value, rewards.c.parts, rewards.c.matured)
    return select(*columns).join_from(rewards, newest, same)
