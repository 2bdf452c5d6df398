"""A learner's calendar at an address of its own, for programs that subscribe to it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from segue.lms.outgoing.calendar import calendar
from segue.service.http.refusals import RefusedError
from segue.service.lessons import lessons_since
from segue.service.pages.sessions.calendar_addresses import learner_of
from segue.service.pages.sessions.signed_tokens import TicketError
from segue.service.pages.sessions.visits import tenant_named
from segue.service.tenant.tenant import Tenant

router = APIRouter(include_in_schema=False)
PRIVATE = {"cache-control": "private, no-store", "referrer-policy": "no-referrer"}


@router.get("/calendar/{tenant}/{address}.ics")
async def subscribed(request: Request) -> Response:
    """Return the learner's weeks from the last one on; 404 for an address that is none any more."""
    try:
        tenant = tenant_named(request.app, request.path_params["tenant"])
        body = await run_in_threadpool(_book, tenant, request.path_params["address"])
    except RefusedError as refused:
        return refused.response()
    return Response(body, media_type="text/calendar; charset=utf-8", headers=PRIVATE)


def _book(tenant: Tenant, address: str) -> bytes:
    space = tenant.workspace
    try:
        with space.store.read() as connection:
            learner = learner_of(connection, space.keyring, address)
    except TicketError as error:
        raise RefusedError(404, "no_calendar", str(error)) from None
    lessons = lessons_since(space, learner, datetime.now(UTC))
    return calendar(*lessons, time_zone=ZoneInfo(space.time_zone), name="Your playlist")
