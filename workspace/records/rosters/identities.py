"""One learner with an id at each door: links between ids, and what happens when both had a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from sqlalchemy import Connection, select

from segue.workspace.records.gradebook_links import forget_links, keep_links, links_of
from segue.workspace.records.learners import Learner, add_learners, find_learners, is_buried
from segue.workspace.storage.database import Store
from segue.workspace.storage.group_commit import GroupedStore
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.storage.schema import (
    aliases,
    decisions,
    enrolments,
    events,
    learners,
    linked_ids,
    openings,
    overrides,
    playlists,
    practices,
    replies,
    statements,
    states,
)

BLOCK = 2_000
HISTORY = (events, playlists, decisions, overrides, statements, practices, replies)


@dataclass(frozen=True)
class Linked:
    """What became of pairs of ids.

    Attributes
    ----------
    linked : ids that are another name of a learner from now on
    merged : of these, ids under which there was a history already; it belongs to the one learner now
    known : pairs that were linked before
    refused : pairs of a learner who was erased, or of two whose older events were purged
    """

    linked: int = 0
    merged: int = 0
    known: int = 0
    refused: int = 0

    def __add__(self, more: Linked) -> Linked:
        """Return both together."""
        return Linked(*(a + b for a, b in zip(astuple(self), astuple(more), strict=True)))


def link_ids(store: Store, keyring: Keyring, pairs: Sequence[tuple[str, str]]) -> Linked:
    """Make the second id of each pair another name of the learner whom the first one names.

    An id that has a history of its own brings it along. The ids become keyed digests, as all ids do.
    """
    total = Linked()
    for start in range(0, len(pairs), BLOCK):
        with store.write() as connection:
            total += _link(connection, keyring, pairs[start : start + BLOCK])
    if total.merged and isinstance(store, GroupedStore):
        store.forget()
    return total


def _link(connection: Connection, keyring: Keyring, pairs: Sequence[tuple[str, str]]) -> Linked:
    total = Linked()
    people = add_learners(connection, keyring, list(dict.fromkeys(first for first, _ in pairs)))
    others = find_learners(connection, keyring, [second for _, second in pairs])
    moved: dict[int, Learner] = {}
    for first, second in pairs:
        one, other = people.get(first), others.get(second)
        while one is not None and one.number in moved:
            one = moved[one.number]
        while other is not None and other.number in moved:
            other = moved[other.number]
        digest = keyring.digest("learner", second)
        if one is None or first == second or is_buried(connection, digest):
            total += Linked(known=1) if first == second else Linked(refused=1)
        elif other is None:
            row = {"digest": digest, "key_version": keyring.version, "surrogate": one.surrogate}
            connection.execute(linked_ids.insert().values(row))
            others[second] = one
            total += Linked(linked=1)
        elif other.number == one.number:
            total += Linked(known=1)
        elif _has_opening(connection, one) or _has_opening(connection, other):
            total += Linked(refused=1)
        else:
            _merge(connection, one, other)
            moved[other.number] = one
            total += Linked(linked=1, merged=1)
    return total


def _has_opening(connection: Connection, person: Learner) -> bool:
    mine = openings.c.learner == person.number
    return connection.execute(select(openings.c.learner).where(mine)).first() is not None


def _merge(connection: Connection, kept: Learner, gone: Learner) -> None:
    """Give a learner the history and the names of another, who is no more."""
    for table in HISTORY:
        moved = table.update().where(table.c.learner == gone.number)
        connection.execute(moved.values(learner=kept.number))
    keep_links(connection, kept.number, links_of(connection, gone.number) | links_of(connection, kept.number))
    forget_links(connection, gone.number)
    already = select(enrolments.c.class_id).where(enrolments.c.learner == kept.number)
    theirs = enrolments.c.learner == gone.number
    connection.execute(
        enrolments.delete().where(theirs, enrolments.c.class_id.in_(already.scalar_subquery()))
    )
    connection.execute(enrolments.update().where(theirs).values(learner=kept.number))
    connection.execute(states.delete().where(states.c.learner.in_((kept.number, gone.number))))
    named = (aliases.c.domain == "learner") & (aliases.c.surrogate == gone.surrogate)
    for row in connection.execute(select(aliases.c.digest, aliases.c.key_version).where(named)).all():
        connection.execute(linked_ids.insert().values(**row._mapping, surrogate=kept.surrogate))
    connection.execute(aliases.delete().where(named))
    renamed = linked_ids.update().where(linked_ids.c.surrogate == gone.surrogate)
    connection.execute(renamed.values(surrogate=kept.surrogate))
    if gone.opted_out:
        out = learners.update().where(learners.c.number == kept.number)
        connection.execute(out.values(opted_out=True))
    connection.execute(learners.delete().where(learners.c.number == gone.number))
