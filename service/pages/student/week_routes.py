"""A student's pages and what their buttons do."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from segue.service.http.refusals import RefusedError
from segue.service.pages.layout import show
from segue.service.pages.sessions.forms import Form
from segue.service.pages.sessions.visits import Pages, Visit
from segue.service.pages.student import week_views as views
from segue.service.pages.words import left_words
from segue.service.tenant.work_told import Worked, told
from segue.workspace.dialogue.learner_steps import skill_check

pages = Pages()


@pages.get("/week", "learner", "parent")
async def week(visit: Visit) -> Response:
    """Show what to do this week, and why."""
    view = await visit.tenant.do(views.week_view, visit)
    left = partial(left_words, visit.locale)
    why = visit.request.query_params.get("why", "")
    return show(visit, "week", view=view, why=why, left_words=left)


@pages.post("/choose", "learner")
async def choose(visit: Visit, form: Form) -> Response:
    """Take one of a step's options."""
    step = form.one("step")
    await visit.tenant.do(views.choose, visit, step, form.one("value"))
    return visit.back("week", said="chosen", undo=f"choice:{step}")


@pages.post("/another", "learner")
async def another(visit: Visit, form: Form) -> Response:
    """Give another step in the place of one: the next of its options."""
    step = form.one("step")
    if await visit.tenant.do(views.another, visit, step):
        return visit.back("week", said="another", undo=f"choice:{step}")
    return visit.back("week", said="not_another")


@pages.post("/done", "learner")
async def done(visit: Visit, form: Form) -> Response:
    """Keep that a step is finished."""
    step = form.one("step")
    await visit.tenant.do(views.finish, visit, step, seen=form.one("seen"))
    response = visit.back("week", said="done", undo=f"completion:{step}")
    return told(visit.request, visit.tenant, response, Worked([visit.ticket.who]))


@pages.post("/know", "learner")
async def know(visit: Visit, form: Form) -> Response:
    """Take "I know this" as a claim, and show the check that settles it."""
    statement = await visit.tenant.do(views.claim_step, visit, form.one("step"), seen=form.one("seen"))
    undo = f"statement:{statement.statement_id}"
    response = visit.back("check", skill=statement.about, said="claimed", undo=undo)
    return told(visit.request, visit.tenant, response, Worked([visit.ticket.who]))


@pages.get("/check", "learner")
async def check(visit: Visit) -> Response:
    """Show the check of a claim, and what came of it."""
    space, skill = visit.space, visit.request.query_params.get("skill", "")
    view = await visit.tenant.aside(skill_check, space, visit.ticket.who, skill, now=visit.now)
    return show(visit, "check", view=view)


@pages.post("/rate", "learner")
async def rate(visit: Visit, form: Form) -> Response:
    """Say how a step was."""
    word, step = form.one("value"), form.one("step")
    if word not in views.RATINGS:
        raise RefusedError(422, "rating", "a rating is easy, hard or liked")
    before = await visit.tenant.do(views.rate, visit, step, word, seen=form.one("seen"))
    return visit.back("week", said="rated", undo=f"{before or 'rating'}:{step}")
