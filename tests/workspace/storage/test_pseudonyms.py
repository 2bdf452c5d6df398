"""Keys: digests that rotate without the ids they stand for, and a file that only its owner can read."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.workspace.storage.pseudonyms import KeyMissingError, Keyring, find, key_path

KEY, NEXT = b"k" * 32, b"n" * 32


def test_a_digest_is_hmac_sha256_of_domain_and_id() -> None:
    expected = hmac.new(KEY, b"learner:ada", hashlib.sha256).digest()
    assert Keyring((KEY,)).digest("learner", "ada") == expected


@given(st.text(), st.text())
def test_digests_tell_ids_apart_and_domains_too(a: str, b: str) -> None:
    ring = Keyring((KEY, NEXT))
    assert (ring.digest("learner", a) == ring.digest("learner", b)) == (a == b)
    assert ring.digest("learner", a) != ring.digest("class", a)


def test_rotation_advances_a_digest_without_the_id() -> None:
    ring = Keyring((KEY,))
    later = ring.rotated(NEXT)
    assert later.version == 2
    assert later.advance(ring.digest("learner", "ada")) == later.digest("learner", "ada")
    assert later.event_digests(["e1"]) == ring.event_digests(["e1"])


def test_the_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = key_path(tmp_path / "school")
    ring = Keyring.create()
    ring.write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert find(tmp_path / "school", {}) == ring
    path.chmod(0o644)
    with pytest.raises(KeyMissingError, match="chmod 600"):
        find(tmp_path / "school", {})


def test_the_environment_comes_first_and_nonsense_is_refused(tmp_path: Path) -> None:
    assert find(tmp_path, {"SEGUE_KEY": f"{KEY.hex()},{NEXT.hex()}"}) == Keyring((KEY, NEXT))
    for text in ("abc", "xyz" * 30, f"{KEY.hex()} 00"):
        with pytest.raises(KeyMissingError, match="64 hexadecimal digits"):
            find(tmp_path, {"SEGUE_KEY": text})


def test_without_a_key_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(KeyMissingError, match="no key for"):
        find(tmp_path / "school", {})


def test_a_key_is_never_shown() -> None:
    assert KEY.hex() not in repr(Keyring((KEY,)))
    assert "kkkk" not in repr(Keyring((KEY,)))
