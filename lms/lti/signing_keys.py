"""The tool's own RSA keys: parsed once, since that takes longer than all else a login needs."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass(frozen=True, eq=False)
class SigningKey:
    """A private key, and its public half as a JSON web key."""

    private: rsa.RSAPrivateKey
    jwk: Mapping[str, Any]


class Keys:
    """The tool's RSA keys in a folder (mode 0600): the newest signs, all are shown to the platforms.

    Rotate by :meth:`add`; delete the old file when every platform has read the new key set.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._paths():
            self.add()
        self._parsed: dict[str, SigningKey] = {}

    def add(self) -> None:
        """Make a new key; from now on it signs."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        number = len(self._paths()) + 1
        path = self._folder / f"{number:04d}-{secrets.token_hex(4)}.pem"
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def __len__(self) -> int:
        return len(self._paths())

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a token with `claims`, signed by the newest key."""
        key = self._key(self._paths()[-1])
        return jwt.encode(dict(claims), key.private, algorithm="RS256", headers={"kid": key.jwk["kid"]})

    def jwks(self) -> dict[str, list[Mapping[str, Any]]]:
        """Return the public keys as a JSON web key set, newest first."""
        return {"keys": [self._key(path).jwk for path in reversed(self._paths())]}

    def _key(self, path: Path) -> SigningKey:
        if path.name not in self._parsed:
            private = serialization.load_pem_private_key(path.read_bytes(), None)
            assert isinstance(private, rsa.RSAPrivateKey)
            jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
            said = json.dumps({name: jwk[name] for name in ("e", "kty", "n")}, separators=(",", ":"))
            kid = hashlib.sha256(said.encode()).hexdigest()[:32]  # after RFC 7638
            public = {"kty": jwk["kty"], "n": jwk["n"], "e": jwk["e"], "kid": kid}
            self._parsed[path.name] = SigningKey(private, public | {"alg": "RS256", "use": "sig"})
        return self._parsed[path.name]

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.pem"))
