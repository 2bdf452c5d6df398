"""Every row of a store copied to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Table, select

from segue.workspace.storage.database import Connection, insert_columns
from segue.workspace.storage.schema import metadata

ROWS = 20_000


def copied(source: Connection, target: Connection) -> dict[str, int]:
    """Replace the rows of every table by those of `source`; return how many."""
    return {table.name: _copy(source, target, table) for table in metadata.sorted_tables}


def _copy(source: Connection, target: Connection, table: Table) -> int:
    target.execute(table.delete())
    count = 0
    for rows in _pieces(source, table):
        names = table.c.keys()
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        insert_columns(target, table, columns)
        count += len(rows)
    return count


def _pieces(source: Connection, table: Table) -> Iterator[list[Any]]:
    found = source.execution_options(yield_per=ROWS).execute(select(table))
    for rows in found.partitions():
        yield list(rows)
