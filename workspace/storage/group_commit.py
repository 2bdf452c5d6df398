"""A store whose writes can share one commit, seen from the one thread that writes all day."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine

from segue.workspace.storage.database import LOCK, LOG_DUE, DatabaseError, Store, get_document, put_document

LOG_PAGES = 8_000  # 32 MB


class GroupedStore(Store):
    """A store with a thread that keeps its connection, and whose writes in a group are savepoints.

    Other threads read and write by connections of their own.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._local = threading.local()
        self.numbers: Mapping[str, int] = {}
        self.undone = 0

    def pin(self) -> None:
        """Let the calling thread keep a connection, from its next write on."""
        self._local.keeps = True

    def _pin(self) -> Connection:
        pinned = self.engine.connect().execution_options(segue_write=True)
        if self.is_sqlite:  # the log is copied back less often: under load most pages are written many times
            raw: Any = pinned.connection.driver_connection
            raw.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        self._local.pinned = pinned
        return pinned

    @property
    def _pinned(self) -> Connection | None:
        pinned: Connection | None = getattr(self._local, "pinned", None)
        if pinned is None and getattr(self._local, "keeps", False):
            return self._pin()
        return pinned

    @property
    def _open(self) -> Connection | None:
        return getattr(self._local, "group", None)

    @contextmanager
    def group(self) -> Iterator[None]:
        """Commit everything written inside at once (on PostgreSQL, which needs no such thing, each write).

        A group within a group is part of it.
        """
        if not self.is_sqlite or self._open is not None:
            yield
            return
        with self._alone() as connection:
            self._local.group = connection
            try:
                yield
            finally:
                self._local.group = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield the writer's connection; an error undoes this write only."""
        if (connection := self._open) is None:
            with self._alone() as connection:
                yield connection
        else:
            with self._counted(), connection.begin_nested():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees what the group has written so far."""
        if (connection := self._open) is None:
            with super().read() as connection:
                yield connection
        else:
            yield connection

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """Yield the connection of a write that commits; the pinned one where the thread has it."""
        pinned = self._pinned
        if pinned is None:
            with super().write() as connection:
                yield connection
            return
        turn = self._turn if self.is_sqlite else nullcontext()
        with turn, self._counted(), pinned.begin():
            self.numbers = self._numbers(pinned)
            yield pinned

    def forget(self) -> None:
        """Tell whoever remembers models, learners or states that rows were changed behind their events."""
        self.undone += 1

    def _numbers(self, connection: Connection) -> Mapping[str, int]:
        """Take the writers' lock, which on SQLite is taken already, and return the counters by name."""
        if not self.is_sqlite:
            return {"events": int(connection.execute(LOCK).scalar_one())}
        raw: Any = connection.connection.driver_connection
        return dict(raw.execute("SELECT name, value FROM counters").fetchall())

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count what was undone: whoever remembers anything of it must forget."""
        try:
            yield
        except BaseException:
            self.undone += 1
            raise

    def version(self, connection: Connection) -> tuple[Any, ...]:
        """Return what changes when another connection has written, or a write of this one was undone."""
        if not self.is_sqlite:
            return ()
        raw: Any = connection.connection.driver_connection
        return id(raw), raw.execute("PRAGMA data_version").fetchone()[0], self.undone

    def copy_log_back(self) -> None:
        """Copy what is committed from SQLite's log into its file, so that the writer need not stop for it.

        The log is emptied only where an erasure could not do it: every reader then forgets what it remembers.
        """
        if not self.is_sqlite:
            return
        with contextlib.suppress(sqlite3.Error, DatabaseError):  # or the next time
            with self.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                due = get_document(connection, LOG_DUE)
            if due:
                with self.write() as connection:
                    put_document(connection, LOG_DUE, b"")
                if not self.forget_log(wait=False):
                    with self.write() as connection:
                        put_document(connection, LOG_DUE, due)

    def unpin(self) -> None:
        """Let go of the calling thread's connection."""
        self._local.keeps = False
        if (pinned := self._pinned) is not None:
            pinned.close()
            self._local.pinned = None
