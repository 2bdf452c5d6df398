"""Claims that can be taken once, by one of many processes: logins of launches, turns at a gradebook."""

from __future__ import annotations

from sqlalchemy import Connection, select

from segue.workspace.storage.database import put_document
from segue.workspace.storage.schema import documents

PREFIX = "once:"


def take_once(connection: Connection, name: str, *, until: float, now: float) -> bool:
    """Take `name` (at most 35 characters) within a write; return False when somebody took it before.

    It is remembered until `until` (seconds since 1970); names that have run out are forgotten here.
    """
    mine = PREFIX + name
    claims = documents.c.name.like(PREFIX + "%")
    ended = round(now).to_bytes(8, "big")
    connection.execute(documents.delete().where(claims, documents.c.body < ended))
    if connection.execute(select(documents.c.name).where(documents.c.name == mine)).first():
        return False
    put_document(connection, mine, _end(until))
    return True


def give_back(connection: Connection, name: str, *, until: float) -> None:
    """Let `name`, which was taken until `until`, be taken again, within a write."""
    mine = documents.c.name == PREFIX + name, documents.c.body == _end(until)
    connection.execute(documents.delete().where(*mine))


def _end(until: float) -> bytes:
    return (round(until) + 1).to_bytes(8, "big")
