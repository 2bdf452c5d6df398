"""What a learner asks of the teacher (a talk, a look at a record, a resource for the class), answered.

A suggestion that the teacher agreed to is passed on to classmates: no names, and few at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from segue.workspace.dialogue.negotiation import known_person, statement_name
from segue.workspace.records.learners import class_surrogates, find_learners
from segue.workspace.records.practices.practice_rows import PracticeRow, append_practices, practices_of
from segue.workspace.records.rosters.enrolments import has_left
from segue.workspace.records.statements import (
    Statement,
    append_statement,
    find_statement,
    standing_of,
    statements_of,
)
from segue.workspace.storage.database import Connection
from segue.workspace.storage.errors import DeclinedError
from segue.workspace.workspace import Workspace

Asks = Literal["talk", "contest", "suggestion"]
KINDS: tuple[Asks, ...] = ("talk", "contest", "suggestion")
MOST_OPEN = 10  # of one learner and kind: a page is no mailbox
LONGEST_NOTE = 80


@dataclass(frozen=True)
class LearnerRequest:
    """What a learner asked, of which skill or resource, and the answer ("" while there is none).

    `passed_on` says to how many classmates an accepted suggestion went.
    """

    statement_id: str
    learner: str
    kind: Asks
    about: str
    time: datetime
    answer: str = ""
    note: str = ""
    answer_id: str = ""
    passed_on: int = 0


def ask_teacher(workspace: Workspace, learner: str, kind: Asks, about: str, *, now: datetime) -> Statement:
    """Keep what a learner asks: a talk about a skill, a look at its record, a resource for the class.

    Raises
    ------
    DeclinedError
        When the catalogue does not have what it is about, a resource to suggest is not open, or too much
        waits for an answer already.
    """
    catalogue = workspace.catalogue()
    known = catalogue.resource_index if kind == "suggestion" else catalogue.skill_index
    if kind not in KINDS or about not in known:
        raise DeclinedError("invalid", "unknown", "say what it is about: a skill, or a resource to suggest")
    if kind == "suggestion" and not catalogue.is_open(about, now.timestamp()):
        raise DeclinedError("invalid", "closed", f"{about!r} is not open at this time")
    with workspace.store.write() as connection:
        person = known_person(workspace, connection, learner)
        said = standing_of(statements_of(connection, [person.number], (kind, "answer", "undo")))
        answered = {s.about for s in said if s.kind == "answer"}
        waiting = [s for s in said if s.kind == kind and s.statement_id not in answered]
        if again := [s for s in waiting if s.about == about]:
            return again[0]
        if len(waiting) >= MOST_OPEN:
            message = f"{MOST_OPEN} of these wait for an answer already: take one back first"
            raise DeclinedError("conflict", "too_many", message)
        name = statement_name(person, kind, about, now)
        return append_statement(connection, Statement(name, 0, person.number, kind, about, now))


def requests_of(workspace: Workspace, learners: Sequence[str]) -> list[LearnerRequest]:
    """Return what learners asked and did not take back, oldest first, with the answers."""
    with workspace.store.read() as connection:
        people = find_learners(connection, workspace.keyring, learners)
        inside = {person.number: who for who, person in people.items() if not person.opted_out}
        said = standing_of(statements_of(connection, inside, (*KINDS, "answer", "undo")))
    answers = {s.about: s for s in said if s.kind == "answer"}
    out = []
    for statement in said:
        for kind in KINDS:
            if statement.kind == kind:
                found = answers.get(statement.statement_id)
                asked = (statement.statement_id, inside[statement.learner], kind)
                line = LearnerRequest(*asked, statement.about, statement.time)
                if found:
                    line = replace(
                        line,
                        answer=found.body["verdict"],
                        note=found.body["note"],
                        answer_id=found.statement_id,
                        passed_on=int(found.body.get("passed_on", 0)),
                    )
                out.append(line)
    return out


def answer_request(
    workspace: Workspace,
    statement_id: str,
    *,
    by: str,
    accept: bool,
    note: str = "",
    now: datetime,
    class_id: str = "",
    classmates: Sequence[str] = (),
) -> Statement:
    """Keep a teacher's answer to what a learner asked.

    A suggestion that is accepted is passed on to `classmates` (the LMS's ids): see ``passed_on``.

    Raises
    ------
    DeclinedError
        When there is no such request, or it was answered.
    """
    with workspace.store.write() as connection:
        asked = find_statement(connection, statement_id)
        if asked is None or asked.kind not in KINDS:
            raise DeclinedError("absent", "no_request", "there is no such request")
        every = statements_of(connection, [asked.learner])
        said = standing_of(every)
        if statement_id not in {s.statement_id for s in said}:
            raise DeclinedError("conflict", "taken_back", "the learner took this back")
        teacher = workspace.pseudonym_of_teacher(by)
        body = {"verdict": "accepted" if accept else "declined", "note": note[:LONGEST_NOTE]}
        for there in said:
            same = (there.kind, there.about, there.said_by) == ("answer", statement_id, teacher)
            if same and {name: there.body[name] for name in body} == body:
                return there
        if any(s.kind == "answer" and s.about == statement_id for s in said):
            raise DeclinedError("conflict", "answered", "this was answered: take that back first")
        name = hashlib.blake2b(f"answer:{statement_id}:{len(every)}".encode(), digest_size=16).hexdigest()
        told: dict[str, str | int] = dict(body)
        if accept and asked.kind == "suggestion":
            told["passed_on"] = pass_on(
                workspace,
                connection,
                asked,
                answer_id=name,
                class_id=class_id,
                classmates=classmates,
                now=now,
            )
        return append_statement(
            connection, Statement(name, 0, asked.learner, "answer", statement_id, now, told, teacher)
        )


SHOWN_DAYS, MOST_SHOWN = 14, 2


@dataclass(frozen=True)
class PassedOn:
    """A resource that a classmate suggested, and when the teacher passed it on; nobody is named."""

    resource: str
    time: datetime


def pass_on(
    workspace: Workspace,
    connection: Connection,
    asked: Statement,
    *,
    answer_id: str,
    class_id: str,
    classmates: Sequence[str],
    now: datetime,
) -> int:
    """Keep, within a write, that a suggestion goes to classmates whom the store knows; return to how many."""
    inside = class_surrogates(connection, workspace.keyring, [class_id], create=True) if class_id else {}
    people = find_learners(connection, workspace.keyring, list(classmates)).values()
    rows = [
        PracticeRow(number, inside.get(class_id, ""), "suggestion", asked.about, answer_id, now)
        for number in {one.number for one in people if not one.opted_out} - {asked.learner}
    ]
    return append_practices(connection, sorted(rows, key=lambda row: row.learner))


def suggested_to(workspace: Workspace, learner: str, *, now: datetime) -> list[PassedOn]:
    """Return what classmates suggest to a learner now, the newest first, at most `MOST_SHOWN`.

    Only what may be drawn for this learner as it is: nothing gated opens by it, nor comes again what is
    mastered or was just done, nor what a teacher took out. It goes when the teacher takes the answer back,
    when the learner leaves the class, and after a fortnight.
    """
    with workspace.store.read() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        if person is None or person.opted_out:
            return []
        rows = practices_of(connection, [person.number], ("suggestion",))
        recent = {row.about: row for row in rows if now - timedelta(days=SHOWN_DAYS) <= row.time <= now}
        standing = [
            row
            for row in recent.values()
            if _stands(connection, row.act) and not has_left(connection, row.class_id, person.number, at=now)
        ]
    if not standing:
        return []
    champion, asking = workspace.asking([learner], now=now)
    recommender, request = champion.recommender, asking[learner].record
    places = recommender.catalogue.resource_index
    found = [
        PassedOn(row.about, row.time)
        for row in sorted(standing, key=lambda row: row.time, reverse=True)
        if row.about in places and not recommender.why_not(request, row.about).rules
    ]
    return found[:MOST_SHOWN]


def _stands(connection: Connection, answer_id: str) -> bool:
    """Return whether the answer that passed something on was not taken back."""
    answer = find_statement(connection, answer_id)
    if answer is None:
        return False
    said = standing_of(statements_of(connection, [answer.learner], ("answer", "undo")))
    return answer_id in {one.statement_id for one in said}
