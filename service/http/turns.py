"""Who is heard next, where many connections have something to say at once: callers take turns.

A loop hands on everything that has come before it looks up again. Where one caller sends nine hundred
requests in a moment, nobody else is heard, and nobody gets an answer, until all of them are read. So some are
read at once; the others wait, in a row for each caller, and the loop looks up between one part and the next.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Protocol

AT_ONCE = 64  # parts that are read before the loop looks up


class Speaker(Protocol):
    """A connection."""

    caller: str

    def hear(self) -> None:
        """Read what has come."""


class Turns:
    """The rows of those who wait to be heard. Of one event loop."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, deque[Speaker]] = OrderedDict()
        self._heard = 0  # since the loop looked up

    def take(self, speaker: Speaker) -> bool:
        """Hear a speaker now, or when it is its caller's turn; return whether it was now."""
        if not self._heard:
            asyncio.get_running_loop().call_soon(self._go_on)
        self._heard += 1
        if self._heard <= AT_ONCE and not self._rows:
            speaker.hear()
            return True
        self._rows.setdefault(speaker.caller, deque()).append(speaker)
        return False

    def _go_on(self) -> None:
        self._heard = 0
        if self._rows:  # and, whatever becomes of these, the next ones
            asyncio.get_running_loop().call_soon(self._go_on)
        while self._rows and self._heard < AT_ONCE:
            caller, row = self._rows.popitem(last=False)
            speaker = row.popleft()
            if row:
                self._rows[caller] = row
            self._heard += 1
            speaker.hear()
