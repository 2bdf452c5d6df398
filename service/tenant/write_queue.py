"""One thread that does all the work on a workspace, and commits it in groups.

SQLite lets one writer in at a time and makes the others wait by sleeping, which under load costs seconds. So
every job of a tenant goes through one queue: the thread takes what waits, does each job in a savepoint of its
own, commits once, and only then tells the callers. Python computes on one core anyway, so nothing is lost.
Questions of one kind that wait together are answered together, by the engine's own batch.

As thread and event loop share that core, the loop comes first between two groups: it sends the answers and
reads what has come, and the next group begins once that brings no further job, or has taken long.
"""

from __future__ import annotations

import asyncio
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from segue.service.http.metrics import Metrics
from segue.service.http.refusals import BUSY, RefusedError
from segue.workspace.storage.group_commit import GroupedStore

T = TypeVar("T")
Q = TypeVar("Q")
LARGEST_GROUP = 64
LOOP_SECONDS = 0.002  # that the loop comes first: under a flood it would read for much longer

Together = Callable[[list[Any]], Sequence[object]]


@dataclass
class Job:
    """Something to do, and who waits for it: `work` of one argument list, alike for jobs done together."""

    work: Together
    question: object
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    result: object = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Hand the outcome over; a caller who has gone away is not told."""
        if self.answer.done():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.result)


def run(jobs: list[Job]) -> None:
    """Do jobs of one kind together, keeping results or errors until the group is committed.

    When the whole cannot be done, each is tried alone, so that one wrong question harms no other.
    """
    try:
        results = jobs[0].work([job.question for job in jobs])
        for job, result in zip(jobs, results, strict=True):
            job.result = result
    except Exception as error:
        if len(jobs) == 1:
            jobs[0].error = error
            return
        for job in jobs:
            run([job])


class Desk:
    """The thread and its queue."""

    def __init__(self, store: GroupedStore, metrics: Metrics, *, waiting: int, seconds: float) -> None:
        self.store, self.metrics = store, metrics
        self._most, self._longest = waiting, seconds
        self._pace = 0.0  # seconds a job took lately, at most what the slowest groups suggest
        self._busy_since = 0.0  # when the group under way was begun, 0 between groups
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._told = threading.Event()  # the answers of the last group are sent, and what came is read
        self._told.set()
        self._thread = threading.Thread(target=self._serve, name="segue-desk", daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, once it is on disk.

        Raises
        ------
        RefusedError
            503 at once when too many jobs wait already, or the wait would be too long.
        """
        result: T = await self._put(lambda _: [work()], None)
        return result

    async def ask(self, work: Callable[[list[Q]], Sequence[T]], question: Q) -> T:
        """Return the answer of `work` to one question; questions that wait are given to it together."""
        result: T = await self._put(work, question)
        return result

    async def _put(self, work: Together, question: object) -> Any:
        loop = asyncio.get_running_loop()
        job = Job(work, question, loop, loop.create_future())
        wait = self.expected_wait()
        if self._queue.qsize() >= self._most or wait > self._longest:
            message = "too many requests wait for the store: try again in a second"
            raise RefusedError(503, BUSY, message, {"retry-after": str(max(math.ceil(wait), 1))})
        self._queue.put(job)
        return await job.answer

    def expected_wait(self) -> float:
        """Return how many seconds a job put now would wait, by the pace of the last ones.

        Nobody waits for what is not there: with an empty queue a job is always taken.
        """
        waiting = self._queue.qsize()
        return waiting * self._pace + self._behind() if waiting else 0.0

    def _behind(self) -> float:
        """Return for how long the group under way has been worked on: a store that is stuck shows here."""
        return time.monotonic() - self._busy_since if self._busy_since else 0.0

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finish what waits, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        self.store.pin()
        while (first := self._queue.get()) is not None:
            self._told.wait(LOOP_SECONDS)
            jobs, last = self._waiting_with(first)
            began = self._busy_since = time.monotonic()
            self._do(jobs)
            took = (time.monotonic() - began) / len(jobs)
            self._pace = took if not self._pace else 0.8 * self._pace + 0.2 * took
            self._busy_since = 0.0
            if last:
                break
        self.store.unpin()

    def _waiting_with(self, first: Job) -> tuple[list[Job], bool]:
        """Return the jobs of the next group, and whether the end of the queue was met."""
        jobs = [first]
        while len(jobs) < LARGEST_GROUP:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _do(self, jobs: list[Job]) -> None:
        kinds = _by_kind(jobs)
        try:
            if len(kinds) == 1:  # one write, which commits by itself
                run(kinds[0])
            else:
                with self.store.group():
                    for alike in kinds:
                        run(alike)
        except Exception as error:  # the commit failed: nothing of the group happened
            for job in jobs:
                job.error = error
        self.metrics.observe("segue_group_jobs", len(jobs))
        self._told.clear()
        by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
        for job in jobs:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, mine in by_loop.items():
            loop.call_soon_threadsafe(self._tell, loop, mine)

    def _tell(self, loop: asyncio.AbstractEventLoop, jobs: list[Job]) -> None:
        for job in jobs:
            job.tell()
        self._look(loop)

    def _look(self, loop: asyncio.AbstractEventLoop, seen: int = -1) -> None:
        """Let the next group begin, or look again where the last turn of the loop brought a further job."""
        waiting = self._queue.qsize()
        if seen < waiting < LARGEST_GROUP:
            loop.call_soon(self._look, loop, waiting)
        else:
            self._told.set()


def _by_kind(jobs: list[Job]) -> list[list[Job]]:
    kinds: dict[Together, list[Job]] = {}
    for job in jobs:
        kinds.setdefault(job.work, []).append(job)
    return list(kinds.values())
