"""Where the real data sets lie, when this machine has them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from segue.experiments.learner_vectors.success_prediction import Trial, read_trial

DATA = Path(os.environ.get("SEGUE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def shared_data(name: str) -> Path:
    """Return the path of a data set, or end the benchmark with the reason."""
    path = DATA / name
    if not path.exists():
        sys.exit(f"skipped: real data {name} is not on this machine (set SEGUE_DATA to its folder)")
    return path


def trial_of(name: str) -> Trial:
    """Return the attempts of a data set, or end the benchmark with the reason."""
    folder = shared_data(name)
    return read_trial(folder / "interactions.csv.gz", folder / "item_skills.csv.gz")
