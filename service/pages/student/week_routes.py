"""A student's pages and what their buttons do."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from segue.service.pages.layout import show
from segue.service.pages.sessions.visits import person, posted, visit_of
from segue.service.pages.student import week_views as views

router = APIRouter(prefix="/pages/{tenant}/s/{ticket}", include_in_schema=False)
RATINGS = {"easy": 0.25, "hard": 0.0, "liked": 1.0}


@router.get("/week")
@person
async def week(request: Request) -> Response:
    """Show what to do this week, and why."""
    visit = visit_of(request, "learner", "parent")
    view = await visit.tenant.do(partial(views.week_view, visit))
    may_edit = visit.ticket.role == "learner"
    why = request.query_params.get("why", "")
    return show(visit, "week", request, view=view, why=why, may_edit=may_edit)


@router.post("/choose")
@person
async def choose(request: Request) -> Response:
    """Take one of a step's options."""
    visit = visit_of(request, "learner")
    form = await posted(request, visit)
    work = partial(visit.tenant.workspace.choose, form.one("step"), form.one("value"), now=visit.now)
    await visit.tenant.do(work)
    return visit.back("week", said="chosen")


@router.post("/another")
@person
async def another(request: Request) -> Response:
    """Give another step in the place of one: the next of its options."""
    visit = visit_of(request, "learner")
    form = await posted(request, visit)
    stored = await visit.tenant.do(partial(views.another, visit, form.one("step")))
    return visit.back("week", said="another" if stored else "not_another")


@router.post("/done")
@person
async def done(request: Request) -> Response:
    """Keep that a step is finished."""
    visit = visit_of(request, "learner")
    form = await posted(request, visit)
    stored = await visit.tenant.do(partial(views.finish, visit, form.one("step")))
    return visit.back("week", said="done" if stored else "not_done")


@router.post("/know")
@person
async def know(request: Request) -> Response:
    """Take "I know this" as a claim, and show the check that settles it."""
    visit = visit_of(request, "learner")
    form = await posted(request, visit)
    statement = await visit.tenant.do(partial(views.claim_step, visit, form.one("step")))
    return visit.back(
        "check", skill=statement.about, said="claimed", undo=f"statement:{statement.statement_id}"
    )


@router.get("/check")
@person
async def check(request: Request) -> Response:
    """Show the check of a claim, and what came of it."""
    visit = visit_of(request, "learner")
    view = await visit.tenant.aside(partial(views.check_view, visit, request.query_params.get("skill", "")))
    return show(visit, "check", request, view=view)


@router.post("/rate")
@person
async def rate(request: Request) -> Response:
    """Say how a step was."""
    visit = visit_of(request, "learner")
    form = await posted(request, visit)
    rating = RATINGS[form.one("value")]
    await visit.tenant.do(partial(visit.tenant.workspace.rate, form.one("step"), rating, now=visit.now))
    return visit.back("week", said="rated")
