"""What became of a step: the learner's pick, the teacher's hand, the learner's rating."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from segue.service.http.refusals import RefusedError
from segue.service.http.request_schemas import ChoiceBody, OverrideBody, RatingBody
from segue.service.tenant.fallback_workspace import ServedWorkspace
from segue.workspace.storage.database import take_numbers
from segue.workspace.storage.schema import decisions, events

Stored = dict[str, Any]


def choose(workspace: ServedWorkspace, decision_id: str, body: ChoiceBody) -> Stored:
    """Keep which option of a menu was picked, as part of the decision and as an event.

    Raises
    ------
    RefusedError
        404 for another decision, 409 when the step had no menu or another pick, 422 for no option of it.
    """
    with workspace.store.write() as connection:
        row = _decision(connection, decision_id)
        menu = json.loads(row.menu)
        if not menu:
            raise RefusedError(409, "no_menu", "this step offered no menu: there was nothing to choose")
        if body.resource not in menu["offered"]:
            options = ", ".join(menu["offered"])
            raise RefusedError(422, "not_offered", f"resource must be one of the step's options: {options}")
        picked = menu.get("picked")
        if picked not in (None, body.resource):
            raise RefusedError(409, "chosen", "another option of this step was picked before")
        _update(connection, decision_id, "menu", {**menu, "picked": body.resource})
        fact = Fact("choice", body.resource, _moment(body.time))
        return {"stored": _note(connection, workspace, row, fact)}


def rate(workspace: ServedWorkspace, decision_id: str, body: RatingBody) -> Stored:
    """Keep how the learner liked a step, as an event.

    Raises
    ------
    RefusedError
        404 for another decision, 409 when the step was rated before in another way.
    """
    with workspace.store.write() as connection:
        row = _decision(connection, decision_id)
        fact = Fact("rating", row.resource, _moment(body.time), body.rating)
        stored = _note(connection, workspace, row, fact)
        if not stored and _rating(connection, workspace, decision_id) != body.rating:
            raise RefusedError(409, "rated", "this step was rated before, in another way")
        return {"stored": stored}


def override(workspace: ServedWorkspace, decision_id: str, body: OverrideBody) -> Stored:
    """Keep what a teacher did with a step beside what the engine had drawn, and how likely that was.

    Raises
    ------
    RefusedError
        404 for another decision, 422 when the resource is missing or unknown.
    """
    if body.action in ("swap", "pin") and body.resource is None:
        raise RefusedError(422, "no_resource", f"resource: {body.action} needs the resource put in instead")
    if body.resource is not None and body.resource not in workspace.catalogue().resource_index:
        raise RefusedError(422, "unknown_resource", f"unknown resource {body.resource!r}: import it first")
    with workspace.store.write() as connection:
        row = _decision(connection, decision_id)
        before = json.loads(row.override)
        now = {
            "by": workspace.keyring.digest("teacher", body.by).hex()[:24],
            "action": body.action,
            "resource": body.resource,
            "reason": body.reason,
            "engine_action": before.get("engine_action", row.resource),
            "engine_propensity": before.get("engine_propensity", row.propensity),
        }
        same = all(before.get(name) == value for name, value in now.items())
        if not same:
            _update(connection, decision_id, "override", {**now, "time": _moment(body.time).isoformat()})
        return {"stored": not same}


@dataclass(frozen=True)
class Fact:
    """An event that a decision led to."""

    kind: str
    resource: str
    time: datetime
    score: float | None = None


def _decision(connection: Connection, decision_id: str) -> Row[Any]:
    row = connection.execute(select(decisions).where(decisions.c.decision_id == decision_id)).one_or_none()
    if row is None:
        raise RefusedError(404, "no_decision", "there is no decision of this id in this tenant")
    return row


def _update(connection: Connection, decision_id: str, column: str, value: dict[str, Any]) -> None:
    this = decisions.update().where(decisions.c.decision_id == decision_id)
    connection.execute(this.values({column: json.dumps(value)}))


def _moment(time: datetime | None) -> datetime:
    return time or datetime.now(UTC)


def _event_id(workspace: ServedWorkspace, kind: str, decision_id: str) -> bytes:
    return workspace.keyring.event_digests([f"segue:{kind}:{decision_id}"])[0]


def _rating(connection: Connection, workspace: ServedWorkspace, decision_id: str) -> float | None:
    event_id = _event_id(workspace, "rating", decision_id)
    return connection.execute(select(events.c.score).where(events.c.event_id == event_id)).scalar()


def _note(connection: Connection, workspace: ServedWorkspace, row: Row[Any], fact: Fact) -> bool:
    """Append an event of the decision's learner; False when it is there already."""
    event_id = _event_id(workspace, fact.kind, row.decision_id)
    there: Sequence[Any] = connection.execute(
        select(events.c.number).where(events.c.event_id == event_id)
    ).all()
    if there:
        return False
    number = take_numbers(connection, "events", 1)
    connection.execute(
        events.insert().values(
            number=number,
            event_id=event_id,
            learner=row.learner,
            kind=fact.kind,
            resource=fact.resource,
            score=fact.score,
            time=round(fact.time.timestamp() * 1e6),
            seq=number,
            class_id="",
            step=row.decision_id,
            tags="",
        )
    )
    return True
