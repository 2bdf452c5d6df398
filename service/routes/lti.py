"""LTI 1.3 launches: a learner sees the week's playlist, a teacher the class, a parent the child's list."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from segue.engine import request as decisions
from segue.features.iso_weeks import week_of
from segue.lms.lti.launch import Launch
from segue.lms.lti.platforms import LtiError
from segue.lms.lti.tool import Tool, stamp_of
from segue.service.http import request_log as logs
from segue.service.http.plain_page import PAGE_HEADERS
from segue.service.http.refusals import RefusedError
from segue.service.routes.lti_pages import class_page, family_page, nothing_page, playlist_page
from segue.service.tenant import gradebook
from segue.service.tenant.tenant import Tenant
from segue.workspace.answering import Ask
from segue.workspace.published_playlists import Published
from segue.workspace.records.rosters.identities import link_ids
from segue.workspace.storage.one_use import take_once
from segue.workspace.workspace import Workspace

SURFACES = gradebook.SURFACES
ASK = Ask(surface="lti")
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
    # Framed by another site: only Secure cookies with SameSite=None are sent back.
    response.set_cookie(found.cookie, found.value, max_age=300, httponly=True, secure=True, samesite="none")
    return response


@router.post("/{tenant}/launch")
async def launch(request: Request, tenant: str) -> Response:
    """Check a launch and show what it asks for."""
    tool, served, now = await tool_of(request.app, tenant), _tenant(request.app, tenant), datetime.now(UTC)

    async def once(name: str, until: float) -> bool:
        return await served.do(partial(_once, served.workspace, name, until, now.timestamp()))

    try:
        found = await tool.launch(await _form(request), request.cookies, now=now.timestamp(), once=once)
    except LtiError as error:
        raise _refused(error) from None
    if found.is_deep_link:
        url = str(request.url_for("launch", tenant=tenant))
        text = tool.deep_link_form(found, title="What to do next", url=url, now=now.timestamp())
    else:
        text = await _shown(tool, served, found, now)
    return HTMLResponse(text, headers=PAGE_HEADERS)


async def _shown(tool: Tool, served: Tenant, found: Launch, now: datetime) -> str:
    """Return the page of a role: only a learner becomes one, and only a learner's launch decides anything."""
    if found.role == "teacher":
        return await _class(tool, served, found, now)
    if found.role == "mentor":
        week = week_of(now, served.workspace.time_zone)
        find = partial(served.workspace.published, found.children, week, surfaces=SURFACES)
        lists = await served.aside(find) if found.children else {}
        return family_page(lists, served.workspace.catalogue())
    if found.role == "other":
        return nothing_page()
    return await served.do(partial(_learner, served.workspace, found, now))


def _learner(workspace: Workspace, found: Launch, now: datetime) -> str:
    if found.known_as:  # the launch's id and that of the other doors are one learner
        link_ids(workspace.store, workspace.keyring, [(found.known_as, found.learner)])
    shown = playlist_of(workspace, found.learner, now)
    gradebook.remember(workspace, found)
    return playlist_page(shown, workspace.catalogue())


def playlist_of(workspace: Workspace, learner: str, now: datetime) -> Published:
    """Return this week's playlist of a learner: the stored one, or one decided now, stored if it may be.

    Raises
    ------
    DeclinedError
        For a learner who was erased.
    """
    week = week_of(now, workspace.time_zone)
    stored = workspace.published([learner], week, surfaces=SURFACES).get(learner)
    if stored is not None:
        return stored
    (given,) = workspace.recommend_many([decisions.Request(learner, now)], ask=ASK)
    fresh = Published(tuple(step.resource for step in given.playlist.steps), frozenset())
    return workspace.published([learner], week, surfaces=SURFACES).get(learner, fresh)


async def _class(tool: Tool, served: Tenant, found: Launch, now: datetime) -> str:
    """Return the class's page; it stands also when the platform does not tell who is in the class."""
    try:
        roster = await tool.services.roster(found)
    except LtiError as error:
        logs.write("lti_roster", {"read": "no", "reason": str(error)}, level=30)
        return class_page([], 0, told=False)
    if not roster:
        return class_page([], 0)
    view = partial(served.workspace.class_view, roster, now=now)
    return class_page(await served.aside(view), len(roster))


def _once(workspace: Workspace, name: str, until: float, now: float) -> bool:
    with workspace.store.write() as connection:
        return take_once(connection, name, until=until, now=now)


async def progress(app: FastAPI, tenant: Tenant, learners: Collection[str]) -> None:
    """Tell the gradebooks, where an LMS is registered; nothing that goes wrong here reaches who asked."""
    try:
        tool = await _loaded(app, tenant)
        if tool.platforms:
            await gradebook.tell(tool, tenant, learners, datetime.now(UTC))
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


def _tenant(app: FastAPI, name: str) -> Tenant:
    tenants: tuple[Tenant, ...] = app.state.tenants
    for tenant in tenants:
        if tenant.name == name:
            return tenant
    raise RefusedError(404, "no_tenant", "there is no such school here")


async def tool_of(app: FastAPI, name: str) -> Tool:
    """Return the tool of a tenant.

    Raises
    ------
    RefusedError
        404 for a tenant that is not here, or has no LMS registered.
    """
    tool = await _loaded(app, _tenant(app, name))
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
