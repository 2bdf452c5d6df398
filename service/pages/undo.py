"""Undo: one button for everybody, which takes back what this visit may take back."""

from __future__ import annotations

from starlette.responses import Response

from segue.service.pages.layout import menu
from segue.service.pages.sessions.forms import Form
from segue.service.pages.sessions.visits import Pages, Visit
from segue.service.pages.student.week_views import take_back
from segue.service.pages.teacher.monday_routes import undo_of_teacher
from segue.service.tenant.work_told import Worked, told

pages = Pages()


@pages.post("/undo", "learner", "teacher")
async def undo(visit: Visit, form: Form) -> Response:
    """Take back what was said or done last."""
    work = undo_of_teacher if visit.ticket.role == "teacher" else take_back
    what = form.one("what")
    await visit.tenant.do(work, visit, what)
    page, pages = form.one("page"), [name for name, _ in menu(visit)]
    response = visit.back(page if page in pages else pages[0], said="undone")
    learners = [visit.ticket.who] if visit.ticket.role == "learner" else []
    name = what.partition(":")[2]
    worked = Worked(learners, override=name, statement=name)
    return told(visit.request, visit.tenant, response, worked)
