"""A learning record store: its statements in the order stored, page by page, from a cursor on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from segue.lms.records.source_records import Json
from segue.lms.records.untrusted_values import instant, obj
from segue.lms.servers.json_calls import JsonServer, ServerError, basic

VERSION = "1.0.3"
OVERLAP = timedelta(seconds=1)  # asked for again: two statements may be stored at one moment
MOST_PAGES = 1_000_000


class Page(NamedTuple):
    """Statements of one page, and the cursor to go on from once they are stored."""

    statements: list[Json]
    cursor: str


class RecordStore:
    """A record store that speaks xAPI's statement resource.

    Parameters
    ----------
    address : str
        The endpoint, to which ``/statements`` is added.
    user, password : str
        Of HTTP Basic; neither is stored or logged.
    """

    def __init__(self, address: str, user: str, password: str) -> None:
        headers = {"Authorization": basic(user, password), "X-Experience-API-Version": VERSION}
        self._server = JsonServer(address, headers)

    def pages(self, cursor: str = "", *, limit: int = 500) -> Iterator[Page]:
        """Yield the pages of what was stored after `cursor` (ISO 8601; "" for everything), oldest first.

        Raises
        ------
        ServerError
            When the store refuses, breaks off, or points to another host for more.
        """
        asked = {"ascending": "true", "limit": str(limit)}
        if cursor:
            asked["since"] = (datetime.fromisoformat(cursor) - OVERLAP).isoformat()
        page = self._server.get("statements", **asked)
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            statements = obj(page).get("statements")
            if not isinstance(statements, list):
                raise ServerError("the store's answer has no list of statements")
            stored = [moment for s in statements if (moment := instant(obj(s).get("stored")))]
            cursor = max([cursor, *stored])
            if statements:
                yield Page(statements, cursor)
            more = obj(page).get("more")
            if not isinstance(more, str) or not more or more in seen:
                return
            seen.add(more)
            page = self._server.get(more)
