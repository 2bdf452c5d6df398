"""A learner's lists and decisions, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from segue.service.http.refusals import RefusedError
from segue.service.http.response_schemas import OverrideLine
from segue.workspace.playlists.list_lines import list_line, step_line
from segue.workspace.workspace import Workspace

Answer = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """Which of a learner's lists: of a week or a surface, behind the list `after`, at most `limit`."""

    week: str | None = None
    surface: str | None = None
    after: str = ""
    limit: int = 100


def lists_of(workspace: Workspace, learner: str, wanted: Wanted) -> Answer:
    """Return a learner's lists, the newest first; the steps stand as everywhere else.

    Lists made meanwhile stand before the cursor, so that nothing is told twice or left out behind it.

    Raises
    ------
    RefusedError
        422 when the list `after` is none of these.
    """
    found = workspace.lists(learner, now=datetime.now(UTC), week=wanted.week, surface=wanted.surface)
    if wanted.after:
        ids = [one.id for one in found]
        if wanted.after not in ids:
            raise RefusedError(422, "not_valid", "after: there is no such list among these")
        found = found[ids.index(wanted.after) + 1 :]
    page = found[: wanted.limit]
    more = len(found) > len(page)
    return {"lists": [list_line(one) for one in page], "next": page[-1].id if more else None}


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
        "overrides": [OverrideLine.model_validate(act) for act in acts],
    }
