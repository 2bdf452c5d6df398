"""Who opens a page: a sealed ticket that runs out, carried in the address and in no cookie.

Inside an LMS's frame browsers block the cookies of other sites, so the session is part of the page's own
address: ``/pages/{tenant}/s/{ticket}/week``. A ticket says who may see whose pages until when, sealed under
the tenant's key; it opens the pages of that one person or class and nothing else. Names are never in it, and
whoever reads it in a log learns no id.
"""

from __future__ import annotations

import base64
import hmac
import json
import zlib
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from segue.service.tenant.sealing import NUMBER, seal, unseal
from segue.workspace.storage.pseudonyms import Keyring

Role = Literal["learner", "teacher", "parent"]
Use = Literal["link", "session"]
USE = "pages"
SESSION_HOURS = 10  # a school day
MOST_ROSTER = 500
LARGEST = 60_000  # letters of a ticket


class TicketError(ValueError):
    """A ticket that opens nothing; the message is for the log, the reader gets a page in plain words."""


@dataclass(frozen=True)
class Ticket:
    """What a link or a session says.

    Attributes
    ----------
    use : str
        "link" (from a message or a file, exchanged for a session) or "session" (in a page's address).
    role : str
        "learner" (`who` is the LMS's id), "teacher" (`who` is hers) or "parent" (reads, `who` is the child).
    class_id, roster : str, tuple of str
        A teacher's class, and its learners by the LMS's ids (the store names no one); a parent's children.
    expires : int
        UTC epoch seconds.
    locale : str
        BCP 47 tag of the texts, "" for the browser's own.
    frame : str
        Origins of the LMS that may frame the pages, with blanks between, "" for nobody.
    sid : str
        Where names that came with a launch are found, in this process's memory alone.
    """

    use: Use
    role: Role
    who: str
    expires: int
    class_id: str = ""
    roster: tuple[str, ...] = ()
    locale: str = ""
    frame: str = ""
    sid: str = ""

    def session(self, *, now: datetime, sid: str) -> Ticket:
        """Return the session that this link opens: a school day at most, never longer than the link."""
        until = int((now + timedelta(hours=SESSION_HOURS)).timestamp())
        return replace(self, use="session", expires=min(self.expires, until), sid=sid)


def sign(ticket: Ticket, keyring: Keyring) -> str:
    """Return a ticket as text for an address.

    >>> ring = Keyring((b"1" * 32,))
    >>> text = sign(Ticket("link", "learner", "ada", expires=100), ring)
    >>> from datetime import UTC
    >>> read(text, ring, use="link", now=datetime.fromtimestamp(99, UTC)).who
    'ada'
    >>> read(text, ring, use="link", now=datetime.fromtimestamp(100, UTC))
    Traceback (most recent call last):
    ...
    segue.service.pages.sessions.signed_tokens.TicketError: the ticket has run out
    """
    fields = {name: value for name, value in asdict(ticket).items() if value not in ("", ())}
    packed = zlib.compress(json.dumps(fields, separators=(",", ":")).encode(), 9)
    number = keyring.digest(USE, f"number:{packed.hex()}")[:NUMBER]  # the same ticket, the same text
    return seal(packed, number, keyring, use=USE)


def read(text: str, keyring: Keyring, *, use: Use, now: datetime) -> Ticket:
    """Return the ticket that `sign` wrote.

    Raises
    ------
    TicketError
        When it was changed, was made for another use or another tenant, or has run out.
    """
    if len(text) > LARGEST or (packed := _packed(text, keyring)) is None:
        raise TicketError("the ticket was not sealed by this tenant's key")
    fields = json.loads(zlib.decompressobj().decompress(packed))  # blanks may follow
    ticket = Ticket(**{**fields, "roster": tuple(fields.get("roster", ()))})
    if ticket.use != use:
        raise TicketError(f"the ticket is a {ticket.use}, a {use} is needed")
    if ticket.expires <= now.timestamp():
        raise TicketError("the ticket has run out")
    return ticket


def form_mark(ticket_text: str, action: str, keyring: Keyring) -> str:
    """Return the hidden field of a form: it belongs to one session and one action."""
    return _mark(keyring.digest(USE, f"form:{action}:{ticket_text}"))


def is_mark(mark: str, ticket_text: str, action: str, keyring: Keyring) -> bool:
    """Tell whether a posted form came from a page of this session."""
    return hmac.compare_digest(mark.encode(), form_mark(ticket_text, action, keyring).encode())


def _packed(text: str, keyring: Keyring) -> bytes | None:
    """Return what a ticket says, packed; None for one that was not made here."""
    if "." not in text:
        opened = unseal(text, keyring, use=USE)
        return opened and opened[0]
    body, _, signature = text.partition(".")  # as they were made before: signed, and readable by anybody
    if not hmac.compare_digest(signature.encode(), _mark(keyring.digest(USE, f"ticket:{body}")).encode()):
        return None
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


def _mark(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
