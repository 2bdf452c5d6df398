"""API keys with scopes: shown once, kept as digests, read anew when their file changes."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

Scope = Literal["backend", "teacher", "analyst", "admin", "learner"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
FILE = "api-keys.json"
PREFIX = "segue"


@dataclass(frozen=True)
class ApiKey:
    """What is kept of a key. The secret is 256 random bits, so one round of SHA-256 hides it well enough.

    `expires` is a UTC time in ISO 8601, or empty for never. `classes` and `learner` bound what it reaches:
    digests of ids under the workspace's key, so that one made before that key was rotated reaches nothing.
    """

    key_id: str
    name: str
    scopes: tuple[Scope, ...]
    digest: str
    created: str
    expires: str = ""
    classes: tuple[str, ...] = ()
    learner: str = ""

    @property
    def bounded(self) -> bool:
        """Whether the key reaches some classes only, or one learner."""
        return bool(self.classes or self.learner)

    def allows(self, scopes: Iterable[Scope]) -> bool:
        """Whether one of `scopes` is among this key's; admin may do everything."""
        return "admin" in self.scopes or not set(self.scopes).isdisjoint(scopes)

    def expired(self, now: datetime) -> bool:
        """Whether the key has run out at `now` (UTC-aware)."""
        return bool(self.expires) and datetime.fromisoformat(self.expires) <= now


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a key as sent, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _key_of(row: Mapping[str, Any]) -> ApiKey:
    lists = {name: tuple(row.get(name, ())) for name in ("scopes", "classes")}
    return ApiKey(**{**row, **lists})


class KeyRing:
    """The keys of one workspace, in a file of mode 0600 beside its store.

    >>> from tempfile import mkdtemp
    >>> ring = KeyRing(Path(mkdtemp()))
    >>> now = datetime(2026, 11, 24, tzinfo=UTC)
    >>> key, secret = ring.create("our LMS", ("backend",), now=now)
    >>> ring.find(secret, now=now).name
    'our LMS'
    >>> ring.revoke(key.key_id), ring.find(secret, now=now)
    (True, None)
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._stamp: tuple[int, int, int] | None = None
        self._keys: Mapping[str, ApiKey] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the file if it has changed; a missing file is an empty ring."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._stamp, self._keys = None, {}
            return
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp != self._stamp:
            rows = json.loads(self.path.read_text("utf-8"))
            keys = [_key_of(row) for row in rows]
            self._stamp, self._keys = stamp, {key.digest: key for key in keys}

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """All keys, oldest first."""
        return tuple(sorted(self._keys.values(), key=lambda key: (key.created, key.key_id)))

    def find(self, secret: str, *, now: datetime) -> ApiKey | None:
        """Return the key whose secret this is, unless it is unknown, revoked or expired.

        The digest is looked up, never the secret compared, so that timing tells nothing of other keys.
        """
        key = self._keys.get(digest_of(secret))
        return None if key is None or key.expired(now) else key

    def create(
        self,
        name: str,
        scopes: tuple[Scope, ...],
        *,
        now: datetime,
        expires: datetime | None = None,
        classes: Iterable[bytes] = (),
        learner: bytes = b"",
    ) -> tuple[ApiKey, str]:
        """Add a key and return it with its secret, which cannot be read again.

        `classes` and `learner` are digests of ids (``Keyring.digest``).

        Raises
        ------
        ValueError
            If `scopes` is empty or names another than backend, teacher, analyst, admin, learner; or if the
            bounds do not fit: classes are for a teacher's key alone, a learner's key must have a learner.
        """
        bounds = tuple(digest.hex() for digest in classes)
        if bounds and scopes != ("teacher",):
            raise ValueError("classes are for a key of scope teacher alone")
        if bool(learner) != ("learner" in scopes) or (learner and scopes != ("learner",)):
            raise ValueError("a key of scope learner is for one learner, and has no other scope")
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            found = unknown[0] if unknown else "none"
            raise ValueError(f"scopes must be among {', '.join(SCOPES)}, got {found!r}")
        key_id = secrets.token_hex(4)
        secret = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
        until = expires.astimezone(UTC).isoformat() if expires else ""
        key = ApiKey(key_id, name, scopes, digest_of(secret), now.astimezone(UTC).isoformat(), until)
        key = replace(key, classes=bounds, learner=learner.hex())
        self._write([*self.keys, key])
        return key, secret

    def revoke(self, key_id: str) -> bool:
        """Remove a key; False if there is none of that id. Running services notice within a second."""
        kept = [key for key in self.keys if key.key_id != key_id]
        if len(kept) == len(self.keys):
            return False
        self._write(kept)
        return True

    def _write(self, keys: list[ApiKey]) -> None:
        """Replace the file in one step, so that a reader never sees half of it."""
        part = self.path.with_name(f".{FILE}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            json.dump([asdict(key) for key in keys], out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        part.replace(self.path)
        self.refresh()
