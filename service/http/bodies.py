"""From bytes to a checked body, and from an answer to bytes."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from fastapi import Path, Request
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.responses import Response

from segue.service.http.rate_limits import CountedBody
from segue.service.http.refusals import RefusedError, unreadable

B = TypeVar("B", bound=BaseModel)
ID = r"^[^\x00-\x1f\x7f-\x9f]+$"
LearnerId = Annotated[
    str, Path(min_length=1, max_length=200, pattern=ID, description="The LMS's own id of a learner.")
]
DecisionId = Annotated[
    str, Path(min_length=1, max_length=40, pattern=ID, description="`decision_id` of a step.")
]
OverrideId = Annotated[
    str, Path(min_length=1, max_length=40, pattern=ID, description="`override_id` of an override.")
]
ClassId = Annotated[
    str, Path(min_length=1, max_length=200, pattern=ID, description="The LMS's own id of a class.")
]

KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 200, "pattern": r"^[\x20-\x7e]*$", "default": ""},
    "description": "Any text of yours: sent again with the same request, it brings the same answer.",
}
LONGEST_KEY = 200


def header(request: Request, name: bytes, default: bytes = b"") -> bytes:
    """Return the first header of a name in lower case, as the connection has it."""
    return next((value for found, value in request.scope["headers"] if found == name), default)


def key_of(request: Request) -> str:
    """Return the request's Idempotency-Key, "" for none.

    Raises
    ------
    RefusedError
        422 for one that is too long, or holds more than printable ASCII.
    """
    key = header(request, b"idempotency-key").decode("latin-1")
    if len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        message = f"header Idempotency-Key: up to {LONGEST_KEY} printable characters of ASCII"
        raise RefusedError(422, "not_valid", message)
    return key


def hung_up(request: Request) -> bool:
    """Whether the caller has gone away by now, without waiting for it."""
    receive = request.receive
    message = receive.at_once() if isinstance(receive, CountedBody) else None
    return message is not None and message["type"] == "http.disconnect"


async def read(request: Request, model: type[B]) -> B:
    """Return the body of a request, checked in one pass from bytes to objects.

    Raises
    ------
    RefusedError
        400 for what is no JSON (bad UTF-8, too deep), 415 for another type, 422 for wrong content.
    """
    return read_one(await body_of(request), model)


def read_one(body: bytes, model: type[B]) -> B:
    """Return JSON checked in one pass from bytes to objects.

    Raises
    ------
    RefusedError
        400 for what is no JSON, 422 for wrong content.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise unreadable(error) from None


async def body_of(request: Request) -> bytes:
    """Return the bytes of a JSON body.

    Raises
    ------
    RefusedError
        415 when the body says that it is something else.
    """
    kind = header(request, b"content-type", b"application/json")
    if kind.partition(b";")[0].strip().lower() != b"application/json":
        raise RefusedError(415, "not_json", "the body must be application/json")
    if header(request, b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
        raise RefusedError(415, "packed", "the body must not be packed: send it without Content-Encoding")
    return await request.body()


def answer(value: BaseModel | dict[str, Any] | bytes) -> Response:
    """Return a JSON answer; bytes are taken as written."""
    return Response(value if isinstance(value, bytes) else to_json(value), media_type="application/json")
