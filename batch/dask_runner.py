"""The batch beyond one machine: tasks run on a Dask cluster, whose workers see the same folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from segue.batch.from_files import Runner, Task

RETRIES = 5


def with_dask(address: str) -> Runner:
    """Return what runs tasks on the Dask scheduler at `address`; a task whose worker is lost runs again."""

    def run(work: Callable[[Task], int], tasks: Mapping[int, Task]) -> Iterator[tuple[int, int]]:
        import distributed  # noqa: PLC0415 - an extra, and slow to import

        untyped: Any = distributed  # its functions carry no types
        with untyped.Client(address) as client:
            futures = {client.submit(work, task, pure=False, retries=RETRIES): n for n, task in tasks.items()}
            for future, count in untyped.as_completed(futures, with_results=True):
                yield futures[future], count

    return run
