"""Requests as spans of OpenTelemetry, where the process has been told where spans go (the extra `otel`).

A span says what the line of the log says: the route's pattern, never the path, which holds learners' ids.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider
from starlette.types import Scope

CARRIED = (b"traceparent", b"tracestate")
FAILED = 500


class RequestSpan:
    """The span of one request; `trace` is the id of its trace, as `traceparent` writes it."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.trace = trace.format_trace_id(span.get_span_context().trace_id)

    def end(self, fields: Mapping[str, str | int | float | bool]) -> None:
        """End it with what the log says of the request."""
        method, route, status = fields["method"], fields["route"], int(fields["status"])
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "segue.tenant": fields["tenant"],
            }
        )
        if status >= FAILED:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class RequestSpans:
    """Spans of one application: those of `provider`, or (None) of the process, if it has been given any."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider

    def begin(self, scope: Scope) -> RequestSpan | None:
        """Return the span of a request, within the trace its headers name; None where nobody collects."""
        provider = self._provider or trace.get_tracer_provider()
        if isinstance(provider, trace.ProxyTracerProvider):
            return None
        carried = {n.decode(): value.decode("latin-1") for n, value in scope["headers"] if n in CARRIED}
        parent, tracer = propagate.extract(carried), provider.get_tracer("segue")
        return RequestSpan(tracer.start_span(scope["method"], parent, kind=SpanKind.SERVER))
