"""The gate before every request: who is it, may it go on, how long did it take."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue.service.http import request_log as logs
from segue.service.http.api_keys import ApiKey
from segue.service.http.api_keys import Scope as KeyScope
from segue.service.http.metrics import Metrics
from segue.service.http.plain_page import PAGE_HEADERS, refusal_page
from segue.service.http.rate_limits import Buckets, ServiceLimits, counted, too_fast, too_large
from segue.service.http.refusals import BUSY, RefusedError
from segue.service.seats import Seats
from segue.service.sent_answers import prepared
from segue.service.tenant.tenant import Tenant

OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})
FRONT_DOOR = frozenset({"/", "/docs"})
BROWSER = (
    "/lti/",
    "/pages/",
    "/calendar/",
)  # asked by browsers, which carry a signed launch or ticket and no key
REQUEST_ID = re.compile(r"^[A-Za-z0-9-]{1,64}$")
TRACE = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$")


@dataclass(frozen=True)
class Caller:
    """Who asks: a key, and the tenant it belongs to."""

    tenant: Tenant
    key: ApiKey


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


def beyond_key() -> RefusedError:
    """Return the refusal of a call about others than those that a key is for."""
    message = "this key does not reach so far: it is for some classes, or one learner"
    return RefusedError(403, "beyond_key", message)


XAPI = "/v1/xapi/"


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


class Gate:
    """ASGI middleware: request id, key, rate, size, clock, one log line and the counters."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        tenants: tuple[Tenant, ...],
        limits: ServiceLimits,
        seats: Seats,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.app, self.tenants, self.limits, self.clock = app, tenants, limits, clock
        self.seats = seats
        self._shed, self._told = 0, 0.0
        self.buckets = Buckets(rate=limits.rate, burst=limits.burst)
        self.addresses = Buckets(rate=limits.address_rate, burst=limits.address_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        passage = RequestPassage(scope, send)
        leave = _nobody
        try:
            if caller := self._admit(scope):
                leave = await self.seats.take(caller)
            await self.app(scope, counted(receive, self.limits), passage.send)
        except RefusedError as refused:
            await passage.refuse(refused, receive)
        except Exception as error:
            logs.write("failed", passage.fields(), level=40, error=error)
            broken = RefusedError(500, "failed", f"something failed here; the log has it under {passage.id}")
            await passage.refuse(broken, receive)
        finally:
            leave()
            self._note(passage)

    def _admit(self, scope: Scope) -> str:
        """Return the name of the caller, who has been found to keep to rate and length; "" where all may ask.

        Raises
        ------
        RefusedError
            401, 413 or 429.
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

    def _note(self, passage: RequestPassage) -> None:
        """Log and count; a tenant's counters are its own, so requests without a key are only logged."""
        if passage.scope["path"] in OPEN:
            return
        fields = passage.fields()
        if passage.shed:
            self._tell_shed()
        else:
            logs.write("request", fields)
        if caller := passage.scope.get("caller"):
            metrics: Metrics = caller.tenant.metrics
            labels = {name: str(fields[name]) for name in ("route", "method", "status")}
            if passage.shed:
                metrics.count("segue_refused_total")
            metrics.count("segue_requests_total", labels)
            metrics.observe("segue_request_seconds", passage.seconds, {"route": labels["route"]})

    def _tell_shed(self) -> None:
        """Log how many were told to come back, once a second: a line for each would make it worse."""
        self._shed += 1
        now = time.monotonic()
        if now - self._told >= 1.0:
            logs.write("shed", {"requests": self._shed}, level=30)
            self._shed, self._told = 0, now


def _nobody() -> None:
    """Leave no seat: none was taken."""


def trace_of(traceparent: str) -> str:
    """Return the trace's id in a header of W3C Trace Context, "" where it is not valid.

    >>> trace_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    '4bf92f3577b34da6a3ce929d0e0e4736'
    """
    found = TRACE.match(traceparent)
    return found[1] if found and found[1].strip("0") and not traceparent.startswith("ff") else ""


class RequestPassage:
    """One request on its way through the gate."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope, self._send = scope, prepared(scope, send)
        self.started = time.perf_counter()
        self.status, self.shed = 0, False
        headers: dict[bytes, bytes] = dict(scope["headers"])
        sent = headers.get(b"x-request-id", b"").decode("latin-1")
        self.id = sent if REQUEST_ID.match(sent) else uuid4().hex
        self.trace = trace_of(headers.get(b"traceparent", b"").decode("latin-1"))

    @property
    def seconds(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self.started

    async def send(self, message: Message) -> None:
        """Send on, noting the status and adding the request's id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", self.id.encode())]
        await self._send(message)

    async def refuse(self, refused: RefusedError, receive: Receive) -> None:
        """Answer a refusal, unless an answer has begun: in JSON to programs, by a page to people."""
        if self.status:
            return
        self.shed = refused.code == BUSY
        response: Response = refused.response()
        if self.scope["path"].startswith(BROWSER):
            reason: dict[str, logs.Field] = {
                "id": self.id,
                "status": refused.status,
                "reason": refused.message,
            }
            logs.write("refused", reason, level=30)
            headers = {**PAGE_HEADERS, **refused.headers}
            response = HTMLResponse(refusal_page(refused.status, self.id), refused.status, headers)
        await response(self.scope, receive, self.send)

    def fields(self) -> dict[str, logs.Field]:
        """Return what may be logged: the route's pattern (the path itself holds ids), status, time, key."""
        route = self.scope.get("route")
        caller: Caller | None = self.scope.get("caller")
        fields: dict[str, logs.Field] = {
            "id": self.id,
            "method": self.scope["method"],
            "route": getattr(route, "path", "none"),
            "status": self.status,
            "ms": round(self.seconds * 1e3, 2),
            "tenant": caller.tenant.name if caller else "",
            "key": caller.key.key_id if caller else "",
        }
        if self.trace:
            fields["trace"] = self.trace
        return fields
