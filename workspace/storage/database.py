"""The database of a workspace: one writer at a time, facts appended once, the same on SQLite and PostgreSQL.

Durability. On SQLite the journal is a write-ahead log: "normal" (the default) loses nothing acknowledged when
the process is killed, but the last commits may be lost in a power cut; "full" waits for the disk at every
commit. PostgreSQL does the same by ``synchronous_commit``.
"""

from __future__ import annotations

import io
import re
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import sqlalchemy
from numpy.typing import NDArray
from sqlalchemy import Engine, Table, create_engine, event, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from segue.workspace.storage import schema

# Types for the rooms that speak no SQL.
Connection = sqlalchemy.Connection
Row = sqlalchemy.Row[Any]
DatabaseError = SQLAlchemyError
TwiceError = IntegrityError  # what may be there once is there already
Durability = Literal["normal", "full"]
MIGRATIONS = Path(__file__).resolve().parent / "migrations"
LOG_DUE = "log_due"  # document: an erasure could not empty SQLite's log
LOCK_SECONDS = 60
MANY_ROWS = 100
REACH_SECONDS = 5  # within which a database answers, or is away
SNAPSHOT: Literal["REPEATABLE READ"] = "REPEATABLE READ"
ENCODINGS = ("UTF8", "SQL_ASCII")  # in which PostgreSQL keeps any text
ARRIVED = "segue.settings"  # of a connection: missing where something in between has dropped them all
POOLER = "give the address of PostgreSQL itself, not of a pooler (pgbouncer) before it"


class StoreError(RuntimeError):
    """The database cannot be used as it stands; the message says what to do."""


class Store:
    """A database with the schema of this version.

    Reads see one moment. Writes are serialised on every database: a write takes the sequence counter's lock
    before it looks at anything, so numbers grow in the order of commits and no fold can overtake an event.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._turn = threading.Lock()  # threads of this process queue here: SQLite's own lock starves some
        # In SQLite's write-ahead log a read transaction is a snapshot without being asked to be.
        self._reading = engine if self.is_sqlite else engine.execution_options(isolation_level=SNAPSHOT)

    @classmethod
    def open(cls, url: str | URL, *, durability: Durability = "normal") -> Store:
        """Return the store at a database URL, its schema made or brought up to date.

        Raises
        ------
        StoreError
            When the database cannot be reached, or was written by a later version.
        """
        store = cls(_engine(_parsed(url), durability))
        weakref.finalize(store, store.engine.dispose)  # who drops it without closing it leaves nothing open
        try:
            _migrate(store.engine)
        except DBAPIError as error:
            raise StoreError(f"the database cannot be opened: {_first_line(error)}") from None
        except StoreError:
            store.close()
            raise
        return store

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database (one service process)."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one moment."""
        with self._reading.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield the connection of the only writer; it commits at the end, or nothing happened."""
        turn = self._turn if self.is_sqlite else nullcontext()
        writing = self.engine.execution_options(segue_write=True)
        with turn, writing.connect() as connection, connection.begin():
            connection.execute(LOCK)
            yield connection

    @contextmanager
    def group(self) -> Iterator[None]:
        """Let writes that belong together share one commit where the store can; here each has its own."""
        yield

    @contextmanager
    def alone(self, work: str) -> Iterator[bool]:
        """Hold a piece of work for this process, whatever machine it is on; yield whether nobody else does.

        On SQLite, which one machine uses, always True: there a lock file does it.
        """
        if self.is_sqlite:
            yield True
            return
        taken = text("SELECT pg_try_advisory_lock(hashtext(current_schema()), hashtext(:work))")
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                yield bool(connection.execute(taken, {"work": work}).scalar_one())
            finally:
                connection.invalidate()  # a lock lasts as long as its connection

    def forget(self) -> None:
        """Tell whoever remembers models, learners or states that rows were changed behind their events."""

    def forget_log(self, *, wait: bool = True) -> bool:
        """Copy SQLite's log into its file and empty it, so that rows removed before are in neither.

        Returns False at once while a reader of another moment holds it (all who write would wait for the
        reader too), and without `wait` while somebody writes; True on PostgreSQL, which has no such file.
        """
        if not self.is_sqlite:
            return True
        if not self._turn.acquire(blocking=wait):
            return False
        try:
            with self.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA busy_timeout=0")
                try:
                    busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    driver.execute(f"PRAGMA busy_timeout={LOCK_SECONDS * 1000}")
        finally:
            self._turn.release()
        return not busy

    def ping(self) -> None:
        """Ask the database for an answer.

        Raises
        ------
        DatabaseError
            When it is away.
        """
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def is_away(error: DatabaseError) -> bool:
    """Return whether an error means that the database is away, full or locked: the same may work later."""
    return isinstance(error, OperationalError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


LOCK = select(schema.counters.c.value).where(schema.counters.c.name == "events").with_for_update()


def take_numbers(connection: Connection, name: str, count: int) -> int:
    """Return the first of `count` fresh numbers of a counter ("events", "decisions", ...), within a write."""
    return take_numbers_of(connection, {name: count})[name]


def take_numbers_of(connection: Connection, counts: Mapping[str, int]) -> dict[str, int]:
    """Return the first of so many fresh numbers of each counter, within a write."""
    marks = ", ".join("?" * len(counts))
    if connection.dialect.name == "postgresql":
        add = f"UPDATE counters SET value = value + CASE name{' WHEN ? THEN ?' * len(counts)} END"
        values = [one for pair in counts.items() for one in pair]
        rows = plain(connection, f"{add} WHERE name IN ({marks}) RETURNING name, value", (*values, *counts))
    else:  # SQLite keeps a journal of a statement that changes several rows, or returns some: thrice as long
        for name, count in counts.items():
            plain(connection, "UPDATE counters SET value = value + ? WHERE name = ?", (count, name))
        rows = plain(connection, f"SELECT name, value FROM counters WHERE name IN ({marks})", tuple(counts))
    return {name: int(last) - counts[name] for name, last in rows}


def plain(connection: Connection, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement in plain SQL, with values at its question marks: the short road."""
    if connection.dialect.name == "postgresql":
        statement = statement.replace("?", "%s")
    try:
        driver: Any = connection.connection.driver_connection
        rows: list[tuple[Any, ...]] = driver.execute(statement, tuple(values)).fetchall()
    except _driver_errors(connection) as error:
        raise _as_known(connection, error) from None
    return rows


