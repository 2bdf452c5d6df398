"""Undo: one button for everybody, which takes back what this visit may take back."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from segue.service.pages.layout import menu
from segue.service.pages.sessions.visits import person, posted, visit_of
from segue.service.pages.student.week_views import take_back
from segue.service.pages.teacher.monday_routes import undo_of_teacher

router = APIRouter(prefix="/pages/{tenant}/s/{ticket}", include_in_schema=False)


@router.post("/undo")
@person
async def undo(request: Request) -> Response:
    """Take back what was said or done last."""
    visit = visit_of(request, "learner", "teacher")
    form = await posted(request, visit)
    work = undo_of_teacher if visit.ticket.role == "teacher" else take_back
    await visit.tenant.do(partial(work, visit, form.one("what")))
    page, pages = form.one("page"), [name for name, _ in menu(visit)]
    return visit.back(page if page in pages else pages[0], said="undone")
