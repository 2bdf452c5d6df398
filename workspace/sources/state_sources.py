"""Where a workspace gets learners and their states from: the store each time, or a memory of the one writer.

A recommendation needs the model in charge, the learner behind an id, and the learner's state. All three are
in the store, and on SQLite all three can be kept in memory: the database tells cheaply whether any other
connection has written since, and the counter of events whether this one has. With PostgreSQL other processes
write all the time, so nothing is remembered there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from segue.workspace.records import learner_states as states
from segue.workspace.records.events import learners_since
from segue.workspace.records.learner_states import Kept
from segue.workspace.records.learners import Learner, add_learners, spoken_since
from segue.workspace.sources.model_registry import CatalogueIn, Champion, Charge, Library
from segue.workspace.storage.database import Connection, Store
from segue.workspace.storage.group_commit import GroupedStore
from segue.workspace.storage.pseudonyms import Keyring

MOST_PEOPLE = 100_000  # ids remembered, about 0.4 kB each
MOST_BYTES = 200_000_000  # of states remembered: 10 kB each where there are 40 skills, 40 kB where 250


class StoredStates:
    """What a workspace asks within a write before it decides: everything from the store."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self.store, self.keyring = store, keyring

    def charge(self, connection: Connection, models: Library, catalogue: CatalogueIn) -> Charge:
        """Return the model in charge; called first in each write."""
        return models.in_charge(connection, catalogue)

    def people(self, connection: Connection, source_ids: Sequence[str]) -> dict[str, Learner]:
        """Return the learners behind the LMS's ids, made when new; erased ones are left out."""
        return add_learners(connection, self.keyring, source_ids)

    def states(self, connection: Connection, numbers: Sequence[int], champion: Champion) -> dict[int, Kept]:
        """Return the states of learners, brought up to the last event and stored."""
        found, newer = states.current(connection, numbers, champion.fold)
        states.save(connection, newer, champion.fold)
        return found

    def spoken(self, connection: Connection, numbers: Collection[int]) -> Collection[int]:  # noqa: ARG002
        """Return who may have said something, or in whose lists a teacher may have acted: here anybody."""
        return numbers


class RememberedStates(StoredStates):
    """Model, learners and states as of now, remembered between the writes of one thread."""

    store: GroupedStore

    def __init__(self, store: Store, keyring: Keyring) -> None:
        assert isinstance(store, GroupedStore)
        super().__init__(store, keyring)
        self._champion: Champion | None = None
        self._people: dict[bytes, Learner] = {}
        self._kept: dict[int, Kept] = {}
        self._bytes = 0
        self._fold = ""
        self._spoken: set[int] | None = None
        self._seen: tuple[Any, ...] = ()
        self._numbers: Mapping[str, int] = {}

    def charge(self, connection: Connection, models: Library, catalogue: CatalogueIn) -> Charge:
        """Return the model in charge, having forgotten what may have changed since the last write."""
        self._catch_up(connection)
        if self._champion is None:
            found = models.in_charge(connection, catalogue)
            self._champion = None if found.trouble else found.champion
            return found
        return Charge(self._champion, "")

    def _catch_up(self, connection: Connection) -> None:
        seen = self.store.version(connection)
        if seen != self._seen or not self.store.is_sqlite or len(self._people) > MOST_PEOPLE:
            self._champion, self._people, self._kept, self._bytes = None, {}, {}, 0
            self._seen, self._spoken = seen, None
        elif self.store.numbers != self._numbers:
            self._read_news(connection)
        self._numbers = self.store.numbers

    def _read_news(self, connection: Connection) -> None:
        """Forget the states of who has done something since, and note who has said something."""
        before, after = self._numbers, self.store.numbers
        if after["events"] > before.get("events", 0):
            for number in learners_since(connection, before.get("events", 0)):
                if (old := self._kept.pop(number, None)) is not None:
                    self._bytes -= bytes_of(old)
        said = any(after.get(name, 0) > before.get(name, 0) for name in ("statements", "overrides"))
        if said and self._spoken is not None:
            self._spoken |= spoken_since(connection, before)

    def people(self, connection: Connection, source_ids: Sequence[str]) -> dict[str, Learner]:
        """Return the learners behind the LMS's ids; what was looked up once is not looked up again."""
        digests = {source: self.keyring.digest("learner", source) for source in source_ids}
        unknown = [source for source, digest in digests.items() if digest not in self._people]
        if unknown:
            found = super().people(connection, unknown)
            self._people |= {digests[source]: person for source, person in found.items()}
        return {source: self._people[d] for source, d in digests.items() if d in self._people}

    def states(self, connection: Connection, numbers: Sequence[int], champion: Champion) -> dict[int, Kept]:
        """Return the states of learners; those without news since the last write from memory."""
        if champion.fold.key != self._fold:
            self._fold, self._kept, self._bytes = champion.fold.key, {}, 0
        unknown = [number for number in numbers if number not in self._kept]
        if unknown:
            found = super().states(connection, unknown, champion)
            self._kept |= found
            self._bytes += sum(bytes_of(kept) for kept in found.values())
        wanted = {number: self._kept[number] for number in numbers}
        if self._bytes > MOST_BYTES:
            self._forget_oldest(wanted)
        return wanted

    def spoken(self, connection: Connection, numbers: Collection[int]) -> Collection[int]:
        """Return those of whom a statement or an act is stored; there are few, and they are remembered."""
        if not self.store.is_sqlite:
            return numbers
        if self._spoken is None:
            self._spoken = spoken_since(connection, {})
        return [number for number in numbers if number in self._spoken]

    def _forget_oldest(self, wanted: Mapping[int, Kept]) -> None:
        """Let go of the states that were read first, until half the room is free."""
        for number in [n for n in self._kept if n not in wanted]:
            self._bytes -= bytes_of(self._kept.pop(number))
            if self._bytes <= MOST_BYTES // 2:
                return


def bytes_of(kept: Kept) -> int:
    """Return about how many bytes a remembered state takes."""
    state = kept.state
    arrays = (state.rows, state.stated, state.revealed, state.kinds)
    held = sum(table.ids.nbytes + table.values.nbytes for table in (state.items, state.sets, state.views))
    return sum(array.nbytes for array in arrays) + held + 3_000  # the objects, and their indexes
