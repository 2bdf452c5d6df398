"""One visit: whose page it is, in which language, and what is called what."""

from __future__ import annotations

import contextlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import wraps
from typing import Any, get_args
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from segue.service.http import request_log as logs
from segue.service.http.refusals import RefusedError
from segue.service.pages.rendering import refusal_page
from segue.service.pages.sessions.forms import MARK, Form, read_form
from segue.service.pages.sessions.signed_tokens import (
    Role,
    Ticket,
    TicketError,
    form_mark,
    is_mark,
    read,
    sign,
)
from segue.service.pages.texts import choose
from segue.service.tenant.tenant import Tenant
from segue.workspace.records.learners import find_learners, is_buried
from segue.workspace.records.rosters.enrolments import ended_courses
from segue.workspace.workspace import Workspace

MOST_SESSIONS = 5_000


class SessionNames:
    """Who is called what in which session; the oldest session goes when there are too many.

    >>> names = SessionNames()
    >>> names.keep("s1", {"17": "Ada"})
    >>> names.of("s1"), names.of("gone")
    ({'17': 'Ada'}, {})
    """

    def __init__(self, most: int = MOST_SESSIONS) -> None:
        self._most = most
        self._sessions: OrderedDict[str, Mapping[str, str]] = OrderedDict()

    def keep(self, sid: str, names: Mapping[str, str]) -> None:
        """Remember the names of a session."""
        self._sessions[sid] = dict(names)
        while len(self._sessions) > self._most:
            self._sessions.popitem(last=False)

    def of(self, sid: str) -> Mapping[str, str]:
        """Return the names of a session; none after a restart: ids stand for them."""
        return self._sessions.get(sid, {})


SESSION = re.compile(r"/pages/([^/]+)/s/([^/]+)/")
Route = Callable[..., Awaitable[Response]]


@dataclass(frozen=True)
class Visit:
    """A request for a page that its ticket opens; `base` is the address up to the page's name."""

    request: Request
    tenant: Tenant
    ticket: Ticket
    text: str
    locale: str
    now: datetime
    names: SessionNames
    base: str

    @property
    def space(self) -> Workspace:
        """The school's workspace."""
        return self.tenant.workspace

    def name(self, learner: str) -> str:
        """Return what a learner is called in this session: the name that came with the launch, or the id."""
        return self.names.of(self.ticket.sid).get(learner, learner)

    def opted_out(self, learner: str) -> bool:
        """Return whether a learner is out of profiling."""
        with self.space.store.read() as connection:
            person = find_learners(connection, self.space.keyring, [learner]).get(learner)
        return person is not None and person.opted_out

    def erased(self, learner: str) -> bool:
        """Return whether a learner was erased."""
        with self.space.store.read() as connection:
            return is_buried(connection, self.space.keyring.digest("learner", learner))

    def mark(self, action: str) -> str:
        """Return the hidden field of a form that is posted to `action`."""
        return form_mark(self.text, action, self.space.keyring)

    def place(self, said: str) -> int:
        """Return the place in the roster by which a form or an address names a learner.

        Raises
        ------
        RefusedError
            404 when there is nobody at it.
        """
        if said.isdecimal() and len(said) < 5 and int(said) < len(self.ticket.roster):
            return int(said)
        raise RefusedError(404, "no_learner", "there is no such learner in this class")

    def back(self, page: str, **said: str) -> Response:
        """Return the answer to a posted form: go and look at `page`."""
        query = "&".join(f"{name}={value}" for name, value in said.items() if value)
        return RedirectResponse(f"{self.base}/{page}{'?' + query if query else ''}", 303, NO_STORE)

    def look(self, page: str, form: Form) -> Response:
        """Return the answer to a form that changes nothing: look at what `page` says of its fields.

        A page under an address of its own can be loaded again, and come back to.
        """
        query = urlencode([(name, value) for name, value in form.fields if name != MARK])
        return RedirectResponse(f"{self.base}/{page}?{query}", 303, NO_STORE)


NO_STORE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}


def tenant_named(app: Starlette, name: str) -> Tenant:
    """Return a tenant of an application.

    Raises
    ------
    RefusedError
        404 when there is none of this name.
    """
    tenants: tuple[Tenant, ...] = app.state.tenants
    for tenant in tenants:
        if tenant.name == name:
            return tenant
    raise RefusedError(404, "no_tenant", "there is no such school here")


def names_of(request: Request) -> SessionNames:
    """Return the names of this process's sessions."""
    state = request.app.state
    if not hasattr(state, "session_names"):
        state.session_names = SessionNames()
    names: SessionNames = state.session_names
    return names


