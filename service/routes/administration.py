"""What an administrator asks of a tenant: its models, and what is stored, by the page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from segue.service.admission import caller_of
from segue.service.http import request_log as logs
from segue.service.http.bodies import answer
from segue.service.http.openapi import gives
from segue.service.http.refusals import RefusedError
from segue.service.http.said import page_bodies as answers
from segue.service.reach import ReachedRoute
from segue.workspace.privacy.learner_rights import saw_erased
from segue.workspace.records.maintenance import row_pages
from segue.workspace.sources.model_registry import Library, current_fit, kept_models
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.workspace import Workspace

router = APIRouter(prefix="/v1", tags=["administration"], route_class=ReachedRoute)
Version = Annotated[str, Path(pattern=r"^[0-9a-f]{8,64}$", description="`version` of a model.")]
After = Annotated[str, Query(pattern=r"^\d{1,18}$", description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Rows of a page.")]


@router.get("/models", responses=gives(answers.ModelsAnswer, (422,)))
async def models(request: Request) -> Response:
    """Return the fitted models that are kept, the newest first, and which one decides."""
    return answer({"models": await caller_of(request, "admin").aside(_kept)})


def _kept(workspace: Workspace) -> list[dict[str, Any]]:
    with workspace.store.read() as connection:
        current = current_fit(connection)
    return kept_models(workspace.models, current)


@router.post("/models/{version}/activate", responses=gives(answers.Activated, (404, 409, 422)))
async def activate(request: Request, version: Version) -> Response:
    """Put a model in charge: an earlier one, to roll back, or a later one again."""
    caller = caller_of(request, "admin")
    done = await caller.tenant.alone(_put_in_charge, caller.space, version)
    logs.write("activated", {"tenant": caller.tenant.name, "model": version, "key": caller.key.key_id})
    return answer(done)


def _put_in_charge(workspace: Workspace, version: str) -> dict[str, Any]:
    """Put a model that is kept in charge; the rewards of all logged decisions count for it too.

    Raises
    ------
    RefusedError
        404 when there is none of this version, 409 when its files cannot be read, or hold who was erased.
    """
    if not (workspace.models / version).is_dir():
        raise RefusedError(404, "no_model", "there is no model of this version: GET /v1/models lists them")
    with workspace.store.read() as connection:
        if version == current_fit(connection):
            return {"version": version, "activated": False}
        if saw_erased(connection, version):
            message = "this model was fitted on a learner who was erased since: activate a later one"
            raise RefusedError(409, "erased_since", message)
    try:  # by a library of its own: nothing is remembered before it decides
        recommender = Library(workspace.models).artefact(version)
    except WorkspaceError:
        message = "the files of this model cannot be read: activate another, or run segue fit"
        raise RefusedError(409, "unreadable", message) from None
    workspace.promote(recommender)
    return {"version": version, "activated": True}


@router.get("/events", responses=gives(answers.EventsPage, (422,)))
async def events(request: Request, after: After = "0", limit: Limit = 100) -> Response:
    """Return stored events in the order they came, by the page; learners by their ids inside."""
    return await _page(request, answers.EventsPage, "events", after, limit)


@router.get("/decisions", responses=gives(answers.DecisionsPage, (422,)))
async def decisions(request: Request, after: After = "0", limit: Limit = 100) -> Response:
    """Return logged decisions in the order they were made, by the page; learners by their ids inside."""
    return await _page(request, answers.DecisionsPage, "decisions", after, limit)


@router.get("/learners", responses=gives(answers.LearnersPage, (422,)))
async def learners(request: Request, after: After = "0", limit: Limit = 100) -> Response:
    """Return learners by their ids inside, in the order of their arrival, by the page."""
    return await _page(request, answers.LearnersPage, "learners", after, limit)


READERS = {
    "events": row_pages.event_rows,
    "decisions": row_pages.decision_rows,
    "learners": row_pages.learner_rows,
}


async def _page(
    request: Request, model: type[answers.PageOfRows], kind: str, after: str, limit: int
) -> Response:
    """Return up to `limit` rows behind number `after`, and the cursor of the next page (None: no more)."""

    def page(workspace: Workspace) -> answers.PageOfRows:
        with workspace.store.read() as connection:
            rows = READERS[kind](connection, after=int(after), limit=limit + 1)
        following = str(rows[limit - 1]["number"]) if len(rows) > limit else None
        return model.model_validate({kind: rows[:limit], "next": following})

    return answer(await caller_of(request, "admin").aside(page))
