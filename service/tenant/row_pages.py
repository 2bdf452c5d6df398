"""What is stored, by the page, as JSON: learners by their ids inside, which no LMS knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from segue.workspace.records.maintenance import row_pages
from segue.workspace.workspace import Workspace

Answer = dict[str, Any]
Stored = Mapping[str, Any]
Kind = Literal["events", "decisions", "learners"]


def page(workspace: Workspace, kind: Kind, *, after: int, limit: int) -> Answer:
    """Return up to `limit` rows behind number `after`, and the cursor of the next page (None: no more)."""
    read, line = READERS[kind]
    with workspace.store.read() as connection:
        rows = read(connection, after=after, limit=limit + 1)
    following = str(rows[limit - 1]["number"]) if len(rows) > limit else None
    return {kind: [line(row) for row in rows[:limit]], "next": following}


def _event(row: Stored) -> Answer:
    return {
        "number": row["number"],
        "kind": row["kind"],
        "learner": row["surrogate"],
        "resource": row["resource"] or None,
        "score": row["score"],
        "time": moment_of(row["time"]),
        "seconds": row["seconds"],
        "class_id": row["class_id"] or None,
        "step": row["step"] or None,
    }


def _decision(row: Stored) -> Answer:
    return {
        "number": row["number"],
        "decision_id": row["decision_id"],
        "list": row["playlist_id"],
        "learner": row["surrogate"],
        "position": row["position"],
        "resource": row["resource"],
        "propensity": row["propensity"],
        "joint_propensity": row["joint_propensity"],
        "score": row["score"],
        "explored": row["explored"],
        "relaxed": json.loads(row["relaxed"]),
        "overridden": json.loads(row["override"]) != {},
        "received": not row["undelivered"],
        "week": row["week"],
        "time": moment_of(row["time"]),
        "surface": row["surface"],
        "policy": row["policy"],
        "model": row["model_hash"],
    }


def _learner(row: Stored) -> Answer:
    return {"number": row["number"], "learner": row["surrogate"], "opted_out": row["opted_out"]}


def moment_of(micros: int | None) -> str | None:
    """Return a stored time as ISO 8601."""
    return None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC).isoformat()


READERS: dict[Kind, tuple[Callable[..., Sequence[Stored]], Callable[[Stored], Answer]]] = {
    "events": (row_pages.event_rows, _event),
    "decisions": (row_pages.decision_rows, _decision),
    "learners": (row_pages.learner_rows, _learner),
}
