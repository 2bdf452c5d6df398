"""The address of a learner's calendar, to subscribe to: signed, without an end, taken back when need be.

A calendar program asks again and again without anybody signed in, so the address itself is the key. What is
kept to take one back says nothing of the learner: the random number of the address, or that all made before
are void.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets

from segue.service.pages.sessions.signed_tokens import TicketError
from segue.workspace.storage.database import Connection, get_document, put_document
from segue.workspace.storage.pseudonyms import Keyring

KEPT = "calendars"
LONGEST = 2_000


def new_address(connection: Connection, keyring: Keyring, learner: str) -> str:
    """Return the signed part of an address for a learner (the LMS's id), to be read at any time."""
    said = [learner, _kept(connection)[0], secrets.token_urlsafe(9)]
    body = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
    return f"{body}.{_signature(body, keyring)}"


def learner_of(connection: Connection, keyring: Keyring, address: str) -> str:
    """Return whose calendar an address is.

    Raises
    ------
    TicketError
        When it was not made here, or was taken back.
    """
    learner, epoch, number = _read(keyring, address)
    now, revoked = _kept(connection)
    if epoch != now or number in revoked:
        raise TicketError("the address was taken back")
    return learner


def revoke(connection: Connection, keyring: Keyring, address: str = "") -> None:
    """Take one address back, or all that were made so far, within a write."""
    epoch, revoked = _kept(connection)
    kept = (epoch, [*revoked, _read(keyring, address)[2]]) if address else (epoch + 1, [])
    put_document(connection, KEPT, json.dumps(kept).encode())


def _read(keyring: Keyring, address: str) -> tuple[str, int, str]:
    body, _, signature = address.partition(".")
    if len(address) > LONGEST or not hmac.compare_digest(
        signature.encode(), _signature(body, keyring).encode()
    ):
        raise TicketError("the address was not made here")
    learner, epoch, number = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return str(learner), int(epoch), str(number)


def _kept(connection: Connection) -> tuple[int, list[str]]:
    epoch, revoked = json.loads(get_document(connection, KEPT) or b"[0, []]")
    return int(epoch), list(revoked)


def _signature(body: str, keyring: Keyring) -> str:
    digest = keyring.digest("calendar", f"address:{body}")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
