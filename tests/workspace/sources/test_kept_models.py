"""A fitted model is kept whole, or not at all."""

from __future__ import annotations

import resource
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
