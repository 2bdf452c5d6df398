"""LTI 1.3 launches open the pages: a learner's week, a teacher's class, a child's week for who minds it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from segue.lms.lti.launch import Launch
from segue.lms.lti.platforms import CookieBlockedError, LtiError
from segue.lms.lti.tool import Tool, stamp_of
from segue.service.http import request_log as logs
from segue.service.http.plain_page import PAGE_HEADERS, page
from segue.service.http.refusals import RefusedError
from segue.service.pages import entry
from segue.service.pages.sessions.signed_tokens import MOST_ROSTER, SESSION_HOURS, Ticket
from segue.service.pages.sessions.visits import tenant_named
from segue.service.pages.standing_list import standing
from segue.service.tenant import gradebook
from segue.service.tenant.tenant import Tenant
from segue.service.tenant.work_told import Worked
from segue.workspace.records.rosters.enrolments import Enrolment, put_roster
from segue.workspace.records.rosters.identities import link_ids
from segue.workspace.storage.one_use import take_once
from segue.workspace.workspace import Workspace

router = APIRouter(prefix="/lti", include_in_schema=False)


@router.get("/{tenant}/jwks")
async def jwks(request: Request, tenant: str) -> Response:
    """Return the tool's public keys."""
    return JSONResponse((await tool_of(request.app, tenant)).jwks())


@router.api_route("/{tenant}/login", methods=["GET", "POST"])
async def login(request: Request, tenant: str) -> Response:
    """Send the browser to the platform, to be told who it is."""
    tool = await tool_of(request.app, tenant)
    launch_url = str(request.url_for("launch", tenant=tenant))
    form, now = dict(request.query_params) | await _form(request), datetime.now(UTC)
    try:
        found = tool.login(form, launch_url=launch_url, now=now.timestamp())
    except LtiError as error:
        raise _refused(error) from None
    response = RedirectResponse(found.url, 302, PAGE_HEADERS)
    # Framed by another site: only Secure cookies with SameSite=None are sent back, and where those of other
    # sites are blocked, only partitioned ones, which belong to this site within that one.
    kept = f"{found.cookie}={found.value}; Max-Age=300; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"
    response.headers.append("set-cookie", kept)
    return response


@router.post("/{tenant}/launch")
async def launch(request: Request, tenant: str) -> Response:
    """Check a launch and open the pages of whoever it brings."""
    tool, served, now = (
        await tool_of(request.app, tenant),
        tenant_named(request.app, tenant),
        datetime.now(UTC),
    )

    async def once(name: str, until: float) -> bool:
        return await served.do(_once, served.workspace, name, until, now.timestamp())

    try:
        found = await tool.launch(await _form(request), request.cookies, now=now.timestamp(), once=once)
    except CookieBlockedError as blocked:
        logs.write("lti_cookie", {"kept": "no"}, level=30)
        begin = f"{request.url_for('login', tenant=tenant)}?{urlencode(blocked.again)}"
        frame = " ".join(blocked.platform.origins)
        return entry.in_a_tab(request, begin if blocked.again else "", frame=frame)
    except LtiError as error:
        raise _refused(error) from None
    if found.is_deep_link:
        url = str(request.url_for("launch", tenant=tenant))
        forms = tool.deep_link_forms(found, title="What to do next", url=url, now=now.timestamp())
        return HTMLResponse(page("Put Segue into the course", forms), headers=PAGE_HEADERS)
    ticket = partial(
        Ticket,
        "link",
        expires=int((now + timedelta(hours=SESSION_HOURS)).timestamp()),
        locale=found.locale,
        frame=" ".join(found.platform.origins),
    )
    return await _opened(request, Launched(tool, served, found, now), ticket)


@dataclass(frozen=True)
class Launched:
    """A checked launch, and who answers it when."""

    tool: Tool
    served: Tenant
    found: Launch
    now: datetime


