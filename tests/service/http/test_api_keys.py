"""API keys: found by secret, hidden at rest, gone when revoked or expired."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from segue.service.http.api_keys import FILE, KeyRing

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_the_secret_is_not_in_the_file_and_the_file_is_private(tmp_path: Path) -> None:
    key, secret = KeyRing(tmp_path).create("LMS", ("backend",), now=NOW)
    path = tmp_path / FILE
    assert secret not in path.read_text()
    assert secret.split("_", 2)[2] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyRing(tmp_path).find(secret, now=NOW) == key


@pytest.mark.parametrize(
    "wrong", ["", "segue_", "segue_0_x", "é" * 50, "\udcff".encode("utf-8", "replace").decode()]
)
def test_another_text_finds_nothing(tmp_path: Path, wrong: str) -> None:
    ring = KeyRing(tmp_path)
    ring.create("LMS", ("backend",), now=NOW)
    assert ring.find(wrong, now=NOW) is None


def test_another_process_sees_new_and_revoked_keys(tmp_path: Path) -> None:
    running, command = KeyRing(tmp_path), KeyRing(tmp_path)
    key, secret = command.create("LMS", ("teacher",), now=NOW)
    assert running.find(secret, now=NOW) is None
    running.refresh()
    assert running.find(secret, now=NOW) == key
    command.revoke(key.key_id)
    running.refresh()
    assert running.find(secret, now=NOW) is None


def test_a_key_expires(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    _, secret = ring.create("trial", ("analyst",), now=NOW, expires=NOW + timedelta(days=1))
    assert ring.find(secret, now=NOW + timedelta(hours=23)) is not None
    assert ring.find(secret, now=NOW + timedelta(days=1)) is None


def test_scopes(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    teacher, _ = ring.create("T", ("teacher", "analyst"), now=NOW)
    admin, _ = ring.create("A", ("admin",), now=NOW)
    assert teacher.allows(("backend", "teacher"))
    assert not teacher.allows(("backend",))
    assert admin.allows(("backend",))
    with pytest.raises(ValueError, match="scopes must be among"):
        ring.create("none", (), now=NOW)


def test_revoking_an_unknown_key_says_so(tmp_path: Path) -> None:
    assert not KeyRing(tmp_path).revoke("00000000")
