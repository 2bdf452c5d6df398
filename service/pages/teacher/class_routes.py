"""A teacher's pages and what their buttons do."""

from __future__ import annotations

from starlette.responses import Response

from segue.service.pages.layout import show
from segue.service.pages.rendering import headers
from segue.service.pages.sessions.visits import Pages, Visit
from segue.service.pages.teacher import class_views as views
from segue.workspace.dialogue.requests import requests_of

pages = Pages()


@pages.get("/class", "teacher")
async def my_class(visit: Visit) -> Response:
    """Show where the class stands and who to see next."""
    asked = visit.request.query_params.get("minutes", "")
    minutes = min(max(int(asked), 0), 600) if asked.isdecimal() and len(asked) < 5 else views.MINUTES
    view = await visit.tenant.aside(views.class_of, visit, minutes=minutes)
    numbers = {learner: at for at, learner in enumerate(view.learners)}
    said = await visit.tenant.aside(requests_of, visit.space, visit.ticket.roster)
    open_ = [one for one in said if not one.answer]
    talks = list(dict.fromkeys(one.learner for one in open_ if one.kind == "talk"))
    told = {"view": view, "minutes": minutes, "numbers": numbers, "talks": talks, "waiting": len(open_)}
    return show(visit, "class", **told)


@pages.get("/class.csv", "teacher")
async def class_csv(visit: Visit) -> Response:
    """Return the same as a table for a spreadsheet."""
    view = await visit.tenant.aside(views.class_of, visit)
    text = views.class_csv(view, visit.names.of(visit.ticket.sid))
    told = {**headers(), "content-disposition": 'attachment; filename="class.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=told)


@pages.get("/learner", "teacher")
async def learner(visit: Visit) -> Response:
    """Show one learner: what is known, the lists so far, what if."""
    asked = visit.request.query_params
    place, did, right = visit.place(asked.get("who", "")), asked.get("did", ""), asked.get("score") != "0"
    found = await visit.tenant.aside(views.learner_view, visit, place, did=did, right=right)
    return show(visit, "learner", **found)
