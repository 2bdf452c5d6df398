"""A teacher's reply to what a learner asked or planned: said once, and taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

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

Reply = Literal["answer", "review"]


def reply_to(
    connection: Connection, asked: Statement, kind: Reply, body: Mapping[str, Any], *, by: str, now: datetime
) -> Statement:
    """Return a teacher's reply, to be stored; where `by` said the same before, the one that is (numbered).

    Raises
    ------
    DeclinedError
        When the learner took back what was asked, or another reply stands.
    """
    every = statements_of(connection, [asked.learner])
    said = standing_of(every)
    for there in said:
        if (there.kind, there.about) == (kind, asked.statement_id):
            if there.said_by == by and {name: there.body[name] for name in body} == body:
                return there
            raise DeclinedError("conflict", "answered", "this was answered: take that back first")
    if asked.statement_id not in {s.statement_id for s in said}:
        raise DeclinedError("conflict", "taken_back", "the learner took this back")
    name = hashlib.blake2b(f"{kind}:{asked.statement_id}:{len(every)}".encode(), digest_size=16).hexdigest()
    return Statement(name, 0, asked.learner, kind, asked.statement_id, now, body, by)


def undo_reply(workspace: Workspace, statement_id: str, *, kind: Reply, by: str, now: datetime) -> Statement:
    """Take a teacher's answer to a request, or review of a plan, back: what was before is in force again.

    Raises
    ------
    DeclinedError
        When there is none of this id.
    """
    with workspace.store.write() as connection:
        reply = find_statement(connection, statement_id)
        if reply is None or reply.kind != kind:
            raise DeclinedError("absent", f"no_{kind}", "there is no such answer")
        teacher = workspace.pseudonym_of_teacher(by)
        name = hashlib.blake2b(f"undo:{statement_id}".encode(), digest_size=16).hexdigest()
        undo = Statement(name, 0, reply.learner, "undo", statement_id, now, {}, teacher)
        return append_statement(connection, undo)
