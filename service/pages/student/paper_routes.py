"""My week on paper, in a file for offline use, and in a calendar."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.responses import Response

from segue.lms.outgoing.calendar import calendar
from segue.lms.outgoing.lesson import Lesson, LessonItem
from segue.service.pages.layout import show
from segue.service.pages.rendering import headers, safe_url, static_file
from segue.service.pages.sessions.signed_tokens import Ticket, sign
from segue.service.pages.sessions.visits import Pages, Visit
from segue.service.pages.student.week_views import WeekView, week_view

pages = Pages()
CODE_DAYS = 8  # that the code on the paper opens the page


@pages.get("/print", "learner", "parent")
async def print_page(visit: Visit) -> Response:
    """Show the week as it goes on paper, with a code to scan."""
    view = await visit.tenant.do(week_view, visit)
    return show(visit, "print", view=view, offline=False, code=_code(visit, str(visit.request.base_url)))


@pages.get("/offline.html", "learner", "parent")
async def offline(visit: Visit) -> Response:
    """Return the week as one file that needs nothing else."""
    view = await visit.tenant.do(week_view, visit)
    style = Markup(static_file("pages.css")[0].decode())
    page = show(visit, "print", view=view, offline=True, code="", stylesheet=style)
    page.headers["content-disposition"] = f'attachment; filename="week-{view.week}.html"'
    return page


@pages.get("/calendar.ics", "learner", "parent")
async def ics(visit: Visit) -> Response:
    """Return the week as a calendar, spread over its school days."""
    view = await visit.tenant.do(week_view, visit)
    zone = ZoneInfo(visit.space.time_zone)
    body = calendar(_lesson(visit, view), time_zone=zone)
    told = {**headers(), "content-disposition": f'attachment; filename="week-{view.week}.ics"'}
    return Response(body, media_type="text/calendar; charset=utf-8", headers=told)


def _lesson(visit: Visit, view: WeekView) -> Lesson:
    steps = {step.resource.resource_id: step for step in view.steps if step.state != "done"}
    items = tuple(
        LessonItem(
            name,
            step.resource.title or name,
            safe_url(step.resource.url),
            step.resource.minutes,
            step.shown.why,
        )
        for name, step in steps.items()
    )
    return Lesson(visit.ticket.who, view.week, items)


def _code(visit: Visit, address: str) -> str:
    """Return a picture of a link to the week, "" where no library draws it."""
    try:
        import segno  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return ""
    until = int((visit.now + timedelta(days=CODE_DAYS)).timestamp())
    link = Ticket("link", visit.ticket.role, visit.ticket.who, until, locale=visit.ticket.locale)
    text = sign(link, visit.space.keyring)
    path = f"{address.rstrip('/')}/pages/{visit.tenant.name}/enter/{text}"
    return str(segno.make(path, micro=False).svg_data_uri(scale=3))
