"""LTI 1.3 launches: a learner sees the week's playlist, a teacher the class, the gradebook progress."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from segue.engine import request as decisions
from segue.features.iso_weeks import week_of
from segue.lms.lti.tool import Launch, LtiError, Tool
from segue.service.http import request_log as logs
from segue.service.http.refusals import RefusedError
from segue.service.routes.lti_pages import class_page, playlist_page
from segue.service.tenant.tenant import Tenant
from segue.workspace.answering import Ask
from segue.workspace.published_playlists import Published

SURFACES = ("weekly", "lti")
ASK = Ask(surface="lti")
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
}
router = APIRouter(prefix="/lti", include_in_schema=False)


@router.get("/{tenant}/jwks")
async def jwks(request: Request, tenant: str) -> Response:
    """Return the tool's public keys."""
    return JSONResponse(_tool(request, tenant).jwks())


@router.api_route("/{tenant}/login", methods=["GET", "POST"])
async def login(request: Request, tenant: str) -> Response:
    """Send the browser to the platform, to be told who it is."""
    tool = _tool(request, tenant)
    launch_url = str(request.url_for("launch", tenant=tenant))
    try:
        found = tool.login(dict(request.query_params) | await _form(request), launch_url=launch_url)
    except LtiError as error:
        raise RefusedError(400, "lti", str(error)) from None
    response = RedirectResponse(found.url, 302, HEADERS)
    for name, value in found.cookies.items():
        # Framed by another site: only Secure cookies with SameSite=None are sent back.
        response.set_cookie(name, value, max_age=300, httponly=True, secure=True, samesite="none")
    return response


@router.post("/{tenant}/launch")
async def launch(request: Request, tenant: str) -> Response:
    """Check a launch and show what it asks for."""
    tool, served = _tool(request, tenant), _tenant(request, tenant)
    try:
        found = await run_in_threadpool(tool.launch, await _form(request), request.cookies)
    except LtiError as error:
        raise RefusedError(400, "lti", str(error)) from None
    if found.is_deep_link:
        url = str(request.url_for("launch", tenant=tenant))
        return HTMLResponse(found.deep_link_form(title="What to do next", url=url), headers=HEADERS)
    if found.is_teacher:
        return HTMLResponse(await _class(served, found), headers=HEADERS)
    shown = await served.do(partial(playlist_of, served, found.learner, datetime.now(UTC)))
    told = BackgroundTask(_send_score, found, len(shown.done), len(shown.resources))
    return HTMLResponse(playlist_page(shown, served.workspace.catalogue()), headers=HEADERS, background=told)


def playlist_of(tenant: Tenant, learner: str, now: datetime) -> Published:
    """Return this week's playlist of a learner: the stored one, or one decided now and stored."""
    week = week_of(now, tenant.workspace.time_zone)
    find = partial(tenant.workspace.published, [learner], week, surfaces=SURFACES)
    if not find():
        tenant.workspace.recommend_many([decisions.Request(learner, now)], ask=ASK)
    return find().get(learner, Published((), frozenset()))


async def _class(tenant: Tenant, found: Launch) -> str:
    def work() -> str:
        roster = found.roster()
        rows = tenant.workspace.class_view(roster, now=datetime.now(UTC)) if roster else []
        return class_page(rows, len(roster))

    return await tenant.aside(work)


def _send_score(found: Launch, done: int, of: int) -> None:
    """Tell the gradebook; a platform that does not take it is logged and stops nobody."""
    try:
        found.send_score(done=done, of=of, now=datetime.now(UTC))
    except Exception as error:
        logs.write("lti_score", {"sent": "no"}, level=30, error=error)


async def _form(request: Request) -> dict[str, str]:
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=50))
    except ValueError:
        raise RefusedError(400, "lti", "the body must be a posted form in UTF-8") from None


def _tenant(request: Request, name: str) -> Tenant:
    tenants: tuple[Tenant, ...] = request.app.state.tenants
    for tenant in tenants:
        if tenant.name == name:
            return tenant
    raise RefusedError(404, "no_tenant", "there is no such school here")


def _tool(request: Request, name: str) -> Tool:
    """Return the tenant's tool, made once; platforms registered later need a restart."""
    tenant, tools = _tenant(request, name), request.app.state.lti_tools
    if name not in tools:
        tools[name] = Tool.load(tenant.workspace.path / "lti")
    tool: Tool = tools[name]
    if not tool.platforms:
        raise RefusedError(404, "no_platform", "no LMS is registered: segue lti register does that")
    return tool
