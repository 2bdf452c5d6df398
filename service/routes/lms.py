"""What an LMS sends in its own words: xAPI statements and Caliper envelopes become events."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import ValidationError
from pydantic_core import from_json, to_json
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from segue.lms.caliper import reader as caliper
from segue.lms.documents.import_document import named
from segue.lms.documents.resource_names import ResourceNames
from segue.lms.records.grade_versions import Known, versioned
from segue.lms.records.source_records import Event, Json, ReadReport, parse
from segue.lms.records.source_records import RecordRefusedError as UnreadableError
from segue.lms.xapi import reader as xapi
from segue.service.admission import caller_of
from segue.service.http import response_schemas as answers
from segue.service.http.bodies import answer, body_of
from segue.service.http.openapi import OF_A_BODY, gives
from segue.service.http.refusals import RefusedError, unreadable
from segue.service.http.request_schemas import MAX_EVENTS, EventBody
from segue.service.routes.decisions import worked_in
from segue.service.tenant.recommend_and_store import Batch, Unreadable
from segue.service.tenant.work_told import told
from segue.workspace.records.corrections import last_grades

READERS = {"xapi": xapi.read, "caliper": caliper.read}
NO_RESOURCE = frozenset({"enrol"})  # names a class where others name a resource
router = APIRouter(prefix="/v1", tags=["lms"])


def document_of(example: dict[str, Any]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that is a JSON object or a list of them."""
    schema = {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}
    content = {"schema": schema, "examples": {"1": {"value": example}}}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


STATEMENT = {
    "id": "5b3f0a0e-6a0c-4a7e-8f1d-0c6f3f1f2a11",
    "actor": {"account": {"homePage": "https://lms.example", "name": "student-1"}},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
    "object": {"id": "https://lms.example/items/ratio-quiz"},
    "result": {"score": {"scaled": 0.8}},
    "timestamp": "2026-11-24T09:00:00Z",
}
ENVELOPE = {
    "sensor": "https://lms.example/sensor",
    "sendTime": "2026-11-24T09:00:00.000Z",
    "dataVersion": "http://purl.imsglobal.org/ctx/caliper/v1p2",
    "data": [],
}


@router.post(
    "/caliper",
    openapi_extra=document_of(ENVELOPE),
    responses=gives(answers.ReadDocumentAnswer, OF_A_BODY),
)
async def envelope(request: Request) -> Response:
    """Store the events in a Caliper envelope. One that cannot be read does not hold up the others."""
    return await take(request, "caliper")


async def take(
    request: Request,
    format_name: Literal["xapi", "caliper"],
    document: Json = None,
    *,
    all_or_none: bool = False,
) -> Response:
    """Store the events of a request's body, or of a `document` made of it, and say what became of them.

    Raises
    ------
    RefusedError
        422 when nothing in it could be taken; 400 when something is not valid and it is all or none.
    """
    caller = caller_of(request, "backend")
    workspace = caller.space
    names = ResourceNames(workspace.catalogue(), {})
    known = last_grades(workspace.store, workspace.keyring)
    body = await body_of(request) if document is None else to_json(document)
    batch, report = await run_in_threadpool(_read, format_name, body, names, known)
    if all_or_none and (wrong := [*report.refused, *(e.reason for e in batch if isinstance(e, Unreadable))]):
        raise RefusedError(400, "not_valid", f"nothing is stored, for one is not valid: {wrong[0]}")
    if report.refused and not batch:
        raise RefusedError(422, "not_valid", report.reason[:1000])
    stored = from_json(await caller.tenant.ask(caller.tenant.decider.store, batch)) if batch else _NOTHING
    response = answer(to_json(stored | {"refused": dict(report.refused), "skipped": dict(report.skipped)}))
    worked = worked_in(batch)
    return told(request, caller.tenant, response, worked) if worked.learners else response


_NOTHING: dict[str, Any] = {"accepted": 0, "repeats": 0, "conflicts": 0, "rejected": 0, "verdicts": []}


def _read(format_name: str, body: bytes, names: ResourceNames, known: Known) -> tuple[Batch, ReadReport]:
    """Return the events of a document, and what became of the rest; a resource may be named by its url.

    Raises
    ------
    RefusedError
        400 for what is no JSON, 413 for more events than one call may bring.
    """
    try:
        document = parse(body.decode())
    except UnicodeDecodeError:
        raise RefusedError(400, "not_json", "the body is not UTF-8") from None
    except UnreadableError as error:
        raise RefusedError(400, "not_json", str(error)) from None
    if not isinstance(document, dict | list):
        raise RefusedError(422, "not_valid", "the body must be a JSON object or a list of objects")
    found, report = READERS[format_name](document, "lenient")
    events = list(named(versioned(found, known), names))
    if len(events) > MAX_EVENTS:
        raise RefusedError(
            413, "too_many", f"{len(events)} events in one call, {MAX_EVENTS} are allowed: split it"
        )
    return [_event(event) for event in events], report


def _event(event: Event) -> EventBody | Unreadable:
    values = {
        "id": event["id"],
        "kind": event["kind"],
        "learner": event["learner"],
        "resource": None if event["kind"] in NO_RESOURCE else event["resource"] or None,
        "score": event["score"],
        "time": event["time"],
        "seconds": event.get("seconds"),
        "class_id": event.get("class") or None,
        "attempt_no": event.get("attempt_no"),
        "completed": True if event["kind"] == "completion" else None,
        "supersedes": event.get("supersedes") or None,
        "voids": event.get("voids") or None,
    }
    try:
        return EventBody.model_validate_json(to_json(values))
    except ValidationError as error:
        return Unreadable(event["id"][:200], unreadable(error).message)
