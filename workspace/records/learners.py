"""Learners behind aliases: the source's ids are looked up by digest, and never turned back."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Row, Select, select

from segue.workspace.storage.database import plain, take_numbers
from segue.workspace.storage.errors import erased_learner, opted_out_learner
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.storage.schema import aliases, events, learners, overrides, statements, tombstones

T = TypeVar("T")
QUERY_ROWS = 5_000  # ids named in one query


class Learner(NamedTuple):
    """A learner inside: `number` counts arrivals, `surrogate` is the id that leaves the store."""

    number: int
    surrogate: str
    opted_out: bool = False


def find_learners(
    connection: Connection, keyring: Keyring, source_ids: Collection[str]
) -> dict[str, Learner]:
    """Return the learners already known among the source's ids, whichever door an id is from."""
    by_digest = {keyring.digest("learner", source): source for source in source_ids}
    found = _by_digest(connection, by_digest)
    return {by_digest[digest]: person for digest, person in found.items()}


def learners_known_as(connection: Connection, digests: Collection[bytes]) -> list[Learner]:
    """Return the learners behind digests of the source's ids."""
    return list(_by_digest(connection, digests).values())


def _by_digest(connection: Connection, digests: Collection[bytes]) -> dict[bytes, Learner]:
    found = _named_in(connection, "aliases", digests, "a.domain = 'learner' AND ")
    missing = [digest for digest in digests if digest not in found]
    return found | _named_in(connection, "linked_ids", missing) if missing else found


def _named_in(
    connection: Connection, table: str, digests: Collection[bytes], more: str = ""
) -> dict[bytes, Learner]:
    query = (
        f"SELECT a.digest, l.number, l.surrogate, l.opted_out FROM {table} a JOIN learners l "
        f"ON l.surrogate = a.surrogate WHERE {more}a.digest IN"
    )
    rows = plain_in(connection, query, digests)
    return {bytes(digest): Learner(number, who, bool(out)) for digest, number, who, out in rows}


def add_learners(connection: Connection, keyring: Keyring, source_ids: Sequence[str]) -> dict[str, Learner]:
    """Return the learners of the source's ids, making those that are new; erased ones are left out.

    Numbers follow the order of `source_ids`.
    """
    known = find_learners(connection, keyring, source_ids)
    new = [source for source in dict.fromkeys(source_ids) if source not in known]
    digests = {source: keyring.digest("learner", source) for source in new}
    gone = where_in(connection, select(tombstones.c.digest), tombstones.c.digest, list(digests.values()))
    buried = {bytes(row.digest) for row in gone}
    new = [source for source in new if digests[source] not in buried]
    if not new:
        return known
    first = take_numbers(connection, "learners", len(new))
    # Arrival stands first, so that sorting by surrogate is sorting by arrival; the rest cannot be guessed.
    made = {s: Learner(first + i, f"{first + i:08d}{secrets.token_hex(4)}") for i, s in enumerate(new)}
    connection.execute(learners.insert(), [learner._asdict() for learner in made.values()])
    _add_aliases(connection, keyring, "learner", {digests[s]: made[s].surrogate for s in new})
    return known | made


def is_buried(connection: Connection, digest: bytes) -> bool:
    """Return whether a digest has a tombstone."""
    query = select(tombstones.c.digest).where(tombstones.c.digest == digest)
    return connection.execute(query).first() is not None


def still_there(connection: Connection, people: Mapping[str, Learner]) -> dict[str, Learner]:
    """Return those of `people` who are there as they were, and not opted out: others may have erased some."""
    numbers = [person.number for person in people.values()]
    query = "SELECT surrogate FROM learners WHERE NOT opted_out AND number IN"
    there = {surrogate for (surrogate,) in plain_in(connection, query, numbers)}
    return {s: one for s, one in people.items() if one.surrogate in there and not one.opted_out}


def require_profiled(connection: Connection, number: int) -> None:
    """Let nothing be stored of a learner who was erased or opted out.

    Raises
    ------
    DeclinedError
        For such a learner.
    """
    person = learner_numbered(connection, number)
    if person is None:
        raise erased_learner()
    if person.opted_out:
        raise opted_out_learner()


