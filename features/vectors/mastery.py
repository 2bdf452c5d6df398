"""Reads of learner states for a decision: mastery, evidence and recency.

Every number of a learner is computed element by element, in the same order for one learner as for many: a
learner alone and in a block get identical bits.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from segue.features.history.attempts import Floats
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_columns import (
    COUNT,
    LAST_TIME,
    MEAN,
    MOST_VARIANCE,
    RECENT,
    RECENT_WEIGHT,
    VARIANCE,
)
from segue.features.history.state_rows import elapsed_since

__all__ = ["LearnerState", "StateBlock", "epoch_seconds", "evidence", "mastery", "recent_residual"]


IDLE_DRIFT = 0.004  # variance of a skill gained per day without practice


def epoch_seconds(now: datetime) -> float:
    """Return UTC epoch seconds of an aware time."""
    if now.tzinfo is None:
        raise ValueError(f"now must carry a time zone, got {now.isoformat()} (UTC? add tzinfo=timezone.utc)")
    return now.timestamp()


def mastery(block: StateBlock, now: Floats | float) -> tuple[Floats, Floats]:
    """Return mean and variance (B, S), in logits, of learner + skill: 0 is an average learner of the fit.

    The variance of a skill grows by `IDLE_DRIFT` a day without practice, up to that of a skill never tried.
    """
    general, skills = block.general, block.skills
    days = elapsed_since(skills[..., LAST_TIME], _as_column(now)) / 86400.0
    idle = np.where(np.isfinite(days), IDLE_DRIFT * days, 0.0)
    variance = np.minimum(skills[..., VARIANCE] + idle, MOST_VARIANCE) + general[:, VARIANCE, None]
    return skills[..., MEAN] + general[:, MEAN, None], variance


def evidence(block: StateBlock) -> Floats:
    """Return how many attempts each learner made at each skill, shape (B, S)."""
    return block.of_skills(block.touched[:, COUNT], 0.0)


def recent_residual(block: StateBlock) -> Floats:
    """Return score minus what the items led to expect, over about the last 20 attempts, (B, S) in (-1, 1)."""
    return block.of_skills(block.touched[:, RECENT] / (block.touched[:, RECENT_WEIGHT] + 2.0), 0.0)


def _as_column(now: Floats | float) -> Floats:
    """Return `now`, one for all learners or one each, as a column that broadcasts over skills."""
    return np.asarray(now, dtype=np.float64).reshape(-1, 1)
