"""Text that only this school can read again: sealed under its key, for addresses that end up in logs."""

from __future__ import annotations

import base64
import binascii
import hmac

from segue.workspace.storage.pseudonyms import Keyring

NUMBER, TAG, BLOCK = 12, 16, 32  # bytes: what makes two sealings differ, the proof, a mask's block


def seal(said: bytes, number: bytes, keyring: Keyring, *, use: str) -> str:
    """Return a text sealed for a `use`, as letters of an address; its length tells little of the text's.

    `number` (12 bytes) must not be taken again for another text of this use.

    >>> ring = Keyring((b"1" * 32,))
    >>> text = seal(b"ada", b"0" * NUMBER, ring, use="notes")
    >>> unseal(text, ring, use="notes")[0].rstrip()
    b'ada'
    >>> unseal(text, ring, use="letters") is None
    True
    """
    body = number + _masked(said + b" " * (-len(said) % (2 * BLOCK)), number, keyring, use)
    return base64.urlsafe_b64encode(body + _tag(body, keyring, use)).rstrip(b"=").decode()


def unseal(text: str, keyring: Keyring, *, use: str) -> tuple[bytes, bytes] | None:
    """Return a text, with blanks behind it, and its number; None for one that was not sealed here."""
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    body, tag = sealed[:-TAG], sealed[-TAG:]
    if not hmac.compare_digest(tag, _tag(body, keyring, use)):
        return None
    number = body[:NUMBER]
    return _masked(body[NUMBER:], number, keyring, use), number


def _masked(text: bytes, number: bytes, keyring: Keyring, use: str) -> bytes:
    """Return a text under the mask of a number, or from under it."""
    blocks = range(0, len(text), BLOCK)
    mask = b"".join(keyring.digest(use, f"mask:{number.hex()}:{at}") for at in blocks)
    return bytes(one ^ other for one, other in zip(text, mask, strict=False))


def _tag(body: bytes, keyring: Keyring, use: str) -> bytes:
    return keyring.digest(use, f"seal:{body.hex()}")[:TAG]
