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
FIRST_PACE = 0.01  # seconds between two who leave, as long as nobody has been seen to
MOST_WAITS = 5  # times the longest wait foreseen: after that it was foreseen wrongly, and is ended
Row = deque[asyncio.Future[None]]


class Seat:
    """A seat, or a place in the row before it, where it is not left to wait for ever."""

    __slots__ = ("_called", "_caller", "_left", "_seats", "_timer")

    def __init__(
        self, seats: Seats, caller: str, called: asyncio.Future[None] | None = None, longest: float = 0.0
    ) -> None:
        self._seats, self._caller, self._called, self._left = seats, caller, called, False
        self._timer: asyncio.TimerHandle | None = None
        if called is not None:
            self._timer = called.get_loop().call_later(longest, _give_up, called)

    async def seated(self) -> None:
        """Wait for the seat, which from here on is held for some time at most.

        Raises
        ------
        RefusedError
            503 when it took far longer than was foreseen.
        """
        if self._called is not None:
            await self._called
        if not self._left:
            self._stop()
            self._timer = asyncio.get_running_loop().call_later(LONGEST_SEAT, self.leave)

    def leave(self) -> None:
        """Give up seat or row; it may be said again and again."""
        if self._left:
            return
        self._left = True
        self._stop()
        called = self._called
        if called is None or (called.done() and not called.cancelled() and not called.exception()):
            self._seats.leave(self._caller)
        else:
            called.cancel()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _give_up(called: asyncio.Future[None]) -> None:
    if not called.done():
        again = {"retry-after": "5"}
        called.set_exception(
            RefusedError(503, BUSY, "this waited too long: try again in a few seconds", again)
        )


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
        self._pace, self._left_at = FIRST_PACE, 0.0  # seconds between two who leave, while somebody waits

    @property
    def waiting(self) -> int:
        """Requests that wait for a seat."""
        return self._waiting

    def join(self, caller: str) -> Seat:
        """Return the place that `caller` now has: a seat, or the end of a row.

        Raises
        ------
        RefusedError
            503 at once when too many wait already, or the wait would be too long.
        """
        if self._free and self._held[caller] < self._most:
            self._seat(caller)
            return Seat(self, caller)
        wait = self.expected_wait(caller)
        if self._waiting >= self._limits.waiting or wait > self._limits.waiting_seconds:
            again = {"retry-after": str(max(math.ceil(wait), 1))}
            raise RefusedError(503, BUSY, "too many requests wait already: try again in a second", again)
        called = asyncio.get_running_loop().create_future()
        if not self._waiting:
            self._left_at = self._clock()
        self._rows.setdefault(caller, deque()).append(called)
        self._waiting += 1
        return Seat(self, caller, called, MOST_WAITS * self._limits.waiting_seconds)

    async def take(self, caller: str) -> Seat:
        """Return the seat that `caller` has, once there is one; see :meth:`join`."""
        place = self.join(caller)
        try:
            await place.seated()
        except BaseException:
            place.leave()
            raise
        return place

    def expected_wait(self, caller: str) -> float:
        """Return how many seconds a request of `caller` would wait, by the pace of those that left lately.

        A row no longer than the seats is no flood, however long those inside take: it is 0 there.
        """
        row = self._rows.get(caller, ())
        return len(row) * len(self._rows) * self._pace if len(row) >= self._limits.seats else 0.0

    def _seat(self, caller: str) -> None:
        self._free -= 1
        self._held[caller] += 1

    def leave(self, caller: str) -> None:
        """Free a seat of `caller`, and call in who is next."""
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
