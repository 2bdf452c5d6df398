"""A fitted model is kept whole, or not at all."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from segue import sample
from segue.engine.recommender import fit
from segue.workspace.sources.fallback_model import NO_EVENTS
from segue.workspace.sources.model_registry import save_artefact


def test_a_model_for_which_there_is_no_room_leaves_nothing(tmp_path: Path) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    recommender = fit(sample.load(), NO_EVENTS, rng=np.random.default_rng(0), now=now)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_artefact(recommender, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
    assert (tmp_path / save_artefact(recommender, tmp_path)).is_dir()


def test_a_model_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    recommender = fit(sample.load(), NO_EVENTS, rng=np.random.default_rng(0), now=now)
    waited: list[Path] = []
    wait = os.fsync

    def seen(handle: int) -> None:
        wait(handle)
        waited.append(Path(f"/proc/self/fd/{handle}").readlink())

    monkeypatch.setattr(os, "fsync", seen)
    folder = tmp_path / save_artefact(recommender, tmp_path)
    drafts = {path for path in waited if path.parent.suffix == ".new"}
    assert {path.name for path in drafts} == {path.name for path in folder.iterdir()}
    draft = next(iter(drafts)).parent
    assert waited[-2:] == [draft, tmp_path]


def test_what_a_killed_writer_leaves_goes_and_what_one_at_work_writes_stays(tmp_path: Path) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    recommender = fit(sample.load(), NO_EVENTS, rng=np.random.default_rng(0), now=now)
    child = os.fork()
    if child == 0:
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        save_artefact(recommender, tmp_path)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.suffix == ".new"
    (tmp_path / "other.0000.new").mkdir()
    writer = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(writer, fcntl.LOCK_SH)
    first = save_artefact(recommender, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {first, left.name, "other.0000.new"}
    os.close(writer)
    shutil.rmtree(tmp_path / first)
    assert save_artefact(recommender, tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == [first]
