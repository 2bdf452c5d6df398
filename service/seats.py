"""How many requests are worked on at a time: the others wait outside, where waiting costs next to nothing.

A request that is being worked on has its body read and checked, its state at hand and its turn at the store:
nine hundred of them at once hold up each other, and everything else in the process. So there are few seats.
Who finds none waits in the row of its caller (a key, or an address), the rows take turns, and no caller has
more than half of the seats: one that sends a thousand requests makes itself wait. Where a row is too long,
the answer is given at once, and costs less than the question.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable

from segue.service.http.rate_limits import ServiceLimits
from segue.service.http.refusals import BUSY, RefusedError

LONGEST_SEAT = 0.5  # seconds: who works for longer waits for something else, which has limits of its own
Row = deque[asyncio.Future[None]]


class Seats:
    """Seats, and the rows of those who wait for one. Of one event loop.

    Parameters
    ----------
    limits : ServiceLimits
        `seats`, and as for the store `waiting` and `waiting_seconds`.
    """

    def __init__(self, limits: ServiceLimits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._most = max(limits.seats // 2, 1)
        self._free = limits.seats
        self._held: Counter[str] = Counter()
        self._rows: OrderedDict[str, Row] = OrderedDict()
        self._waiting = 0
        self._pace, self._left_at = 0.0, 0.0  # seconds between two who leave, while somebody waits

    @property
    def waiting(self) -> int:
        """Requests that wait for a seat."""
        return self._waiting

    async def take(self, caller: str) -> Callable[[], None]:
        """Return how to leave the seat that `caller` now has; it may be left again and again.

        Raises
        ------
        RefusedError
            503 at once when too many wait already, or the wait would be too long.
        """
        if self._free and self._held[caller] < self._most:
            self._seat(caller)
        else:
            await self._wait(caller)
        timer: asyncio.TimerHandle | None = None

        def leave() -> None:
            nonlocal timer
            if timer is not None:
                timer.cancel()
                timer = None
                self._leave(caller)

        timer = asyncio.get_running_loop().call_later(LONGEST_SEAT, leave)
        return leave

    async def _wait(self, caller: str) -> None:
        wait = self.expected_wait(caller)
        if self._waiting >= self._limits.waiting or wait > self._limits.waiting_seconds:
            again = {"retry-after": str(max(math.ceil(wait), 1))}
            raise RefusedError(503, BUSY, "too many requests wait already: try again in a second", again)
        called = asyncio.get_running_loop().create_future()
        if not self._waiting:
            self._left_at = self._clock()
        self._rows.setdefault(caller, deque()).append(called)
        self._waiting += 1
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():  # called in, and gone at the same moment
                self._leave(caller)
            raise

    def expected_wait(self, caller: str) -> float:
        """Return how many seconds a request of `caller` would wait, by the pace of those that left lately.

        A row no longer than the seats is no flood, however long those inside take: it is 0 there.
        """
        row = self._rows.get(caller, ())
        return len(row) * len(self._rows) * self._pace if len(row) >= self._limits.seats else 0.0

    def _seat(self, caller: str) -> None:
        self._free -= 1
        self._held[caller] += 1

    def _leave(self, caller: str) -> None:
        self._free += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        if self._waiting:
            now = self._clock()
            took, self._left_at = now - self._left_at, now
            self._pace = 0.9 * self._pace + 0.1 * took
            self._call()

    def _call(self) -> None:
        """Call in the next of the first row whose caller may have a seat; that row goes to the end."""
        while (caller := next((c for c in self._rows if self._held[c] < self._most), None)) is not None:
            row = self._rows[caller]
            called = row.popleft()
            self._waiting -= 1
            if row:
                self._rows.move_to_end(caller)
            else:
                del self._rows[caller]
            if not called.done():
                self._seat(caller)
                called.set_result(None)
                return
