"""Questions about a learner or a class: read from the store, nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from segue.engine.requests.request import Request
from segue.features.history.learner_state import LearnerState
from segue.features.iso_weeks import week_of
from segue.features.learner_profile import FEWEST_LEARNERS, profile
from segue.service.http.refusals import RefusedError
from segue.service.http.request_schemas import AskBody, WhatIfBody
from segue.service.tenant.conversion import edit_of, request_of
from segue.workspace.playlists.answering import Met, Question, as_met
from segue.workspace.records import learner_states as states
from segue.workspace.records.decision_log import Draw
from segue.workspace.records.learners import (
    Learner,
    class_surrogates,
    find_learners,
    learners_of_class,
)
from segue.workspace.records.rosters.enrolments import has_roster, roster_of
from segue.workspace.reports.class_report import class_view
from segue.workspace.sources.model_registry import Charge
from segue.workspace.storage.database import Connection
from segue.workspace.storage.errors import unknown_learner
from segue.workspace.workspace import Workspace

Answer = dict[str, Any]


def learner_profile(workspace: Workspace, learner: str) -> Answer:
    """Return strengths, needs, next steps and interests.

    Raises
    ------
    RefusedError
        404 for a learner of whom nothing is stored, 409 for one who opted out.
    """
    with workspace.store.read() as connection:
        known = _known(workspace, connection, learner)
    fitted = known.charge.champion.fitted
    found = profile(known.state, fitted.catalogue, reader=fitted.kernel.reader, now=datetime.now(UTC))
    return asdict(found) | {"degraded": bool(known.charge.trouble)}


def why_not(workspace: Workspace, learner: str, resource: str, body: AskBody) -> Answer:
    """Return the rule that keeps a resource from being the first step now, or the points it lacks.

    Raises
    ------
    RefusedError
        As `learner_profile`, and 422 for an unknown resource.
    """
    met, known = _asked(workspace, learner, request_of(body, datetime.now(UTC), learner))
    found = met.why_not(known.charge.champion.recommender, resource)
    points = None if found.points is None else dict(found.points)
    return {
        "rules": found.rules,
        "sentence": found.sentence,
        "missing": found.missing,
        "points": points,
        "degraded": bool(known.charge.trouble),
    }


def what_if(workspace: Workspace, learner: str, body: WhatIfBody) -> Answer:
    """Return the list drawn now and the list that would be drawn, by the same numbers, after an edit.

    Raises
    ------
    RefusedError
        As `learner_profile`, and 422 for an unknown resource.
    """
    now = datetime.now(UTC)
    (_, request), known = _asked(workspace, learner, request_of(body, now, learner))
    recommender, edit = known.charge.champion.recommender, edit_of(body, request.now)
    lists = (
        recommender.recommend(request, rng=np.random.default_rng(0)),
        recommender.what_if(request, edit, rng=np.random.default_rng(0)),
    )
    before, after = ([step.resource for step in playlist.steps] for playlist in lists)
    return {"before": before, "after": after, "degraded": bool(known.charge.trouble)}


def _asked(workspace: Workspace, learner: str, request: Request) -> tuple[Met, AskedLearner]:
    """Return a request as it would be drawn, and who asks."""
    with workspace.store.read() as connection:
        known = _known(workspace, connection, learner)
        person = known.learner
        request = replace(request, learner=person.surrogate, state=known.state)
        week = week_of(request.now, workspace.time_zone)
        question = Question(request, person, Draw("", request.mode, week, person.number), "service")
        (met,) = as_met(connection, known.charge.champion, [question], keyring=workspace.keyring)
    return met, known


def class_of(workspace: Workspace, class_id: str, roster: Sequence[str], *, names: bool) -> Answer:
    """Return how a class stands, skill by skill.

    The ids of stuck learners are those of `roster`, as the LMS sent it: the store cannot name anyone. Without
    `names` (an analyst asks) there are counts only, and none of a group under five.

    Raises
    ------
    RefusedError
        404 for a class of which nothing is stored, 409 for one too small to be summed up.
    """
    with workspace.store.read() as connection:
        people = _members(workspace, connection, class_id)
        if not names and len(people) < FEWEST_LEARNERS:
            raise RefusedError(409, "too_few", f"a group under {FEWEST_LEARNERS} learners is not reported")
        champion, trouble = workspace.charge(connection)
        kept, _ = states.current(connection, list(people), champion.fold)
        sent = find_learners(connection, workspace.keyring, roster) if names else {}
    called = {person.number: source for source, person in sent.items()}
    known = {str(number): one.state for number, one in kept.items()}
    rows = class_view(champion, known, datetime.now(UTC).timestamp())
    skills = [
        {
            "skill": row.skill,
            "statement": row.statement,
            "mean_chance": row.mean_chance,
            "tried": row.tried if names or row.tried >= FEWEST_LEARNERS else None,
            "n_stuck": len(row.stuck) if names or len(row.stuck) >= FEWEST_LEARNERS else None,
            "stuck": [called[int(n)] for n in row.stuck if int(n) in called],
        }
        for row in rows
    ]
    return {"learners": len(people), "skills": skills, "degraded": bool(trouble)}


@dataclass(frozen=True)
class AskedLearner:
    """A learner of the store, and the model that reads the state."""

    learner: Learner
    state: LearnerState
    charge: Charge


def _known(workspace: Workspace, connection: Connection, learner: str) -> AskedLearner:
    person = find_learners(connection, workspace.keyring, [learner]).get(learner)
    if person is None:
        raise unknown_learner()
    if person.opted_out:
        raise RefusedError(409, "opted_out", "this learner has opted out of profiling")
    charge = workspace.charge(connection)
    kept, _ = states.current(connection, [person.number], charge.champion.fold)
    return AskedLearner(person, kept[person.number].state, charge)


def _members(workspace: Workspace, connection: Connection, class_id: str) -> list[int]:
    """Return the numbers of a class's roster, else of those with an event in it, without who opted out."""
    if has_roster(connection, workspace.keyring, class_id):
        placed = roster_of(connection, workspace.keyring, class_id, at=datetime.now(UTC))
        return sorted(person.number for person in placed if not person.opted_out)
    inside = class_surrogates(connection, workspace.keyring, [class_id], create=False).get(class_id)
    if inside is None:
        raise RefusedError(404, "no_class", "nothing is stored of a class of this id in this tenant")
    return learners_of_class(connection, inside)
