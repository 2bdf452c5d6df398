"""The list that a learner has now, step by step, for a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from segue.engine.explanations.why import explain
from segue.engine.playlists import Step
from segue.engine.request import Request
from segue.features.catalogue import Catalogue, Resource
from segue.features.contexts.context_columns import COLUMNS
from segue.features.iso_weeks import week_of
from segue.workspace.answering import Ask
from segue.workspace.records.decision_log import context_of
from segue.workspace.records.learners import find_learners
from segue.workspace.records.statements import lists_taken_back
from segue.workspace.storage.schema import decisions, events, playlists
from segue.workspace.workspace import Workspace

SURFACES = ("weekly", "lti", "pages")
STEPS, OPTIONS = 6, 3


@dataclass(frozen=True)
class ListedStep:
    """A step as its learner sees it: what, why, how far, and what somebody changed."""

    decision_id: str
    resource: Resource
    state: str
    why: str
    reasons: Mapping[str, float]
    options: tuple[Resource, ...]
    picked: str
    by: str
    rating: float | None
    explored: bool


def standing(workspace: Workspace, learner: str, *, now: datetime) -> tuple[str, list[ListedStep]]:
    """Return the week and the learner's list of it; one is drawn when there is none."""
    week = week_of(now, workspace.time_zone)
    found = _read(workspace, learner, week, now)
    if not found:
        request = Request(learner, now, k=STEPS, menu=OPTIONS)
        workspace.recommend_many([request], ask=Ask(surface="pages", week=week))
        found = _read(workspace, learner, week, now)
    return week, found


def _read(workspace: Workspace, learner: str, week: str, now: datetime) -> list[ListedStep]:
    _, known = workspace.known([learner])
    catalogue = workspace.catalogue()
    with workspace.store.read() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        if person is None or person.opted_out:
            return []
        mine = select(playlists.c.playlist_id, playlists.c.time).where(
            playlists.c.learner == person.number,
            playlists.c.week == week,
            playlists.c.surface.in_(SURFACES),
            playlists.c.playlist_id.not_in(lists_taken_back(connection, [person.number])),
        )
        last = connection.execute(mine.order_by(playlists.c.number.desc()).limit(1)).one_or_none()
        if last is None:
            return []
        steps = connection.execute(
            select(decisions)
            .where(decisions.c.playlist_id == last.playlist_id)
            .order_by(decisions.c.position)
        ).all()
        after = connection.execute(
            select(events.c.kind, events.c.resource, events.c.step, events.c.score).where(
                events.c.learner == person.number, events.c.number > 0, events.c.time >= last.time
            )
        ).all()
    done = {row.resource for row in after if row.kind in ("attempt", "completion")}
    rated = {row.step: row.score for row in after if row.kind == "rating"}
    return [_step(row, catalogue, known[learner], now, done=done, rated=rated) for row in steps]


def _step(
    row: Any, catalogue: Catalogue, state: Any, now: datetime, *, done: set[str], rated: Mapping[str, float]
) -> ListedStep:
    menu = json.loads(row.menu)
    override = json.loads(row.override)
    picked = str(menu.get("picked") or "")
    swapped = override.get("action") in ("swap", "pin") and override.get("resource")
    name = str(swapped or picked or row.resource)
    context = dict(zip(COLUMNS, context_of(row.context).tolist(), strict=False))
    reasons = json.loads(row.reasons)
    step = Step(row.position, row.resource, row.propensity, 1.0, row.score, reasons, context)
    state_word = "done" if name in done else "removed" if override.get("action") == "remove" else "open"
    offered = [] if picked or swapped else menu.get("offered", [])
    return ListedStep(
        decision_id=row.decision_id,
        resource=_resource(catalogue, name),
        state=state_word,
        why=explain(step, catalogue, state=state, now=now.timestamp()).student,
        reasons=reasons,
        options=tuple(_resource(catalogue, option) for option in offered if option != name),
        picked=picked,
        by="teacher" if override else "",
        rating=rated.get(row.decision_id),
        explored=row.explored,
    )


def _resource(catalogue: Catalogue, name: str) -> Resource:
    return catalogue.resources[catalogue.resource_index[name]]
