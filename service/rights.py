"""A learner's rights over the data: a copy of it, and its erasure with a certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table, select

from segue.engine import champion as champions
from segue.engine.facts import Learner, find_learners
from segue.engine.learning import fresh_model
from segue.engine.ledger import context_of
from segue.engine.maturing import exact, rewarded
from segue.engine.schema import aliases, decisions, events, learners, playlists, rewards, states, tombstones
from segue.features.contexts import COLUMNS
from segue.service.errors import RefusedError
from segue.service.served import ServedWorkspace

Answer = dict[str, Any]
KEPT = (
    "backups made before this moment",
    "fitted models that earlier decisions of others still refer to, until those decisions are settled",
    "a keyed digest of the id, so that a later import does not bring the learner back",
)


def export(workspace: ServedWorkspace, learner: str) -> Answer:
    """Return all that is kept of one learner; the id is the one sent, no other id is in it.

    Raises
    ------
    RefusedError
        404 for a learner of whom nothing is stored.
    """
    with workspace.store.read() as connection:
        person = _person(workspace, connection, learner)
        found = {
            table.name: [_plain(row._mapping) for row in _rows(connection, table, person)]
            for table in (events, playlists, decisions, rewards)
        }
    return {"learner": learner, **found}


def erase(workspace: ServedWorkspace, learner: str) -> Answer:
    """Remove one learner from the store and from the models, and return what was done.

    Rows and the learner's share of the reward model go in one transaction; difficulty, success model and
    popularity are then fitted again on what remains.

    Raises
    ------
    RefusedError
        404 for a learner of whom nothing is stored.
    """
    with workspace.store.write() as connection:
        person = _person(workspace, connection, learner)
        schema_hash = workspace.champion(connection).fitted.schema_hash
        _forget(connection, person, schema_hash)
        counts = _remove(connection, person)
        difference = _difference(connection, schema_hash)
        had_model = champions.current_fit(connection) is not None
    refitted = workspace.fit(now=datetime.now(UTC)).model_hash if had_model else None
    certificate = {
        "rows_removed": counts,
        "reward_model_difference": difference,
        "refitted_model": refitted,
        "not_removed": KEPT,
    }
    return {"erased": True, "certificate": certificate}


def _person(workspace: ServedWorkspace, connection: Connection, learner: str) -> Learner:
    person = find_learners(connection, workspace.keyring, [learner]).get(learner)
    if person is None:
        raise RefusedError(404, "no_learner", "nothing is stored of a learner of this id in this tenant")
    return person


def _rows(connection: Connection, table: Table, person: Learner) -> list[Any]:
    query = select(table).where(_of(table, person)).order_by(table.c.number)
    return list(connection.execute(query))


def _of(table: Table, person: Learner) -> Any:
    if table is rewards:
        mine = select(decisions.c.decision_id).where(decisions.c.learner == person.number)
        return rewards.c.decision_id.in_(mine)
    if table is learners:
        return learners.c.number == person.number
    return table.c.learner == person.number


def _plain(row: Any) -> Answer:
    """Return a row for JSON: digests in hexadecimal, contexts by name, the store's own numbers left out."""
    out: Answer = {}
    for name, value in row.items():
        if name in ("number", "learner", "event_id", "supersedes", "voids"):
            continue
        if name == "context":
            out[name] = dict(zip(COLUMNS, np.frombuffer(value, "<f8").tolist(), strict=False))
        elif isinstance(value, bytes):
            out[name] = np.frombuffer(value, "<f8").tolist()
        elif name in ("time", "matured") and value is not None:
            out[name] = datetime.fromtimestamp(value / 1e6, UTC).isoformat()
        else:
            out[name] = value
    return out


def _remove(connection: Connection, person: Learner) -> dict[str, int]:
    alias = (aliases.c.domain == "learner") & (aliases.c.surrogate == person.surrogate)
    kept = connection.execute(select(aliases.c.digest, aliases.c.key_version).where(alias)).one()
    connection.execute(tombstones.insert().values(digest=kept.digest, key_version=kept.key_version))
    counts = {}
    for table in (rewards, decisions, playlists, states, events, learners):
        counts[table.name] = connection.execute(table.delete().where(_of(table, person))).rowcount
    connection.execute(aliases.delete().where(alias))
    return counts


def _forget(connection: Connection, person: Learner, schema_hash: str) -> None:
    """Take the learner's rewards out of the sums of the reward model."""
    last = {row.decision_id: row.value for row in _rows(connection, rewards, person)}  # later revisions win
    of_schema = select(playlists.c.playlist_id).where(playlists.c.schema_hash == schema_hash)
    query = select(decisions).where(
        decisions.c.learner == person.number, decisions.c.playlist_id.in_(of_schema)
    )
    counted = [row for row in connection.execute(query) if last.get(row.decision_id) is not None]
    if counted:
        sums = champions.load_sums(connection)
        contexts = exact(np.stack([context_of(row.context) for row in counted]))
        sums.forget(contexts, exact(np.array([last[row.decision_id] for row in counted])))
        champions.save_sums(connection, sums)


def _difference(connection: Connection, schema_hash: str) -> float:
    """Return how far the sums are from those counted anew on the logged contexts and rewards that remain."""
    again = fresh_model()
    again.update_many(*rewarded(connection, schema_hash))
    kept = champions.load_sums(connection)
    return float(max(np.abs(kept.A - again.A).max(), np.abs(kept.b - again.b).max()))
