"""Putting an earlier model back in charge."""

from __future__ import annotations

from typing import Any

from segue.service.http.refusals import RefusedError
from segue.workspace.sources.model_registry import Library, current_fit
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.workspace import Workspace

Answer = dict[str, Any]


def activate(workspace: Workspace, version: str) -> Answer:
    """Put a model that is kept in charge; the rewards of all logged decisions count for it too.

    Raises
    ------
    RefusedError
        404 when there is none of this version, 409 when its files cannot be read.
    """
    place = workspace.path / "models"
    if not (place / version).is_dir():
        raise RefusedError(404, "no_model", "there is no model of this version: GET /v1/models lists them")
    with workspace.store.read() as connection:
        current = current_fit(connection)
    if version == current:
        return {"version": version, "activated": False}
    try:
        recommender = Library(place).artefact(
            version
        )  # one of its own: nothing is remembered before it decides
    except WorkspaceError:
        message = "the files of this model cannot be read: activate another, or run segue fit"
        raise RefusedError(409, "unreadable", message) from None
    workspace.promote(recommender)
    return {"version": version, "activated": True}
