"""A class as its teacher sees it."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import StringConstraints
from starlette.responses import Response

from segue.service.access_middleware import caller_of
from segue.service.http import response_schemas as answers
from segue.service.http.bodies import ID, ClassId, answer
from segue.service.http.openapi import gives
from segue.service.tenant import queries as asking

Roster = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=ID)], ...],
    Query(max_length=500, description="The class list as the LMS has it; only these are named."),
]
router = APIRouter(prefix="/v1/classes", tags=["classes"])


@router.get("/{class_id:path}", responses=gives(answers.ClassAnswer, (404, 409, 422)))
async def class_view(request: Request, class_id: ClassId, learner: Roster = ()) -> Response:
    """Return who is stuck where. To analysts only counts, and none of a group under five."""
    caller = caller_of(request, "teacher", "analyst")
    names = caller.key.allows(("teacher",))
    work = partial(asking.class_of, caller.tenant.workspace, class_id, learner, names=names)
    return answer(await caller.tenant.aside(work))
