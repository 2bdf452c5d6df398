"""Requests are spans where somebody collects them: within the caller's trace, and without a learner's id."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from segue.service.request_spans import RequestSpans

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WHO = "student-3"
Serving = Callable[..., AbstractContextManager[httpx.Client]]


def test_a_request_is_a_span_of_the_callers_trace_and_names_nobody(
    school: Path, serving: Serving, headers: Callable[[str], dict[str, str]]
) -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    sent = {**headers("admin"), "traceparent": f"00-{TRACE}-{PARENT}-01"}
    with serving(school, spans=RequestSpans(provider)) as client:
        client.post("/v1/recommend", json={"learner": WHO}, headers=sent)
        client.get(f"/v1/learners/{WHO}/profile", headers=sent)
        client.get(f"/v1/learners/{WHO}/profile")  # no key
        client.get("/healthz", headers=sent)
    told: list[tuple[str, Any]] = [
        (span.name, dict(span.attributes or {})["http.response.status_code"])
        for span in kept.get_finished_spans()
    ]
    profile = "GET /v1/learners/{learner:path}/profile"
    assert told == [("POST /v1/recommend", 200), (profile, 200), ("GET none", 401)]
    asked, _, refused = kept.get_finished_spans()
    assert asked.parent is not None
    assert (f"{asked.context.trace_id:032x}", f"{asked.parent.span_id:016x}") == (TRACE, PARENT)
    assert refused.parent is None
    assert refused.status.status_code is not StatusCode.ERROR
    assert WHO not in "".join(span.to_json() for span in kept.get_finished_spans())


def test_a_process_that_collects_nothing_makes_no_spans() -> None:
    assert RequestSpans().begin({"type": "http", "method": "GET", "path": "/", "headers": []}) is None
