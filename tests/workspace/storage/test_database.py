"""The store on both databases: one writer, facts once, numbers in the order of commits."""

from __future__ import annotations

import contextlib
import gc
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from segue.features.events.event_records import check, identify
from segue.workspace.records import events as facts
from segue.workspace.storage import schema
from segue.workspace.storage.database import (
    Store,
    StoreError,
    get_document,
    insert_columns,
    put_document,
    take_numbers,
)
from segue.workspace.storage.pseudonyms import Keyring

RING = Keyring((b"k" * 32,))


def frame(n: int = 3, **columns: object) -> pd.DataFrame:
    raw = pd.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(n)],
            "learner": [f"pupil-{i % 2}" for i in range(n)],
            "resource": "r1",
            "score": [float(i % 2) for i in range(n)],
            "time": pd.date_range("2026-11-23T08:00Z", periods=n, freq="h"),
            "class_id": "7b",
        }
    ).assign(**columns)
    return identify(check(raw, range(n)).events)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    opened = Store.open(database)
    yield opened
    opened.close()


def test_migrations_make_the_schema_that_the_code_speaks_of(store: Store) -> None:
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
    Store.open(store.engine.url).close()  # a second opening changes nothing


def test_a_database_of_a_later_version_is_refused(store: Store) -> None:
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"schema 9999.*install a later version"):
        Store.open(store.engine.url)


def test_other_databases_and_unreachable_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="must be sqlite or postgresql, got mysql"):
        Store.open("mysql://host/db")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(f"sqlite:///{tmp_path}/no/such/folder/x.db")


@pytest.mark.parametrize(
    "address", ["school", "postgresql://me:secret@host:port/db", "postgresql://me:sec@secret@host/db"]
)
def test_what_is_no_address_is_refused_without_being_shown(address: str) -> None:
    with pytest.raises(StoreError, match="must be an address as postgresql://") as refused:
        Store.open(address)
    assert "secret" not in str(refused.value)


def test_a_read_sees_one_moment(store: Store) -> None:
    with store.read() as reading:
        assert get_document(reading, "said") is None
        with store.write() as writing:
            put_document(writing, "said", b"{}")
        assert get_document(reading, "said") is None
    with store.read() as reading:
        assert get_document(reading, "said") == b"{}"


def test_each_schema_of_a_database_is_a_store_of_its_own(new_postgresql: Callable[..., str]) -> None:
    url = new_postgresql()
    with psycopg.connect(url) as maker:
        maker.execute("CREATE SCHEMA east")
        maker.execute("CREATE SCHEMA west")
    east, west = (Store.open(f"{url}&options=-csearch_path%3D{name}") for name in ("east", "west"))
    with east.write() as connection:
        put_document(connection, "said", b"{}")
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "1min"  # ours count as well
    with west.read() as connection:
        assert get_document(connection, "said") is None
        assert connection.execute(text("SELECT count(*) FROM counters")).scalar_one() > 0
    east.close()
    west.close()


def test_work_is_held_on_all_machines_and_let_go_with_its_process(new_postgresql: Callable[..., str]) -> None:
    url = new_postgresql()
    one, other = Store.open(url), Store.open(url)
    with contextlib.suppress(ZeroDivisionError), one.alone("week") as first:
        with other.alone("week") as second, other.alone("else") as third:
            assert (first, second, third) == (True, False, True)
        raise ZeroDivisionError
    with other.alone("week") as free:
        assert free
    for store in (one, other):
        store.close()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_text_is_read_as_it_was_stored_whatever_the_database_keeps_it_in(
    new_postgresql: Callable[..., str], encoding: str
) -> None:
    url = new_postgresql(encoding=encoding)
    if encoding == "LATIN1":
        with pytest.raises(StoreError, match="LATIN1, which lacks letters"):
            Store.open(url)
        return
    store = Store.open(url)
    with store.write() as connection:
        connection.execute(schema.statements.insert().values(**STATEMENT))
    with store.read() as connection:
        assert connection.execute(select(schema.statements.c.body)).scalars().all() == ["Łódź → 日本"]
    store.close()


STATEMENT = {"statement_id": "s", "number": 1, "learner": 1, "kind": "note", "about": "", "time": 0} | {
    "body": "Łódź → 日本",
    "said_by": "",
    "playlist_id": "",
}


