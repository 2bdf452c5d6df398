"""A class's lists of a week at once: drawn, approved, with something that everybody does."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from segue.service.admission import caller_of
from segue.service.http.bodies import answer, read
from segue.service.http.openapi import OF_A_BODY, gives, takes
from segue.service.http.said import statement_bodies as said
from segue.service.reach import ReachedRoute, reaching
from segue.workspace.dialogue import class_lists

router = APIRouter(prefix="/v1/class-weeks", tags=["classes"], route_class=ReachedRoute)
STEPS, OPTIONS = 6, 3


@router.post(
    "/draw",
    openapi_extra=takes(said.ClassWeekBody),
    responses=gives(said.CountAnswer, (*OF_A_BODY, 409)),
)
async def draw(request: Request) -> Response:
    """Draw the lists of a week for those of a class who have none."""
    caller = caller_of(request, "teacher")
    body = await read(request, said.ClassWeekBody)
    await reaching(request, body.learners)
    work = partial(class_lists.draw_week, caller.tenant.workspace, body.learners, body.week)
    return answer({"done": await caller.tenant.do(partial(work, k=STEPS, menu=OPTIONS)), "declined": 0})


@router.post(
    "/approve",
    openapi_extra=takes(said.ClassWeekBody),
    responses=gives(said.CountAnswer, (*OF_A_BODY, 409)),
)
async def approve(request: Request) -> Response:
    """Approve every step of a class's week; what is approved already is counted no more."""
    caller = caller_of(request, "teacher")
    body = await read(request, said.ClassWeekBody)
    await reaching(request, body.learners)
    work = partial(class_lists.approve_week, caller.tenant.workspace, body.learners, body.week)
    done, declined = await caller.tenant.do(partial(work, by=body.by, now=body.now or datetime.now(UTC)))
    return answer({"done": done, "declined": declined})


@router.post(
    "/must-do",
    openapi_extra=takes(said.MustDoBody),
    responses=gives(said.CountAnswer, (*OF_A_BODY, 409)),
)
async def must_do(request: Request) -> Response:
    """Pin a resource into every list of a class's week; who has it already is counted no more."""
    caller = caller_of(request, "teacher")
    body = await read(request, said.MustDoBody)
    await reaching(request, body.learners)
    work = partial(class_lists.must_do, caller.tenant.workspace, body.learners, body.week, body.resource)
    done, declined = await caller.tenant.do(partial(work, by=body.by, now=body.now or datetime.now(UTC)))
    return answer({"done": done, "declined": declined})
