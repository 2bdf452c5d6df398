"""Stored digests under a new key."""

from __future__ import annotations

from sqlalchemy import Connection, select

from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.storage.schema import aliases, linked_ids, replies, tombstones


def turn_digests(connection: Connection, keyring: Keyring) -> None:
    """Turn every stored digest of an id into the one under the last key, within a write."""
    connection.execute(replies.delete())  # of a day at most: a retry under the new key is asked anew
    for table in (aliases, linked_ids, tombstones):
        rows = [row._asdict() for row in connection.execute(select(table)).all()]
        for row in rows:
            row |= {"digest": keyring.advance(bytes(row["digest"])), "key_version": keyring.version}
        connection.execute(table.delete())
        if rows:
            connection.execute(table.insert(), rows)
