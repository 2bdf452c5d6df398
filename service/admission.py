"""Who is it, and may it come in: what is asked before a request has cost anything.

The connection asks as soon as a head is whole, before there is a task, a body or a log line; who is told to
come back later is answered from there, for less than a tenth of what any other answer costs. A flood that
comes in one piece is therefore turned away in one piece, and nothing else waits behind it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar
from uuid import uuid4

from pydantic import BaseModel
from starlette.requests import Request
from starlette.types import Scope

from segue.service.http import request_log as logs
from segue.service.http.api_keys import ApiKey
from segue.service.http.api_keys import Scope as KeyScope
from segue.service.http.bodies import read
from segue.service.http.plain_page import PAGE_HEADERS, brief_page
from segue.service.http.rate_limits import TOO_FAST, Buckets, ServiceLimits, too_fast, too_large
from segue.service.http.refusals import BUSY, RefusedError
from segue.service.seats import Seat, Seats
from segue.service.tenant.tenant import Tenant
from segue.workspace.workspace import Workspace

B = TypeVar("B", bound=BaseModel)
P = ParamSpec("P")
T = TypeVar("T")
OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})
FRONT_DOOR = frozenset({"/", "/docs"})
# Asked by browsers, which carry a signed launch or ticket and no key.
BROWSER = ("/lti/", "/pages/", "/calendar/")
XAPI = "/v1/xapi/"
READS = ("GET", "HEAD")
UNGUARDED = "an ETag here tells what was read and guards no change: leave out If-Match and If-None-Match"
PAGES_TOLD = 20  # refused pages of one second that give a number, and are in the log under it


@dataclass(frozen=True)
class Caller:
    """Who asks: a key, and the tenant it belongs to."""

    tenant: Tenant
    key: ApiKey

    @property
    def space(self) -> Workspace:
        """The tenant's workspace."""
        return self.tenant.workspace

    async def do(self, work: Callable[Concatenate[Workspace, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` does with the workspace, once it is committed; see :meth:`Tenant.do`."""
        return await self.tenant.do(work, self.space, *args, **kwargs)

    async def aside(
        self, work: Callable[Concatenate[Workspace, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what `work` finds in the workspace, in a thread of its own; see :meth:`Tenant.aside`."""
        return await self.tenant.aside(work, self.space, *args, **kwargs)


def caller_of(request: Request, *scopes: KeyScope) -> Caller:
    """Return who asks.

    Raises
    ------
    RefusedError
        403 when the key has none of `scopes`, or has bounds that nobody has looked at.
    """
    caller: Caller = request.scope["caller"]
    if caller.key.bounded:
        if "reach" in request.scope and (caller.key.learner or caller.key.allows(scopes)):
            return caller
        raise beyond_key()
    if not caller.key.allows(scopes):
        needed = " or ".join(sorted({*scopes, "admin"}))
        raise RefusedError(403, "wrong_scope", f"this key may not do that: use one with scope {needed}")
    return caller


async def received(request: Request, model: type[B], *scopes: KeyScope) -> tuple[Caller, B]:
    """Return who asks, and what: see `caller_of` and `read`."""
    return caller_of(request, *scopes), await read(request, model)


def beyond_key() -> RefusedError:
    """Return the refusal of a call about others than those that a key is for."""
    message = "this key does not reach so far: it is for some classes, or one learner"
    return RefusedError(403, "beyond_key", message)


class Admission(NamedTuple):
    """What a request was found to have: a place (None where all may ask), or a refusal."""

    place: Seat | None = None
    refused: RefusedError | None = None


def _asks_only(scope: Scope) -> bool:
    """Whether a request only asks what a record store takes: nothing is read or stored by it."""
    path: str = scope["path"]
    return path.startswith(XAPI) and (scope["method"] == "OPTIONS" or path == XAPI + "about")


def _of_basic(sent: str) -> str:
    """Return the key in the credentials of HTTP Basic, "" when there is none."""
    try:
        name, _, password = base64.b64decode(sent.strip(), validate=True).decode().partition(":")
    except ValueError:
        return ""
    return password or name


class AdmissionControl:
    """Keys, rates, lengths and seats. Of one event loop."""

    def __init__(
        self,
        tenants: tuple[Tenant, ...],
        limits: ServiceLimits,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.tenants, self.limits, self.clock = tenants, limits, clock
        self.seats = Seats(limits)
        self.buckets = Buckets(rate=limits.rate, burst=limits.burst)
        self.addresses = Buckets(rate=limits.address_rate, burst=limits.address_burst)
        self.pages = Buckets(rate=PAGES_TOLD, burst=PAGES_TOLD)
        self._shed, self._told = 0, 0.0

    def look(self, scope: Scope) -> Admission:
        """Return what a request is found to have; who asks is put into its scope."""
        try:
            name = self._admit(scope)
            return Admission(self.seats.join(name) if name else None)
        except RefusedError as refused:
            return Admission(refused=refused.with_traceback(None))  # which would keep the scope, and this it

    def turned_away(self, scope: Scope, *, keep: bool) -> bytes | None:
        """Return the whole answer to a request that is told to come back later; None for every other one.

        What was found stays in the scope, for the gate. `keep` says whether the connection stays open.
        """
        if any(name == b"x-forwarded-for" for name, _ in scope["headers"]):
            return None  # whose address it is, is found out on the way to the gate
        scope["admission"] = admission = self.look(scope)
        refused = admission.refused
        if refused is None or refused.code not in (BUSY, TOO_FAST):
            return None
        as_page = scope["path"].startswith(BROWSER)
        if as_page and self.pages.take("", now=time.monotonic()) == 0.0:
            return None
        self.tell_shed()
        if (caller := scope.get("caller")) is not None:
            labels = {"route": "none", "method": scope["method"], "status": str(refused.status)}
            if refused.code == BUSY:
                caller.tenant.metrics.count("segue_refused_total")
            caller.tenant.metrics.count("segue_requests_total", labels)
        return _answer(refused, as_page=as_page, keep=keep)

    def tell_shed(self) -> None:
        """Log how many were told to come back, once a second: a line for each would make it worse."""
        self._shed += 1
        now = time.monotonic()
        if now - self._told >= 1.0:
            logs.write("shed", {"requests": self._shed}, level=30)
            self._shed, self._told = 0, now

    def _admit(self, scope: Scope) -> str:
        """Return the name of the caller, who has been found to keep to rate and length; "" where all may ask.

        Raises
        ------
        RefusedError
            401, 412, 413 or 429.
        """
        if scope["path"] in OPEN:
            return ""
        if scope["path"] in FRONT_DOOR or scope["path"].startswith(BROWSER) or _asks_only(scope):
            return self._take_of_address(scope)
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            caller = self._caller(headers.get(b"authorization", b""))
        except RefusedError:
            self._take_of_address(scope)
            raise
        scope["caller"] = caller
        if wait := self.buckets.take(caller.key.key_id, now=time.monotonic()):
            raise too_fast(wait, self.limits.rate)
        if b"if-match" in headers or (b"if-none-match" in headers and scope["method"] not in READS):
            raise RefusedError(412, "condition", UNGUARDED)  # passed over in silence, it would seem to hold
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.limits.body_bytes:
            raise too_large(self.limits)
        return caller.key.key_id

    def _take_of_address(self, scope: Scope) -> str:
        address: str = (scope.get("client") or ("",))[0] or "unknown"
        if wait := self.addresses.take(address, now=time.monotonic()):
            raise too_fast(wait, self.limits.address_rate, "address")
        return address

    def _caller(self, authorization: bytes) -> Caller:
        scheme, _, secret = authorization.decode("latin-1").partition(" ")
        if scheme.lower() == "basic":  # as standard xAPI clients send a key: in the password, or as the name
            secret = _of_basic(secret)
        if scheme.lower() in ("bearer", "basic"):
            now = self.clock()
            for tenant in self.tenants:
                if key := tenant.keys.find(secret.strip(), now=now):
                    return Caller(tenant, key)
        message = "send a valid key as 'Authorization: Bearer segue_...' (segue keys create makes one)"
        raise RefusedError(401, "no_key", message, {"www-authenticate": "Bearer"})


def _answer(refused: RefusedError, *, as_page: bool, keep: bool) -> bytes:
    """Return an answer of HTTP/1.1 in one piece."""
    body = _page(refused.status) if as_page else refused.body()
    kind = "text/html; charset=utf-8" if as_page else "application/json"
    headers = {**(PAGE_HEADERS if as_page else {}), **refused.headers, "content-type": kind}
    headers |= {"x-request-id": uuid4().hex, "content-length": str(len(body))}
    if not keep:
        headers["connection"] = "close"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}\r\n{lines}\r\n".encode() + body


@cache
def _page(status: int) -> bytes:
    return brief_page(status).encode()
