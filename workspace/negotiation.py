"""What a learner says about the own picture, and the list that follows: seen before it is saved, taken back.

A claim ("I know this", "I need help here") is evidence of limited weight (``claimed_mastery``): it moves the
order of a list, and opens nothing that the record of work keeps closed. The next attempts at the skill settle
it, and the learner's later claims are believed more or less for that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from segue.engine.explanations.what_if import Edit, edited
from segue.engine.recommender import Recommender
from segue.engine.request import Goal, Request
from segue.engine.rules.rule_book import learner_masks
from segue.features.catalogue import Catalogue, Floats
from segue.features.events.event_records import check, identify
from segue.features.history.claimed_mastery import Says, trust_of, with_claims
from segue.features.iso_weeks import week_of
from segue.workspace.answering import Question, answer
from segue.workspace.model_registry import Champion
from segue.workspace.records import learner_states as states
from segue.workspace.records.decision_log import Draw, Entry, log, rows_of
from segue.workspace.records.events import append_events
from segue.workspace.records.learner_states import Kept
from segue.workspace.records.learners import Learner, find_learners
from segue.workspace.records.statements import (
    Statement,
    StatementKind,
    append_statement,
    attempts_since,
    count_statements,
    find_statement,
    standing_of,
    statements_of,
)
from segue.workspace.workspace import Workspace

ClaimStatus = Literal["open", "confirmed", "failed"]
PASSED = 0.7  # score of a check that bears a claim out
SURFACE = "pages"
KINDS: tuple[StatementKind, ...] = ("claim", "goal", "interests", "undo")


class StatementError(ValueError):
    """This cannot be said: the message says what can."""


@dataclass(frozen=True)
class Change:
    """What a learner wants to change in the own picture: one of claim, goal or interests.

    `skill` and `says` make a claim; `goal` a goal (with `drop_goal`, none any more); `interests` take the
    place of those stated before.
    """

    skill: str = ""
    says: Says | None = None
    goal: Goal | None = None
    drop_goal: bool = False
    interests: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Claim:
    """A claim that stands, and what the work since says of it."""

    statement_id: str
    skill: str
    says: Says
    time: datetime
    status: ClaimStatus
    checks: int


@dataclass(frozen=True)
class Standing:
    """What a learner has said and not taken back. `trust` in (0, 1]: how far claims are believed."""

    goal: Goal | None = None
    goal_id: str = ""
    claims: tuple[Claim, ...] = ()
    trust: float = 1.0
    last: str = ""

    def open_claims(self) -> dict[str, Says]:
        """Return the claims that no work has settled yet, by skill."""
        return {claim.skill: claim.says for claim in self.claims if claim.status == "open"}


@dataclass(frozen=True)
class Preview:
    """The list in force and the one that would follow, as resource ids; `body` is what saving stores."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    body: bytes
    playlist_id: str = ""
    notes: tuple[str, ...] = field(default=())


def standing(workspace: Workspace, learner: str) -> Standing:
    """Return what a learner has said and not taken back; of a learner never seen, nothing."""
    with workspace.store.read() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        if person is None:
            return Standing()
        return standing_in(connection, person.number, workspace.catalogue())


def standing_in(connection: Connection, learner: int, catalogue: Catalogue) -> Standing:
    """Return the same within a transaction."""
    said = standing_of(statements_of(connection, [learner], KINDS))
    if not said:
        return Standing()
    claims = _claims(connection, learner, said, catalogue)
    trust = trust_of(*(sum(c.status == status for c in claims) for status in ("confirmed", "failed")))
    goals = [s for s in said if s.kind == "goal"]
    goal, goal_id = (_goal(goals[-1].body), goals[-1].statement_id) if goals else (None, "")
    latest = {claim.skill: claim for claim in claims}
    return Standing(goal, goal_id, tuple(latest.values()), trust, said[-1].statement_id)


def preview(
    workspace: Workspace, learner: str, change: Change, *, now: datetime, k: int, menu: int
) -> Preview:
    """Return the list that would follow from a change, and store nothing.

    `now` (UTC-aware) goes into the draw: saved with the same `now`, the same list follows, byte for byte.

    Raises
    ------
    StatementError
        When the change names a skill or tag that there is not, or a goal in the past.
    """
    _check(change, workspace.catalogue(), now)
    with workspace.store.read() as connection:
        person = _person(workspace, connection, learner)
        before, _ = _drawn(workspace, connection, person, None, now=now, shape=(k, menu))
        entry, body = _drawn(workspace, connection, person, change, now=now, shape=(k, menu))
    return Preview(_resources(before), _resources(entry), body, entry.playlist_id, entry.playlist.notes)


