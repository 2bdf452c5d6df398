"""A learning record store: its statements in the order stored, page by page, from a cursor on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from segue.lms.records.source_records import Json
from segue.lms.records.untrusted_values import instant, obj, text
from segue.lms.servers.json_calls import JsonServer, RefusedCallError, ServerError, basic

VERSION = "1.0.3"
OVERLAP = timedelta(days=7)  # asked for again: what was stored at one moment, and what a device sent late
MOST_PAGES = 1_000_000


@dataclass(frozen=True)
class Cursor:
    """Where a pull goes on.

    Attributes
    ----------
    begun : str
        What the pull that is under way asked from on ("": everything).
    more : str
        The store's address of the next page, while a pull is under way.
    stored : str
        When the last statement seen was stored (ISO 8601).
    late : tuple of str
        When a statement happened and when it was stored, hours later: shows by which a store goes.
    """

    begun: str = ""
    more: str = ""
    stored: str = ""
    late: tuple[str, str] | None = None

    def to_json(self) -> bytes:
        """Return the cursor as bytes to keep."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Cursor:
        """Return a cursor that was kept; one of an older form, or none, begins anew.

        >>> Cursor.from_json(Cursor(stored="2026-03-02T09:00:00Z").to_json()).stored
        '2026-03-02T09:00:00Z'
        """
        try:
            found = json.loads(body)
            late = found["late"]
            return cls(found["begun"], found["more"], found["stored"], (late[0], late[1]) if late else None)
        except (ValueError, TypeError, LookupError):
            return cls()


class Page(NamedTuple):
    """Statements of one page, and the cursor to go on from once they are stored."""

    statements: list[Json]
    cursor: Cursor


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

    def pages(self, cursor: Cursor, *, limit: int = 500) -> Iterator[Page]:
        """Yield the pages of what was stored after `cursor`, oldest first; one cut off goes on at its page.

        `since` means when a statement was stored. Stores that go by when it happened would never give what
        arrives late, so from them everything is read again; what is known already does no harm.

        Raises
        ------
        ServerError
            When the store refuses, breaks off, or points to another host for more.
        """
        page = self._go_on(cursor.more)
        if page is None:
            begun = cursor.begun if cursor.more else self._since(cursor)
            cursor = replace(cursor, begun=begun, more="")
            asked = {"ascending": "true", "limit": str(limit)} | ({"since": begun} if begun else {})
            page = self._server.get("statements", **asked)
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            statements = obj(page).get("statements")
            if not isinstance(statements, list):
                raise ServerError("the store's answer has no list of statements")
            more = text(obj(page).get("more"))
            cursor = replace(_after(cursor, statements), more="" if more in seen else more)
            yield Page(statements, cursor)
            if not cursor.more:
                return
            seen.add(more)
            page = self._server.get(more)

    def _go_on(self, more: str) -> Json:
        """Return the page at which a pull was cut off, None where there is none or the store forgot it."""
        if not more:
            return None
        try:
            return self._server.get(more)
        except RefusedCallError:
            return None

    def _since(self, cursor: Cursor) -> str:
        """Return from when on a new pull asks: "" for everything."""
        if not cursor.stored or (cursor.late is not None and not self._goes_by_stored(*cursor.late)):
            return ""
        return (datetime.fromisoformat(cursor.stored) - OVERLAP).isoformat()

    def _goes_by_stored(self, happened: str, stored: str) -> bool:
        """Ask for what was stored about when a late statement was: does any come that happened before?"""
        moment = datetime.fromisoformat(stored)
        since = max(moment - _ABOUT, datetime.fromisoformat(happened) + timedelta(seconds=1))
        asked = {"since": since.isoformat(), "until": (moment + _ABOUT).isoformat(), "ascending": "true"}
        found = obj(self._server.get("statements", **asked)).get("statements")
        times = [instant(obj(one).get("timestamp")) for one in found] if isinstance(found, list) else []
        return any(time and datetime.fromisoformat(time) < since for time in times)


_ABOUT = timedelta(seconds=5)
_LATE = timedelta(minutes=1)


def _after(cursor: Cursor, statements: list[Json]) -> Cursor:
    """Return the cursor after a page's statements."""
    latest, late = cursor.stored, cursor.late
    for one in map(obj, statements):
        stored, happened = instant(one.get("stored")), instant(one.get("timestamp"))
        if stored and (not latest or datetime.fromisoformat(stored) > datetime.fromisoformat(latest)):
            latest = stored
        if late is None and stored and happened:
            behind = datetime.fromisoformat(stored) - datetime.fromisoformat(happened)
            late = (happened, stored) if behind > _LATE else None
    return replace(cursor, stored=latest, late=late)
