"""Answers kept for a day under a caller's key, so that a request sent again gets the same one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from segue.workspace.storage.schema import replies

KEPT_SECONDS = 86_400.0
NOBODY = -1  # no learner has this number: what is kept is about none


class Reply(NamedTuple):
    """An answer: a digest of what was asked, the learner (number) it is about, its bytes."""

    asked: bytes
    learner: int
    body: bytes


def replies_for(connection: Connection, digests: Collection[bytes], *, now: float) -> dict[bytes, Reply]:
    """Return the answers kept under some keys, as digests; `now` in epoch seconds."""
    since = round((now - KEPT_SECONDS) * 1e6)
    query = select(replies).where(replies.c.time >= since, replies.c.digest.in_(digests))
    found = connection.execute(query)
    return {bytes(row.digest): Reply(bytes(row.asked), row.learner, bytes(row.body)) for row in found}


def keep_replies(connection: Connection, new: Mapping[bytes, Reply], *, now: float) -> None:
    """Keep answers, within a write, and forget those of more than a day ago."""
    micros = round(now * 1e6)
    connection.execute(delete(replies).where(replies.c.time < micros - round(KEPT_SECONDS * 1e6)))
    rows = [{"digest": digest, "time": micros, **reply._asdict()} for digest, reply in new.items()]
    if rows:
        connection.execute(replies.insert(), rows)


def first_moment(connection: Connection, digest: bytes, asked: bytes, *, now: float) -> float | None:
    """Return when a key was first used within a day for this (epoch seconds), within a write that notes it.

    None when it was used for something else. What is named by content and moment is the same thing again
    when it is sent again, so no answer needs to be kept.
    """
    known = replies_for(connection, [digest], now=now).get(digest)
    if known is None:
        keep_replies(connection, {digest: Reply(asked, NOBODY, repr(now).encode())}, now=now)
        return now
    return float(known.body) if (known.asked, known.learner) == (asked, NOBODY) else None
