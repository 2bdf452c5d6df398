"""A learner's list and its steps as JSON values: what HTTP answers and commands print."""

from __future__ import annotations

from typing import Any

from segue.workspace.playlists.published_playlists import ShownList, ShownStep


def list_line(one: ShownList) -> dict[str, Any]:
    """Return a list as JSON values."""
    return {
        "id": one.id,
        "surface": one.surface,
        "week": one.week,
        "time": one.made.isoformat(),
        "current": one.current,
        "steps": [step_line(step) for step in one.steps],
        "certificate": dict(one.certificate),
        "notes": list(one.notes),
    }


def step_line(step: ShownStep) -> dict[str, Any]:
    """Return a step of a list as JSON values."""
    return {
        "decision_id": step.decision_id,
        "resource": step.resource,
        "title": step.title,
        "url": step.url,
        "minutes": step.minutes,
        "kind": step.kind,
        "state": step.state,
        "why": step.why,
        "instead_of": step.instead_of or None,
        "override_id": step.override_id or None,
        "approved": step.approved,
        "menu": list(step.menu),
        "picked": step.picked or None,
        "rating": step.rating,
        "left_out": step.left_out or None,
    }
