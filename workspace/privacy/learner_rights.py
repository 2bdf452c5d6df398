"""A learner's rights: export, erase, opt out.

Nothing here turns a stored row back into an id: whoever asks brings the id, and it is looked up.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from segue.workspace.records.gradebook_links import forget_links, links_of
from segue.workspace.records.learners import Learner, add_learners, find_learners, is_buried
from segue.workspace.records.maintenance.learner_rows import remove_rows, set_opted_out, stored_rows
from segue.workspace.records.matured_rewards import rewarded
from segue.workspace.records.rosters.arms import forget_arm
from segue.workspace.sources import model_registry as champions
from segue.workspace.storage.database import LOG_DUE, Connection, get_document, put_document
from segue.workspace.storage.errors import DeclinedError, unknown_learner
from segue.workspace.storage.schema import decisions
from segue.workspace.workspace import Workspace

REFIT_DUE, SAW_ERASED = "refit_due", "saw_erased"
NOT_REMOVED = (
    "backups made before this moment, copies of the disk, and what an LMS or its gradebook was told",
    "artefacts of earlier fits that open decisions of others refer to, until those are settled and pruned",
    "the contribution to opening balances of purged rewards, which belong to no one any more",
    "one keyed digest of the id, so that a later import does not bring the learner back",
)


@dataclass(frozen=True)
class Certificate:
    """What an erasure did."""

    rows: Mapping[str, int]
    """Rows removed, by table."""
    difference: float
    """Largest difference between the sums of the reward model and those of a refit on the logged contexts and
    rewards that remain (0 up to two million rewards: they add without rounding)."""
    model: str
    """The model fitted since on the events that remain, "" when there was none to refit."""
    disk: str = ""
    """What became of the bytes: overwritten, and in no log any more; or what is left to do."""
    not_removed: tuple[str, ...] = NOT_REMOVED
    """What an erasure does not reach."""


def export(workspace: Workspace, learner: str) -> dict[str, Any]:
    """Return all that is stored of one learner as plain values; no other id is in it.

    Raises
    ------
    DeclinedError
        When nothing is stored of this learner.
    """
    with workspace.store.read() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        if person is None:
            raise unknown_learner()
        found: dict[str, Any] = stored_rows(connection, person)
        links = links_of(connection, person.number)
        found["gradebook"] = [{"address": url, **vars(link)} for url, link in links.items()]
    return {"learner": learner, "opted_out": person.opted_out, **found}


def erase(workspace: Workspace, learner: str, *, now: datetime) -> Certificate:
    """Remove one learner from the store and from the models; a tombstone keeps the learner from coming back.

    Rows and the learner's share of the reward model go in one transaction, which also notes that a refit is
    due: difficulty, success model and what the crowd did are then fitted on what remains. If that is cut
    off, the same call again, another erasure, `finish_erasures` or a fit does it.

    Raises
    ------
    DeclinedError
        When nothing is stored of this learner.
    """
    with workspace.store.write() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        if person is None and not _cut_off(workspace, connection, learner):
            raise unknown_learner()
        had_model = champions.current_fit(connection) is not None
        if person and had_model:
            _take_out_of_sums(connection, person, workspace.champion(connection).fitted.schema_hash)
            put_document(connection, REFIT_DUE, b"1")
        if person:
            forget_arm(connection, person.number)
        rows = remove_rows(connection, person) if person else {}
        difference = _difference(connection, workspace) if had_model else 0.0
    finish_erasures(workspace, now=now)
    disk = _off_the_disk(workspace)
    with workspace.store.read() as connection:
        return Certificate(rows, difference, champions.current_fit(connection) or "", disk)


OVERWRITTEN = "removed rows are overwritten in the database's file, and its write-ahead log is emptied"
LOG_HELD = (
    "removed rows are overwritten, but a reader holds the write-ahead log, which keeps copies until the "
    "reader has ended and the service has looked again"
)
OF_POSTGRESQL = (
    "rows are removed; PostgreSQL overwrites their bytes at the next VACUUM, and its write-ahead log and "
    "replicas keep them as long as they are kept"
)


def _off_the_disk(workspace: Workspace) -> str:
    """Empty the log of SQLite, and return what became of the bytes."""
    if not workspace.store.is_sqlite:
        return OF_POSTGRESQL
    for _ in range(ATTEMPTS):
        if workspace.store.forget_log():
            return OVERWRITTEN
        time.sleep(PAUSE_SECONDS)
    with workspace.store.write() as connection:
        put_document(connection, LOG_DUE, b"1")
    return LOG_HELD


ATTEMPTS, PAUSE_SECONDS = 20, 0.05


def finish_erasures(workspace: Workspace, *, now: datetime) -> bool:
    """Fit again if an erasure asked for it, and drop artefacts no decision needs; return whether it did."""
    with workspace.store.read() as connection:
        due = get_document(connection, REFIT_DUE)
    if due:
        workspace.fit(now=now)
        with workspace.store.write() as connection:
            put_document(connection, REFIT_DUE, b"")
            earlier = {folder.name for folder in workspace.models.iterdir()} - {
                champions.current_fit(connection)
            }
            put_document(connection, SAW_ERASED, " ".join(sorted(earlier)).encode())
            needed = champions.needed(connection)
        champions.prune(workspace.models, needed)
    return bool(due)


def saw_erased(connection: Connection, version: str) -> bool:
    """Return whether a model that is kept for open decisions was fitted on learners who were erased since."""
    return version in (get_document(connection, SAW_ERASED) or b"").decode().split()


def opt_out(workspace: Workspace, learner: str, *, out: bool) -> None:
    """Stop profiling a learner (or take it up again): nothing new is stored, lists are the class default.

    What is stored already stays, but is neither read nor fitted on; `erase` removes it.

    Raises
    ------
    DeclinedError
        For a learner who was erased.
    """
    with workspace.store.write() as connection:
        found = add_learners(connection, workspace.keyring, [learner])
        if learner not in found:
            raise DeclinedError(
                "conflict", "erased", "this learner was erased: there is nothing to opt out of"
            )
        person = found[learner]
        set_opted_out(connection, person, out=out)
        if out:
            forget_links(connection, person.number)


def certificate_text(certificate: Certificate) -> str:
    """Return a certificate as JSON."""
    return json.dumps(asdict(certificate), indent=1)


def _cut_off(workspace: Workspace, connection: Connection, learner: str) -> bool:
    """Tell whether a learner was erased, and the models were not fitted anew since."""
    digest = workspace.keyring.digest("learner", learner)
    return is_buried(connection, digest) and bool(get_document(connection, REFIT_DUE))


def _take_out_of_sums(connection: Connection, person: Learner, schema_hash: str) -> None:
    contexts, values = rewarded(connection, schema_hash, where=decisions.c.learner == person.number)
    if len(values):
        sums = champions.load_sums(connection)
        sums.forget(contexts, values)
        champions.save_sums(connection, sums)


def _difference(connection: Connection, workspace: Workspace) -> float:
    again = champions.counted(connection, workspace.champion(connection).fitted.schema_hash)
    kept = champions.load_sums(connection)
    return float(max(np.abs(kept.A - again.A).max(), np.abs(kept.b - again.b).max()))
