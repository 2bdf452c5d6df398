"""The folder of a workspace: its configuration, its key beside it, its database."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, select

from segue.workspace.storage.database import Durability, Store, get_document, put_document
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.storage.pseudonyms import VARIABLE, KeyMissingError, Keyring, find, key_path
from segue.workspace.storage.schema import aliases, linked_ids, replies, tombstones

FILE = "workspace.json"
KEY_CHECK = "key"


@dataclass(frozen=True)
class Configuration:
    """What a workspace is told at its making.

    `database` is a SQLAlchemy URL ("" for the embedded one), `durability` "normal" or "full", `time_zone`
    what "a later day" and "this week" mean, `seed` the first of the names that key every draw.
    """

    database: str = ""
    durability: Durability = "normal"
    time_zone: str = "UTC"
    seed: str = "segue"


def found(path: Path, configuration: Configuration, environment: Mapping[str, str]) -> None:
    """Make the folder of a workspace, its key file (mode 0600) and its empty store.

    The configuration is written last: a folder without it is no workspace yet, and can be made again.

    Raises
    ------
    WorkspaceError
        When there is one already, its time zone is unknown, or the database is another workspace's.
    """
    try:
        ZoneInfo(configuration.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        message = f"time zone must be an IANA name such as Europe/Paris, got {configuration.time_zone!r}"
        raise WorkspaceError(message) from None
    if (path / FILE).exists():
        raise WorkspaceError(f"{path} is a workspace already: use it, or choose another folder")
    has_key = bool(environment.get(VARIABLE)) or key_path(path).exists()
    if has_key and not environment.get(VARIABLE) and not path.exists():
        raise WorkspaceError(f"{key_path(path)} is there already: move it away, or bring its workspace back")
    keyring = find(path, environment) if has_key else Keyring.create()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    (path / "models").mkdir(exist_ok=True)
    own = keyring.digest("check", "")
    with closing(open_store(path, configuration, Store)) as store, store.write() as connection:
        if get_document(connection, KEY_CHECK) not in (None, own):
            raise WorkspaceError(
                "this database is another workspace's already: make a database for this one, or a schema of "
                "its own (postgresql://…?options=-csearch_path%3Dschool)"
            )
        if not has_key:  # once the database is known to be good: what failed can be tried again
            keyring.write(key_path(path))
        put_document(connection, KEY_CHECK, own)
    draft = path / f"{FILE}.new"
    # A database URL may hold a password.
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(configuration), file, indent=1)
    draft.rename(path / FILE)


def check_key(path: Path, store: Store, keyring: Keyring) -> None:
    """Refuse a key that is not the one this store was written with: it would make every learner a stranger.

    A key ring with one key more than the store knows is a rotation: stored digests are turned, at once.

    Raises
    ------
    KeyMissingError
        When it is another.
    """
    with store.read() as connection:
        kept = get_document(connection, KEY_CHECK)
    if kept is not None and keyring.version > 1 and kept == keyring.before.digest("check", ""):
        with store.write() as connection:
            _turn_digests(connection, keyring)
            put_document(connection, KEY_CHECK, keyring.digest("check", ""))
    elif kept != keyring.digest("check", ""):
        store.close()
        raise KeyMissingError(
            f"this is not the key of {path}: find the one it was written with ({key_path(path)})"
        )


def _turn_digests(connection: Connection, keyring: Keyring) -> None:
    """Turn every stored digest of an id into the one under the last key, within a write."""
    connection.execute(replies.delete())  # of a day at most: a retry under the new key is asked anew
    for table in (aliases, linked_ids, tombstones):
        rows = [row._asdict() for row in connection.execute(select(table)).all()]
        for row in rows:
            row |= {"digest": keyring.advance(bytes(row["digest"])), "key_version": keyring.version}
        connection.execute(table.delete())
        if rows:
            connection.execute(table.insert(), rows)


def read_configuration(path: Path) -> Configuration:
    """Return what a workspace was told at its making.

    Raises
    ------
    WorkspaceError
        When the folder is no workspace.
    """
    try:
        return Configuration(**json.loads((path / FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise WorkspaceError(f"{path} is no workspace: make one with `segue init {path}`") from None
    except (ValueError, TypeError) as error:
        raise WorkspaceError(f"{path / FILE} cannot be read ({error}): bring it back from a backup") from None


def open_store(path: Path, configuration: Configuration, store_class: type[Store]) -> Store:
    """Return the store of a workspace: its PostgreSQL database, or the SQLite file in its folder."""
    url = configuration.database or f"sqlite:///{(path / 'segue.db').resolve()}"
    return store_class.open(url, durability=configuration.durability)
