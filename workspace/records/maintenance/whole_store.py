"""Every row there is: as canonical lines, as counts, what points at nothing, and copied to another store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Table, func, select, text

from segue.workspace.records.matured_rewards import latest_rewards
from segue.workspace.storage.database import Connection, insert_columns
from segue.workspace.storage.schema import (
    aliases,
    decisions,
    events,
    learners,
    metadata,
    overrides,
    playlists,
    practices,
    rewards,
    statements,
    states,
)

_INSIDE = ("number", "learner", "surrogate", "class_id", "key_version", "digest")


def last_event(connection: Connection) -> str:
    """Return what tells the last event stored from any other, its number and id; "" when there is none."""
    query = select(events.c.number, events.c.event_id).order_by(events.c.number.desc()).limit(1)
    row = connection.execute(query).first()
    return "" if row is None else f"{row.number} {bytes(row.event_id).hex()}"


def has_event(connection: Connection, told: str) -> bool:
    """Return whether the event that `last_event` told of is there: not so in a backup made before."""
    number, _, name = told.partition(" ")
    query = select(events.c.event_id).where(events.c.number == int(number or 0))
    return not told or connection.execute(query).scalar() == bytes.fromhex(name)


def digests(connection: Connection) -> dict[int, bytes]:
    """Return the digest of each learner's source id, by number."""
    query = (
        select(learners.c.number, aliases.c.digest)
        .join_from(learners, aliases, learners.c.surrogate == aliases.c.surrogate)
        .where(aliases.c.domain == "learner")
    )
    return {row.number: bytes(row.digest) for row in connection.execute(query)}


def facts(connection: Connection) -> Iterator[str]:
    """Yield facts and rewards as lines, sorted within each table; a learner is the digest of the id."""
    who = digests(connection)
    for table in (events, statements, practices, playlists, decisions, overrides):
        yield from sorted(_lines(table.name, connection.execute(select(table)), who))
    yield from sorted(_lines("rewards", connection.execute(latest_rewards()), who))


def _lines(name: str, rows: Iterable[Any], who: Mapping[int, bytes]) -> Iterator[str]:
    for row in rows:
        cells = row._mapping
        kept = {k: _plain(v) for k, v in cells.items() if k not in _INSIDE}
        learner = _plain(who.get(cells["learner"])) if "learner" in cells else ""
        yield f"{name} {learner} {json.dumps(kept, sort_keys=True)}"


def _plain(value: Any) -> Any:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def page_check(connection: Connection) -> str:
    """Return what SQLite says of its pages: "ok", or what is wrong."""
    return " ".join(str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(3)")))


def orphans(connection: Connection) -> dict[str, int]:
    """Return how many rows point at nothing, by what they are."""
    questions = {
        "overrides without decision": (overrides.c.decision_id, decisions.c.decision_id),
        "decisions without playlist": (decisions.c.playlist_id, playlists.c.playlist_id),
        "rewards without decision": (rewards.c.decision_id, decisions.c.decision_id),
        "events without learner": (events.c.learner, learners.c.number),
        "statements without learner": (statements.c.learner, learners.c.number),
        "practices without learner": (practices.c.learner, learners.c.number),
        "states without learner": (states.c.learner, learners.c.number),
        "playlists without learner": (playlists.c.learner, learners.c.number),
        "learners without alias": (learners.c.surrogate, aliases.c.surrogate),
    }
    return {
        name: int(
            connection.execute(
                select(func.count()).select_from(child.table).where(child.not_in(select(parent)))
            ).scalar_one()
        )
        for name, (child, parent) in questions.items()
    }


def counts(connection: Connection) -> dict[str, int]:
    """Return how many events, learners, decisions and rewards there are."""
    tables = {"events": events, "learners": learners, "decisions": decisions}
    subqueries = {name: select(table).subquery() for name, table in tables.items()}
    found = subqueries | {"rewards": latest_rewards().subquery()}
    return {
        name: int(connection.execute(select(func.count()).select_from(rows)).scalar_one())
        for name, rows in found.items()
    }


ROWS = 20_000


def copied(source: Connection, target: Connection) -> dict[str, int]:
    """Replace the rows of every table by those of `source`; return how many."""
    return {table.name: _copy(source, target, table) for table in metadata.sorted_tables}


def _copy(source: Connection, target: Connection, table: Table) -> int:
    target.execute(table.delete())
    count = 0
    found = source.execution_options(yield_per=ROWS).execute(select(table))
    for rows in found.partitions():
        names = table.c.keys()
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        insert_columns(target, table, columns)
        count += len(rows)
    return count
