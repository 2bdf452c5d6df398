"""The way in: a signed link becomes a session, and our own stylesheet and script."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from segue.service.http.refusals import RefusedError
from segue.service.pages.rendering import render, respond, static_file
from segue.service.pages.sessions.signed_tokens import Ticket, TicketError, read, sign
from segue.service.pages.sessions.visits import NO_STORE, names_of, person, tenant_named, without_leavers
from segue.service.pages.texts import choose
from segue.service.tenant.tenant import Tenant

router = APIRouter(prefix="/pages", include_in_schema=False)
FIRST = {"learner": "week", "parent": "week", "teacher": "class"}


@router.get("/static/{name}")
@person
async def static(request: Request) -> Response:
    """Return the stylesheet or the script."""
    body, kind = static_file(request.path_params["name"])
    told = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
    return Response(body, media_type=f"{kind}; charset=utf-8", headers=told)


@router.get("/{tenant}/enter/{ticket}")
@person
async def enter(request: Request) -> Response:
    """Open a session from a signed link."""
    tenant, now = tenant_named(request.app, request.path_params["tenant"]), datetime.now(UTC)
    try:
        link = read(request.path_params["ticket"], tenant.workspace.keyring, use="link", now=now)
    except TicketError as error:
        raise RefusedError(403, "run_out" if "run out" in str(error) else "ticket", str(error)) from None
    if link.class_id:
        link = await tenant.aside(without_leavers, tenant.workspace, link, now)
    return opened(request, tenant, link, now=now)


def opened(
    request: Request,
    tenant: Tenant,
    link: Ticket,
    *,
    now: datetime,
    names: Mapping[str, str] | None = None,
    said: str = "",
) -> Response:
    """Return the way to the first page of a new session; `names` are kept in memory as long as it lasts."""
    session = link.session(now=now, sid=secrets.token_urlsafe(9))
    if names:
        names_of(request).keep(session.sid, names)
    text = sign(session, tenant.workspace.keyring)
    query = f"?said={said}" if said else ""
    return RedirectResponse(f"/pages/{tenant.name}/s/{text}/{FIRST[session.role]}{query}", 303, NO_STORE)


def in_a_tab(request: Request, address: str, *, frame: str) -> Response:
    """Return what stands in a frame whose browser keeps no cookie: the way into a tab, where it does."""
    return _alone(request, "tab", 400, frame=frame, address=address)


def nothing_here(request: Request, *, frame: str) -> Response:
    """Return what somebody reads who is neither learner, teacher nor parent in a course."""
    return _alone(request, "nothing", 200, frame=frame)


def _alone(request: Request, name: str, status: int, *, frame: str, **values: object) -> Response:
    """Return a page of nobody's session."""
    locale = choose("", request.headers.get("accept-language", ""))
    html = render(f"{name}.html", locale, {"page": name, "base": "", **values})
    return respond(html, frame=frame, status=status)
