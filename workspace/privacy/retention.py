"""Purging by age: old rows go, and an opening balance keeps every fold where it was.

The balance of a learner is the state after the events that go; the balance of the reward model is the sum of
the rewards that go. A fold starts from them, so what comes out of it does not change by a bit. What a purge
ends: a refit of difficulty no longer sees those events, and a correction of one no longer reaches it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from segue.workspace.records.learner_states import Fold, Kept, events_of, in_order, openings_of, save_opening
from segue.workspace.records.maintenance.old_rows import (
    delete_events,
    delete_lists,
    delete_said,
    kept_from,
    learners_before,
    settled_lists,
)
from segue.workspace.records.matured_rewards import rewarded
from segue.workspace.sources import model_registry as champions
from segue.workspace.sources.model_registry import OPENING_SUMS
from segue.workspace.storage.database import Connection
from segue.workspace.storage.schema import decisions
from segue.workspace.workspace import Workspace

BLOCK = 200  # learners balanced in one transaction


@dataclass(frozen=True)
class Purged:
    """What went: events and decisions, and how many learners were left alone because times are unknown."""

    events: int = 0
    decisions: int = 0
    untimed: int = 0


def purge(workspace: Workspace, *, before: datetime) -> Purged:
    """Remove events, lists with decisions and rewards, and what was said before a moment; balances stay.

    Each block of learners is one transaction; a purge that is cut off goes on when it is called again.
    Decisions that are not settled yet stay, with the events of their learner since.

    Raises
    ------
    WorkspaceError
        Before the first fit: there is no state yet that a balance could hold.
    """
    limit = round(before.timestamp() * 1e6)
    with workspace.store.read() as connection:
        numbers = learners_before(connection, limit)
    total = [0, 0, 0]
    for start in range(0, len(numbers), BLOCK):
        with workspace.store.write() as connection:
            fold = workspace.champion(connection).fold
            schema_hash = workspace.champion(connection).fitted.schema_hash
            for number in numbers[start : start + BLOCK]:
                total[1] += _purge_decisions(connection, number, limit, schema_hash)
                gone = _purge_events(connection, number, kept_from(connection, number, limit), fold)
                total[0] += gone or 0
                total[2] += gone is None
    with workspace.store.write() as connection:
        delete_said(connection, limit)
    return Purged(*total)


def _purge_decisions(connection: Connection, learner: int, limit: int, schema_hash: str) -> int:
    """Remove settled playlists older than `limit`; their rewards stay in the opening sums.

    What a teacher took out and did not put back keeps its list: it still keeps the resource away.
    """
    ids = settled_lists(connection, learner, limit)
    if not ids:
        return 0
    sums = champions.load_sums(connection, name=OPENING_SUMS)
    sums.update_many(*rewarded(connection, schema_hash, where=decisions.c.playlist_id.in_(ids)))
    champions.save_sums(connection, sums, name=OPENING_SUMS)
    return delete_lists(connection, ids)


def _purge_events(connection: Connection, learner: int, limit: int, fold: Fold) -> int | None:
    """Fold a learner's old events into the opening balance and remove them; None where a time is unknown."""
    rows = events_of(connection, learner)
    if any(row.time is None for row in rows):
        return None
    old = [row for row in rows if row.time < limit]
    if not old:
        return 0
    standing = {row.number for row in in_order(rows)}
    base = openings_of(connection, [learner], fold).get(learner) or fold.fresh()
    balance = fold.after(base, [row for row in old if row.number in standing])
    upto = max(row.number for row in old)
    save_opening(connection, learner, Kept(balance.state, upto, balance.last_time, balance.last_seq), fold)
    delete_events(connection, [row.number for row in old])
    return len(old)
