"""Work that takes long, in threads of its own: it holds up neither the store's one writer nor `/readyz`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from segue.service.http.refusals import BUSY, RefusedError

T = TypeVar("T")


class SlowCalls:
    """Some threads, a bounded number of calls that wait for them, and an end to waiting."""

    def __init__(self, name: str, *, threads: int, waiting: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"segue-{name}")
        self._most, self._seconds = threads + waiting, seconds
        self._under_way = 0

    async def do(self, work: Callable[[], T]) -> T:
        """Return what `work` returns.

        Raises
        ------
        RefusedError
            503 at once when too many wait already, and after the time that a call may take.
        """
        if self._under_way >= self._most:
            message = "too many long questions are being worked on: try again in a few seconds"
            raise RefusedError(503, BUSY, message, {"retry-after": "5"})
        self._under_way += 1
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, work)
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._seconds)
        except TimeoutError:
            if future.done():
                raise
            message = f"this took longer than {self._seconds:g} s; it may still be finished: ask again later"
            raise RefusedError(503, "too_long", message, {"retry-after": "30"}) from None

    def _done(self, future: asyncio.Future[T]) -> None:
        self._under_way -= 1
        if not future.cancelled():
            future.exception()  # looked at, so that an error nobody waits for any more is not complained of

    def close(self) -> None:
        """Finish what runs; what waits is dropped."""
        self._pool.shutdown(cancel_futures=True)
