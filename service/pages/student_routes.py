"""A student's pages and what their buttons do."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from segue.service.http.request_schemas import ChoiceBody, RatingBody
from segue.service.pages import student_views as views
from segue.service.pages.layout import show
from segue.service.pages.visits import person, posted, visit_of
from segue.workspace import feedback

router = APIRouter(prefix="/pages/{tenant}/s/{ticket}", include_in_schema=False)
RATINGS = {"easy": 0.25, "hard": 0.0, "liked": 1.0}


@router.get("/week")
@person
async def week(request: Request) -> Response:
    """Show what to do this week, and why."""
    visit = visit_of(request, "learner", "parent")
    view = await visit.tenant.do(partial(views.week_view, visit))
    return show(visit, "week", request, view=view, why=request.query_params.get("why", ""))


@router.post("/choose")
@person
async def choose(request: Request) -> Response:
    """Take one of a step's options."""
    visit = visit_of(request, "learner")
    form = await posted(request, visit)
    body = ChoiceBody(resource=form.one("value"))
    work = partial(feedback.choose, visit.tenant.workspace, form.one("step"), body)
    await visit.tenant.do(work)
    return visit.back("week", said="chosen")


@router.post("/rate")
@person
async def rate(request: Request) -> Response:
    """Say how a step was."""
    visit = visit_of(request, "learner")
    form = await posted(request, visit)
    body = RatingBody(rating=RATINGS[form.one("value")])
    work = partial(feedback.rate, visit.tenant.workspace, form.one("step"), body)
    await visit.tenant.do(work)
    return visit.back("week", said="rated")
