"""What an LMS back end calls all day: recommendations, events, and what became of a step."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter, Request
from pydantic import JsonValue
from pydantic_core import from_json, to_json
from starlette.responses import Response

from segue.service.admission import Caller, caller_of, received
from segue.service.http import request_schemas as schemas
from segue.service.http import response_schemas as answers
from segue.service.http.bodies import (
    DecisionId,
    OverrideId,
    answer,
    body_of,
    hung_up,
    key_of,
    read_one,
)
from segue.service.http.openapi import asks, gives
from segue.service.http.refusals import RefusedError
from segue.service.http.request_schemas import EventBody
from segue.service.reach import ReachedRoute, reaching
from segue.service.tenant import lists
from segue.service.tenant.conversion import request_of
from segue.service.tenant.recommend_and_store import Batch, KeyedQuestion, read_batch
from segue.service.tenant.work_told import Worked, told
from segue.workspace.playlists.step_feedback import StepChange
from segue.workspace.workspace import Workspace

WORK = ("attempt", "completion")
router = APIRouter(prefix="/v1", tags=["decisions"], route_class=ReachedRoute)


def worked_in(batch: Batch) -> Worked:
    """Return who did something in a batch that was just stored, or had it corrected or taken back."""
    good = [event for event in batch if isinstance(event, EventBody)]
    return Worked({one.learner for one in good if one.kind in WORK or one.voids or one.supersedes})


@router.post("/recommend", **asks(schemas.RecommendBody, answers.RecommendAnswer, (409,), keyed=True))
async def recommend(request: Request) -> Response:
    """Return what a learner should do next, and why. The decisions are on disk before the answer is sent.

    A request that is sent again with the same `Idempotency-Key` within a day gets the same answer.
    """
    caller, sent = caller_of(request, "backend", "teacher"), await body_of(request)
    body = read_one(sent, schemas.RecommendBody)
    await reaching(request, [body.learner])
    tenant = caller.tenant
    asked = _question(caller, body, key_of(request), sent)
    work = tenant.decider.recommend_anew if body.fresh else tenant.decider.recommend
    found = await tenant.ask(work, asked)
    if hung_up(request):
        await tenant.do(tenant.workspace.not_received, from_json(found)["playlist_id"])
    return answer(found)


@router.post("/recommend:batch", **asks(schemas.BatchBody, answers.BatchAnswer, (), keyed=True))
async def recommend_batch(request: Request) -> Response:
    """Return one answer a request, in order; one that cannot be answered does not hold up the others.

    Sent again with the same `Idempotency-Key` within a day, each request gets the answer it got.
    """
    caller, body = await received(request, schemas.BatchBody, "backend", "teacher")
    key = key_of(request)
    keys = [f"{key} {place}" if key else "" for place in range(len(body.requests))]
    found = await asyncio.gather(*map(partial(_one, request, caller), body.requests, keys))
    return answer(b'{"answers":[' + b",".join(found) + b"]}")


async def _one(request: Request, caller: Caller, asked: JsonValue, key: str) -> bytes:
    try:
        sent = to_json(asked)
        body = read_one(sent, schemas.RecommendBody)
        await reaching(request, [body.learner])
        decider = caller.tenant.decider
        work = decider.recommend_anew if body.fresh else decider.recommend
        return await caller.tenant.ask(work, _question(caller, body, key, sent))
    except RefusedError as refused:
        return refused.body()


def _question(caller: Caller, body: schemas.RecommendBody, key: str, sent: bytes) -> KeyedQuestion:
    """Return what is asked; a key counts for the caller who made it up."""
    request = request_of(body, datetime.now(UTC), body.learner)
    if not key:
        return KeyedQuestion(request, body.explain)
    digest = hashlib.blake2b(sent, digest_size=16).digest()
    return KeyedQuestion(request, body.explain, f"{caller.key.key_id} {key}", digest)


@router.post("/events", **asks(schemas.EventsBody, answers.EventsAnswer, ()))
async def events(request: Request) -> Response:
    """Store what learners did. An event sent again is a no-op; a wrong one does not hold up the others."""
    caller = caller_of(request, "backend")
    batch = read_batch(await body_of(request))
    response = answer(await caller.tenant.ask(caller.tenant.decider.store, batch))
    worked = worked_in(batch)
    return told(request, caller.tenant, response, worked) if worked.learners else response


@router.get("/decisions/{decision}", responses=gives(answers.DecisionAnswer, (404, 409, 422)))
async def decision(request: Request, decision: DecisionId) -> Response:
    """Return a logged decision in words, as it stands, with what teachers did with it."""
    caller = caller_of(request, "backend", "teacher")
    return answer(await caller.aside(lists.decision, decision))


@router.post("/decisions/{decision}/choice", **asks(schemas.ChoiceBody, answers.Stored))
async def choice(request: Request, decision: DecisionId) -> Response:
    """Store which option of a step's menu the learner picked."""
    caller, body = await received(request, schemas.ChoiceBody, "backend")
    now = body.time or datetime.now(UTC)
    return answer({"stored": await caller.do(Workspace.choose, decision, body.resource, now=now)})


@router.post("/decisions/{decision}/override", **asks(schemas.OverrideBody, answers.OverrideAnswer))
async def override(request: Request, decision: DecisionId) -> Response:
    """Do what a teacher wants with a step, at once; such a step never counts as the engine's own choice."""
    caller, body = await received(request, schemas.OverrideBody, "teacher")
    change = StepChange(body.action, body.by, body.reason, body.resource, body.until, body.seen)
    now = body.time or datetime.now(UTC)
    act, new = await caller.do(Workspace.override, decision, change, now=now)
    response = answer({"stored": new, "override_id": act})
    return told(request, caller.tenant, response, Worked(decision=decision))


@router.post("/overrides/{override_id}/undo", **asks(schemas.UndoBody, answers.Undone))
async def undo(request: Request, override_id: OverrideId) -> Response:
    """Take back what a teacher did with a step; what stood there before stands again."""
    caller, body = await received(request, schemas.UndoBody, "teacher")
    now = body.time or datetime.now(UTC)
    undone = await caller.do(Workspace.undo_override, override_id, by=body.by, now=now)
    return told(request, caller.tenant, answer({"undone": undone}), Worked(override=override_id))


@router.post("/decisions/{decision}/rating", **asks(schemas.RatingBody, answers.Stored))
async def rating(request: Request, decision: DecisionId) -> Response:
    """Store how the learner liked a step."""
    caller, body = await received(request, schemas.RatingBody, "backend")
    now = body.time or datetime.now(UTC)
    return answer(
        {"stored": await caller.do(Workspace.rate, decision, body.rating, seen=body.resource, now=now)}
    )


ASKED_ALL_DAY = [
    route
    for route in router.routes
    if isinstance(route, ReachedRoute) and route.endpoint in (recommend, events)
]
