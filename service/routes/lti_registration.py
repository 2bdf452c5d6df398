"""LTI dynamic registration: an invitation that an LMS's administrator opens from the LMS."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from segue.lms.lti.dynamic_registration import Invitation, read_invitation, registered
from segue.lms.lti.platforms import LtiError, Platform, ids_apart, read_platforms, write_platforms
from segue.lms.lti.signing_keys import Keys
from segue.service.http.plain_page import PAGE_HEADERS, page
from segue.service.http.refusals import RefusedError
from segue.service.pages.sessions.visits import tenant_named
from segue.workspace.storage.one_use import take_once
from segue.workspace.workspace import Workspace

router = APIRouter(prefix="/lti", include_in_schema=False)
CLOSE = "(window.opener || window.parent).postMessage({subject: 'org.imsglobal.lti.close'}, '*');"
DONE = f"<p>Segue is registered. You can close this window.</p><script>{CLOSE}</script>"
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"
    + base64.b64encode(hashlib.sha256(CLOSE.encode()).digest()).decode()
    + "'"
)


@router.get("/{tenant}/register/{invitation}")
async def register(request: Request, tenant: str, invitation: str) -> HTMLResponse:
    """Register with the platform whose administrator opened the invitation; each is good once."""
    space = tenant_named(request.app, tenant).workspace
    here = str(request.url).partition("/register/")[0]
    try:
        found = read_invitation(invitation, partial(space.keyring.digest, "lti"), now=datetime.now(UTC))
        known = await asyncio.to_thread(read_platforms, space.path / "lti")
        ids = ids_apart(known, found.hosts, found.ids)  # another may have come since the invitation
        platform = await registered(found, request.query_params, here=here, ids=ids)
        await asyncio.to_thread(_keep, space, found, platform)
    except LtiError as error:
        raise RefusedError(error.status, "lti", str(error)) from None
    headers = PAGE_HEADERS | {"content-security-policy": POLICY}
    return HTMLResponse(page("Registered", DONE), headers=headers)


def _keep(space: Workspace, invitation: Invitation, platform: Platform) -> None:
    with space.store.write() as connection:
        now, name = datetime.now(UTC).timestamp(), f"i:{invitation.number}"
        if not take_once(connection, name, until=invitation.expires, now=now):
            raise LtiError("the invitation was used before", status=403)
    folder = space.path / "lti"
    Keys(folder / "keys")  # makes the first key, and the folder
    mine = (platform.issuer, platform.client_id)
    kept = [p for p in read_platforms(folder) if (p.issuer, p.client_id) != mine]
    write_platforms(folder, [*kept, platform])
