"""Rewards joined to decisions, and counted in the reward model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

from segue.workspace.records.decision_queries import last_decision
from segue.workspace.records.events import last_number
from segue.workspace.records.matured_rewards import Outcome, open_learners, record
from segue.workspace.sources import model_registry as champions
from segue.workspace.storage.database import Connection, Store, get_document, put_document

BLOCK_LEARNERS = 200
LEARNED = "learned"
OutcomesOf = Callable[..., list[Outcome]]


@dataclass(frozen=True)
class Learnt:
    """What `learn` found: learners looked at, rewards matured, revised and censored.

    `unread` are open decisions whose model cannot be read: nothing is found out about them until it can.
    """

    learners: int = 0
    matured: int = 0
    revised: int = 0
    censored: int = 0
    pending: int = 0
    unread: int = 0

    @property
    def note(self) -> str:
        """What to look at, "" when there is nothing."""
        return f"{self.unread} wait for a model that cannot be read: put models/ back" if self.unread else ""

    def __add__(self, more: Learnt) -> Learnt:
        """Return both together."""
        return Learnt(*(a + b for a, b in zip(astuple(self), astuple(more), strict=True)))


def learn(store: Store, outcomes_of: OutcomesOf, *, now: datetime) -> Learnt:
    """Join rewards to decisions and count them, each once, also after a crash.

    A clock that stepped back takes back nothing: what was censored by a later `now` stays so.

    Parameters
    ----------
    outcomes_of : callable
        Returns the rewards of a learner that may have changed (connection, number, now=, since=), as the
        facts stored give them.
    """
    with store.read() as connection:
        upto = last_number(connection), last_decision(connection)
        since, decided, told = learned_upto(connection)
        latest = max(now.timestamp(), told)
        waiting = open_learners(connection, since=since, decided=decided, now=latest)
    total = Learnt()
    for start in range(0, len(waiting), BLOCK_LEARNERS):
        total += _learn_block(store, outcomes_of, waiting[start : start + BLOCK_LEARNERS], latest, since)
    with store.write() as connection:
        put_document(connection, LEARNED, json.dumps([*upto, latest]).encode())
    return total


def _learn_block(
    store: Store, outcomes_of: OutcomesOf, learners: Sequence[int], now: float, since: int
) -> Learnt:
    with store.write() as connection:
        found = [o for learner in learners for o in outcomes_of(connection, learner, now=now, since=since)]
        change = record(connection, found)
        champions.add_to_sums(connection, change)
    status = [outcome.status for outcome in found]
    return Learnt(
        learners=len(learners),
        matured=len(change.given) - len(change.taken),
        revised=len(change.taken),
        censored=status.count("censored"),
        pending=status.count("pending"),
        unread=sum(o.status == "pending" and not o.forecast for o in found),
    )


def learned_upto(connection: Connection) -> tuple[int, int, float]:
    """Return the last event and decision that `learn` has seen, and the time it was told, 0 before that."""
    body = get_document(connection, LEARNED)
    event, decision, now = json.loads(body) if body else (0, 0, 0.0)
    return int(event), int(decision), float(now)