def _driver_errors(connection: Connection) -> type[Exception]:
    dbapi: Any = connection.dialect.loaded_dbapi
    errors: type[Exception] = dbapi.Error
    return errors


def _as_known(connection: Connection, error: Exception) -> BaseException:
    """Return an error of the driver as SQLAlchemy's, which callers know."""
    dbapi: Any = connection.dialect.loaded_dbapi
    return DBAPIError.instance("", None, error, dbapi.Error, hide_parameters=True)


def get_document(connection: Connection, name: str) -> bytes | None:
    """Return the body kept under a name, or None."""
    found = plain(connection, "SELECT body FROM documents WHERE name = ?", (name,))
    return bytes(found[0][0]) if found else None


def put_document(connection: Connection, name: str, body: bytes) -> None:
    """Keep a body under a name, within a write; an earlier one is replaced."""
    connection.execute(schema.documents.delete().where(schema.documents.c.name == name))
    connection.execute(schema.documents.insert().values(name=name, body=body))


def get_arrays(connection: Connection, name: str) -> dict[str, NDArray[Any]] | None:
    """Return the arrays kept under a name, or None."""
    body = get_document(connection, name)
    if not body:
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as file:
        return dict(file)


def put_arrays(connection: Connection, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Keep arrays under a name, within a write; earlier ones are replaced."""
    body = io.BytesIO()
    np.savez(body, allow_pickle=False, **arrays)
    put_document(connection, name, body.getvalue())


def insert_columns(connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows given as columns of plain values: the bulk road, five times as fast as row dictionaries."""
    try:
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name == "postgresql":
            names = ", ".join(columns)
            with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in zip(*columns.values(), strict=True):
                    copy.write_row(row)
        else:
            driver.executemany(*_insertion(table, columns))
    except _driver_errors(connection) as error:
        raise _as_known(connection, error) from None


def _insertion(table: Table, columns: Mapping[str, Sequence[Any]]) -> tuple[str, Iterator[tuple[Any, ...]]]:
    """Return a statement and its rows; what a column says throughout stands in the statement once.

    A cell handed over costs a twentieth of storing its row. Few rows are not worth a statement of their own.
    """
    many = len(next(iter(columns.values()))) >= MANY_ROWS
    said = {name: _said_throughout(cells) for name, cells in columns.items()} if many else {}
    once = {name: text for name, text in said.items() if text}
    values = ", ".join(once.get(name, "?") for name in columns)
    rows = zip(*(cells for name, cells in columns.items() if name not in once), strict=True)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({values})", rows


_PLAIN_TEXT = re.compile(r"[\w \[\]{}.:-]*", re.ASCII)


def _said_throughout(cells: Sequence[Any]) -> str | None:
    """Return the literal of a column of one and the same value, None for any other."""
    first = cells[0]
    if not (first is None or (isinstance(first, str) and _PLAIN_TEXT.fullmatch(first))):
        return None
    if cells.count(first) < len(cells):
        return None
    return "NULL" if first is None else f"'{first}'"


def _engine(url: URL, durability: Durability) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": LOCK_SECONDS}, hide_parameters=True)
        event.listen(engine, "connect", _sqlite_connect(durability))
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    if url.get_backend_name() != "postgresql":
        raise StoreError(f"the database must be sqlite or postgresql, got {url.get_backend_name()}")
    commit = {"normal": "local", "full": "on"}[durability]
    settings = f"-c {ARRIVED}=on -c synchronous_commit={commit} -c lock_timeout={LOCK_SECONDS}s"
    options = f"{settings} {url.query.get('options', '')}"
    said = {"connect_timeout": str(REACH_SECONDS), "client_encoding": "utf8", **url.query, "options": options}
    return create_engine(
        url.set(drivername="postgresql+psycopg", query=said),
        pool_pre_ping=True,
        hide_parameters=True,  # an error may be logged; what was stored may not
    )


def _parsed(url: str | URL) -> URL:
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        found = None
    if found is None or "@" in (found.host or ""):  # what was said may hold a password
        raise StoreError(
            "the database must be an address as postgresql://user:password@host:5432/name "
            "(@ : / % in a password are written %40 %3A %2F %25)"
        )
    return found


def _sqlite_connect(durability: Durability) -> Any:
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver's own guess takes locks late
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={durability}",
            "foreign_keys=ON",
            "secure_delete=ON",  # what is erased is overwritten, whatever the library was built with
            "temp_store=MEMORY",
            "cache_size=-65536",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return prepare


def _sqlite_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("segue_write", False)
    plain(connection, "BEGIN IMMEDIATE" if write else "BEGIN", ())


def _migrate(engine: Engine) -> None:
    """Bring the schema to `schema.HEAD`; Alembic is only loaded when there is something to do."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            arrived = text(f"SELECT current_setting('{ARRIVED}', true)")
            if connection.execute(arrived).scalar_one() != "on":
                raise StoreError(f"the settings of a connection do not reach the database: {POOLER}")
        version = schema_version(connection)
    if version == schema.HEAD:
        return
    if version is not None and version > schema.HEAD:
        raise StoreError(
            f"the database has schema {version}, this Segue knows {schema.HEAD}: install a later version"
        )
    from alembic import command  # noqa: PLC0415 - a quarter of a second, needed once in a workspace's life
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect().execution_options(segue_write=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(20261124)"))
            encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
            if version is None and encoding not in ENCODINGS:
                raise StoreError(
                    f"the database keeps its text in {encoding}, which lacks letters of most languages: "
                    "make one with ENCODING 'UTF8'"
                )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def schema_version(connection: Connection) -> str | None:
    """Return the version the database's schema has, or None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def database_fault(error: Exception) -> str | None:
    """Return what to say of a fault of the database itself; None for any other error."""
    if not isinstance(error, DBAPIError):
        return None
    said = _first_line(error)
    if any(word in said for word in _DAMAGED):
        return f"the database is damaged ({said}): `segue doctor` says what, and a backup brings it back"
    return f"the database failed: {said}"


_SQLITE_FILES = "segue.db, segue.db-wal, segue.db-shm and their folder must be writable for this user"
_HINTS = {
    "readonly": _SQLITE_FILES,
    "unable to open": _SQLITE_FILES,
    "statement timeout": "give the role of this workspace a longer statement_timeout",
    "unsupported startup parameter": POOLER,
    "lock timeout": "another command holds the database; run this again when it has ended",
    "permission denied": "the role needs SELECT, INSERT, UPDATE and DELETE on every table, and an upgrade "
    "the role that owns them",
}
_DAMAGED = ("malformed", "not a database", "no such table", "no such column", "corrupt")


def _first_line(error: Exception) -> str:
    said = str(getattr(error, "orig", error)).splitlines()[0]
    return said + next((f": {hint}" for words, hint in _HINTS.items() if words in said), "")
