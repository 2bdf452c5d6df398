"""A teacher's pages and what their buttons do."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from segue.service.http.refusals import RefusedError
from segue.service.pages.layout import show
from segue.service.pages.rendering import headers
from segue.service.pages.sessions.visits import person, visit_of
from segue.service.pages.teacher import class_views as views
from segue.workspace.dialogue.requests import requests_of

router = APIRouter(prefix="/pages/{tenant}/s/{ticket}", include_in_schema=False)


@router.get("/class")
@person
async def my_class(request: Request) -> Response:
    """Show where the class stands and who to see next."""
    visit = visit_of(request, "teacher")
    asked = request.query_params.get("minutes", "")
    minutes = min(max(int(asked), 0), 600) if asked.isdigit() and len(asked) < 5 else views.MINUTES
    view = await visit.tenant.aside(partial(views.class_of, visit, minutes=minutes))
    numbers = {learner: at for at, learner in enumerate(view.learners)}
    said = await visit.tenant.aside(partial(requests_of, visit.tenant.workspace, visit.ticket.roster))
    open_ = [one for one in said if not one.answer]
    talks = list(dict.fromkeys(one.learner for one in open_ if one.kind == "talk"))
    told = {"view": view, "minutes": minutes, "numbers": numbers, "talks": talks, "waiting": len(open_)}
    return show(visit, "class", request, **told)


@router.get("/class.csv")
@person
async def class_csv(request: Request) -> Response:
    """Return the same as a table for a spreadsheet."""
    visit = visit_of(request, "teacher")
    view = await visit.tenant.aside(partial(views.class_of, visit))
    text = views.class_csv(view, visit.names.of(visit.ticket.sid))
    told = {**headers(), "content-disposition": 'attachment; filename="class.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=told)


@router.get("/learner")
@person
async def learner(request: Request) -> Response:
    """Show one learner: what is known, the lists so far, what if."""
    visit = visit_of(request, "teacher")
    asked = request.query_params
    who = asked.get("who", "")
    if not (who.isdigit() and len(who) < 5 and int(who) < len(visit.ticket.roster)):
        raise RefusedError(404, "no_learner", "there is no such learner in this class")
    found = partial(
        views.learner_view, visit, int(who), did=asked.get("did", ""), right=asked.get("score") != "0"
    )
    return show(visit, "learner", request, **await visit.tenant.aside(found))
