"""What a learner says about the own picture, and the list that follows: seen first, saved, taken back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from segue.engine.explanations.what_if import Edit, edited
from segue.engine.requests.request import Goal, Request
from segue.features.catalogue import Catalogue
from segue.features.history.claimed_mastery import Says
from segue.features.history.learner_state import LearnerState
from segue.features.iso_weeks import week_of
from segue.workspace.playlists.answering import Question, answer, with_acts
from segue.workspace.playlists.learner_standing import NOTHING_SAID, Claim, LearnerStanding, standing_in
from segue.workspace.playlists.published_playlists import Moment, in_force, lists_of
from segue.workspace.playlists.step_feedback import StepFeedback
from segue.workspace.records import learner_states as states
from segue.workspace.records.decision_log import Draw, Entry, log, rows_of
from segue.workspace.records.learner_states import Kept
from segue.workspace.records.learners import Learner, find_learners
from segue.workspace.records.statements import (
    Statement,
    StatementKind,
    append_statement,
    count_statements,
    find_statement,
)
from segue.workspace.storage.database import Connection
from segue.workspace.storage.errors import DeclinedError, opted_out_learner, unknown_learner
from segue.workspace.workspace import Workspace

SURFACE = "weekly"  # what follows from a statement takes the place of the week's list, for every door


@dataclass(frozen=True)
class PictureChange:
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
class Preview:
    """The list that would follow, as resource ids; `body` is what saving stores."""

    after: tuple[str, ...]
    body: bytes
    playlist_id: str
    notes: tuple[str, ...] = ()


def standing(workspace: Workspace, learner: str) -> LearnerStanding:
    """Return what a learner has said and not taken back; nothing of who opted out or was never seen."""
    with workspace.store.read() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        if person is None or person.opted_out:
            return NOTHING_SAID
        return standing_in(connection, person.number, workspace.catalogue_in(connection))


def preview(
    workspace: Workspace, learner: str, change: PictureChange, *, now: datetime, k: int, menu: int
) -> Preview:
    """Return the list that would follow from a change, and store nothing.

    `now` (UTC-aware) goes into the draw: saved with the same `now`, the same list follows, byte for byte.

    Raises
    ------
    DeclinedError
        When the change names a skill or tag that there is not, or a goal in the past.
    """
    with workspace.store.read() as connection:
        _check(change, workspace.catalogue_in(connection), now)
        person = known_person(workspace, connection, learner)
        entry = _drawn(workspace, connection, person, change, now=now, shape=(k, menu))
    after = tuple(step.resource for step in entry.playlist.steps)
    return Preview(after, _bytes(entry), entry.playlist_id, entry.playlist.notes)


def save_change(
    workspace: Workspace, learner: str, change: PictureChange, *, now: datetime, k: int, menu: int
) -> Statement:
    """Keep a change as a statement, and put the list that follows in force, in one transaction.

    The same change at the same `now` is kept once.

    Raises
    ------
    DeclinedError
        As :func:`preview`.
    """
    with workspace.store.write() as connection:
        _check(change, workspace.catalogue_in(connection), now)
        person = known_person(workspace, connection, learner)
        name = statement_name(person, "picture", repr(change), now)
        if (there := find_statement(connection, name)) is not None:
            return there
        entry = _drawn(workspace, connection, person, change, now=now, shape=(k, menu))
        before = _stated(workspace, connection, person)
        statement = _statement(name, person, change, before=before, now=now)
        if change.interests is not None:
            _state(workspace, connection, learner, change.interests, now)
        log(connection, rows_of([entry]))
        return append_statement(connection, replace(statement, playlist_id=entry.playlist_id))


def take_back(workspace: Workspace, learner: str, statement_id: str, *, now: datetime) -> Statement:
    """Take a statement of a learner back: the list before it is in force again, as it was.

    Raises
    ------
    DeclinedError
        When it is another's, or there is none.
    """
    with workspace.store.write() as connection:
        person = known_person(workspace, connection, learner)
        found = find_statement(connection, statement_id)
        if found is None or found.learner != person.number or found.said_by or found.kind == "undo":
            message = "there is nothing of this learner's to take back under this id"
            raise DeclinedError("absent", "no_statement", message)
        name = statement_name(person, "undo", statement_id)
        if (there := find_statement(connection, name)) is not None:
            return there  # again would bring old interests back over those stated since
        undo = Statement(name, 0, person.number, "undo", statement_id, now)
        if found.kind == "interests":
            _state(workspace, connection, learner, tuple(found.body["before"]), now)
        return append_statement(connection, undo)


def statement_name(person: Learner, kind: str, about: str, now: datetime | None = None) -> str:
    """Return the id of a statement: the same thing said at another time is another statement."""
    text = f"{person.surrogate}:{kind}:{about}:{'' if now is None else round(now.timestamp() * 1e6)}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def known_person(workspace: Workspace, connection: Connection, learner: str) -> Learner:
    """Return a learner who may say something.

    Raises
    ------
    DeclinedError
        When nothing is stored of this learner, or the learner opted out.
    """
    person = find_learners(connection, workspace.keyring, [learner]).get(learner)
    if person is None:
        raise unknown_learner()
    if person.opted_out:
        raise opted_out_learner()
    return person


def _drawn(
    workspace: Workspace,
    connection: Connection,
    person: Learner,
    change: PictureChange,
    *,
    now: datetime,
    shape: tuple[int, int],
) -> Entry:
    """Return the list that follows from what stands and a change, ready to be logged.

    What is done of the week's list stays done, and is no step of this one; what a teacher swapped in stays.
    """
    champion = workspace.champion(connection)
    kept, _ = states.current(connection, [person.number], champion.fold)
    mine = kept[person.number]
    week = week_of(now, workspace.time_zone)
    moment = Moment(workspace.keyring, workspace.catalogue_in(connection), now)
    there = in_force(lists_of(connection, moment, person.number, champion.fold, now=now, week=week))
    done = tuple(step.resource for step in there if step.state == "done")
    pins = tuple(step.resource for step in there if step.state == "swapped")
    k = max(shape[0] - len(done), len(pins), 1)
    asked = Request(person.surrogate, now, state=mine.state, k=k, menu=shape[1])
    request = replace(asked, pins=pins, planned=done)
    if change.interests is not None:
        request = edited(champion.recommender.kernel, request, Edit(interests=change.interests))
    number = count_statements(connection, person.number) + 1
    seed = f"{workspace.configuration.seed}/said/{number}"
    draw = Draw(seed, request.mode, week, person.number)
    asking = [Question(request, person, draw, SURFACE)]
    (question,) = with_acts(connection, champion, asking, keyring=workspace.keyring)
    question = replace(question, said=_with(question.said or NOTHING_SAID, change, now))
    state = request.state
    assert isinstance(state, LearnerState)
    known = {person.number: Kept(state, mine.upto, mine.last_time, mine.last_seq)}
    (entry,) = answer(champion, [question], known)
    return entry


def _bytes(entry: Entry) -> bytes:
    """Return a list as the bytes that a preview and what is saved have in common."""
    steps = [[s.resource, s.propensity, s.score, list(s.menu)] for s in entry.playlist.steps]
    return json.dumps([steps, dict(entry.playlist.certificate)], sort_keys=True).encode()


def _stated(workspace: Workspace, connection: Connection, person: Learner) -> list[str]:
    """Return the interests that the learner has stated so far."""
    fold = workspace.champion(connection).fold
    kept, _ = states.current(connection, [person.number], fold)
    tags = fold.catalogue.tag_ids
    return [tags[tag] for tag in np.flatnonzero(kept[person.number].state.stated).tolist()]


def _state(
    workspace: Workspace, connection: Connection, learner: str, tags: tuple[str, ...], now: datetime
) -> None:
    moment = Moment(workspace.keyring, workspace.catalogue_in(connection), now)
    StepFeedback(connection, moment).state_interests(learner, tags)


def _with(said: LearnerStanding, change: PictureChange, now: datetime) -> LearnerStanding:
    if change.says is not None:
        others = tuple(claim for claim in said.claims if claim.skill != change.skill)
        return replace(said, claims=(*others, Claim("", change.skill, change.says, now, "open")))
    if change.goal is not None or change.drop_goal:
        return replace(said, goal=change.goal)
    return said


def _check(change: PictureChange, catalogue: Catalogue, now: datetime) -> None:
    a_goal = change.goal is not None or change.drop_goal
    if (change.says is not None) + a_goal + (change.interests is not None) != 1:
        message = "say one thing at a time: a claim, a goal or interests"
        raise DeclinedError("invalid", "one_thing", message)
    skills = (change.skill,) if change.says is not None else change.goal.skills if change.goal else ()
    if unknown := [skill for skill in skills if skill not in catalogue.skill_index]:
        message = f"unknown skill {unknown[0]!r}: use skill ids of the catalogue"
        raise DeclinedError("invalid", "unknown_skill", message)
    if change.goal and change.goal.due and change.goal.due <= now:
        raise DeclinedError("invalid", "past", "a goal's date must lie ahead")
    if unknown := [tag for tag in change.interests or () if tag not in catalogue.tag_index]:
        message = f"unknown interest {unknown[0]!r}: use tags of the catalogue"
        raise DeclinedError("invalid", "unknown_tag", message)


def _statement(
    name: str, person: Learner, change: PictureChange, *, before: list[str], now: datetime
) -> Statement:
    kind: StatementKind
    body: dict[str, Any]
    if change.says is not None:
        kind, about, body = "claim", change.skill, {"says": change.says}
    elif change.interests is not None:
        kind, about, body = "interests", "", {"before": before, "after": list(change.interests)}
    else:
        due = change.goal.due.isoformat() if change.goal and change.goal.due else ""
        body = {"skills": list(change.goal.skills) if change.goal else [], "due": due}
        kind, about = "goal", ""
    return Statement(name, 0, person.number, kind, about, now, body)
