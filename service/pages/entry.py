"""The way in: a signed link becomes a session, and our own stylesheet and script."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from segue.service.http.refusals import RefusedError
from segue.service.pages.rendering import static_file
from segue.service.pages.sessions.signed_tokens import Ticket, TicketError, read, sign
from segue.service.pages.sessions.visits import NO_STORE, names_of, person, tenant_of
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
    tenant, now = tenant_of(request, request.path_params["tenant"]), datetime.now(UTC)
    try:
        link = read(request.path_params["ticket"], tenant.workspace.keyring, use="link", now=now)
    except TicketError as error:
        raise RefusedError(403, "run_out" if "run out" in str(error) else "ticket", str(error)) from None
    return opened(request, tenant, link, now=now)


def opened(
    request: Request, tenant: Tenant, link: Ticket, *, now: datetime, names: dict[str, str] | None = None
) -> Response:
    """Return the way to the first page of a new session; `names` are kept in memory as long as it lasts."""
    session = link.session(now=now, sid=secrets.token_urlsafe(9))
    if names:
        names_of(request).keep(session.sid, names)
    text = sign(session, tenant.workspace.keyring)
    return RedirectResponse(f"/pages/{tenant.name}/s/{text}/{FIRST[session.role]}", 303, NO_STORE)
