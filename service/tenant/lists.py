"""A learner's lists and decisions, as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from segue.workspace.published_playlists import list_line, step_line
from segue.workspace.records.overrides import OverrideRecord
from segue.workspace.workspace import Workspace

Answer = dict[str, Any]


def lists_of(workspace: Workspace, learner: str, week: str | None, surface: str | None) -> Answer:
    """Return a learner's lists, the newest first; the steps stand as everywhere else."""
    found = workspace.lists(learner, now=datetime.now(UTC), week=week, surface=surface)
    return {"lists": [list_line(one) for one in found]}


def decision(workspace: Workspace, decision_id: str) -> Answer:
    """Return a decision as it stands, with the acts of teachers on it.

    Raises
    ------
    DeclinedError
        When there is none of this id.
    """
    whole, step = workspace.decision(decision_id, now=datetime.now(UTC))
    acts = workspace.acts_on(decision_id)
    drawn = step.step
    return step_line(step) | {
        "list": whole.id,
        "surface": whole.surface,
        "week": whole.week,
        "time": whole.made.isoformat(),
        "position": drawn.position,
        "drawn": drawn.resource,
        "propensity": drawn.propensity,
        "joint_propensity": drawn.joint_propensity,
        "score": drawn.score,
        "reasons": dict(drawn.reasons),
        "context": dict(drawn.context),
        "relaxed": list(drawn.relaxed),
        "explored": drawn.explored,
        "policy": whole.policy,
        "model": whole.model,
        "overrides": [act_line(act) for act in acts],
    }


def act_line(act: OverrideRecord) -> Answer:
    """Return a teacher's act as JSON; teachers are told apart by pseudonym."""
    return {
        "override_id": act.override_id,
        "decision_id": act.decision_id,
        "by": act.teacher,
        "action": act.action,
        "resource": act.resource or None,
        "instead_of": act.taken,
        "reason": act.reason,
        "time": _moment(act.time),
        "until": _moment(act.until),
        "undone": _moment(act.undone),
        "undone_by": act.undone_by,
    }


def _moment(micros: int | None) -> str | None:
    return None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC).isoformat()