def visit_of(request: Request, *roles: Role) -> Visit:
    """Return the visit of a request.

    Raises
    ------
    RefusedError
        403 when the ticket does not open this page.
    """
    text, name = request.path_params["ticket"], request.path_params["tenant"]
    tenant, now = tenant_named(request.app, name), datetime.now(UTC)
    try:
        ticket = read(text, tenant.workspace.keyring, use="session", now=now)
    except TicketError as error:
        raise RefusedError(403, "run_out" if "run out" in str(error) else "ticket", str(error)) from None
    if ticket.role not in roles:
        raise RefusedError(403, "role", f"a {ticket.role} may not open this page")
    locale = choose(ticket.locale, request.headers.get("accept-language", ""))
    return Visit(request, tenant, ticket, text, locale, now, names_of(request), f"/pages/{name}/s/{text}")


def without_leavers(workspace: Workspace, ticket: Ticket, now: datetime) -> Ticket:
    """Return a ticket of a class without those who have left the class since it was made."""
    with workspace.store.read() as connection:
        people = find_learners(connection, workspace.keyring, ticket.roster)
        numbers = [person.number for person in people.values()]
        left = ended_courses(connection, workspace.keyring, [ticket.class_id], numbers, at=now)
    gone = {who for who, person in people.items() if person.number in left}
    return replace(ticket, roster=tuple(who for who in ticket.roster if who not in gone))


async def _without_leavers(visit: Visit) -> Response | None:
    """Return the way to a session without those who left the class since this one began; None if nobody has.

    Pages count learners by their place in the roster, so a form of the old session is not carried out.

    Raises
    ------
    RefusedError
        403 when the session is about one learner, who has left.
    """
    if not visit.ticket.class_id:
        return None
    here = await visit.tenant.aside(without_leavers, visit.space, visit.ticket, visit.now)
    if here == visit.ticket:
        return None
    if here.role != "teacher":
        raise RefusedError(403, "ticket", "the learner of this session has left the class")
    base = f"/pages/{visit.tenant.name}/s/{sign(here, visit.space.keyring)}"
    return replace(visit, base=base).back(
        "class", said="left" if visit.request.method == "GET" else "not_kept"
    )


async def posted(visit: Visit) -> Form:
    """Return the form posted by a page of this visit.

    Raises
    ------
    RefusedError
        403 for a form that no page of this session made.
    """
    form = await read_form(visit.request)
    action = visit.request.url.path.rpartition("/")[2]
    if not is_mark(form.one(MARK), visit.text, action, visit.space.keyring):
        raise RefusedError(403, "forged", "the form's mark is not of this session")
    return form


def person(route: Route) -> Route:
    """Make a route answer refusals as a page in plain words; the reason goes to the log."""

    @wraps(route)
    async def told(*args: Any, **kwargs: Any) -> Response:
        request = kwargs["request"]
        try:
            return await route(*args, **kwargs)
        except RefusedError as refused:
            return _refused(refused, choose("", request.headers.get("accept-language", "")))

    return told


def no_page(request: Request, refused: RefusedError) -> Response:
    """Return what a person reads at an address that is none: within a session, with the way back."""
    if found := SESSION.match(request.scope["path"]):
        request.scope["path_params"] = {"tenant": found[1], "ticket": found[2]}
        with contextlib.suppress(RefusedError):
            visit = visit_of(request, *get_args(Role))
            session = {"frame": visit.ticket.frame, "role": visit.ticket.role, "base": visit.base}
            return _refused(refused, visit.locale, **session)
    return _refused(refused, choose("", request.headers.get("accept-language", "")))


def _refused(refused: RefusedError, locale: str, **session: str) -> Response:
    logs.write("page_refused", {"code": refused.code, "reason": refused.message}, level=30)
    return refusal_page(refused, locale, **session)


Page = Callable[[Visit], Awaitable[Response]]
Act = Callable[[Visit, Form], Awaitable[Response]]


class Pages:
    """Pages that a ticket opens for some roles: each is given its visit, and what a form does the form."""

    def __init__(self) -> None:
        self.router = APIRouter(prefix="/pages/{tenant}/s/{ticket}", include_in_schema=False)

    def get(self, path: str, *roles: Role) -> Callable[[Page], Page]:
        """Mount a page that is looked at."""

        def mounted(page: Page) -> Page:
            self._mount("GET", path, roles, page)
            return page

        return mounted

    def post(self, path: str, *roles: Role) -> Callable[[Act], Act]:
        """Mount what a form does."""

        def mounted(act: Act) -> Act:
            async def done(visit: Visit) -> Response:
                return await act(visit, await posted(visit))

            self._mount("POST", path, roles, done)
            return act

        return mounted

    def _mount(self, method: str, path: str, roles: tuple[Role, ...], page: Page) -> None:
        @person
        async def told(request: Request) -> Response:
            visit = visit_of(request, *roles)
            try:
                return await _without_leavers(visit) or await page(visit)
            except RefusedError as refused:
                frame, role = visit.ticket.frame, visit.ticket.role
                return _refused(refused, visit.locale, frame=frame, role=role)

        self.router.add_api_route(path, told, methods=[method])
