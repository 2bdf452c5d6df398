"""kill -9 on the way from the first schema to the last: a store stays what it was, or is brought up whole."""

from __future__ import annotations

import os
import signal

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, text

from segue.workspace.storage import schema
from segue.workspace.storage.database import MIGRATIONS, Store, schema_version

pytestmark = pytest.mark.journey
EVERY = int(os.environ.get("SEGUE_MIGRATION_KILLS_EVERY", "12"))  # statements from one kill to the next


def first_version(url: str) -> None:
    """Make a store of the first version with a row in it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO documents (name, body) VALUES ('kept', :body)"), {"body": b"{}"})


def opened(url: str, *, killed_at: int = 0) -> bool:
    """Open a store in a process of its own, killed before the n-th statement; return whether it lived."""
    child = os.fork()
    if child == 0:
        made = 0

        def count(*_: object) -> None:
            nonlocal made
            made += 1
            if made == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "before_cursor_execute", count)
        code = 1
        try:
            Store.open(url).close()
            code = 0
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), "the store could not be opened"
    return status == 0


def test_a_store_killed_while_it_is_brought_up_is_the_old_one_and_then_the_new_one(database: str) -> None:
    first_version(database)
    kills, there = 0, sqlalchemy.create_engine(database, poolclass=sqlalchemy.NullPool)
    while not opened(database, killed_at=1 + kills * EVERY):
        kills += 1
        with there.connect() as connection:
            assert schema_version(connection) == "0001"
            assert not sqlalchemy.inspect(connection).has_table("replies")
    assert kills * EVERY > 24  # it was killed within the migrations, and the last one was not
    store = Store.open(database)
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert (schema_version(connection), compare_metadata(context, schema.metadata)) == (schema.HEAD, [])
        assert connection.execute(text("SELECT name FROM documents")).scalars().all() == ["kept"]
    store.close()
