"""The last grade stored of a key, so that a newer one supersedes it whenever it comes."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pandas as pd
from sqlalchemy import Connection, select

from segue.features.events.grade_names import GradeVersion, name_of, void_of
from segue.workspace.records.learners import where_in
from segue.workspace.storage.database import Store
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.storage.schema import events

AT_ONCE = 4  # numbers asked for in one query


def last_grades(store: Store, keyring: Keyring) -> Callable[[Collection[str]], dict[str, GradeVersion]]:
    """Return what looks up the last grade stored of each key that has one."""

    def known(keys: Collection[str]) -> dict[str, GradeVersion]:
        with store.read() as connection:
            return _last(connection, keyring, keys)

    return known


def _last(connection: Connection, keyring: Keyring, keys: Collection[str]) -> dict[str, GradeVersion]:
    found: dict[str, GradeVersion] = {}
    asked, first = list(keys), 1
    while asked:
        numbers = range(first, first + AT_ONCE)
        ids = {}
        for key in asked:
            for number in numbers:  # a grade stands before its removal
                ids[key, number, False] = name_of(key, number)
                ids[key, number, True] = void_of(key, number)
        there = _rows(connection, keyring, list(ids.values()))
        for (key, number, removed), name in ids.items():
            if name in there:
                found[key] = GradeVersion(number, *there[name], removed)
        asked = [key for key in asked if key in found and found[key].number == numbers[-1]]
        first += AT_ONCE
    return found


def _rows(
    connection: Connection, keyring: Keyring, ids: list[str]
) -> dict[str, tuple[float | None, str | None]]:
    digests = dict(zip(keyring.event_digests(ids), ids, strict=True))
    query = select(events.c.event_id, events.c.score, events.c.time)
    out = {}
    for row in where_in(connection, query, events.c.event_id, digests):
        time = None if row.time is None else pd.Timestamp(row.time, unit="us", tz="UTC").isoformat()
        out[digests[bytes(row.event_id)]] = (row.score, time)
    return out
