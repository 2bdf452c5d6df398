"""The roster of a class, as a caller sends it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from segue.service.http.request_schemas import RosterBody
from segue.workspace.records.rosters.enrolments import Enrolment, put_roster
from segue.workspace.workspace import Workspace


def put(workspace: Workspace, class_id: str, body: RosterBody) -> dict[str, Any]:
    """Make the learners of a body the members of a class; return how many there are."""
    rows = [
        Enrolment(member.id, class_id, member.role, member.begins, member.until) for member in body.learners
    ]
    with workspace.store.write() as connection:
        put_roster(connection, workspace.keyring, class_id, rows, now=datetime.now(UTC))
    return {"members": len({row.learner for row in rows})}