def save_change(
    workspace: Workspace, learner: str, change: Change, *, now: datetime, k: int, menu: int
) -> Statement:
    """Keep a change as a statement, and put the list that follows in force, in one transaction.

    Raises
    ------
    StatementError
        As :func:`preview`.
    """
    _check(change, workspace.catalogue(), now)
    with workspace.store.write() as connection:
        person = _person(workspace, connection, learner)
        entry, _ = _drawn(workspace, connection, person, change, now=now, shape=(k, menu))
        statement = _statement(connection, person, change, now=now)
        if change.interests is not None:
            _state_interests(
                workspace, connection, learner, change.interests, event_id=statement.statement_id, now=now
            )
        log(connection, rows_of([entry]))
        return append_statement(connection, replace(statement, playlist_id=entry.playlist_id))


def take_back(workspace: Workspace, learner: str, statement_id: str, *, now: datetime) -> Statement:
    """Take a statement of a learner back: the list before it is in force again, as it was.

    Raises
    ------
    StatementError
        When it is another's, or there is none.
    """
    with workspace.store.write() as connection:
        person = _person(workspace, connection, learner)
        found = find_statement(connection, statement_id)
        if found is None or found.learner != person.number or found.said_by or found.kind == "undo":
            raise StatementError("there is nothing of this learner's to take back under this id")
        undo = Statement(_id(person, "undo", statement_id, 0), 0, person.number, "undo", statement_id, now)
        if found.kind == "interests":
            before = tuple(found.body["before"])
            _state_interests(workspace, connection, learner, before, event_id=undo.statement_id, now=now)
        return append_statement(connection, undo)


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


def with_standing(champion: Champion, request: Request, said: Standing) -> Request:
    """Return a request (its state filled in) as what the learner said makes it."""
    goal = said.goal
    if goal and goal.due and goal.due <= request.now:
        goal = Goal(goal.skills)  # its day has passed: it stays what the learner works towards
    asked = replace(request, goal=request.goal or goal)
    claims = said.open_claims()
    if not claims:
        return asked
    recommender = champion.recommender
    state = with_claims(request.state, recommender.catalogue, claims, trust=said.trust)
    return ungated(recommender, asked, replace(asked, state=state))


def _drawn(
    workspace: Workspace,
    connection: Connection,
    person: Learner,
    change: Change | None,
    *,
    now: datetime,
    shape: tuple[int, int],
) -> tuple[Entry, bytes]:
    """Return the list that follows from what was said and a change, ready to be logged, and its bytes."""
    champion = workspace.champion(connection)
    kept, _ = states.current(connection, [person.number], champion.fold)
    mine = kept[person.number]
    said = standing_in(connection, person.number, workspace.catalogue())
    said = said if change is None else _with(said, change, now)
    request = Request(person.surrogate, now, state=mine.state, k=shape[0], menu=shape[1])
    if change is not None and change.interests is not None:
        request = edited(champion.recommender.kernel, request, Edit(interests=change.interests))
    honest, request = request, with_standing(champion, request, said)
    week = week_of(now, workspace.time_zone)
    number = count_statements(connection, person.number) + 1
    draw = Draw(workspace.configuration.seed, request.mode, week, person.number, number)
    question = Question(request, person, draw, SURFACE)
    known = {person.number: Kept(request.state, mine.upto, mine.last_time, mine.last_seq)}
    (entry,) = answer(champion, [question], known)
    if request.state is not honest.state:
        entry = replace(entry, forecasts=_unclaimed(champion, honest, entry))
    return entry, _bytes(entry)


def _unclaimed(champion: Champion, request: Request, entry: Entry) -> list[Floats]:
    """Return the forecasts of a list's steps from the record alone: a reward must not rest on a claim."""
    recommender = champion.recommender
    skills = recommender.kernel.scene(recommender.asked((request,))).skills
    ahead = np.array([skills.chance[0], skills.chance_later[0]])
    index, catalogue = recommender.catalogue.skill_index, recommender.catalogue
    return [
        ahead[:, [index[skill] for skill in catalogue.resources[catalogue.resource_index[s.resource]].skills]]
        for s in entry.playlist.steps
    ]


