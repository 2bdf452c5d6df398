"""How Segue decides here: the version in force, a draft's dry run, and what decides from now on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from segue.engine.policies.policy_version import PolicyVersion
from segue.features.iso_weeks import start_of
from segue.service.admission import caller_of, received
from segue.service.http.bodies import answer
from segue.service.http.openapi import asks, gives
from segue.service.http.refusals import RefusedError
from segue.service.http.said import policy_bodies as said
from segue.service.reach import ReachedRoute
from segue.workspace.operations.policy_versions import (
    earlier_version,
    put_in_force,
    version_diff,
    version_history,
    version_in_force,
)
from segue.workspace.workspace import Workspace

router = APIRouter(prefix="/v1/policy", tags=["policy"], route_class=ReachedRoute)


@router.get("", responses=gives(said.PolicyAnswer, (401, 403)))
async def in_force(request: Request) -> Response:
    """Return the version in force, and those that were before."""
    return answer(await caller_of(request, "teacher").aside(_in_force))


@router.post("/dry-run", **asks(said.DraftBody, said.DryRunAnswer, ()))
async def dry_run(request: Request) -> Response:
    """Return which lists a draft would change, with nothing stored."""
    caller, body = await received(request, said.DraftBody, "teacher")
    return answer(await caller.aside(_tried, body))


@router.put("", **asks(said.InForceBody, said.PolicyAnswer, (404,)))
async def put(request: Request) -> Response:
    """Put a draft in force, or an earlier version back; what is in force already is kept once."""
    caller, body = await received(request, said.InForceBody, "teacher")
    return answer(await caller.do(_put, body))


def _drafted(before: PolicyVersion, draft: Mapping[str, Any]) -> PolicyVersion:
    try:
        return before.drafted(draft)
    except ValueError as error:
        raise RefusedError(422, "not_valid", str(error)) from None


def _in_force(space: Workspace) -> dict[str, object]:
    version = version_in_force(space)
    lines = [
        {"version": s.version.id, "time": s.time.isoformat(), "by": s.by, "reason": s.reason}
        for s in version_history(space)
    ]
    return {"version": version.id, "policy": version.to_dict(), "history": lines}


def _tried(space: Workspace, body: said.DraftBody) -> dict[str, object]:
    before = version_in_force(space)
    draft = _drafted(before, body.draft)
    shape = partial(version_diff, week=body.week or "", k=body.k, minutes=body.minutes)
    at = body.now or (start_of(body.week, space.time_zone) if body.week else datetime.now(UTC))
    found = shape(space, before, draft, now=at, learners=body.learners)
    return {"version": draft.id, **found.to_dict()}


def _put(space: Workspace, body: said.InForceBody) -> dict[str, object]:
    before = version_in_force(space)
    new = earlier_version(space, body.version) if body.version else _drafted(before, body.draft or {})
    if new is None:
        raise RefusedError(404, "no_version", "no version of this id was in force here")
    if new.id != before.id:
        by = space.pseudonym_of_teacher(body.by)
        put_in_force(space, new, by=by, now=body.now or datetime.now(UTC), reason=body.reason)
    return _in_force(space)
