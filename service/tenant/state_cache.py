"""What the desk remembers between two requests, and when it must forget.

A recommendation needs the model in charge, the learner behind an id, and the learner's state. All three are
in the store, and on SQLite all three can be kept in memory: the database tells cheaply whether any other
connection has written since (``PRAGMA data_version``), and the counter of events whether this one has. With
PostgreSQL other processes write all the time, so nothing is remembered there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from segue.service.tenant.group_commit import GroupedStore
from segue.workspace.model_registry import Champion
from segue.workspace.records import learner_states as states
from segue.workspace.records.learner_states import Kept
from segue.workspace.records.learners import Learner, add_learners
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.storage.schema import events

MOST = 20_000  # learners remembered; a state takes some kilobytes
_NEWS = select(events.c.learner).where(events.c.number >= bindparam("since")).distinct()


class Memory:
    """Model, learners and states as of now, within a write of the desk."""

    def __init__(self, store: GroupedStore, keyring: Keyring) -> None:
        self.store, self.keyring = store, keyring
        self.champion: Champion | None = None
        self._people: dict[bytes, Learner] = {}
        self._kept: dict[int, Kept] = {}
        self._fold = ""
        self._seen: tuple[Any, ...] = ()
        self._upto = 0

    def catch_up(self, connection: Connection) -> None:
        """Forget what may have changed since the last write."""
        seen = self._version(connection)
        if seen != self._seen or not self.store.is_sqlite or len(self._people) > MOST:
            self.champion, self._people, self._kept = None, {}, {}
            self._seen = seen
        elif self.store.last_event > self._upto:
            for number in connection.execute(_NEWS, {"since": self._upto}).scalars():
                self._kept.pop(number, None)
        self._upto = self.store.last_event

    def _version(self, connection: Connection) -> tuple[Any, ...]:
        if not self.store.is_sqlite:
            return ()
        raw: Any = connection.connection.driver_connection
        return id(raw), raw.execute("PRAGMA data_version").fetchone()[0], self.store.undone

    def people(self, connection: Connection, source_ids: Sequence[str]) -> dict[str, Learner]:
        """Return the learners behind the LMS's ids, made when new; erased ones are left out."""
        digests = {source: self.keyring.digest("learner", source) for source in source_ids}
        unknown = [source for source, digest in digests.items() if digest not in self._people]
        if unknown:
            found = add_learners(connection, self.keyring, unknown)
            self._people |= {digests[source]: person for source, person in found.items()}
        return {source: self._people[d] for source, d in digests.items() if d in self._people}

    def states(self, connection: Connection, numbers: Sequence[int], champion: Champion) -> dict[int, Kept]:
        """Return the states of learners, brought up to the last event and stored."""
        if champion.fold.key != self._fold:
            self._fold, self._kept = champion.fold.key, {}
        unknown = [number for number in numbers if number not in self._kept]
        if unknown:
            found, newer = states.current(connection, unknown, champion.fold)
            states.save(connection, newer, champion.fold)
            self._kept |= found
        return {number: self._kept[number] for number in numbers}
