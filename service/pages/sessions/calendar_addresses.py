"""The address of a learner's calendar, to subscribe to: sealed, without an end, taken back when need be.

A calendar program asks again and again without anybody signed in, so the address itself is the key. It tells
nothing of the learner to who reads it in a log. What is kept to take one back says nothing either: the random
number of the address, or that all made before are void.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets

from segue.service.pages.sessions.signed_tokens import TicketError
from segue.service.tenant.sealing import NUMBER, seal, unseal
from segue.workspace.storage.database import Connection, get_document, put_document
from segue.workspace.storage.pseudonyms import Keyring

KEPT = "calendars"
LONGEST = 2_000
USE = "calendar"


def new_address(connection: Connection, keyring: Keyring, learner: str) -> str:
    """Return the sealed part of an address for a learner (the LMS's id), to be read at any time."""
    said = json.dumps([learner, _kept(connection)[0]]).encode()
    return seal(said, secrets.token_bytes(NUMBER), keyring, use=USE)


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
    if len(address) > LONGEST:
        raise _not_ours()
    if "." in address:
        return _read_signed(keyring, address)
    if (opened := unseal(address, keyring, use=USE)) is None:
        raise _not_ours()
    said, number = opened
    learner, epoch = json.loads(said)
    return str(learner), int(epoch), number.hex()


def _read_signed(keyring: Keyring, address: str) -> tuple[str, int, str]:
    """Return the same of an address as they were made before: signed, and readable by anybody."""
    body, _, signature = address.partition(".")
    digest = keyring.digest(USE, f"address:{body}")
    known = base64.urlsafe_b64encode(digest).rstrip(b"=")
    if not hmac.compare_digest(signature.encode(), known):
        raise _not_ours()
    learner, epoch, number = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return str(learner), int(epoch), str(number)


def _kept(connection: Connection) -> tuple[int, list[str]]:
    epoch, revoked = json.loads(get_document(connection, KEPT) or b"[0, []]")
    return int(epoch), list(revoked)


def _not_ours() -> TicketError:
    return TicketError("the address was not made here")
