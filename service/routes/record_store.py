"""What standard xAPI clients ask of a record store: about, POST, PUT, the version, a browser's preflight.

Segue keeps events, not statements: what was sent is taken and its ids are answered, but nothing can be
fetched back. Source: IEEE 9274.1.1 and Experience API 1.0.3, part three (communication).
"""

from __future__ import annotations

import re
import uuid

from fastapi import APIRouter, Request
from pydantic_core import from_json, to_json
from starlette.responses import Response

from segue.lms.records.untrusted_values import digest
from segue.service.http import response_schemas as answers
from segue.service.http.bodies import answer, body_of
from segue.service.http.openapi import OF_A_BODY, gives
from segue.service.http.refusals import RefusedError
from segue.service.routes.lms import STATEMENT, document_of, take

VERSION = "1.0.3"
TAKEN = re.compile(r"[12]\.0(\.\d+)?$")
HEADERS = {
    "x-experience-api-version": VERSION,
    "access-control-allow-origin": "*",  # a key is needed all the same, and no cookie is read
    "access-control-expose-headers": "x-experience-api-version, x-experience-api-consistent-through",
}
PREFLIGHT = HEADERS | {
    "access-control-allow-methods": "GET, PUT, POST, OPTIONS",
    "access-control-allow-headers": "authorization, content-type, x-experience-api-version, idempotency-key",
    "access-control-max-age": "600",
}
router = APIRouter(prefix="/v1/xapi", tags=["lms"])


@router.get("/about", include_in_schema=False)
async def about() -> Response:
    """Return the versions of xAPI that are taken."""
    return Response(to_json({"version": ["2.0.0", VERSION]}), 200, HEADERS, "application/json")


@router.options("/{path:path}", include_in_schema=False)
async def preflight() -> Response:
    """Answer a browser that asks what it may send."""
    return Response(status_code=204, headers=PREFLIGHT)


@router.post(
    "/statements",
    openapi_extra=document_of(STATEMENT),
    responses=gives(answers.ReadDocumentAnswer, OF_A_BODY),
)
async def statements(request: Request) -> Response:
    """Store the events in xAPI statements: one, or a list. Names and addresses are dropped unread.

    A client that says `X-Experience-API-Version` is answered as a record store does: with the ids, or by 400
    and with nothing stored where one statement is not valid.
    """
    as_store = _says_version(request)
    stored = await take(request, "xapi", all_or_none=as_store)
    stored.headers.update(HEADERS)
    if not as_store:
        return stored
    _check_no_other(stored)
    found = from_json(await body_of(request))
    ids = [_id_of(part) for part in (found if isinstance(found, list) else [found])]
    response = answer(to_json(ids))
    response.headers.update(HEADERS)
    response.background = stored.background
    return response


@router.put("/statements", include_in_schema=False)
async def statement(request: Request) -> Response:
    """Store the event of one statement under the id that the address gives."""
    _says_version(request)
    given = request.query_params.get("statementId", "")
    try:
        found = from_json(await body_of(request))
    except ValueError:
        raise RefusedError(400, "not_json", "the body is not JSON") from None
    if not isinstance(found, dict) or not given:
        raise RefusedError(400, "not_valid", "PUT takes one statement, and its statementId in the address")
    if found.get("id", given) != given:
        raise RefusedError(400, "not_valid", "the statement's id is not the statementId of the address")
    stored = await take(request, "xapi", found | {"id": given}, all_or_none=True)
    _check_no_other(stored)
    return Response(status_code=204, headers=HEADERS, background=stored.background)


def _says_version(request: Request) -> bool:
    """Whether a client says a version of xAPI.

    Raises
    ------
    RefusedError
        400 for one that is not taken.
    """
    said = request.headers.get("x-experience-api-version")
    if said is not None and not TAKEN.match(said):
        raise RefusedError(400, "not_valid", "header X-Experience-API-Version: 1.0.x and 2.0.x are taken")
    return said is not None


def _check_no_other(stored: Response) -> None:
    """Refuse what says something else than is stored under its ids, and brought nothing besides.

    Raises
    ------
    RefusedError
        409, as a record store answers.
    """
    found = from_json(bytes(stored.body))
    if found["conflicts"] and not found["accepted"] + found["repeats"]:
        message = "a statement of this id is stored with other content: it stays, send a new id"
        raise RefusedError(409, "conflict", message)


def _id_of(statement: object) -> str:
    given = statement.get("id") if isinstance(statement, dict) else None
    return given if isinstance(given, str) else str(uuid.UUID(digest(to_json(statement).decode())))
