"""How much one key may ask: a rate, and a size of body."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Generator
from dataclasses import dataclass

from starlette.types import Message, Receive

from segue.service.http.refusals import RefusedError


@dataclass(frozen=True)
class ServiceLimits:
    """What a service accepts.

    Attributes
    ----------
    rate, address_rate : float
        Requests per second of a key, and of an address that shows none (launches, pages, wrong keys).
    burst, address_burst : int
        Requests it may send at once after a pause.
    body_bytes : int
        Largest body of any request.
    body_seconds : float
        Longest pause between two parts of a body; the whole of it may take three times that.
    seats : int
        Requests worked on at a time, by one key or address at most half of them; the others wait.
    waiting : int
        Requests that may wait, for a seat or for the store; further ones are answered 503 at once rather
        than late.
    waiting_seconds : float
        Longest time a request may wait for either, by what the last ones took; one that would wait longer
        is answered 503 at once.
    connections : int
        Connections open at a time.
    head_bytes, head_seconds
        Longest head of a request, and how long it may take to come.
    """

    rate: float = 500.0
    burst: int = 1000
    address_rate: float = 30.0
    address_burst: int = 300
    body_bytes: int = 2_000_000
    body_seconds: float = 20.0
    seats: int = 16
    waiting: int = 512
    waiting_seconds: float = 2.0
    connections: int = 4_000
    head_bytes: int = 32_768
    head_seconds: float = 10.0


MOST_REMEMBERED = 10_000
TOO_FAST = "too_fast"  # the code of who asks more often than agreed


class Buckets:
    """One token bucket a key: full at `burst`, refilled at `rate` tokens a second.

    >>> buckets = Buckets(rate=2.0, burst=1)
    >>> buckets.take("a", now=0.0), buckets.take("a", now=0.25), buckets.take("a", now=0.5)
    (0.0, 0.25, 0.0)
    """

    def __init__(self, *, rate: float, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self._levels: dict[str, tuple[float, float]] = {}
        self._sweep_at = MOST_REMEMBERED

    def take(self, key: str, *, now: float) -> float:
        """Return 0 and take a token, or the seconds to wait for the next one (`now` in seconds)."""
        level, then = self._levels.get(key, (float(self.burst), now))
        level = min(float(self.burst), level + max(now - then, 0.0) * self.rate)
        allowed = level >= 1.0
        self._levels[key] = (level - 1.0 if allowed else level, now)
        if len(self._levels) > self._sweep_at:  # who has been quiet long enough is as good as new
            full = self.burst / self.rate
            self._levels = {k: known for k, known in self._levels.items() if now - known[1] < full}
            self._sweep_at = max(MOST_REMEMBERED, 2 * len(self._levels))
        return 0.0 if allowed else (1.0 - level) / self.rate


def too_fast(wait: float, rate: float, who: str = "key") -> RefusedError:
    """Return the refusal of a key or an address that has used up its bucket."""
    message = f"this {who} may send {rate:g} requests per second: try again in {max(wait, 0.01):.2f} s"
    return RefusedError(429, TOO_FAST, message, {"retry-after": str(math.ceil(wait))})


def too_large(limits: ServiceLimits) -> RefusedError:
    """Return the refusal of a body over the limit."""
    message = f"the body is larger than {limits.body_bytes} bytes: send it in smaller batches"
    return RefusedError(413, "too_large", message, {"connection": "close"})


def too_slow(limits: ServiceLimits) -> RefusedError:
    """Return the refusal of a body that stops coming."""
    message = f"the body stopped for {limits.body_seconds:g} s: send it again"
    return RefusedError(408, "too_slow", message, {"connection": "close"})


class CountedBody:
    """ASGI `receive` that refuses a body over the limit, also one of untold length, and one that stops.

    A part that is there already is taken without a clock: nothing has to be waited for.
    """

    __slots__ = ("_limits", "_receive", "_seen", "_until")

    def __init__(self, receive: Receive, limits: ServiceLimits) -> None:
        self._receive, self._limits = receive, limits
        self._seen, self._until = 0, 0.0

    async def __call__(self) -> Message:
        """Return the next message.

        Raises
        ------
        RefusedError
            413 when the body is too large, 408 when it stops.
        """
        begun = BegunMessage(self._receive)
        message = begun.message
        if message is None:
            message = await self._in_time(begun)
        self._seen += len(message.get("body", b""))
        if self._seen > self._limits.body_bytes:
            raise too_large(self._limits)
        return message

    def at_once(self) -> Message | None:
        """Return the next message if it is there, without waiting for it."""
        begun = BegunMessage(self._receive)
        begun.close()
        return begun.message

    async def _in_time(self, begun: BegunMessage) -> Message:
        now = asyncio.get_running_loop().time()
        self._until = self._until or now + 3 * self._limits.body_seconds
        try:
            async with asyncio.timeout_at(min(now + self._limits.body_seconds, self._until)):
                return await begun
        except TimeoutError:
            raise too_slow(self._limits) from None


class BegunMessage:
    """A message that was asked for: `message` is there already, or (None) still to be waited for."""

    __slots__ = ("_rest", "_waits_for", "message")

    def __init__(self, receive: Receive) -> None:
        self._rest: Generator[object, None, Message] = receive().__await__()
        self.message: Message | None = None
        try:
            self._waits_for = next(self._rest)
        except StopIteration as found:
            self.message = found.value

    def __await__(self) -> Generator[object, None, Message]:
        """Wait for it; who is woken by an error, as by a time that is over, passes it on."""
        try:
            yield self._waits_for
        except BaseException as error:
            self._rest.throw(error)
            raise
        return (yield from self._rest)

    def close(self) -> None:
        """Wait no longer."""
        self._rest.close()
