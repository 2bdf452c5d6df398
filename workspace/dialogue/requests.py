"""What a learner asks of the teacher (a talk, a look at a record, a resource for the class), answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from segue.workspace.dialogue.negotiation import known_person, statement_name
from segue.workspace.dialogue.passed_on import pass_on
from segue.workspace.dialogue.replies import reply_to
from segue.workspace.records.learners import find_learners
from segue.workspace.records.statements import (
    Statement,
    append_statement,
    find_statement,
    standing_of,
    statements_of,
)
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
    for asked in said:
        if asked.kind in KINDS:
            found = answers.get(asked.statement_id)
            body = found.body if found else {}
            about = (asked.statement_id, inside[asked.learner], asked.kind, asked.about, asked.time)
            answer = (body.get("verdict", ""), body.get("note", ""), found.statement_id if found else "")
            out.append(LearnerRequest(*about, *answer, int(body.get("passed_on", 0))))
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
        body = {"verdict": "accepted" if accept else "declined", "note": note[:LONGEST_NOTE]}
        teacher = workspace.pseudonym_of_teacher(by)
        answer = reply_to(connection, asked, "answer", body, by=teacher, now=now)
        if accept and asked.kind == "suggestion" and not answer.number:
            mates = pass_on(workspace, connection, asked, answer, classmates, class_id=class_id)
            answer = replace(answer, body={**body, "passed_on": mates})
        return append_statement(connection, answer)
