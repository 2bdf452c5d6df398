"""Groups for a project and reviews of a work: suggested, and kept so that the next ones are others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import permutations
from typing import Any

import numpy as np

from segue.engine.practices.groups import suggest_groups
from segue.engine.practices.reviews import review_pairs
from segue.engine.sampling.randomness import generator
from segue.features.catalogue import Floats
from segue.workspace.practices.members import Members, mastery_of, members_of
from segue.workspace.records.practices.practice_rows import PracticeRow, append_practices, practices_of
from segue.workspace.storage.database import Connection
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class FormedGroup:
    """A group by the names of its members, and the role of each ("" without roles)."""

    members: tuple[str, ...]
    roles: tuple[str, ...]


def form_groups(
    workspace: Workspace,
    class_id: str,
    project: str,
    *,
    size: int,
    now: datetime,
    names: Sequence[str] = (),
    roles: Sequence[str] = (),
    skills: Sequence[str] = (),
    keep: bool = False,
) -> list[FormedGroup]:
    """Return groups that mix what the class can do, keep apart who worked together, and let roles go round.

    Groups that were kept for this project are returned as they are.

    Parameters
    ----------
    skills : sequence of str
        What is to be mixed; all skills when left out.
    keep : bool
        Store the groups, so that later ones differ.

    Raises
    ------
    DeclinedError, ValueError
        When nobody is known in the class; when sizes, roles or skills do not fit.
    """
    with workspace.store.write() if keep else workspace.store.read() as connection:
        members = members_of(workspace, connection, class_id, names, now=now, create=keep)
        numbers = [one.number for one in members.people.values()]
        past = practices_of(connection, numbers, ("group",))
        if there := [r for r in past if r.about == project and r.class_id == members.class_id]:
            return _kept(there, members)
        table = mastery_of(workspace, connection, members, now=now)
        if unknown := [skill for skill in skills if skill not in table.columns]:
            raise ValueError(f"the catalogue has no skill {unknown[0]!r}")
        mixed = np.asarray(table[list(skills)] if skills else table, dtype=np.float64)
        rng = generator(workspace.configuration.seed, "groups", project, class_id, len(past))
        fit, together = _had(past, numbers, roles), _together(past, numbers)
        made = suggest_groups(mixed, size=size, rng=rng, roles=roles, fit=fit, together=together)
        called = members.names
        groups = [
            FormedGroup(tuple(called[m] for m in g.members), g.roles or ("",) * len(g.members)) for g in made
        ]
        if keep:
            append_practices(connection, list(_group_rows(groups, members, project, now)))
        return groups


def _group_rows(
    groups: Sequence[FormedGroup], members: Members, project: str, now: datetime
) -> Iterable[PracticeRow]:
    for at, group in enumerate(groups):
        act = f"{round(now.timestamp() * 1e6):x}.{at}"
        for name, role in zip(group.members, group.roles, strict=True):
            yield members.row(name, "group", project, now, body={"role": role}, act=act)


def _kept(rows: Sequence[PracticeRow], members: Members) -> list[FormedGroup]:
    acts: dict[str, list[PracticeRow]] = {}
    for row in rows:
        acts.setdefault(row.act, []).append(row)
    called = members.called
    return [
        FormedGroup(tuple(called[r.learner] for r in g), tuple(r.body["role"] for r in g))
        for g in acts.values()
    ]


def _together(past: Sequence[PracticeRow], numbers: Sequence[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    at = {number: i for i, number in enumerate(numbers)}
    acts: dict[tuple[str, str, str], list[int]] = {}
    for row in past:
        acts.setdefault((row.class_id, row.about, row.act), []).append(at[row.learner])
    out = np.zeros((len(numbers), len(numbers)), dtype=np.int64)
    for group in acts.values():
        for i, j in permutations(group, 2):
            out[i, j] += 1
    return out


def _had(past: Sequence[PracticeRow], numbers: Sequence[int], roles: Sequence[str]) -> Floats:
    """Return how rarely each learner had each role: minus the number of times."""
    at = {number: i for i, number in enumerate(numbers)}
    out = np.zeros((len(numbers), len(roles)))
    for row in past:
        if (role := row.body.get("role", "")) in roles:
            out[at[row.learner], list(roles).index(role)] -= 1.0
    return out


def pair_reviews(
    workspace: Workspace,
    class_id: str,
    work: str,
    submitted: Sequence[str],
    *,
    each: int,
    now: datetime,
    keep: bool = False,
) -> list[tuple[str, str]]:
    """Return (reviewer, author) pairs among those who submitted, other ones than in earlier reviews.

    Pairs that were kept for this work are returned as they are.

    Raises
    ------
    DeclinedError, ValueError
        When nobody is known in the class; when too few submitted.
    """
    with workspace.store.write() if keep else workspace.store.read() as connection:
        members = members_of(workspace, connection, class_id, submitted, now=now, create=keep)
        pairs_of = _reviewed(connection, members)
        if there := pairs_of.get((members.class_id, work)):
            return there
        before = [pair for pairs in pairs_of.values() for pair in pairs]
        rng = generator(workspace.configuration.seed, "reviews", work, class_id, len(before))
        pairs = review_pairs(members.names, each, rng=rng, before=before)
        if keep:
            stamp = f"{round(now.timestamp() * 1e6):x}"
            rows = [
                members.row(name, "review", work, now, body={"side": side}, act=f"{stamp}.{at}")
                for at, pair in enumerate(pairs)
                for name, side in zip(pair, ("reviewer", "author"), strict=True)
            ]
            append_practices(connection, rows)
        return pairs


def _reviewed(connection: Connection, members: Members) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Return the (reviewer, author) pairs of each class and work so far."""
    sides: dict[tuple[str, str, str], dict[str, str]] = {}
    called = members.called
    for row in practices_of(connection, list(called), ("review",)):
        pair = sides.setdefault((row.class_id, row.about, row.act), {})
        pair[row.body["side"]] = called[row.learner]
    out: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for (class_id, work, _), pair in sides.items():
        if len(pair) == 2:
            out.setdefault((class_id, work), []).append((pair["reviewer"], pair["author"]))
    return out
