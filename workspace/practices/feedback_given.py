"""Feedback and talks: given, due, whom to talk to; and what one learner got of all kinds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from segue.engine.practices.reviews import Talk, conference_queue, feedback_due
from segue.workspace.practices.members import Members, mastery_of, members_of
from segue.workspace.records.learners import find_learners
from segue.workspace.records.practices.practice_rows import (
    PracticeKind,
    append_practices,
    practices_of,
    take_back,
)
from segue.workspace.storage.database import Connection
from segue.workspace.storage.errors import DeclinedError
from segue.workspace.storage.pseudonyms import teacher_pseudonym
from segue.workspace.workspace import Workspace

WEEK = timedelta(days=7)
GIVEN: tuple[PracticeKind, ...] = ("feedback", "talk")


def note_given(
    workspace: Workspace,
    class_id: str,
    kind: PracticeKind,
    names: Sequence[str],
    *,
    by: str,
    now: datetime,
    about: str = "",
    minutes: float | None = None,
) -> int:
    """Remember feedback or a talk that some learners had, and return how many rows are new.

    Parameters
    ----------
    by : str
        The teacher's id in the LMS; a keyed digest is stored.
    """
    body = {} if minutes is None else {"minutes": minutes}
    with workspace.store.write() as connection:
        members = members_of(workspace, connection, class_id, names, now=now, create=True)
        who = teacher_pseudonym(workspace.keyring, by) if by else ""
        rows = [members.row(name, kind, about, now, body=body, by=who) for name in members.names]
        return append_practices(connection, rows)


def take_back_given(
    workspace: Workspace, class_id: str, name: str, *, at: datetime, by: str, now: datetime
) -> None:
    """Take back the feedback or the talk that a teacher noted of a learner at a moment.

    Raises
    ------
    DeclinedError
        When this teacher noted none then.
    """
    with workspace.store.write() as connection:
        members = members_of(workspace, connection, class_id, [name], now=now)
        who = teacher_pseudonym(workspace.keyring, by)
        for one in members.people.values():
            if take_back(connection, one.number, GIVEN, at=at, by=who, now=now):
                return
    raise DeclinedError(
        "absent", "no_feedback", "this teacher noted no feedback or talk of this learner then"
    )


def feedback_waiting(
    workspace: Workspace, class_id: str, *, now: datetime, names: Sequence[str] = (), period: timedelta = WEEK
) -> list[tuple[str, datetime | None]]:
    """Return who had no feedback in the last `period`, longest wait first, and when the last one was."""
    with workspace.store.read() as connection:
        members = members_of(workspace, connection, class_id, names, now=now)
        last = _last(connection, members, GIVEN, now)
    return [(name, last[name]) for name in feedback_due(last, now=now, period=period)]


def talks_due(
    workspace: Workspace,
    class_id: str,
    *,
    minutes: float,
    now: datetime,
    minutes_each: float = 5.0,
    names: Sequence[str] = (),
    asked: Collection[str] = (),
) -> list[Talk]:
    """Return whom to talk to: who asked, then by need (a low mean chance of success) and by the wait.

    Raises
    ------
    ValueError
        When somebody who asked is not of the class.
    """
    with workspace.store.read() as connection:
        members = members_of(workspace, connection, class_id, names, now=now)
        if not names:  # the stored roster has surrogates
            found = find_learners(connection, workspace.keyring, asked)
            asked = [found[who].surrogate if who in found else who for who in asked]
        if strangers := len(set(asked) - set(members.people)):
            raise ValueError(f"asked: {strangers} of {len(set(asked))} are not of this class")
        last = _last(connection, members, ("talk",), now)
        chance = mastery_of(workspace, connection, members, now=now).mean(axis=1)
    need = {str(name): 1.0 - float(value) for name, value in chance.items()}
    waited = {name: (now - at) / WEEK for name, at in last.items() if at is not None}
    return conference_queue(
        need, minutes=minutes, minutes_each=minutes_each, asked=asked, waited_weeks=waited
    )


def _last(
    connection: Connection, members: Members, kinds: tuple[PracticeKind, ...], now: datetime
) -> dict[str, datetime | None]:
    out: dict[str, datetime | None] = dict.fromkeys(members.names)
    called = members.called
    for row in practices_of(connection, list(called), kinds):
        name = called[row.learner]
        if row.time <= now and ((before := out[name]) is None or row.time > before):
            out[name] = row.time
    return out


ReceivedKind = Literal["score", "feedback", "talk", "review"]
KINDS: tuple[ReceivedKind, ...] = ("score", "feedback", "talk", "review")


@dataclass(frozen=True)
class Received:
    """One thing that a learner got.

    Attributes
    ----------
    about : str
        The work, "" for a talk.
    criterion, score, skills
        Of a score: the criterion, the score in [0, 1] (several raters: their mean), and the skills it shows.
    """

    kind: ReceivedKind
    about: str
    time: datetime
    criterion: str = ""
    score: float = 0.0
    skills: tuple[str, ...] = ()


def received_of(workspace: Workspace, learner: str) -> list[Received]:
    """Return what a learner got, the newest first; of reviews, the works that are the learner's to review."""
    with workspace.store.read() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        if person is None or person.opted_out:
            return []
        rows = practices_of(connection, [person.number], KINDS)
        catalogue = workspace.catalogue_in(connection)
    scores: dict[tuple[str, str], dict[str, float]] = {}  # of each rater the last word
    out: dict[tuple[str, ...], Received] = {}
    for row in rows:
        criterion = str(row.body.get("criterion", ""))
        if row.kind == "review" and row.body.get("side") != "reviewer":
            continue
        found = Received(cast(ReceivedKind, row.kind), row.about, row.time)
        if row.kind == "score":
            given = scores.setdefault((row.about, criterion), {})
            given[row.given_by] = float(row.body["score"])
            at = catalogue.resource_index.get(str(row.body.get("resource", "")))
            skills = () if at is None else catalogue.resources[at].skills
            mean = sum(given.values()) / len(given)
            found = Received("score", row.about, row.time, criterion, mean, skills)
        act = row.act if row.kind == "review" else "" if row.kind == "score" else row.time.isoformat()
        out[row.kind, row.about, criterion, act] = found
    return sorted(out.values(), key=lambda one: one.time, reverse=True)
