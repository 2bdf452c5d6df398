"""The tenant's key, and the digests that stand for source ids: nothing in the store can be turned back."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "SEGUE_KEY"
KEY_BYTES = 32


class KeyMissingError(RuntimeError):
    """The workspace has no usable key, so no learner can be looked up; the message says where one belongs."""


@dataclass(frozen=True, repr=False)
class Keyring:
    """The keys of a tenant, oldest first; the last one makes the digests in use.

    A digest is chained: HMAC(key n, … HMAC(key 1, id)). So a new key turns every stored digest into the next
    one without knowing a single source id, and an old key that leaked opens nothing.

    >>> ring = Keyring((b"1" * 32,))
    >>> later = ring.rotated(b"2" * 32)
    >>> later.advance(ring.digest("learner", "ada")) == later.digest("learner", "ada")
    True
    """

    keys: tuple[bytes, ...]

    @classmethod
    def create(cls) -> Keyring:
        """Return a ring with one fresh random key."""
        return cls((secrets.token_bytes(KEY_BYTES),))

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Return the ring written as hexadecimal keys separated by white space or commas.

        Raises
        ------
        KeyMissingError
            When there is none, or one is not 64 hexadecimal digits.
        """
        words = text.replace(",", " ").split()
        try:
            keys = tuple(bytes.fromhex(word) for word in words)
        except ValueError:
            keys = ()
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise KeyMissingError(
                f"a key must be {2 * KEY_BYTES} hexadecimal digits; check the key file or {VARIABLE}"
            )
        return cls(keys)

    @property
    def version(self) -> int:
        """Number of the key in use, from 1."""
        return len(self.keys)

    @property
    def before(self) -> Keyring:
        """The ring without its last key."""
        return Keyring(self.keys[:-1])

    def digest(self, domain: str, source_id: str) -> bytes:
        """Return the 32 bytes that stand for an id of the source (`domain`: "learner" or "class")."""
        value = f"{domain}:{source_id}".encode()
        for key in self.keys:
            value = hmac.digest(key, value, "sha256")
        return value

    def advance(self, digest: bytes) -> bytes:
        """Return the digest under the last key of one made under the ring before it."""
        return hmac.digest(self.keys[-1], digest, "sha256")

    def event_digests(self, event_ids: Iterable[str]) -> list[bytes]:
        """Return 16 bytes for each event id; they do not change when the key rotates."""
        keyed, digests = hashlib.blake2b(digest_size=16, key=self.keys[0], person=b"event"), []
        for text in event_ids:
            hashed = keyed.copy()  # half the time of a new one
            hashed.update(text.encode())
            digests.append(hashed.digest())
        return digests

    def rotated(self, key: bytes) -> Keyring:
        """Return the ring with one more key."""
        return Keyring((*self.keys, key))

    def write(self, path: Path) -> None:
        """Write the key file (mode 0600) in one step; a file that exists is replaced."""
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write("\n".join(key.hex() for key in self.keys) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


def teacher_pseudonym(keyring: Keyring, teacher: str) -> str:
    """Return what is stored of a teacher: the same for good, and nothing that can be turned back."""
    return keyring.event_digests([f"segue:teacher:{teacher}"])[0].hex()[:24]


def key_path(workspace: Path) -> Path:
    """Return where the key file lies: beside the workspace, so that a copy of the workspace has no key."""
    return workspace.with_name(workspace.name + ".key")


def find(workspace: Path, environment: Mapping[str, str]) -> Keyring:
    """Return the key ring of a workspace, from `SEGUE_KEY` or its key file.

    Raises
    ------
    KeyMissingError
        When there is none, or others than the owner can read the file.
    """
    if environment.get(VARIABLE):
        return Keyring.parse(environment[VARIABLE])
    path = key_path(workspace)
    if not path.is_file():
        raise KeyMissingError(
            f"no key for {workspace}: put its key file back at {path}, or set {VARIABLE}; "
            "without it learners cannot be told apart and nothing is stored"
        )
    if path.stat().st_mode & 0o077:
        raise KeyMissingError(f"{path} can be read by others: chmod 600 {path}")
    return Keyring.parse(path.read_text(encoding="ascii"))