def learner_numbered(connection: Connection, number: int) -> Learner | None:
    """Return the learner of a number, None for one who was erased."""
    row = connection.execute(select(learners).where(learners.c.number == number)).one_or_none()
    return None if row is None else Learner(row.number, row.surrogate, row.opted_out)


def every_learner(connection: Connection) -> list[Learner]:
    """Return all learners of the store, in the order of their arrival."""
    rows = connection.execute(select(learners).order_by(learners.c.number))
    return [Learner(row.number, row.surrogate, row.opted_out) for row in rows]


def present(connection: Connection, numbers: Collection[int]) -> set[int]:
    """Return which of some learners are still there: one may be erased while others work on what it said."""
    query = "SELECT number FROM learners WHERE number IN"
    return {number for (number,) in plain_in(connection, query, set(numbers))}


def profiled(connection: Connection, numbers: Sequence[int]) -> list[int]:
    """Return those of some learners who have not opted out, in order."""
    query = select(learners.c.number).where(learners.c.opted_out.is_(False))
    found = {row.number for row in where_in(connection, query, learners.c.number, numbers)}
    return [number for number in numbers if number in found]


def learners_of_class(connection: Connection, surrogate: str) -> list[int]:
    """Return the numbers of the learners with an event in a class, without who opted out."""
    query = (
        select(events.c.learner)
        .join_from(events, learners, events.c.learner == learners.c.number)
        .where(events.c.class_id == surrogate, learners.c.opted_out.is_(False))
        .distinct()
    )
    return sorted(connection.execute(query).scalars())


def class_surrogates(
    connection: Connection, keyring: Keyring, class_ids: Collection[str], *, create: bool
) -> dict[str, str]:
    """Return the ids inside of the source's classes; unknown ones are made, or left out."""
    by_digest = {keyring.digest("class", source): source for source in class_ids if source}
    query = select(aliases.c.digest, aliases.c.surrogate).where(aliases.c.domain == "class")
    rows = where_in(connection, query, aliases.c.digest, by_digest)
    known = {by_digest[bytes(row.digest)]: str(row.surrogate) for row in rows}
    new = {digest: f"c{secrets.token_hex(6)}" for digest, source in by_digest.items() if source not in known}
    if create and new:
        _add_aliases(connection, keyring, "class", new)
        known |= {by_digest[digest]: surrogate for digest, surrogate in new.items()}
    return known


def in_parts(values: Collection[T]) -> Iterator[list[T]]:
    """Yield many values some thousands at a time, as one query can name them."""
    listed = list(values)
    for start in range(0, len(listed), QUERY_ROWS):
        yield listed[start : start + QUERY_ROWS]


def where_in(
    connection: Connection, query: Select[Any], column: Any, values: Collection[Any]
) -> Iterator[Row[Any]]:
    """Yield the rows of a query whose `column` is one of many values, some thousands at a time."""
    for part in in_parts(values):
        yield from connection.execute(query.where(column.in_(part)))


def plain_in(connection: Connection, query: str, values: Collection[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query in plain SQL that ends with IN, for many values: the short road."""
    for part in in_parts(values):
        if connection.dialect.name == "postgresql":  # thousands of marks cost its driver as much as the query
            yield from plain(connection, f"{query.removesuffix('IN')}= ANY (?)", [part])
        else:
            yield from plain(connection, f"{query} ({', '.join('?' * len(part))})", part)


def spoken_since(connection: Connection, numbers: Mapping[str, int]) -> set[int]:
    """Return the learners with a statement, or a teacher's act, of these numbers or later ones.

    `numbers` has the counters ``statements`` and ``overrides``; one that is not there stands for 0.
    """
    found: set[int] = set()
    for table in (statements, overrides):
        query = select(table.c.learner).where(table.c.number >= numbers.get(table.name, 0)).distinct()
        found |= set(connection.execute(query).scalars())
    return found


def _add_aliases(connection: Connection, keyring: Keyring, domain: str, made: Mapping[bytes, str]) -> None:
    rows = [
        {"domain": domain, "digest": digest, "key_version": keyring.version, "surrogate": surrogate}
        for digest, surrogate in made.items()
    ]
    connection.execute(aliases.insert(), rows)
