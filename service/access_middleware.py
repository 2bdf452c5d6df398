"""The gate before every request: may it go on, how long did it take."""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue.service.admission import BROWSER, OPEN, AdmissionControl, Caller
from segue.service.http import request_log as logs
from segue.service.http.metrics import Metrics
from segue.service.http.plain_page import PAGE_HEADERS, refusal_page
from segue.service.http.rate_limits import CountedBody, ServiceLimits
from segue.service.http.refusals import BUSY, RefusedError
from segue.service.sent_answers import prepared

if TYPE_CHECKING:  # they need the extra `otel`
    from segue.service.request_spans import RequestSpan, RequestSpans

REQUEST_ID = re.compile(r"^[A-Za-z0-9-]{1,64}$")
TRACE = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$")


class Gate:
    """ASGI middleware: request id, key, rate, size, clock, one log line, the counters and the span."""

    def __init__(
        self, app: ASGIApp, *, control: AdmissionControl, limits: ServiceLimits, spans: RequestSpans | None
    ) -> None:
        self.app, self.control, self.limits, self.spans = app, control, limits, spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # as a GET: the server, which knows better, keeps the body back
            scope = {**scope, "method": "GET"}
        span = self.spans.begin(scope) if self.spans and scope["path"] not in OPEN else None
        passage = RequestPassage(scope, send, span)
        admission = scope.pop("admission", None) or self.control.look(scope)
        try:
            if admission.refused is not None:
                raise admission.refused
            if admission.place is not None:
                await admission.place.seated()
            await self.app(scope, CountedBody(receive, self.limits), passage.send)
        except RefusedError as refused:
            await passage.refuse(refused, receive)
        except ClientDisconnect:
            pass  # it left in the middle of its body: there is nobody to answer, and nothing has failed
        except Exception as error:
            logs.write("failed", passage.fields(), level=40, error=error)
            broken = RefusedError(500, "failed", f"something failed here; the log has it under {passage.id}")
            await passage.refuse(broken, receive)
        finally:
            if admission.place is not None:
                admission.place.leave()
            self._note(passage)

    def _note(self, passage: RequestPassage) -> None:
        """Log and count; a tenant's counters are its own, so requests without a key are only logged."""
        if passage.scope["path"] in OPEN:
            return
        fields = passage.fields()
        if passage.span is not None:
            passage.span.end(fields)
        if passage.shed:
            self.control.tell_shed()
        else:
            logs.write("request", fields)
        if caller := passage.scope.get("caller"):
            metrics: Metrics = caller.tenant.metrics
            labels = {name: str(fields[name]) for name in ("route", "method", "status")}
            if passage.shed:
                metrics.count("segue_refused_total")
            metrics.count("segue_requests_total", labels)
            metrics.observe("segue_request_seconds", passage.seconds, {"route": labels["route"]})


def trace_of(traceparent: str) -> str:
    """Return the trace's id in a header of W3C Trace Context, "" where it is not valid.

    >>> trace_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    '4bf92f3577b34da6a3ce929d0e0e4736'
    """
    found = TRACE.match(traceparent)
    return found[1] if found and found[1].strip("0") and not traceparent.startswith("ff") else ""


class RequestPassage:
    """One request on its way through the gate."""

    def __init__(self, scope: Scope, send: Send, span: RequestSpan | None) -> None:
        self.scope, self._send, self.span = scope, prepared(scope, send), span
        self.started = time.perf_counter()
        self.status, self.shed = 0, False
        headers: dict[bytes, bytes] = dict(scope["headers"])
        sent = headers.get(b"x-request-id", b"").decode("latin-1")
        self.id = sent if REQUEST_ID.match(sent) else secrets.token_hex(16)
        said = headers.get(b"traceparent", b"").decode("latin-1")
        self.trace = trace_of(said) if span is None else span.trace

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
