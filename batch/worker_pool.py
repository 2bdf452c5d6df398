"""Worker processes of which any may be killed at any moment: what a lost one had not finished is done again.

Each worker has a pipe of its own, so a death is the end of one pipe and nothing else: no lock that two share
can be left behind, and the others go on. Workers end with the process that started them, however it ends.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
LOSSES = 4  # in a row, without a result between them
AHEAD = 2  # tasks that a worker has: one it does, and one that waits for it
ROOM = 32_768  # bytes that surely lie in a pipe until a busy worker takes them up
PATIENCE = 5.0  # seconds that an idle worker may take to let go


class WorkersLostError(RuntimeError):
    """Workers died again and again; the message says how much is left."""


def run(
    work: Callable[[T], R],
    tasks: Mapping[int, T],
    *,
    workers: int,
    prepare: Callable[..., Callable[[], None]],
    arguments: tuple[Any, ...],
) -> Generator[tuple[int, R], None, None]:
    """Yield (number, result) of every task, as they finish; in this process when there is one worker.

    `prepare(*arguments)` is called once in every worker, and returns what lets go of it again. At most two
    tasks a worker are under way, so that results do not pile up in front of a slow consumer.

    Raises
    ------
    WorkersLostError
        When four workers in a row were lost before any finished a task.
    Exception
        What `work` or `prepare` raised in a worker, as it was; the others are then stopped.
    """
    if workers <= 1 or len(tasks) <= 1:
        close = prepare(*arguments)
        try:
            for number, task in tasks.items():
                yield number, work(task)
        finally:
            close()
        return
    crew = _Crew[T, R](work, prepare, arguments, min(workers, len(tasks)), deque(tasks.items()))
    try:
        yield from crew.results()
    finally:
        crew.dismiss()


@dataclass(eq=False)
class _Worker(Generic[T]):
    """A process, this end of its pipe, and the tasks it has."""

    process: BaseProcess
    pipe: Connection
    has: dict[int, T] = field(default_factory=dict)


@dataclass(eq=False)
class _Crew(Generic[T, R]):
    """The workers of one run, and what is still to be handed out."""

    work: Callable[[T], R]
    prepare: Callable[..., Callable[[], None]]
    arguments: tuple[Any, ...]
    size: int
    left: deque[tuple[int, T]]
    workers: dict[Connection, _Worker[T]] = field(default_factory=dict)
    losses: int = 0

    def results(self) -> Iterator[tuple[int, R]]:
        """Yield results until no task is left; a lost worker is replaced while there is work for it."""
        while True:
            for worker in list(self.workers.values()):
                self._feed(worker)
            while len(self.workers) < self.size and self.left:
                self._hire()
            busy = [pipe for pipe, worker in self.workers.items() if worker.has]
            if not busy and not self.left:
                return
            for pipe in wait(busy):
                assert isinstance(pipe, Connection)
                if (found := self._take(self.workers[pipe])) is not None:
                    yield found

    def _hire(self) -> None:
        context = get_context("spawn")  # a forked child would share the parent's database connections
        mine, its = context.Pipe()
        told = (its, self.work, self.prepare, self.arguments)
        worker = _Worker[T](context.Process(target=_live, args=told, daemon=True), mine)
        self.workers[mine] = worker
        try:
            worker.process.start()
        except BrokenPipeError:  # killed before it had read what it is to do
            self._lose(worker)
        else:
            self._feed(worker)
        finally:
            its.close()

    def _feed(self, worker: _Worker[T]) -> None:
        """Hand a worker its next tasks, the second one only where there are enough for all.

        A task that is too large for the pipe waits until the worker is idle.
        """
        try:
            while self.left and len(worker.has) < (AHEAD if len(self.left) >= self.size else 1):
                number, task = self.left[0]
                body = ForkingPickler.dumps((number, task))
                if worker.has and len(body) > ROOM:
                    return
                worker.has[number] = task
                self.left.popleft()
                worker.pipe.send_bytes(body)
        except OSError:
            self._lose(worker)

    def _take(self, worker: _Worker[T]) -> tuple[int, R] | None:
        """Return the result that a worker has sent, having handed it more to do; None if it is lost.

        Raises
        ------
        Exception
            What was raised in the worker.
        """
        try:
            number, result, error = worker.pipe.recv()
        except (EOFError, OSError):
            self._lose(worker)
            return None
        if error is not None:
            raise error
        self.losses = 0
        del worker.has[number]
        self._feed(worker)
        return number, result

    def _lose(self, worker: _Worker[T]) -> None:
        """Take back what a lost worker had.

        Raises
        ------
        WorkersLostError
            When it is the fourth in a row.
        """
        self.left.extendleft(reversed(worker.has.items()))
        worker.has = {}
        _end(self.workers.pop(worker.pipe), patience=0.0)
        self.losses += 1
        if self.losses >= LOSSES:
            left = len(self.left) + sum(len(other.has) for other in self.workers.values())
            raise WorkersLostError(
                f"{LOSSES} workers in a row were killed (out of memory?), {left} tasks are left: "
                "use fewer workers and run again; what is finished stays"
            )

    def dismiss(self) -> None:
        """Let idle workers go, and stop those that are not."""
        for worker in self.workers.values():
            worker.pipe.close()
        for worker in self.workers.values():
            _end(worker, patience=0.0 if worker.has else PATIENCE)


def _end(worker: _Worker[T], *, patience: float) -> None:
    """Wait until a worker is gone, and see to it."""
    worker.pipe.close()
    if worker.process.pid is None:  # it was never started
        return
    if patience:
        worker.process.join(patience)
    worker.process.kill()
    worker.process.join()


# ---------------------------------------------------------------- in a worker


def _live(
    pipe: Connection,
    work: Callable[[T], R],
    prepare: Callable[..., Callable[[], None]],
    arguments: tuple[Any, ...],
) -> None:
    """Do what comes through the pipe until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        close = prepare(*arguments)
    except Exception as error:
        pipe.send((-1, None, _portable(error)))
        return
    try:
        while True:
            number, task = pipe.recv()
            pipe.send_bytes(_outcome(work, number, task))
    except (EOFError, OSError):
        return  # the parent has no more to do
    finally:
        close()


def _outcome(work: Callable[[T], R], number: int, task: T) -> memoryview:
    try:
        return ForkingPickler.dumps((number, work(task), None))
    except Exception as error:
        return ForkingPickler.dumps((number, None, _portable(error)))


def _end_with_parent() -> None:
    """End with a parent that was killed at once: who runs the job again must find nobody in the way."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent, with where it was raised."""
    error.add_note("".join(traceback.format_tb(error.__traceback__)))
    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
