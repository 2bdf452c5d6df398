"""What takes an event back or gives it another score: voids that reach their target, and the last grades."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from segue.features.events.grade_names import GradeVersion, name_of, void_of
from segue.workspace.records.learners import where_in
from segue.workspace.storage.database import Store, get_document, put_document
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.storage.schema import events

EARLY = "early voids"  # the document with the digests of targets that have not come yet
WIDTH = 16  # bytes of an event's digest


def reach_targets(
    connection: Connection, keyring: Keyring, rows: pd.DataFrame, sources: pd.Series
) -> pd.DataFrame:
    """Return rows to store with every void under the learner of what it voids.

    A void that names no resource is the record store's own, made by whoever cleaned up there; any other is
    its learner's and reaches no one else. A void whose target is not stored yet is remembered by the
    target's digest, and repeated beside the target when that comes.

    Parameters
    ----------
    rows : DataFrame
        Columns of ``segue.features.events.event_records``; `event_id` holds digests, `learner` numbers.
    sources : Series
        The source's event ids, on the index of `rows`.
    """
    own = rows[(rows["voids"] != "") & (rows["resource"] == "")]
    body = get_document(connection, EARLY) or b""
    waiting = {body[i : i + WIDTH] for i in range(0, len(body), WIDTH)}
    if not len(own) and not waiting:
        return rows
    targets = dict(zip(own.index, keyring.event_digests(own["voids"].tolist()), strict=True))
    learner = _stored(connection, set(targets.values()))
    learner |= dict(zip(rows["event_id"], rows["learner"], strict=True))
    number = pd.Series({i: learner.get(target, rows.at[i, "learner"]) for i, target in targets.items()})
    moved = rows.assign(learner=number.reindex(rows.index).fillna(rows["learner"]))
    come = moved[moved["event_id"].map(waiting.__contains__).astype(bool)]
    still = (waiting - set(come["event_id"])) | {t for t in targets.values() if t not in learner}
    if still != waiting:
        put_document(connection, EARLY, b"".join(sorted(still)))
    return pd.concat([moved, _beside(come, keyring, sources)]) if len(come) else moved


def of_others(connection: Connection, keyring: Keyring, rows: pd.DataFrame) -> pd.Series:
    """Return which rows supersede or void an event of another learner, which is out of their reach."""
    out = np.zeros(len(rows), dtype=np.bool_)
    for links in (rows["supersedes"], rows["voids"].where(rows["resource"] != "", "")):
        named = (links != "").to_numpy()
        if named.any():
            targets = keyring.event_digests(links[named].tolist())
            about = dict(zip(rows["event_id"], rows["learner"], strict=True))
            about |= _stored(connection, set(targets))
            own = rows.loc[named, "learner"]
            out[named] = [about.get(one, mine) != mine for one, mine in zip(targets, own, strict=True)]
    return pd.Series(out, index=rows.index)


def _stored(connection: Connection, digests: set[bytes]) -> dict[bytes, int]:
    query = select(events.c.event_id, events.c.learner)
    rows = where_in(connection, query, events.c.event_id, digests)
    return {bytes(row.event_id): row.learner for row in rows}


def _beside(come: pd.DataFrame, keyring: Keyring, sources: pd.Series) -> pd.DataFrame:
    """Return a void for each target that an early one was waiting for."""
    ids = sources.loc[come.index]
    blank = {name: float("nan") for name in ("score", "seconds", "attempt_no", "completed")}
    text = dict.fromkeys(("resource", "step", "tags", "supersedes"), "")
    digests = pd.Series(keyring.event_digests("void of " + ids), index=come.index, dtype=object)
    return come.assign(**blank, **text, kind="other", voids=ids, event_id=digests)


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
