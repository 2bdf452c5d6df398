"""Reads of learner states for a decision: mastery, evidence and recency.

Every number of a learner is computed element by element, in the same order for one learner as for many: a
learner alone and in a block get identical bits.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from segue.features.history.attempts import Bools, Floats, Ints
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_columns import (
    COUNT,
    LAST_TIME,
    MEAN,
    MOST_VARIANCE,
    RECENT,
    RECENT_WEIGHT,
    USES,
    VARIANCE,
)
from segue.features.history.state_rows import elapsed_since

__all__ = [
    "LearnerState",
    "StateBlock",
    "epoch_seconds",
    "evidence",
    "item_uses",
    "mastery",
    "recent_residual",
    "seconds_since",
]


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
    days = elapsed_since(skills[..., LAST_TIME], _column(now)) / 86400.0
    idle = np.where(np.isfinite(days), IDLE_DRIFT * days, 0.0)
    variance = np.minimum(skills[..., VARIANCE] + idle, MOST_VARIANCE) + general[:, VARIANCE, None]
    return skills[..., MEAN] + general[:, MEAN, None], variance


def evidence(block: StateBlock) -> Floats:
    """Return how many attempts each learner made at each skill, shape (B, S)."""
    return block.of_skills(block.touched[:, COUNT], 0.0)


def recent_residual(block: StateBlock) -> Floats:
    """Return score minus what the items led to expect, over about the last 20 attempts, (B, S) in (-1, 1)."""
    return block.of_skills(block.touched[:, RECENT] / (block.touched[:, RECENT_WEIGHT] + 2.0), 0.0)


def seconds_since(block: StateBlock, now: Floats | float) -> Floats:
    """Return seconds since the last attempt at each skill, (B, S); inf: never, or not known."""
    moments = np.broadcast_to(_column(now)[:, 0], len(block))[block.owner]
    return block.of_skills(elapsed_since(block.touched[:, LAST_TIME], moments), np.inf)


def item_uses(block: StateBlock, candidates: Ints, *, n_items: int) -> Floats:
    """Return how often each learner used each candidate, shape (B, len(candidates)); distinct candidates."""
    out = np.zeros((len(block), len(candidates)))
    asked, position = _asked(block, candidates, n_items)
    out[block.item_owner[asked], position] = block.item_values[asked, USES]
    return out


def _column(now: Floats | float) -> Floats:
    """Return `now`, one for all learners or one each, as a column that broadcasts over skills."""
    return np.asarray(now, dtype=np.float64).reshape(-1, 1)


def _asked(block: StateBlock, candidates: Ints, n_items: int) -> tuple[Bools, NDArray[np.int32]]:
    """Return which item memories belong to candidates, and the candidates' positions."""
    where = np.full(n_items, -1, dtype=np.int32)
    where[candidates] = np.arange(len(candidates), dtype=np.int32)
    position = where[block.item_id]
    asked = position >= 0
    return asked, position[asked]