async def _opened(request: Request, launched: Launched, ticket: Callable[..., Ticket]) -> Response:
    """Open the pages of a role: only a learner becomes one, and only a learner's launch decides anything."""
    found, served, now = launched.found, launched.served, launched.now
    names = {found.learner: found.name} if found.name else {}
    if found.role == "learner":
        await served.do(_learner, served.workspace, found, now)
        return entry.opened(request, served, ticket("learner", found.learner), now=now, names=names)
    if found.role == "teacher":
        roster, said = await _roster(launched)
        if roster is not None and found.class_id:
            await served.do(_enrol, served.workspace, found.class_id, tuple(roster), now)
        names |= {who: name for who, name in (roster or {}).items() if name}
        here = tuple(roster or ())[:MOST_ROSTER]
        hers = ticket("teacher", found.learner, class_id=found.class_id, roster=here)
        return entry.opened(request, served, hers, now=now, names=names, said=said)
    if found.role == "mentor" and found.children:
        theirs = ticket("parent", found.children[0], roster=found.children)
        return entry.opened(request, served, theirs, now=now)
    return entry.nothing_here(request, frame=ticket("parent", "").frame)


def _learner(workspace: Workspace, found: Launch, now: datetime) -> None:
    """Have a list ready, and remember which column of the gradebook wants to know of it."""
    if found.known_as:  # the launch's id and that of the other doors are one learner
        link_ids(workspace.store, workspace.keyring, [(found.known_as, found.learner)])
    standing(workspace, found.learner, now=now)
    gradebook.remember(workspace, found)


def _enrol(workspace: Workspace, class_id: str, members: tuple[str, ...], now: datetime) -> None:
    """Keep who is in the class, by the platform's word: who is not told of has left it."""
    rows = [Enrolment(who, class_id) for who in members]
    with workspace.store.write() as connection:
        put_roster(connection, workspace.keyring, class_id, rows, now=now)


async def _roster(launched: Launched) -> tuple[dict[str, str] | None, str]:
    """Return the course's learners with their names (None when not told), and what a page says of it."""
    try:
        found = await launched.tool.services.roster(launched.found)
    except LtiError as error:
        logs.write("lti_roster", {"read": "no", "reason": str(error)}, level=30)
        return None, "not_told"
    return found, "not_whole" if len(found or ()) > MOST_ROSTER else ""


def _once(workspace: Workspace, name: str, until: float, now: float) -> bool:
    with workspace.store.write() as connection:
        return take_once(connection, name, until=until, now=now)


async def progress(app: FastAPI, tenant: Tenant, worked: Worked) -> None:
    """Tell the gradebooks, where an LMS is registered; nothing that goes wrong here reaches who asked."""
    try:
        tool = await _loaded(app, tenant)
        if tool.platforms:
            for learner in await tenant.aside(gradebook.concerned, tenant.workspace, worked):
                await gradebook.tell(tool, tenant, learner)
    except Exception as error:  # of whatever kind: the events are stored, and the next ones try again
        logs.write("lti_score", {"sent": "no"}, level=30, error=error)


async def _form(request: Request) -> dict[str, str]:
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=50))
    except ValueError:
        raise RefusedError(400, "lti", "the body must be a posted form in UTF-8") from None


def _refused(error: LtiError) -> RefusedError:
    return RefusedError(error.status, "lti", str(error))


async def tool_of(app: FastAPI, name: str) -> Tool:
    """Return the tool of a tenant.

    Raises
    ------
    RefusedError
        404 for a tenant that is not here, or has no LMS registered.
    """
    tool = await _loaded(app, tenant_named(app, name))
    if not tool.platforms:
        raise RefusedError(404, "no_platform", "no LMS is registered: segue lti register does that")
    return tool


async def _loaded(app: FastAPI, tenant: Tenant) -> Tool:
    """Return the tenant's tool, loaded anew when platforms or keys have changed."""
    folder, tools = tenant.workspace.path / "lti", app.state.lti_tools
    stamp = stamp_of(folder)
    known = tools.get(tenant.name)
    if known is None or known[0] != stamp:
        secret = tenant.workspace.keyring.digest("lti", "login states")
        tool = await asyncio.to_thread(Tool.load, folder, secret=secret)
        tools[tenant.name] = known = (stamp_of(folder), tool)
    loaded: Tool = known[1]
    return loaded
