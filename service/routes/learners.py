"""One learner: profile, questions about a playlist, and the learner's rights over the data."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from segue.service.admission import caller_of, received
from segue.service.http import request_schemas as schemas
from segue.service.http import response_schemas as answers
from segue.service.http.bodies import ID, LearnerId, answer
from segue.service.http.openapi import asks, gives
from segue.service.http.said import statement_bodies as said
from segue.service.reach import ReachedRoute
from segue.service.tenant import queries as asking
from segue.service.tenant.lists import Wanted, lists_of
from segue.workspace.privacy import learner_rights as rights
from segue.workspace.workspace import Workspace

Week = Annotated[said.Week, Query(description="ISO week, as 2026-W48.")]
Surface = Annotated[str, Query(min_length=1, max_length=12, pattern=ID, description="As in the answer.")]
router = APIRouter(prefix="/v1/learners", tags=["learners"], route_class=ReachedRoute)
AfterList = Annotated[str, Query(max_length=40, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Lists of a page.")]
ResourceId = Annotated[
    str, Query(min_length=1, max_length=200, pattern=ID, description="A resource of the catalogue.")
]


@router.get("/{learner:path}/profile", responses=gives(answers.ProfileAnswer, (404, 409, 422)))
async def profile(request: Request, learner: LearnerId) -> Response:
    """Return strengths, needs and interests, each with its uncertainty."""
    caller = caller_of(request, "backend", "teacher")
    return answer(await caller.aside(asking.learner_profile, learner))


@router.get("/{learner:path}/lists", responses=gives(answers.ListsAnswer, (404, 422)))
async def lists(
    request: Request,
    learner: LearnerId,
    *,
    week: Week | None = None,
    surface: Surface | None = None,
    after: AfterList = "",
    limit: Limit = 100,
) -> Response:
    """Return the learner's lists as they stand everywhere: on the page, in the calendar, in the LMS."""
    caller = caller_of(request, "backend", "teacher")
    return answer(await caller.aside(lists_of, learner, Wanted(week, surface, after, limit)))


@router.get("/{learner:path}/why-not", responses=gives(answers.WhyNotAnswer, (404, 409, 422)))
async def why_not(request: Request, learner: LearnerId, resource: ResourceId) -> Response:
    """Return the rule that keeps a resource from this learner, or the points it lacks."""
    caller = caller_of(request, "backend", "teacher")
    return answer(await caller.aside(asking.why_not, learner, resource, schemas.AskBody()))


@router.post("/{learner:path}/why-not", **asks(schemas.WhyNotBody, answers.WhyNotAnswer))
async def why_not_of(request: Request, learner: LearnerId) -> Response:
    """Return the same for a whole request: minutes, pins, place, goal."""
    caller, body = await received(request, schemas.WhyNotBody, "backend", "teacher")
    return answer(await caller.aside(asking.why_not, learner, body.resource, body))


@router.put("/{learner:path}/opt-out", **asks(schemas.OptOutBody, answers.OptedOut, (409,)))
async def opt_out(request: Request, learner: LearnerId) -> Response:
    """Stop profiling a learner, or take it up again: afterwards nothing new is stored, by any door."""
    caller, body = await received(request, schemas.OptOutBody, "backend", "teacher")
    await caller.do(rights.opt_out, learner, out=body.opted_out)
    return answer({"opted_out": body.opted_out})


@router.put("/{learner:path}/interests", **asks(schemas.InterestsBody, answers.Stored, (409,)))
async def interests(request: Request, learner: LearnerId) -> Response:
    """Keep the interests that a learner states, in place of those stated before."""
    caller, body = await received(request, schemas.InterestsBody, "backend", "teacher")
    now = datetime.now(UTC)
    return answer({"stored": await caller.do(Workspace.set_interests, learner, body.interests, now=now)})


@router.post("/{learner:path}/what-if", **asks(schemas.WhatIfBody, answers.WhatIfAnswer))
async def what_if(request: Request, learner: LearnerId) -> Response:
    """Return what would be proposed after some imagined attempts. Nothing is stored."""
    caller, body = await received(request, schemas.WhatIfBody, "backend", "teacher")
    return answer(await caller.aside(asking.what_if, learner, body))


@router.get("/{learner:path}/export", responses=gives(answers.ExportAnswer, (404, 409, 422)))
async def export(request: Request, learner: LearnerId) -> Response:
    """Return all that is kept of one learner."""
    caller = caller_of(request, "admin")
    return answer(await caller.aside(rights.export, learner))


@router.delete("/{learner:path}", responses=gives(answers.ErasedAnswer, (404, 409, 422)))
async def erase(request: Request, learner: LearnerId) -> Response:
    """Erase one learner, also from the model, and return the certificate. This cannot be undone."""
    caller = caller_of(request, "admin")
    found = await caller.tenant.alone(rights.erase, caller.space, learner, now=datetime.now(UTC))
    return answer({"erased": True, "certificate": asdict(found)})
