"""Every row that belongs to one learner: read for an export, removed by an erasure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Table, select

from segue.features.contexts.context_columns import COLUMNS
from segue.features.history.learner_state import LearnerState
from segue.features.history.state_columns import COUNT
from segue.workspace.records.decision_log import context_of
from segue.workspace.records.gradebook_links import forget_links
from segue.workspace.records.learners import Learner
from segue.workspace.storage.database import Connection
from segue.workspace.storage.schema import (
    aliases,
    decisions,
    enrolments,
    events,
    learners,
    linked_ids,
    openings,
    overrides,
    playlists,
    practices,
    replies,
    rewards,
    statements,
    states,
    tombstones,
)

OWNED = (events, statements, practices, playlists, decisions, overrides, rewards)


def stored_rows(connection: Connection, person: Learner) -> dict[str, list[dict[str, Any]]]:
    """Return every row of a learner by table, as plain values for people."""
    found = {table.name: _rows(connection, table, person) for table in OWNED}
    mine = enrolments.c.learner == person.number
    places = connection.execute(select(enrolments.c.role, enrolments.c.begins, enrolments.c.ends).where(mine))
    found["enrolments"] = [_plain(row._asdict()) for row in places]
    other = connection.execute(select(linked_ids.c.digest).where(linked_ids.c.surrogate == person.surrogate))
    found["linked_ids"] = [{"keyed_digest": bytes(row.digest).hex()} for row in other]
    balance = connection.execute(select(openings).where(openings.c.learner == person.number))
    found["openings"] = [
        {
            "attempts": float(LearnerState.from_bytes(row.body).general[COUNT]),
            **_plain({"time": row.last_time}),
        }
        for row in balance
    ]
    return found


def set_opted_out(connection: Connection, person: Learner, *, out: bool) -> None:
    """Write whether a learner has opted out; the state goes when it has."""
    mine = learners.c.number == person.number
    connection.execute(learners.update().where(mine).values(opted_out=out))
    if out:
        for table in (states, replies):
            connection.execute(table.delete().where(table.c.learner == person.number))


def remove_rows(connection: Connection, person: Learner) -> dict[str, int]:
    """Remove every row of a learner and leave tombstones; return how many rows of each table."""
    alias = (aliases.c.domain == "learner") & (aliases.c.surrogate == person.surrogate)
    kept = connection.execute(select(aliases.c.digest, aliases.c.key_version).where(alias)).one()
    connection.execute(tombstones.insert().values(digest=kept.digest, key_version=kept.key_version))
    links = linked_ids.c.surrogate == person.surrogate
    for row in connection.execute(select(linked_ids.c.digest, linked_ids.c.key_version).where(links)).all():
        connection.execute(tombstones.insert().values(digest=row.digest, key_version=row.key_version))
    connection.execute(linked_ids.delete().where(links))
    tables = (
        *(rewards, overrides, decisions, playlists, states, openings, statements, practices),
        *(enrolments, replies, events, learners),
    )
    counts = {t.name: connection.execute(t.delete().where(_of(t, person))).rowcount for t in tables}
    connection.execute(aliases.delete().where(alias))
    forget_links(connection, person.number)
    return counts


def _of(table: Table, person: Learner) -> ColumnElement[bool]:
    if table is rewards:
        mine = select(decisions.c.decision_id).where(decisions.c.learner == person.number)
        return rewards.c.decision_id.in_(mine)
    return table.c.number == person.number if table is learners else table.c.learner == person.number


def _rows(connection: Connection, table: Table, person: Learner) -> list[dict[str, Any]]:
    query = select(table).where(_of(table, person)).order_by(table.c.number)
    return [_plain(row._asdict()) for row in connection.execute(query)]


_INSIDE = (
    *("number", "learner", "event_id", "supersedes", "voids"),
    *("class_id", "teacher", "undone_by", "given_by", "said_by"),
)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row for people: contexts by name, times in ISO 8601, what is only the store's left out."""
    out: dict[str, Any] = {}
    for name, value in row.items():
        if name in _INSIDE:
            continue
        if name == "context":
            out[name] = dict(zip(COLUMNS, context_of(value).tolist(), strict=False))
        elif isinstance(value, bytes | memoryview):
            out[name] = np.frombuffer(value, "<f8").tolist()
        elif name in ("time", "matured", "until", "undone", "begins", "ends") and value is not None:
            out[name] = datetime.fromtimestamp(value / 1e6, UTC).isoformat()
        else:
            out[name] = value
    return out
