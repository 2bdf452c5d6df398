"""Connections that wait for nothing in particular: how many, how long, and how long a head may be.

uvicorn closes idle connections after an answer, and nothing else: one that never says anything, or sends
headers without an end, would stay for good. Here a head has a deadline and a size, and the number of
connections an end, which is told at once.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import MutableMapping
from typing import Any, Protocol

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from segue.service.http.rate_limits import ServiceLimits

SPARE_FILES = 200  # open files that are no connections: database, models, log
WISHED_FILES = 65_536


def _answer(status: str, code: str, message: str, *, more: str = "") -> bytes:
    body = f'{{"error":{{"code":"{code}","message":"{message}"}}}}'
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()


TOO_MANY = _answer(
    "503 Service Unavailable",
    "connections",
    "too many connections are open: try again in a second",
    more="retry-after: 1\r\n",
)
TOO_LONG = _answer("431 Request Header Fields Too Large", "head", "the headers are too long")
TOO_SLOW = _answer("408 Request Timeout", "too_slow", "the request's headers did not come in time")


class Bounded(uvicorn.Config):
    """uvicorn's configuration, with limits on heads and connections; worker processes get a copy."""

    def __init__(self, app: Any, *, limits: ServiceLimits, **settings: Any) -> None:
        super().__init__(app, http=Guarded, **settings)
        self.limits = limits


class Admitting(Protocol):
    """Who says, before anything is spent on a request, that it is to come back later."""

    def turned_away(self, scope: MutableMapping[str, Any], *, keep: bool) -> bytes | None:
        """Return the whole answer to a request that is told so; None for every other one."""


class Guarded(HttpToolsProtocol):
    """One connection under the limits of its :class:`Bounded` configuration."""

    _deadline: asyncio.TimerHandle | None = None
    _head = 0
    _in_head = True
    _in_body = False

    def __init__(self, config: uvicorn.Config, *others: Any, **named: Any) -> None:
        super().__init__(config, *others, **named)
        assert isinstance(config, Bounded)
        self.limits = config.limits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or say that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._leave(TOO_MANY)
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the deadline with the connection."""
        self._unset_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless a head has grown too long."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if not self._in_head:
            self._head = 0
            return
        self._expect_head()  # most heads come in one piece, and need no clock
        self._head += len(data)
        if self._head > self.limits.head_bytes:
            self._leave(TOO_LONG)

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End a head: from here on the application's own limits hold."""
        self._in_head, self._head, self._in_body = False, 0, True
        self._unset_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a body."""
        self._in_body = False
        self._unset_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """End an answer; what is left of a body that nobody reads has a deadline like a head."""
        super().on_response_complete()
        if self._in_body and not self.transport.is_closing():
            self._expect_head()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Begin to work on a request, unless it is turned away: then it has cost nothing but its head."""
        admitting: Admitting | None = self.app_state.get("admission")
        words: bytes | None = None
        if _size(cycle.scope) > self.limits.head_bytes:  # one that came in one piece was never seen to grow
            cycle.keep_alive, words = False, TOO_LONG
        elif admitting is not None:
            words = admitting.turned_away(cycle.scope, keep=cycle.keep_alive)
        if words is None:
            super()._start_asgi_task(cycle, app)
            return
        cycle.response_started = cycle.response_complete = True
        self.transport.write(words)
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.limits.head_seconds, self._leave, TOO_SLOW)

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _leave(self, last_words: bytes) -> None:
        self._unset_deadline()
        if not self.transport.is_closing():
            self.transport.write(last_words)
            self.transport.close()


def _size(scope: MutableMapping[str, Any]) -> int:
    """Return about how many bytes the head of a request had."""
    lines = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    return lines + len(scope["raw_path"]) + len(scope["query_string"])


def raise_file_limit(wished: int = WISHED_FILES) -> int:
    """Raise this process's limit of open files as far as it may go up to `wished`, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wished if hard == resource.RLIM_INFINITY else min(wished, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return wished if soft == resource.RLIM_INFINITY else soft
