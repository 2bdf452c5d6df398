"""The fitted models that a workspace keeps: which decides, and putting an earlier one back in charge."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segue.service.http.refusals import RefusedError
from segue.workspace.errors import WorkspaceError
from segue.workspace.model_registry import Library, current_fit
from segue.workspace.workspace import Workspace

Answer = dict[str, Any]


def kept_models(workspace: Workspace) -> Answer:
    """Return the models that can be put in charge, the newest first, and which one is."""
    with workspace.store.read() as connection:
        current = current_fit(connection)
    folders = [one for one in _models(workspace).iterdir() if one.is_dir() and one.suffix != ".new"]
    rows = sorted(((one.stat().st_mtime, one.name) for one in folders), reverse=True)
    return {"models": [_line(workspace, name, made, current) for made, name in rows]}


def activate(workspace: Workspace, version: str) -> Answer:
    """Put a model that is kept in charge; the rewards of all logged decisions count for it too.

    Raises
    ------
    RefusedError
        404 when there is none of this version, 409 when its files cannot be read.
    """
    if not (_models(workspace) / version).is_dir():
        raise RefusedError(404, "no_model", "there is no model of this version: GET /v1/models lists them")
    with workspace.store.read() as connection:
        current = current_fit(connection)
    if version == current:
        return {"version": version, "activated": False}
    try:
        recommender = _library(workspace).artefact(version)
    except WorkspaceError:
        message = "the files of this model cannot be read: activate another, or run segue fit"
        raise RefusedError(409, "unreadable", message) from None
    workspace.promote(recommender)
    return {"version": version, "activated": True}


def _line(workspace: Workspace, version: str, made: float, current: str | None) -> Answer:
    line: Answer = {"version": version, "current": version == current, "readable": True, "fitted": {}}
    line["made"] = datetime.fromtimestamp(made, UTC).isoformat(timespec="seconds")
    try:
        recommender = _library(workspace).artefact(version)
    except WorkspaceError:
        return line | {"readable": False, "resources": 0, "skills": 0}
    catalogue = recommender.catalogue
    sizes = {"resources": len(catalogue.resources), "skills": len(catalogue.skills)}
    return line | sizes | {"fitted": dict(recommender.fitted)}


def _models(workspace: Workspace) -> Path:
    return workspace.path / "models"


def _library(workspace: Workspace) -> Library:
    return Library(_models(workspace))  # one of its own: what is only looked at is not remembered
