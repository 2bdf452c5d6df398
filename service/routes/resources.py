"""The catalogue: what it holds, and changes that every list follows from the next one on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from segue.features.catalogue import Resource, web_address
from segue.features.catalogue_json import resource_out
from segue.service.admission import caller_of, received
from segue.service.http import request_schemas as schemas
from segue.service.http import response_schemas as answers
from segue.service.http.bodies import ID, answer
from segue.service.http.openapi import asks, gives
from segue.service.http.refusals import RefusedError
from segue.service.reach import ReachedRoute
from segue.workspace.workspace import Workspace

MOST = 1_000
ResourceId = Annotated[
    str, Path(min_length=1, max_length=200, pattern=ID, description="The id of a resource.")
]
After = Annotated[
    str, Query(min_length=1, max_length=200, pattern=ID, description="`next` of the answer before.")
]
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
router = APIRouter(prefix="/v1/resources", tags=["resources"], route_class=ReachedRoute)


@router.get("", responses=gives(answers.ResourcesAnswer, (404, 422)))
async def resources(request: Request, after: After | None = None, limit: Limit = 100) -> Response:
    """Return the resources in the catalogue's order, retired ones among them, a page at a time."""
    caller = caller_of(request, "backend", "teacher")
    found = await caller.aside(Workspace.listed_resources, after=after or "", limit=limit + 1)
    following = found[limit - 1].resource_id if len(found) > limit else None
    return answer({"resources": list(map(_line, found[:limit])), "next": following})


@router.get("/{resource:path}", responses=gives(answers.ResourceLine, (404, 422)))
async def resource(request: Request, resource: ResourceId) -> Response:
    """Return one resource as it stands, retired or not."""
    caller = caller_of(request, "backend", "teacher")
    return answer(_line(await caller.aside(Workspace.listed_resource, resource)))


@router.put("/{resource:path}", **asks(schemas.ResourceBody, answers.ResourceAnswer, (409,)))
async def put(request: Request, resource: ResourceId) -> Response:
    """Add a resource, or put it in the place of the one of its id; it can be recommended at once."""
    caller, body = await received(request, schemas.ResourceBody, "backend")
    return answer(await caller.do(_put, resource, body))


@router.patch("/{resource:path}", **asks(schemas.ResourceBody, answers.ResourceAnswer))
async def patch(request: Request, resource: ResourceId) -> Response:
    """Change the fields that are sent, and no others."""
    caller, body = await received(request, schemas.ResourceBody, "backend")
    return answer(await caller.do(_patch, resource, body))


@router.delete("/{resource:path}", responses=gives(answers.RetiredAnswer, (404, 422)))
async def retire(request: Request, resource: ResourceId) -> Response:
    """Take a resource out of every list, now and later; what was done with it stays, and counts."""
    changed = await caller_of(request, "backend").do(Workspace.retire_resource, resource)
    return answer({"retired": True, "changed": changed})


@router.post("/{resource:path}/restore", responses=gives(answers.RetiredAnswer, (404, 422)))
async def restore(request: Request, resource: ResourceId) -> Response:
    """Bring a retired resource back."""
    changed = await caller_of(request, "backend").do(Workspace.restore_resource, resource)
    return answer({"retired": False, "changed": changed})


def _put(workspace: Workspace, resource_id: str, body: schemas.ResourceBody) -> dict[str, Any]:
    fields = _fields(body, set(type(body).model_fields))
    new = workspace.put_resource(replace(Resource(resource_id), **fields))
    return _line(workspace.listed_resource(resource_id)) | {"new": new}


def _patch(workspace: Workspace, resource_id: str, body: schemas.ResourceBody) -> dict[str, Any]:
    workspace.change_resource(resource_id, _fields(body, body.model_fields_set))
    return _line(workspace.listed_resource(resource_id)) | {"new": False}


def _line(resource: Resource) -> dict[str, Any]:
    """Return a resource as JSON values."""
    line = resource_out(resource)
    line["id"] = line.pop("resource_id")
    line["difficulty"] = None if resource.difficulty != resource.difficulty else resource.difficulty
    return line


def _fields(body: schemas.ResourceBody, names: set[str]) -> dict[str, Any]:
    fields = {name: getattr(body, name) for name in names}
    if "difficulty" in fields and fields["difficulty"] is None:
        fields["difficulty"] = float("nan")
    for name, value in fields.items():
        if isinstance(value, datetime):
            fields[name] = pd.Timestamp(value)
        if isinstance(value, tuple):  # a skill named twice would count twice
            fields[name] = tuple(dict.fromkeys(value))
    if fields.get("url") and web_address(fields["url"]) != fields["url"]:
        message = "url must be a web address (https://…): one that runs something is shown to nobody"
        raise RefusedError(422, "not_an_address", message)
    return fields
