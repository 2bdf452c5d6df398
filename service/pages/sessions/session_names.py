"""Names that came with a launch: in memory, for as long as the session lasts, and nowhere else."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

MOST_SESSIONS = 5_000


class SessionNames:
    """Who is called what in which session; the oldest session goes when there are too many.

    >>> names = SessionNames()
    >>> names.keep("s1", {"17": "Ada"})
    >>> names.of("s1"), names.of("gone")
    ({'17': 'Ada'}, {})
    """

    def __init__(self, most: int = MOST_SESSIONS) -> None:
        self._most = most
        self._sessions: OrderedDict[str, Mapping[str, str]] = OrderedDict()

    def keep(self, sid: str, names: Mapping[str, str]) -> None:
        """Remember the names of a session."""
        self._sessions[sid] = dict(names)
        while len(self._sessions) > self._most:
            self._sessions.popitem(last=False)

    def of(self, sid: str) -> Mapping[str, str]:
        """Return the names of a session; none after a restart: ids stand for them."""
        return self._sessions.get(sid, {})
