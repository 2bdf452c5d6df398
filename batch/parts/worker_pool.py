"""Who does tasks: processes here, or a Dask cluster; what a lost one had not finished is done again.

A pool of ``concurrent.futures`` breaks as a whole when one of its processes is lost; the tasks without a
result go to a new one. Workers end with the process that started them, however it ends.
"""

from __future__ import annotations

import gc
import os
import pickle
import secrets
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Prepare = Callable[..., Callable[[], None]]
LOSSES = 4  # pools in a row, without a result between them
ENOUGH = 2_000  # learners from which a process a core wins: one begins in the time of 500 lists from a store
PATIENCE_SECONDS = 2.0  # without a result, before it is asked whether a process was lost; and to end in
RETRIES = 5  # of a task on a Dask cluster
REACH_SECONDS = 10  # within which a scheduler answers and a worker is there
AHEAD = 2  # tasks that are handed out for each worker: one it does, and one that waits for it


def sensible(learners: int, workers: int | None) -> int:
    """Return how many processes to use: those asked for, else one for few learners, else one a core."""
    if workers is not None:
        return workers
    return len(os.sched_getaffinity(0)) if learners >= ENOUGH else 1


class WorkersLostError(RuntimeError):
    """Workers died again and again; the message says how much is left."""


class Runner(Protocol):
    """What runs tasks somewhere, and yields (number, result) of each as they finish: see `run`."""

    def __call__(
        self,
        work: Callable[[T], R],
        tasks: Mapping[int, T],
        *,
        workers: int,
        prepare: Prepare,
        arguments: tuple[Any, ...],
    ) -> Iterator[tuple[int, R]]:
        """Run `work` on each of `tasks`."""
        ...


def run(
    work: Callable[[T], R],
    tasks: Mapping[int, T],
    *,
    workers: int,
    prepare: Prepare,
    arguments: tuple[Any, ...],
) -> Generator[tuple[int, R], None, None]:
    """Yield (number, result) of every task, as they finish; in this process when there is one worker.

    `prepare(*arguments)` is called once in every worker, and returns what lets go of it again. At most two
    tasks a worker are under way, so that results do not pile up in front of a slow consumer.

    Raises
    ------
    WorkersLostError
        When workers were lost four times in a row before any finished a task.
    Exception
        What `work` or `prepare` raised in a worker, as it was; the others then end too.
    """
    if workers <= 1 or len(tasks) <= 1:
        close = prepare(*arguments)
        try:
            for number, task in tasks.items():
                yield number, work(task)
        finally:
            close()
        return
    left, losses, told = dict(tasks), 0, pickle.dumps((work, prepare, arguments))
    while left:
        before = set(active_children())
        size = min(workers, len(left))
        # A forked child would share the parent's database connections.
        pool = ProcessPoolExecutor(size, get_context("spawn"), _begin, (told,))
        try:
            for number, result in _finished(pool, dict(left), ahead=AHEAD * size):
                losses = 0
                del left[number]
                yield number, result
        except BrokenProcessPool:
            losses += 1
            for child in set(active_children()) - before:  # of a pool that broke while it was made
                child.kill()
            _let_go(pool)
        finally:
            _end(pool)
        if losses >= LOSSES:
            raise WorkersLostError(
                f"workers were killed {LOSSES} times in a row (out of memory?), {len(left)} tasks are left: "
                "use fewer workers and run again; what is finished stays"
            )


def _finished(pool: ProcessPoolExecutor, tasks: Mapping[int, T], *, ahead: int) -> Iterator[tuple[int, Any]]:
    """Yield results as they come, with at most `ahead` tasks handed out."""
    queue = iter(tasks.items())
    under_way: dict[Future[Any], int] = {}
    while True:
        for number, task in islice(queue, ahead - len(under_way)):
            under_way[_handed_out(pool, task)] = number
        if not under_way:
            return
        done = wait(under_way, timeout=PATIENCE_SECONDS, return_when=FIRST_COMPLETED).done
        if not done and _lost_one(pool):
            raise BrokenProcessPool("a worker was lost while it sent a result")
        for future in done:
            yield under_way.pop(future), future.result()


def _handed_out(pool: ProcessPoolExecutor, task: object) -> Future[Any]:
    """Return the future of a task; a pool that breaks while it begins a process has lost its pipes."""
    try:
        return pool.submit(_do, pickle.dumps(task))
    except (OSError, ValueError) as error:
        raise BrokenProcessPool("a worker was lost while another began") from error


def _lost_one(pool: ProcessPoolExecutor) -> bool:
    """Return whether a process of the pool has ended: one killed in the middle of a result breaks no pool."""
    processes = pool._processes or {}
    return any(process.exitcode is not None for process in list(processes.values()))


def _let_go(pool: ProcessPoolExecutor) -> None:
    """Close the pipe of results, whose reader waits for the rest of one that nobody will send."""
    vars(pool._result_queue)["_writer"].close()


def _end(pool: ProcessPoolExecutor) -> None:
    """End a pool that nothing more is asked of; workers that do not end in `PATIENCE_SECONDS` are killed.

    They are told by a queue, which one that was killed while it read leaves locked to the others.
    """
    workers, manager = list((pool._processes or {}).values()), vars(pool)["_executor_manager_thread"]
    pool.shutdown(wait=False, cancel_futures=True)
    while manager is not None and manager.is_alive():
        manager.join(PATIENCE_SECONDS)
        if manager.is_alive():
            for worker in workers:
                worker.kill()


# ---------------------------------------------------------------- in a worker


_told: dict[str, Any] = {}  # one a process: how to get ready, as it was sent; then what it does


def _begin(told: bytes) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _told["told"] = told


def _do(task: bytes) -> Any:
    """Do a task, having got ready before the first; an error comes out as one that can be sent.

    All is unpacked here: modules for which there is no memory are an error of the task, not a lost worker.
    """
    try:
        if "work" not in _told:
            work, prepare, arguments = pickle.loads(_told["told"])
            prepare(*arguments)  # lets go when the process ends
            gc.freeze()  # what is loaded stays for good: it need not be looked through again and again
            _told["work"] = work
        return _told["work"](pickle.loads(task))
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            raise RuntimeError(f"{type(error).__name__}: {error}") from None
        raise


def _end_with_parent() -> None:
    """End with a parent that was killed at once: who runs the job again must find nobody in the way."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
                    client.submit(
                        _do_there, work, prepare, arguments, task, pure=False, retries=RETRIES
                    ): number
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


_there: dict[str, Callable[[], None]] = {}  # one a worker: what it got ready for, by its arguments


def _do_there(work: Callable[[T], R], prepare: Prepare, arguments: tuple[Any, ...], task: T) -> R:
    """Do a task in a worker, having got ready for these arguments before the first."""
    name = f"{prepare.__qualname__} {arguments!r}"
    if name not in _there:
        for close in _there.values():
            close()
        _there.clear()
        _there[name] = prepare(*arguments)
    return work(task)


def _first(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
