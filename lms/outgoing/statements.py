"""A lesson as xAPI 1.0.3 statements "recommended", one a step, for a learning record store."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from segue.lms.outgoing.lesson import Lesson

VERB = {"id": "http://id.tincanapi.com/verb/recommended", "display": {"en": "recommended"}}
_NAMESPACE = uuid.UUID("6f1d3c52-5b6e-5a3c-9a39-2f4f0f2b7f10")


def statements(lesson: Lesson, *, home_page: str, now: datetime) -> list[dict[str, Any]]:
    """Return the statements; their ids follow from learner, week, position and resource.

    A record store knows a statement it already has by its id: sending a lesson twice changes nothing.

    Parameters
    ----------
    lesson : Lesson
        `learner` is the account name at `home_page`; a resource without url gets one under `home_page`.
    home_page : str
        Absolute address of the LMS, the other half of an xAPI account.
    now : datetime
        UTC-aware.
    """
    actor = {"objectType": "Agent", "account": {"homePage": home_page, "name": lesson.learner}}
    return [
        {
            "id": str(uuid.uuid5(_NAMESPACE, f"{lesson.key}:{position}:{item.resource}")),
            "actor": actor,
            "verb": VERB,
            "object": {
                "objectType": "Activity",
                "id": item.url or f"{home_page.rstrip('/')}/resources/{item.resource}",
                "definition": {"name": {"en": item.title}},
            },
            "timestamp": now.isoformat(),
        }
        for position, item in enumerate(lesson.items, start=1)
    ]
