"""What a learner has said and not taken back, and the request that it makes.

A claim ("I know this", "I need help here") is evidence of limited weight (``claimed_mastery``): it moves the
order of a list, and opens nothing that the record of work keeps closed. The next attempts at the skill settle
it, and the learner's later claims are believed more or less for that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np

from segue.engine.recommender import Recommender
from segue.engine.requests.request import Goal, Request
from segue.engine.rules.rule_book import learner_masks
from segue.engine.sampling.playlists import Step
from segue.features.catalogue import Catalogue, Floats
from segue.features.history.claimed_mastery import Says, trust_of, with_claims
from segue.workspace.records.statements import (
    Statement,
    StatementKind,
    attempts_since,
    standing_of,
    statements_of,
)
from segue.workspace.storage.database import Connection

ClaimStatus = Literal["open", "confirmed", "failed"]
PASSED = 0.7  # score of a check that bears a claim out
KINDS: tuple[StatementKind, ...] = ("claim", "goal", "interests", "undo")


@dataclass(frozen=True)
class Claim:
    """A claim that stands, and what the work since says of it."""

    statement_id: str
    skill: str
    says: Says
    time: datetime
    status: ClaimStatus


@dataclass(frozen=True)
class LearnerStanding:
    """What a learner has said and not taken back.

    `trust` in (0, 1] says how far claims are believed; `last` is the id of the last statement.
    """

    goal: Goal | None = None
    claims: tuple[Claim, ...] = ()
    trust: float = 1.0
    last: str = ""

    def open_claims(self) -> dict[str, Says]:
        """Return the claims that no work has settled yet, by skill."""
        return {claim.skill: claim.says for claim in self.claims if claim.status == "open"}


NOTHING_SAID = LearnerStanding()


def standing_in(connection: Connection, learner: int, catalogue: Catalogue) -> LearnerStanding:
    """Return what a learner has said and not taken back, within a transaction."""
    return standings_in(connection, [learner], catalogue).get(learner, NOTHING_SAID)


def standings_in(
    connection: Connection, learners: Collection[int], catalogue: Catalogue
) -> dict[int, LearnerStanding]:
    """Return the same of many learners; who has said nothing is left out."""
    by_learner: dict[int, list[Statement]] = {}
    for statement in statements_of(connection, learners, KINDS):
        by_learner.setdefault(statement.learner, []).append(statement)
    out = {}
    for learner, every in by_learner.items():
        if not (said := standing_of(every)):
            continue
        claims = _claims(connection, learner, said, catalogue)
        trust = trust_of(*(sum(c.status == status for c in claims) for status in ("confirmed", "failed")))
        goals = [s for s in said if s.kind == "goal"]
        goal = _goal(goals[-1].body) if goals else None
        latest = {claim.skill: claim for claim in claims}
        out[learner] = LearnerStanding(goal, tuple(latest.values()), trust, said[-1].statement_id)
    return out


def ungated(recommender: Recommender, request: Request, claimed: Request) -> Request:
    """Return `claimed` with only those candidates that `request`, without claims, may have as well."""
    asked = recommender.asked((request,))
    scene = recommender.kernel.scene(asked)
    masks = [mask.allowed[0] for mask in learner_masks(scene)]
    allowed = np.logical_and.reduce(masks) if masks else np.ones(len(asked.pool), dtype=np.bool_)
    if int(allowed.sum()) < request.k:  # rules would have to give way: then on the record alone
        return request
    resources = recommender.catalogue.resources
    names = tuple(resources[code].resource_id for code in asked.pool.codes[allowed].tolist())
    return replace(claimed, candidates=names)


def as_said(recommender: Recommender, request: Request, said: LearnerStanding) -> Request:
    """Return a request (its state filled in) as what the learner said makes it."""
    goal = said.goal
    if goal and goal.due and goal.due <= request.now:
        goal = Goal(goal.skills)  # its day has passed: it stays what the learner works towards
    asked = replace(request, goal=request.goal or goal)
    claims = said.open_claims()
    if not claims:
        return asked
    state = with_claims(request.state, recommender.catalogue, claims, trust=said.trust)
    return ungated(recommender, asked, replace(asked, state=state))


def overdue_note(request: Request, said: LearnerStanding, catalogue: Catalogue) -> tuple[str, ...]:
    """Return what a list says of a standing goal whose day has passed; nothing where there is none."""
    goal = said.goal
    if request.goal is not None or goal is None or goal.due is None or goal.due > request.now:
        return ()
    known = {skill.skill_id: skill.i_can or skill.statement or skill.skill_id for skill in catalogue.skills}
    about = "; ".join(known.get(name, name) for name in goal.skills)
    return (f"the goal is overdue since {goal.due.date().isoformat()}, and is still worked towards: {about}",)


def unclaimed_forecasts(recommender: Recommender, request: Request, steps: Sequence[Step]) -> list[Floats]:
    """Return the forecasts of a list's steps from the record alone: a reward must not rest on a claim."""
    skills = recommender.kernel.scene(recommender.asked((request,))).skills
    ahead = np.array([skills.chance[0], skills.chance_later[0]])
    catalogue = recommender.catalogue
    resources = [catalogue.resource(step.resource) for step in steps]
    return [ahead[:, [catalogue.skill_index[name] for name in r.skills]] for r in resources]


def _claims(
    connection: Connection, learner: int, said: Sequence[Statement], catalogue: Catalogue
) -> list[Claim]:
    """Return the claims with what the first attempt at the skill after each says of it."""
    made = [s for s in said if s.kind == "claim"]
    if not made:
        return []
    attempts = attempts_since(connection, learner, made[0].time)
    out = []
    for statement in made:
        scores = [
            score
            for resource, score, time in attempts
            if time > statement.time and statement.about in _skills(catalogue, resource)
        ]
        says: Says = statement.body["says"]
        status: ClaimStatus = "open"
        if scores:
            status = "confirmed" if (scores[0] >= PASSED) == (says == "know") else "failed"
        out.append(Claim(statement.statement_id, statement.about, says, statement.time, status))
    return out


def _skills(catalogue: Catalogue, resource: str) -> tuple[str, ...]:
    code = catalogue.resource_index.get(resource)
    return () if code is None else catalogue.resources[code].skills


def _goal(body: Mapping[str, Any]) -> Goal | None:
    if not body["skills"]:
        return None
    due = datetime.fromisoformat(body["due"]) if body["due"] else None
    return Goal(tuple(body["skills"]), due)
