"""A new key for a tenant."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from segue.workspace.storage.pseudonyms import KEY_BYTES, VARIABLE, KeyMissingError, Keyring, key_path


def rotate(path: Path, keyring: Keyring, *, environment: Mapping[str, str]) -> Keyring:
    """Add a key to the key file; stored digests follow at the next opening, all in one transaction.

    The new file is on disk first: an opening that finds digests of the key before turns them, so a rotation
    that is cut off is finished.

    Raises
    ------
    KeyMissingError
        When the key comes from the environment: add one there, and open the workspace.
    """
    if environment.get(VARIABLE):
        raise KeyMissingError(
            f"the key comes from {VARIABLE}: append another 64 hexadecimal digits to it after a comma, and "
            "run any command: stored digests follow"
        )
    rotated = keyring.rotated(secrets.token_bytes(KEY_BYTES))
    rotated.write(key_path(path))
    return rotated