def _bytes(entry: Entry) -> bytes:
    """Return a list as the bytes that a preview and what is saved have in common."""
    steps = [[s.resource, s.propensity, s.score, list(s.menu)] for s in entry.playlist.steps]
    return json.dumps([steps, dict(entry.playlist.certificate)], sort_keys=True).encode()


def _resources(entry: Entry) -> tuple[str, ...]:
    return tuple(step.resource for step in entry.playlist.steps)


def _with(said: Standing, change: Change, now: datetime) -> Standing:
    if change.says is not None:
        others = tuple(claim for claim in said.claims if claim.skill != change.skill)
        return replace(said, claims=(*others, Claim("", change.skill, change.says, now, "open", 0)))
    if change.goal is not None or change.drop_goal:
        return replace(said, goal=change.goal)
    return said


def _check(change: Change, catalogue: Catalogue, now: datetime) -> None:
    asked = (
        change.says is not None,
        change.goal is not None or change.drop_goal,
        change.interests is not None,
    )
    if sum(asked) != 1:
        raise StatementError("say one thing at a time: a claim, a goal or interests")
    skills = (change.skill,) if change.says is not None else change.goal.skills if change.goal else ()
    if unknown := [skill for skill in skills if skill not in catalogue.skill_index]:
        raise StatementError(f"unknown skill {unknown[0]!r}: use skill ids of the catalogue")
    if change.goal and change.goal.due and change.goal.due <= now:
        raise StatementError("a goal's date must lie ahead")
    if unknown := [tag for tag in change.interests or () if tag not in catalogue.tag_index]:
        raise StatementError(f"unknown interest {unknown[0]!r}: use tags of the catalogue")


def _statement(connection: Connection, person: Learner, change: Change, *, now: datetime) -> Statement:
    number = count_statements(connection, person.number) + 1
    kind: StatementKind
    body: dict[str, Any]
    if change.says is not None:
        kind, about, body = "claim", change.skill, {"says": change.says}
    elif change.interests is not None:
        earlier = [
            s for s in standing_of(statements_of(connection, [person.number])) if s.kind == "interests"
        ]
        before = earlier[-1].body["after"] if earlier else []
        kind, about, body = "interests", "", {"before": before, "after": list(change.interests)}
    else:
        due = change.goal.due.isoformat() if change.goal and change.goal.due else ""
        body = {"skills": list(change.goal.skills) if change.goal else [], "due": due}
        kind, about = "goal", ""
    made = _id(person, kind, about, number)
    return Statement(made, 0, person.number, kind, about, now, body)


def _id(person: Learner, kind: str, about: str, number: int) -> str:
    text = f"{person.surrogate}:{kind}:{about}:{number}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _goal(body: Mapping[str, Any]) -> Goal | None:
    if not body["skills"]:
        return None
    due = datetime.fromisoformat(body["due"]) if body["due"] else None
    return Goal(tuple(body["skills"]), due)


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
        out.append(Claim(statement.statement_id, statement.about, says, statement.time, status, len(scores)))
    return out


def _skills(catalogue: Catalogue, resource: str) -> tuple[str, ...]:
    code = catalogue.resource_index.get(resource)
    return () if code is None else catalogue.resources[code].skills


def _person(workspace: Workspace, connection: Connection, learner: str) -> Learner:
    person = find_learners(connection, workspace.keyring, [learner]).get(learner)
    if person is None:
        raise StatementError("nothing is stored of this learner yet: look at the week first")
    if person.opted_out:
        raise StatementError("this learner has opted out: nothing new is stored")
    return person


def _state_interests(
    workspace: Workspace,
    connection: Connection,
    learner: str,
    tags: tuple[str, ...],
    *,
    event_id: str,
    now: datetime,
) -> None:
    """Append the event that states interests; none at all is said by a tag that no resource has."""
    row = {"event_id": f"interests:{event_id}", "learner": learner, "kind": "other", "time": now}
    frame = pd.DataFrame([{**row, "tags": ";".join(tags)}])
    catalogue = workspace.catalogue()
    checked = check(frame, [1], resources=catalogue.resource_index)
    append_events(connection, workspace.keyring, identify(checked.events), tags=set(catalogue.tag_ids))
