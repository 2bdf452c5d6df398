"""A class as its teacher sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import StringConstraints
from starlette.responses import Response

from segue.service.admission import caller_of, received
from segue.service.http import request_schemas as schemas
from segue.service.http import response_schemas as answers
from segue.service.http.bodies import ID, ClassId, answer
from segue.service.http.openapi import asks, gives
from segue.service.reach import ReachedRoute
from segue.service.tenant import queries as asking
from segue.workspace.records.rosters.enrolments import Enrolment, put_roster
from segue.workspace.workspace import Workspace

Roster = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=ID)], ...],
    Query(max_length=500, description="The class list as the LMS has it; only these are named."),
]
router = APIRouter(prefix="/v1/classes", tags=["classes"], route_class=ReachedRoute)


@router.put("/{class_id:path}/roster", **asks(schemas.RosterBody, answers.RosterAnswer, (409,)))
async def roster(request: Request, class_id: ClassId) -> Response:
    """Make these the members of a class: who is not among them has left."""
    caller, body = await received(request, schemas.RosterBody, "backend", "teacher")
    return answer(await caller.do(_put, class_id, body))


def _put(workspace: Workspace, class_id: str, body: schemas.RosterBody) -> dict[str, Any]:
    """Make the learners of a body the members of a class; return how many are stored."""
    rows = [Enrolment(one.id, class_id, one.role, one.begins, one.until) for one in body.learners]
    with workspace.store.write() as connection:
        return {"members": put_roster(connection, workspace.keyring, class_id, rows, now=datetime.now(UTC))}


@router.get("/{class_id:path}", responses=gives(answers.ClassAnswer, (404, 409, 422)))
async def class_view(request: Request, class_id: ClassId, learner: Roster = ()) -> Response:
    """Return who is stuck where. To analysts only counts, and none of a group under five."""
    caller = caller_of(request, "teacher", "analyst")
    names = caller.key.allows(("teacher",))
    return answer(await caller.aside(asking.class_of, class_id, learner, names=names))
