"""How far a key reaches: a teacher's key its own classes, a learner's key that learner, and nothing beside.

A key without such bounds goes through at once. For one with bounds the list below says which calls there are
at all; whatever is not on it, also a call added later, is refused. Of a call on it, the learner, the class or
the decision named in its path is looked up; a call that names learners in its body asks :func:`reaching`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from segue.service.admission import Caller, beyond_key
from segue.service.http.api_keys import ApiKey
from segue.workspace.records.decision_queries import learners_of_decisions
from segue.workspace.records.learners import find_learners, learners_known_as
from segue.workspace.records.overrides import override_of
from segue.workspace.records.rosters.enrolments import members_of
from segue.workspace.records.statements import find_statement
from segue.workspace.workspace import Workspace

LEARNER, DECISION = "/v1/learners/{learner:path}", "/v1/decisions/{decision}"
CLASS = "/v1/classes/{class_id:path}"
OF_BOTH = {
    ("POST", "/v1/recommend"),
    ("GET", DECISION),
    *(("GET", f"{LEARNER}/{name}") for name in ("profile", "lists", "why-not", "statements", "plans")),
    *(("GET", f"{LEARNER}/{name}") for name in ("requests", "check", "suggestions")),
    *(("POST", f"{LEARNER}/{name}") for name in ("why-not", "what-if", "statements/preview")),
    ("PUT", f"{LEARNER}/interests"),
}
OF_TEACHERS = OF_BOTH | {
    ("POST", "/v1/recommend:batch"),
    ("GET", "/v1/resources"),
    ("GET", "/v1/resources/{resource:path}"),
    ("POST", f"{DECISION}/override"),
    ("POST", "/v1/overrides/{override_id}/undo"),
    ("GET", CLASS),
    *(("POST", f"{CLASS}/{name}") for name in ("groups", "reviews", "feedback-due", "feedback", "talks")),
    *(("POST", f"{CLASS}/{name}") for name in ("places", "project", "rubric", "axes")),
    *(("POST", f"/v1/{name}/{{statement}}/undo") for name in ("reviews", "answers")),
    ("POST", "/v1/plans/{statement}/review"),
    ("POST", "/v1/requests/{statement}/answer"),
    *(("POST", f"/v1/class-weeks/{name}") for name in ("draw", "approve", "must-do")),
}
OF_LEARNERS = OF_BOTH | {
    *(("POST", f"{DECISION}/{name}") for name in ("choice", "rating", "another", "done", "take-back")),
    *(("POST", f"{LEARNER}/{name}") for name in ("statements", "plans", "requests")),
    ("POST", f"{LEARNER}/statements/{{statement}}/undo"),
}
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ReachedRoute(APIRoute):
    """A route that looks at a key's bounds before anything else."""

    def get_route_handler(self) -> Handler:
        """Return the handler, behind the look."""
        handle = super().get_route_handler()

        async def within(request: Request) -> Response:
            await self.look(request)
            return await handle(request)

        return within

    async def look(self, request: Request) -> None:
        """Look at the bounds of the caller's key.

        Raises
        ------
        RefusedError
            403 when it does not reach so far.
        """
        caller: Caller | None = request.scope.get("caller")
        if caller is not None and caller.key.bounded:
            await _admit(request, caller, {(method, self.path) for method in self.methods or ()})


class AskedAllDay:
    """ASGI middleware with the few routes that are asked all day: past the search for one, and its frames.

    Their functions take a request and return a response, and nothing else.
    """

    def __init__(self, app: ASGIApp, *, routes: Collection[ReachedRoute]) -> None:
        self.app = app
        self._routes = {(method, route.path): route for route in routes for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for one of them, and pass any other on."""
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive)
        await route.look(request)
        response: Response = await route.endpoint(request)
        await response(scope, receive, send)


async def _admit(request: Request, caller: Caller, call: Collection[tuple[str, str]]) -> None:
    allowed = OF_LEARNERS if caller.key.learner else OF_TEACHERS
    if allowed.isdisjoint(call):
        raise beyond_key()
    named = request.path_params
    workspace = caller.tenant.workspace
    if "class_id" in named:
        reaching_class(request, named["class_id"])
    if not {"decision", "override_id", "statement"}.isdisjoint(named):
        await caller.tenant.aside(_check_about, workspace, caller.key, named)
    learners = [named["learner"]] if "learner" in named else []
    await reaching(request, [*learners, *request.query_params.getlist("learner")])
    request.scope["reach"] = True


async def reaching(request: Request, learners: Collection[str]) -> None:
    """Check that the caller's key reaches some learners, by the LMS's ids.

    Raises
    ------
    RefusedError
        403 when it does not reach one of them; of a learner nobody knows it says the same.
    """
    caller: Caller = request.scope["caller"]
    if learners and caller.key.bounded:
        await caller.tenant.aside(_check_learners, caller.tenant.workspace, caller.key, learners)


def reaching_class(request: Request, class_id: str) -> None:
    """Check that the caller's key reaches a class, by the LMS's id.

    Raises
    ------
    RefusedError
        403 when it does not.
    """
    caller: Caller = request.scope["caller"]
    digest = caller.tenant.workspace.keyring.digest("class", class_id).hex()
    if caller.key.bounded and digest not in caller.key.classes:
        raise beyond_key()


def _check_learners(workspace: Workspace, key: ApiKey, learners: Collection[str]) -> None:
    own = [one for one in learners if workspace.keyring.digest("learner", one).hex() != key.learner]
    if not own:
        return
    with workspace.store.read() as connection:
        found = find_learners(connection, workspace.keyring, own)
    about = {person.number for person in found.values()}
    if len(found) < len(set(own)) or not about <= _numbers(workspace, key):
        raise beyond_key()


def _check_about(workspace: Workspace, key: ApiKey, named: Mapping[str, str]) -> None:
    """Check that whom a decision, a teacher's act on one, or a statement is about is within reach."""
    decision = named.get("decision", "")
    with workspace.store.read() as connection:
        if "override_id" in named:
            act = override_of(connection, named["override_id"])
            decision = act.decision_id if act else ""
        about = learners_of_decisions(connection, [decision] if decision else [])
        if "statement" in named:
            said = find_statement(connection, named["statement"])
            about = {said.learner} if said else set()
    if not about or not about <= _numbers(workspace, key):
        raise beyond_key()


def _numbers(workspace: Workspace, key: ApiKey) -> set[int]:
    """Return the numbers of the learners that a key reaches now."""
    with workspace.store.read() as connection:
        if key.learner:
            return {person.number for person in learners_known_as(connection, [bytes.fromhex(key.learner)])}
        return members_of(connection, [bytes.fromhex(one) for one in key.classes], at=datetime.now(UTC))
