"""A class's lists of a week at once: drawn, approved, with something that everybody does."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from segue.service.admission import received
from segue.service.http.bodies import answer
from segue.service.http.openapi import asks
from segue.service.http.said import statement_bodies as said
from segue.service.reach import ReachedRoute, reaching
from segue.service.tenant.work_told import Worked, told
from segue.workspace.dialogue import class_lists

router = APIRouter(prefix="/v1/class-weeks", tags=["classes"], route_class=ReachedRoute)
STEPS, OPTIONS = 6, 3


@router.post("/draw", **asks(said.ClassWeekBody, said.CountAnswer, (409,)))
async def draw(request: Request) -> Response:
    """Draw the lists of a week for those of a class who have none."""
    caller, body = await received(request, said.ClassWeekBody, "teacher")
    await reaching(request, body.learners)
    work = partial(class_lists.draw_week, k=STEPS, menu=OPTIONS, now=body.now or datetime.now(UTC))
    done = await caller.do(work, body.learners, body.week)
    return answer({"done": done, "declined": 0})


@router.post("/approve", **asks(said.ApproveBody, said.CountAnswer, (409,)))
async def approve(request: Request) -> Response:
    """Approve every step of a class's week; what is approved already is counted no more."""
    caller, body = await received(request, said.ApproveBody, "teacher")
    await reaching(request, body.learners)
    work = partial(class_lists.approve_week, by=body.by, seen=body.seen)
    now = body.now or datetime.now(UTC)
    done, declined = await caller.do(work, body.learners, body.week, now=now)
    return answer({"done": done, "declined": declined})


@router.post("/must-do", **asks(said.MustDoBody, said.MustDoAnswer, (409,)))
async def must_do(request: Request) -> Response:
    """Pin a resource into every list of a class's week; who has it already is counted no more."""
    caller, body = await received(request, said.MustDoBody, "teacher")
    await reaching(request, body.learners)
    work, now = partial(class_lists.must_do, by=body.by), body.now or datetime.now(UTC)
    done, without = await caller.do(work, body.learners, body.week, body.resource, now=now)
    response = answer({"done": done, "declined": len(without), "without": without})
    return told(request, caller.tenant, response, Worked(body.learners))
