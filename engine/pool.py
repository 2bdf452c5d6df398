"""A process pool that survives its workers: what a lost one had not finished is done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
RETRIES = 3


class WorkersLostError(RuntimeError):
    """Workers died again and again; the message says at which task."""


def run(
    work: Callable[[T], R],
    tasks: Mapping[int, T],
    *,
    workers: int,
    prepare: Callable[..., Callable[[], None]],
    arguments: tuple[Any, ...],
) -> Iterator[tuple[int, R]]:
    """Yield (number, result) of every task, as they finish; in this process when there is one worker.

    `prepare(*arguments)` is called once in every worker, and returns what lets go of it again. At most two
    tasks a worker are under way, so that results do not pile up in front of a slow consumer.

    Raises
    ------
    WorkersLostError
        When a worker was lost four times.
    """
    if workers <= 1 or len(tasks) <= 1:
        close = prepare(*arguments)
        try:
            for number, task in tasks.items():
                yield number, work(task)
        finally:
            close()
        return
    left = dict(tasks)
    for _ in range(RETRIES + 1):
        try:
            yield from _round(work, left, workers=workers, prepare=prepare, arguments=arguments)
        except BrokenProcessPool:
            continue
        return
    raise WorkersLostError(
        f"workers were killed {RETRIES + 1} times (out of memory?), {len(left)} tasks are left: "
        "use fewer workers and run again; what is finished stays"
    )


def _round(
    work: Callable[[T], R],
    left: dict[int, T],
    *,
    workers: int,
    prepare: Callable[..., Callable[[], None]],
    arguments: tuple[Any, ...],
) -> Iterator[tuple[int, R]]:
    """Yield results until all tasks are done or the pool breaks; `left` keeps what is not."""
    waiting = iter(list(left.items()))
    context = get_context("spawn")  # a forked child would share the parent's database connections
    count = min(workers, len(left))
    with ProcessPoolExecutor(count, mp_context=context, initializer=prepare, initargs=arguments) as pool:
        running: dict[Future[R], int] = {}
        while True:
            for number, task in waiting:
                running[pool.submit(work, task)] = number
                if len(running) >= 2 * workers:
                    break
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number = running.pop(future)
                result = future.result()
                del left[number]
                yield number, result
