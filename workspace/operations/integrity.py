"""Is the store whole? What it holds as one canonical text, and what contradicts itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from segue.workspace.records.learner_states import current
from segue.workspace.records.maintenance.whole_store import counts, digests, facts, orphans, page_check
from segue.workspace.sources import model_registry as champions
from segue.workspace.sources.learning import BLOCK_LEARNERS
from segue.workspace.storage import schema
from segue.workspace.storage.database import Connection, DatabaseError, database_fault, schema_version
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.workspace import Workspace


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
        yield from facts(connection)
        if champions.current_fit(connection) is not None:
            yield from _folds(connection, workspace)


def _folds(connection: Connection, workspace: Workspace) -> Iterator[str]:
    fold = workspace.champion(connection).fold
    who = digests(connection)
    for start in range(0, len(who), BLOCK_LEARNERS):
        numbers = sorted(who, key=lambda number: who[number])[start : start + BLOCK_LEARNERS]
        known = current(connection, numbers, fold)[0]
        for number in numbers:
            yield f"state {who[number].hex()} {known[number].state.to_bytes().hex()}"
    sums = champions.load_sums(connection)
    yield f"sums {sums.n} {sums.A.tobytes().hex()} {sums.b.tobytes().hex()}"
    yield f"model {champions.current_fit(connection)}"


def digest(workspace: Workspace) -> str:
    """Return one digest of the canonical text."""
    made = hashlib.blake2b(digest_size=16)
    for line in canonical(workspace):
        made.update(line.encode() + b"\n")
    return made.hexdigest()


def examine(workspace: Workspace) -> list[Finding]:
    """Return what a look at every table finds."""
    looks: dict[str, Callable[[Connection], list[Finding]]] = {
        "pages": lambda c: [_pages(c, sqlite=workspace.store.is_sqlite)],
        "schema": lambda c: [_schema(c)],
        "orphans": lambda c: [Finding(name, count == 0, str(count)) for name, count in orphans(c).items()],
        "models of open decisions": lambda c: [_models(c, workspace)],
        "every reward counted once": lambda c: [_sums(c, workspace)],
        "contents": lambda c: [_contents(c)],
    }
    return [finding for name, look in looks.items() for finding in _looked(workspace, name, look)]


def _looked(workspace: Workspace, name: str, look: Callable[[Connection], list[Finding]]) -> list[Finding]:
    """Return what a look finds; one that the database does not survive is a finding too."""
    try:
        with workspace.store.read() as connection:
            return look(connection)
    except (DatabaseError, WorkspaceError, ValueError) as error:
        return [Finding(name, False, database_fault(error) or str(error))]


def _pages(connection: Connection, *, sqlite: bool) -> Finding:
    said = page_check(connection) if sqlite else "left to PostgreSQL"
    return Finding("pages", said == "ok" or not sqlite, said)


def _schema(connection: Connection) -> Finding:
    version = schema_version(connection)
    return Finding("schema", version == schema.HEAD, f"version {version}")


def _models(connection: Connection, workspace: Workspace) -> Finding:
    lost = sorted(champions.gone(connection, workspace.models) & champions.needed(connection))
    said = f"{', '.join(lost)} cannot be read: put models/ back, or what it decided is never rewarded"
    return Finding("models of open decisions", not lost, said if lost else "there")


def _sums(connection: Connection, workspace: Workspace) -> Finding:
    """Compare the sums of the reward model with the rewards, bit for bit."""
    name = "every reward counted once"
    if champions.current_fit(connection) is None:
        return Finding(name, True, "no model yet")
    schema_hash = workspace.champion(connection).fitted.schema_hash
    kept, fresh = champions.load_sums(connection), champions.counted(connection, schema_hash)
    same = np.array_equal(kept.A, fresh.A) and np.array_equal(kept.b, fresh.b) and kept.n == fresh.n
    return Finding(name, same, f"{fresh.n:g} rewards, {kept.n:g} in the model")


def _contents(connection: Connection) -> Finding:
    n = counts(connection)
    said = f"{n['events']} events of {n['learners']} learners, {n['decisions']} decisions, "
    return Finding("contents", True, f"{said}{n['decisions'] - n['rewards']} rewards pending")
