"""Is the store whole? What it holds as one canonical text, what contradicts itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, and_, func, select, text

from segue.workspace import model_registry as champions
from segue.workspace.records.learner_states import current
from segue.workspace.storage import schema
from segue.workspace.storage.database import schema_version
from segue.workspace.storage.schema import aliases, decisions, events, learners, playlists, rewards, states
from segue.workspace.workspace import BLOCK_LEARNERS, Workspace

_INSIDE = ("number", "learner", "surrogate", "class_id", "key_version", "digest")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `well` tells whether it is as it must be."""

    name: str
    well: bool
    said: str


def canonical(workspace: Workspace) -> Iterator[str]:
    """Yield what the store holds, one line a row, sorted within each table; states as they are when read.

    Numbers that only the store gives (surrogates, row numbers) do not appear: a learner is the digest of the
    source's id. So two stores that were told the same say the same, whatever happened in between.
    """
    with workspace.store.read() as connection:
        yield from _facts(connection)
        if champions.current_fit(connection) is not None:
            yield from _folds(connection, workspace)


def _folds(connection: Connection, workspace: Workspace) -> Iterator[str]:
    fold = workspace.champion(connection).fold
    who = _digests(connection)
    for start in range(0, len(who), BLOCK_LEARNERS):
        numbers = sorted(who, key=lambda number: who[number])[start : start + BLOCK_LEARNERS]
        known = current(connection, numbers, fold)[0]
        for number in numbers:
            yield f"state {who[number].hex()} {known[number].state.to_bytes().hex()}"
    sums = champions.load_sums(connection)
    yield f"sums {sums.n} {sums.A.tobytes().hex()} {sums.b.tobytes().hex()}"
    yield f"model {champions.current_fit(connection)}"


def _digests(connection: Connection) -> dict[int, bytes]:
    """Return the digest of each learner's source id, by number."""
    query = (
        select(learners.c.number, aliases.c.digest)
        .join_from(learners, aliases, learners.c.surrogate == aliases.c.surrogate)
        .where(aliases.c.domain == "learner")
    )
    return {row.number: bytes(row.digest) for row in connection.execute(query)}


def _facts(connection: Connection) -> Iterator[str]:
    who = _digests(connection)
    for table in (events, playlists, decisions):
        yield from sorted(_lines(table.name, connection.execute(select(table)), who))
    yield from sorted(_lines("rewards", connection.execute(latest_rewards()), who))


def digest(workspace: Workspace) -> str:
    """Return one digest of the canonical text."""
    made = hashlib.blake2b(digest_size=16)
    for line in canonical(workspace):
        made.update(line.encode() + b"\n")
    return made.hexdigest()


def latest_rewards() -> Select[Any]:
    """Return the query of each decision's last revision."""
    last = select(rewards.c.decision_id, func.max(rewards.c.revision).label("revision"))
    newest = last.group_by(rewards.c.decision_id).subquery()
    same = and_(rewards.c.decision_id == newest.c.decision_id, rewards.c.revision == newest.c.revision)
    columns = (rewards.c.decision_id, rewards.c.status, rewards.c.value, rewards.c.parts, rewards.c.matured)
    return select(*columns).join_from(rewards, newest, same)


def _lines(name: str, rows: Iterable[Any], who: dict[int, bytes]) -> Iterator[str]:
    for row in rows:
        cells = row._mapping
        kept = {k: _plain(v) for k, v in cells.items() if k not in _INSIDE}
        learner = _plain(who.get(cells["learner"])) if "learner" in cells else ""
        yield f"{name} {learner} {json.dumps(kept, sort_keys=True)}"


def _plain(value: Any) -> Any:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def examine(workspace: Workspace) -> list[Finding]:
    """Return what a look at every table finds."""
    with workspace.store.read() as connection:
        return [
            _integrity(connection, sqlite=workspace.store.is_sqlite),
            Finding(
                "schema", schema_version(connection) == schema.HEAD, f"version {schema_version(connection)}"
            ),
            *_orphans(connection),
            _sums(connection, workspace),
            _counts(connection),
        ]


def _integrity(connection: Connection, *, sqlite: bool) -> Finding:
    if not sqlite:
        return Finding("pages", True, "left to PostgreSQL")
    said = str(connection.execute(text("PRAGMA integrity_check")).scalar_one())
    return Finding("pages", said == "ok", said)


def _orphans(connection: Connection) -> list[Finding]:
    questions = {
        "decisions without playlist": (decisions.c.playlist_id, playlists.c.playlist_id),
        "rewards without decision": (rewards.c.decision_id, decisions.c.decision_id),
        "events without learner": (events.c.learner, learners.c.number),
        "states without learner": (states.c.learner, learners.c.number),
        "playlists without learner": (playlists.c.learner, learners.c.number),
        "learners without alias": (learners.c.surrogate, aliases.c.surrogate),
    }
    out = []
    for name, (child, parent) in questions.items():
        lost = select(func.count()).select_from(child.table).where(child.not_in(select(parent)))
        count = connection.execute(lost).scalar_one()
        out.append(Finding(name, count == 0, str(count)))
    return out


def _sums(connection: Connection, workspace: Workspace) -> Finding:
    """Compare the sums of the reward model with the rewards, bit for bit."""
    name = "every reward counted once"
    if champions.current_fit(connection) is None:
        return Finding(name, True, "no model yet")
    schema_hash = workspace.champion(connection).fitted.schema_hash
    kept, fresh = champions.load_sums(connection), champions.counted(connection, schema_hash)
    same = np.array_equal(kept.A, fresh.A) and np.array_equal(kept.b, fresh.b) and kept.n == fresh.n
    return Finding(name, same, f"{fresh.n:g} rewards, {kept.n:g} in the model")


def _counts(connection: Connection) -> Finding:
    def count(query: Select[Any]) -> int:
        return int(connection.execute(query).scalar_one())

    n_events, n_learners, n_decisions, n_rewarded = (
        count(select(func.count()).select_from(table))
        for table in (events, learners, decisions, latest_rewards().subquery())
    )
    said = f"{n_events} events of {n_learners} learners, {n_decisions} decisions, "
    return Finding("contents", True, f"{said}{n_decisions - n_rewarded} rewards pending")
