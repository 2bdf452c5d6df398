"""The OpenAPI document: bodies that are read by hand on the hot path are described here all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from segue.service.http import request_schemas as schemas
from segue.service.http.bodies import KEY_HEADER
from segue.service.http.response_schemas import FaultAnswer
from segue.service.http.said import policy_bodies, practice_bodies, statement_bodies

EXAMPLES: Mapping[type[BaseModel], Sequence[Mapping[str, object]]] = {
    schemas.RecommendBody: (
        {"learner": "lms-user-17", "k": 5, "interests": ["sports", "music"], "minutes": 60},
        {"learner": "lms-user-17", "mode": "menu", "menu": 3, "minutes": 15},
        {"learner": "lms-user-17", "mode": "review", "k": 3, "goal": {"skills": ["unit-rates"]}},
    ),
    schemas.EventsBody: (
        {
            "events": [
                {
                    "id": "attempt-1",
                    "learner": "lms-user-17",
                    "resource": "pizza-fairly",
                    "score": 0.8,
                    "time": "2026-11-24T09:30:00Z",
                },
                {
                    "id": "view-1",
                    "kind": "view",
                    "learner": "lms-user-17",
                    "resource": "rate-race",
                    "time": "2026-11-24T09:41:00Z",
                },
            ]
        },
    ),
    schemas.ChoiceBody: ({"resource": "rate-race"},),
    schemas.OverrideBody: (
        {"by": "teacher-4", "action": "swap", "resource": "best-buy-market", "reason": "too_hard"},
    ),
    schemas.UndoBody: ({"by": "teacher-4"},),
    schemas.RatingBody: ({"rating": 0.75},),
    schemas.WhyNotBody: ({"resource": "rate-race", "minutes": 20},),
    schemas.BatchBody: ({"requests": [{"learner": "lms-user-17", "k": 3}, {"learner": "lms-user-18"}]},),
    schemas.RosterBody: ({"learners": [{"id": "lms-user-17", "from": "2026-08-24T00:00:00Z"}]},),
    schemas.ResourceBody: (
        {"title": "Rates on the road", "skills": ["unit-rates"], "kind": "game", "minutes": 15},
    ),
    schemas.OptOutBody: ({"opted_out": True},),
    schemas.InterestsBody: ({"interests": ["sports", "music"]},),
    schemas.WhatIfBody: ({"attempts": [{"resource": "pizza-fairly", "score": 1.0}], "k": 3},),
    **statement_bodies.EXAMPLES,
    **policy_bodies.EXAMPLES,
    **practice_bodies.EXAMPLES,
}
REF = "#/components/schemas/{model}"
FAULTS = {
    400: "The body is not JSON.",
    401: "No valid key.",
    403: "The key lacks the scope.",
    404: "There is no such learner, decision or class in this tenant.",
    408: "The body stopped coming.",
    409: "It contradicts what is stored.",
    412: "It depends on an ETag, which guards no change here.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The body or a parameter is not valid; the message says where.",
    429: "Too many requests for this key.",
    431: "The address and the headers are too long.",
    503: "Overloaded, or the database is away; try again.",
}
OF_EVERY_CALL = (401, 403, 408, 412, 413, 429, 431, 503)
OF_A_BODY = (400, 415, 422)


def takes(body: type[BaseModel], *, keyed: bool = False) -> dict[str, Any]:
    """Return the description of a JSON body, and of an `Idempotency-Key`, for `openapi_extra`."""
    content = {
        "schema": {"$ref": REF.format(model=body.__name__)},
        "examples": {str(i + 1): {"value": value} for i, value in enumerate(EXAMPLES[body])},
    }
    taken: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": content}}}
    return taken | {"parameters": [KEY_HEADER]} if keyed else taken


def gives(answer: type[BaseModel], faults: Sequence[int]) -> dict[int | str, dict[str, Any]]:
    """Return the description of an answer and of the faults that may come instead, for `responses`."""
    found: dict[int | str, dict[str, Any]] = {200: {"model": answer, "description": "As asked."}}
    for status in sorted({*OF_EVERY_CALL, *faults}):
        found[status] = {"model": FaultAnswer, "description": FAULTS[status]}
    return found


def asks(
    body: type[BaseModel], answer: type[BaseModel], faults: Sequence[int] = (404, 409), *, keyed: bool = False
) -> dict[str, Any]:
    """Return the description of a call with a JSON body, for its decorator."""
    return {"openapi_extra": takes(body, keyed=keyed), "responses": gives(answer, (*OF_A_BODY, *faults))}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return FastAPI's document with our bodies, the key, and which paths need none."""
    document = FastAPI.openapi(app)
    _, schema = models_json_schema([(body, "validation") for body in EXAMPLES], ref_template=REF)
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {}).update(schema["$defs"])
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            operation["security"] = [{"key": []}] if path.startswith(("/v1", "/metrics")) else []
    return document
