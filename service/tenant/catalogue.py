"""The catalogue of a tenant as JSON, and changes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from segue.features.catalogue import Resource, web_address
from segue.features.catalogue_json import resource_out
from segue.service.http.refusals import RefusedError
from segue.service.http.request_schemas import ResourceBody
from segue.workspace.workspace import Workspace

Answer = dict[str, Any]


def page(workspace: Workspace, *, after: str, limit: int) -> Answer:
    """Return `limit` resources `after` one of them ("": from the first), and after which the next are.

    Raises
    ------
    DeclinedError
        When there is no resource `after`.
    """
    found = workspace.listed_resources(after=after, limit=limit + 1)
    more = len(found) > limit
    return {
        "resources": [resource_line(resource) for resource in found[:limit]],
        "next": found[limit - 1].resource_id if more else None,
    }


def one(workspace: Workspace, resource_id: str) -> Answer:
    """Return a resource as it stands.

    Raises
    ------
    DeclinedError
        When there is no such resource.
    """
    return resource_line(workspace.listed_resource(resource_id))


def put(workspace: Workspace, resource_id: str, body: ResourceBody) -> Answer:
    """Add a resource, or put it in the place of the one of its id.

    Raises
    ------
    RefusedError
        422 for an address that would run something.
    """
    new = workspace.put_resource(
        replace(Resource(resource_id), **_fields(body, set(type(body).model_fields)))
    )
    return _as_it_stands(workspace, resource_id) | {"new": new}


def patch(workspace: Workspace, resource_id: str, body: ResourceBody) -> Answer:
    """Change the fields of a resource that were sent.

    Raises
    ------
    RefusedError
        422 for an address that would run something.
    DeclinedError
        When there is no such resource.
    """
    workspace.change_resource(resource_id, _fields(body, body.model_fields_set))
    return _as_it_stands(workspace, resource_id) | {"new": False}


def resource_line(resource: Resource) -> Answer:
    """Return a resource as JSON values."""
    line = resource_out(resource)
    line["id"] = line.pop("resource_id")
    line["difficulty"] = None if resource.difficulty != resource.difficulty else resource.difficulty
    return line


def _as_it_stands(workspace: Workspace, resource_id: str) -> Answer:
    return resource_line(workspace.listed_resource(resource_id))


def _fields(body: ResourceBody, names: set[str]) -> dict[str, Any]:
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
