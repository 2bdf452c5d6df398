"""A student's pages and what their buttons do."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import Response

from segue.service.http.refusals import RefusedError
from segue.service.pages.layout import left_words, show
from segue.service.pages.sessions.visits import person, posted, visit_of
from segue.service.pages.student import week_views as views
from segue.workspace.dialogue.learner_steps import skill_check

router = APIRouter(prefix="/pages/{tenant}/s/{ticket}", include_in_schema=False)
RATINGS = {"easy": 0.25, "hard": 0.0, "liked": 1.0}


@router.get("/week")
@person
async def week(request: Request) -> Response:
    """Show what to do this week, and why."""
    visit = visit_of(request, "learner", "parent")
    view = await visit.tenant.do(partial(views.week_view, visit))
    left = partial(left_words, visit.locale)
    why = request.query_params.get("why", "")
    return show(visit, "week", request, view=view, why=why, left_words=left)


@router.post("/choose")
@person
async def choose(request: Request) -> Response:
    """Take one of a step's options."""
    visit = visit_of(request, "learner")
    form = await posted(request, visit)
    step = form.one("step")
    await visit.tenant.do(partial(views.choose, visit, step, form.one("value")))
    return visit.back("week", said="chosen", undo=f"choice:{step}")


@router.post("/another")
@person
async def another(request: Request) -> Response:
    """Give another step in the place of one: the next of its options."""
    visit = visit_of(request, "learner")
    form = await posted(request, visit)
    step = form.one("step")
    if await visit.tenant.do(partial(views.another, visit, step)):
        return visit.back("week", said="another", undo=f"choice:{step}")
    return visit.back("week", said="not_another")


@router.post("/done")
@person
async def done(request: Request) -> Response:
    """Keep that a step is finished."""
    visit = visit_of(request, "learner")
    form = await posted(request, visit)
    step = form.one("step")
    stored = await visit.tenant.do(partial(views.finish, visit, step))
    undo = f"completion:{step}" if stored else ""
    response = visit.back("week", said="done" if stored else "not_done", undo=undo)
    response.background = BackgroundTask(request.app.state.progress, visit.tenant, {visit.ticket.who})
    return response


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
    space, skill = visit.tenant.workspace, request.query_params.get("skill", "")
    view = await visit.tenant.aside(partial(skill_check, space, visit.ticket.who, skill, now=visit.now))
    return show(visit, "check", request, view=view)


@router.post("/rate")
@person
async def rate(request: Request) -> Response:
    """Say how a step was."""
    visit = visit_of(request, "learner")
    form = await posted(request, visit)
    rating, step = RATINGS.get(form.one("value")), form.one("step")
    if rating is None:
        raise RefusedError(422, "rating", "a rating is easy, hard or liked")
    await visit.tenant.do(partial(views.rate, visit, step, rating))
    return visit.back("week", said="rated", undo=f"rating:{step}")
