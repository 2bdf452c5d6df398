"""What is said about a learner's work, appended once: claims, goals, plans and the answers to them.

A statement is never changed. One of kind "undo" takes another back, by the other's id in `about`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select

from segue.workspace.records.learners import require_profiled, where_in
from segue.workspace.storage.database import take_numbers
from segue.workspace.storage.schema import events, statements

StatementKind = Literal[
    "claim", "goal", "interests", "plan", "review", "suggestion", "contest", "talk", "answer", "undo"
]


@dataclass(frozen=True)
class Statement:
    """One thing that was said.

    Attributes
    ----------
    about : str
        What it is about: a skill (claim), a resource (suggestion), a decision (contest), or the id of another
        statement (review, answer, undo).
    said_by : str
        Keyed digest of a teacher's id; "" when the learner said it.
    playlist_id : str
        The list that was drawn on account of it, "" when none was.
    """

    statement_id: str
    number: int
    learner: int
    kind: StatementKind
    about: str
    time: datetime
    body: Mapping[str, Any] = field(default_factory=dict)
    said_by: str = ""
    playlist_id: str = ""


def append_statement(connection: Connection, statement: Statement) -> Statement:
    """Write a statement, numbered, within a write; one whose id is there already is returned as it stands.

    Raises
    ------
    DeclinedError
        When the learner whom it is about was erased or opted out.
    """
    there = find_statement(connection, statement.statement_id)
    if there is not None:
        return there
    require_profiled(connection, statement.learner)
    numbered = replace(statement, number=take_numbers(connection, "statements", 1))
    body = json.dumps(dict(statement.body), ensure_ascii=False, sort_keys=True)
    stored = {"body": body, "time": round(statement.time.timestamp() * 1e6)}
    connection.execute(statements.insert().values(vars(numbered) | stored))
    return numbered


def find_statement(connection: Connection, statement_id: str) -> Statement | None:
    """Return a statement by its id."""
    query = select(statements).where(statements.c.statement_id == statement_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _statement(row)


def statements_of(
    connection: Connection, learners: Collection[int], kinds: Iterable[StatementKind] | None = None
) -> list[Statement]:
    """Return what was said about some learners, oldest first, with what was taken back."""
    query = select(statements)
    if kinds is not None:
        query = query.where(statements.c.kind.in_(tuple(kinds)))
    rows = where_in(connection, query, statements.c.learner, set(learners))
    return [_statement(row) for row in sorted(rows, key=lambda row: int(row.number))]


def count_statements(connection: Connection, learner: int) -> int:
    """Return how many statements there are of a learner, those taken back among them."""
    query = select(func.count()).select_from(statements).where(statements.c.learner == learner)
    return int(connection.execute(query).scalar_one())


def standing_of(said: Sequence[Statement]) -> list[Statement]:
    """Return the statements that were not taken back, in order."""
    gone = {statement.about for statement in said if statement.kind == "undo"}
    return [s for s in said if s.kind != "undo" and s.statement_id not in gone]


def lists_taken_back(connection: Connection, learners: Collection[int]) -> set[str]:
    """Return the ids of lists that were drawn on account of a statement which was taken back."""
    said = statements_of(connection, learners)
    gone = {statement.about for statement in said if statement.kind == "undo"}
    return {s.playlist_id for s in said if s.playlist_id and s.statement_id in gone}


def attempts_since(
    connection: Connection, learner: int, since: datetime
) -> list[tuple[str, float, datetime]]:
    """Return the attempts of a learner after a moment, oldest first: resource, score, time."""
    mine = events.c.learner == learner
    voided = select(events.c.voids).where(mine, events.c.voids.is_not(None))
    gone = voided.union(select(events.c.supersedes).where(mine, events.c.supersedes.is_not(None)))
    query = (
        select(events.c.resource, events.c.score, events.c.time)
        .where(
            mine,
            events.c.kind == "attempt",
            events.c.time > round(since.timestamp() * 1e6),
            events.c.event_id.not_in(gone),
        )
        .order_by(events.c.time, events.c.seq)
    )
    rows = connection.execute(query)
    return [(row.resource, float(row.score), datetime.fromtimestamp(row.time / 1e6, UTC)) for row in rows]


def _statement(row: Row[Any]) -> Statement:
    """Return a row of the table, whose columns are the fields."""
    time, body = datetime.fromtimestamp(row.time / 1e6, UTC), json.loads(row.body)
    return Statement(**{**row._mapping, "time": time, "body": body})
