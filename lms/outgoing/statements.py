"""A lesson as xAPI 1.0.3 statements "recommended", one a step, for a learning record store."""

from __future__ import annotations

import json
import uuid
from typing import Any

from segue.lms.outgoing.lesson import Lesson, LessonItem

VERB = {"id": "http://id.tincanapi.com/verb/recommended", "display": {"en": "recommended"}}
OBJECTIVES = "tag:segue,2026:objectives"
"""Extension of the context with what the week is for."""
_NAMESPACE = uuid.UUID("6f1d3c52-5b6e-5a3c-9a39-2f4f0f2b7f10")


def statements(lesson: Lesson, *, home_page: str) -> list[dict[str, Any]]:
    """Return the statements; the same lesson gives the same ones, to the byte.

    A record store refuses a statement whose id it has with another content, so the id follows from all that
    is said: sending a lesson twice changes nothing, and a step that has changed is a statement of its own.

    Parameters
    ----------
    lesson : Lesson
        `learner` is the account name at `home_page`; a resource without url gets one under `home_page`.
    home_page : str
        Absolute address of the LMS, the other half of an xAPI account.
    """
    return [_statement(lesson, position, item, home_page) for position, item in enumerate(lesson.items, 1)]


def _statement(lesson: Lesson, position: int, item: LessonItem, home_page: str) -> dict[str, Any]:
    definition: dict[str, Any] = {"name": {"en": item.title}}
    if item.why:
        definition["description"] = {"en": item.why}
    made: dict[str, Any] = {
        "actor": {"objectType": "Agent", "account": {"homePage": home_page, "name": lesson.learner}},
        "verb": VERB,
        "object": {
            "objectType": "Activity",
            "id": item.url or f"{home_page.rstrip('/')}/resources/{item.resource}",
            "definition": definition,
        },
        "timestamp": lesson.changed.isoformat(),
    }
    if lesson.objectives:
        made["context"] = {"extensions": {OBJECTIVES: list(lesson.objectives)}}
    said = f"{lesson.key}:{position}:{json.dumps(made, sort_keys=True)}"
    return {"id": str(uuid.uuid5(_NAMESPACE, said))} | made