def test_an_event_is_stored_once_and_read_as_said(store: Store) -> None:
    events = frame()
    with store.write() as connection:
        assert facts.append_events(connection, RING, events) == facts.Appended(3, 0, 0, 0)
    with store.write() as connection:
        assert facts.append_events(connection, RING, events) == facts.Appended(0, 3, 0, 0)
        doubled = pd.concat([frame(4), frame(4)], ignore_index=True)
        assert facts.append_events(connection, RING, doubled) == facts.Appended(1, 7, 0, 0)
    with store.read() as connection:
        back = facts.read_events(connection)
    assert back["number"].tolist() == [1, 2, 3, 4]
    assert back["score"].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert back["time"].tolist() == frame(4)["time"].tolist()
    assert back["learner"].nunique() == 2
    assert not back["learner"].str.contains("pupil").any()


def test_nothing_of_the_source_ids_is_stored(store: Store, tmp_path: Path) -> None:
    canary = "canary-9f"
    columns = dict.fromkeys(("event_id", "learner", "class_id", "step", "tags"), canary)
    with store.write() as connection:
        facts.append_events(connection, RING, frame(1, **columns, supersedes=f"{canary}-1"))
        for table in schema.metadata.sorted_tables:
            for row in connection.execute(table.select()):
                assert canary not in repr(tuple(row))


def test_a_correction_reaches_no_other_learner(store: Store) -> None:
    with store.write() as connection:
        facts.append_events(connection, RING, frame(1, learner="ada", event_id="x"))
        facts.append_events(connection, RING, frame(1, learner="bob", event_id="y", voids="x"))
    with store.read() as connection:
        events = facts.read_events(connection)
    assert not set(events["voids"]) & set(events["event_id"])


def test_bulk_inserts_fail_in_the_terms_of_sqlalchemy(store: Store) -> None:
    columns = {"name": ["x", "x"], "body": [b"1", b"2"]}
    with pytest.raises(IntegrityError), store.write() as connection:
        insert_columns(connection, schema.documents, columns)
    with store.read() as connection:
        assert get_document(connection, "x") is None


def test_a_store_that_is_dropped_closes_its_connections(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'a.db'}")
    with store.read() as connection:
        kept = connection.connection.driver_connection
    assert isinstance(kept, sqlite3.Connection)
    kept.execute("SELECT 1")
    del store, connection
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        kept.execute("SELECT 1")


def test_an_error_undoes_the_whole_write(store: Store) -> None:
    def cut_off() -> None:
        with store.write() as connection:
            facts.append_events(connection, RING, frame())
            put_document(connection, "x", b"1")
            raise RuntimeError("the plug was pulled")

    with pytest.raises(RuntimeError, match="pulled"):
        cut_off()
    with store.write() as connection:
        assert facts.last_number(connection) == 0
        assert get_document(connection, "x") is None
        assert take_numbers(connection, "events", 1) == 1


def test_many_writers_lose_no_number_and_repeat_none(store: Store) -> None:
    def append(start: int) -> None:
        for i in range(5):
            ids = [f"{start}-{i}-{n}" for n in range(20)]
            with store.write() as connection:
                facts.append_events(connection, RING, frame(20, event_id=ids))

    threads = [threading.Thread(target=append, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as connection:
        numbers = facts.read_events(connection)["number"].tolist()
    assert numbers == list(range(1, 401))


def test_an_error_never_shows_what_was_stored(store: Store) -> None:
    def twice() -> None:
        with store.write() as connection:
            for surrogate in ("canary-1", "canary-2"):
                row = schema.learners.insert().values(number=1, surrogate=surrogate, opted_out=False)
                connection.execute(row)

    with pytest.raises(IntegrityError) as caught:
        twice()
    assert "canary" not in str(caught.value)


def test_columns_that_say_one_thing_throughout_are_stored_as_they_are(store: Store) -> None:
    n = 150
    said: dict[str, list[object]] = {
        "number": [*range(n)],
        "event_id": [number.to_bytes(16, "big") for number in range(n)],
        "learner": [7] * n,
        "kind": ["attempt"] * n,
        "resource": ["it's '; DROP TABLE events; --"] * n,
        "time": [None] * n,
        "seq": [1] * n,
        "class_id": [""] * n,
        "step": ["a-b c"] * (n - 1) + ["another"],
        "tags": ["a;\n"] * n,
        "voids": [None] * (n - 1) + [b"v" * 16],
    }
    with store.write() as connection:
        insert_columns(connection, schema.events, said)
    with store.read() as connection:
        rows = connection.execute(schema.events.select().order_by(schema.events.c.number)).mappings().all()
    assert {name: [row[name] for row in rows] for name in said} == said
