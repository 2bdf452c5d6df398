"""The batch beyond one machine: tasks run on a Dask cluster, whose workers see the same folders."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from segue.batch.worker_pool import Prepare, Runner, WorkersLostError

T = TypeVar("T")
R = TypeVar("R")
RETRIES = 5
REACH_SECONDS = 10  # within which a scheduler answers and a worker is there


def with_dask(address: str, shared: Sequence[Path]) -> Runner:
    """Return what runs tasks on the Dask scheduler at `address`; a task whose worker is lost runs again.

    Every worker must see the folders `shared` under the paths that they have here: that is tried first.

    Raises
    ------
    WorkersLostError
        By the runner: when no scheduler answers, no worker is there, or one of them sees another folder.
    """

    def run(
        work: Callable[[T], R],
        tasks: Mapping[int, T],
        *,
        workers: int,  # noqa: ARG001 - as many as the cluster has
        prepare: Prepare,
        arguments: tuple[Any, ...],
    ) -> Iterator[tuple[int, R]]:
        import distributed  # noqa: PLC0415 - an extra, and slow to import

        untyped: Any = distributed  # its functions carry no types
        if not tasks:
            return
        try:
            client = untyped.Client(address, timeout=REACH_SECONDS)
        except (OSError, ValueError) as error:
            raise WorkersLostError(f"no Dask scheduler answers at {address}: {_first(error)}") from None
        with client:
            try:
                client.wait_for_workers(1, timeout=REACH_SECONDS)
                _see(client, shared)
                futures = {
                    client.submit(_do, work, prepare, arguments, task, pure=False, retries=RETRIES): number
                    for number, task in tasks.items()
                }
                for future, result in untyped.as_completed(futures, with_results=True):
                    yield futures[future], result
            except TimeoutError:
                raise WorkersLostError(f"no Dask worker is at the scheduler {address}: start some") from None
            except (untyped.CancelledError, untyped.scheduler.KilledWorker, OSError) as error:
                raise WorkersLostError(
                    f"the Dask cluster at {address} was lost ({_first(error)}): run the same again, what is "
                    "finished stays"
                ) from None

    return run


def _see(client: Any, shared: Sequence[Path]) -> None:
    """Refuse workers that do not see what lies in the shared folders."""
    for folder in shared:
        token = folder.resolve() / f".seen-{secrets.token_hex(4)}"
        token.write_text("")
        try:
            seen: dict[str, bool] = client.run(os.path.exists, str(token))
        finally:
            token.unlink()
        if blind := sorted(worker for worker, sees in seen.items() if not sees):
            raise WorkersLostError(
                f"the Dask worker {blind[0]} does not see {folder.resolve()}: workspace, model and --out "
                "must lie in folders that every machine has under the same path"
            )


_ready: dict[str, Callable[[], None]] = {}  # one a worker: what it got ready for, by its arguments


def _do(work: Callable[[T], R], prepare: Prepare, arguments: tuple[Any, ...], task: T) -> R:
    """Do a task in a worker, having got ready for these arguments before the first."""
    name = f"{prepare.__qualname__} {arguments!r}"
    if name not in _ready:
        for close in _ready.values():
            close()
        _ready.clear()
        _ready[name] = prepare(*arguments)
    return work(task)


def _first(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
