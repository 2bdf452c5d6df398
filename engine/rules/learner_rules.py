"""Rules that read the learner's history: prerequisites, mastery, repeats, and what a mode is about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.engine.requests.request_batch import Scene
from segue.engine.rules.base import FILL, RuleOn
from segue.features.catalogue import Bools


@dataclass(frozen=True)
class Prerequisites:
    """Nothing whose prerequisites are not yet there."""

    name: str = "prerequisites"
    sentence: str = "something it builds on is not there yet"
    relaxed: int = FILL + 1

    def mask(self, scene: Scene) -> Bools | None:
        """Return where readiness reaches the limit."""
        return scene.spread(scene.of_skills("readiness") >= scene.settings.limits.ready)


@dataclass(frozen=True)
class Mastered:
    """Nothing that is mastered and not yet due for review."""

    name: str = "mastered"
    sentence: str = "it is mastered and not yet due for review"
    relaxed: int = 5

    def mask(self, scene: Scene) -> Bools | None:
        """Return where a skill is not mastered, or review is due."""
        limits = scene.settings.limits
        least = limits.mastered_attempts / (limits.mastered_attempts + 5.0)
        open_ = scene.of_skills("mastery_min") < limits.mastered
        open_ |= scene.of_skills("evidence") < least
        open_ |= scene.of_skills("due") >= limits.due
        return scene.spread(open_)


@dataclass(frozen=True)
class RepeatSpacing:
    """Not the same resource again within some days."""

    name: str = "repeat spacing"
    sentence: str = "it was done only a few days ago"
    relaxed: int = 4

    def mask(self, scene: Scene) -> Bools | None:
        """Return what was not used lately."""
        return np.asarray(scene.idle_days >= scene.settings.limits.repeat_days)


@dataclass(frozen=True)
class ModeScope:
    """What the mode is about: the skill just struggled with and what it builds on; or what was practised."""

    name: str = "mode"
    sentence: str = "it is not about what this list is for"
    relaxed: int = FILL + 2

    def mask(self, scene: Scene) -> Bools | None:
        """Return what belongs to the mode, None for the modes without a scope."""
        mode = scene.requests[0].mode
        if mode == "review":
            return scene.pool.any(scene.skills.attempts > 0)
        if mode == "intervene":
            return scene.pool.any(struggled(scene))
        return None


def struggled(scene: Scene) -> Bools:
    """Return the skill practised last and its weaker prerequisites, (B, S); all False for a cold start."""
    chance, days = scene.skills.mastery, scene.skills.days
    known = np.isfinite(days).any(axis=1, keepdims=True)
    last = (days == days.min(axis=1, keepdims=True)) & known
    out: Bools = np.array(last)
    padded_last = np.concatenate([last, np.zeros((len(last), 1), dtype=np.bool_)], axis=1)
    after, n_skills = scene.skill_map.after, chance.shape[1]
    for slot in range(after.shape[1]):
        follows = padded_last[:, after[:, slot]]
        follower = np.minimum(after[:, slot], n_skills - 1)
        out |= follows & (chance <= chance[:, follower])
    return out


LEARNER_RULES: tuple[RuleOn[Scene], ...] = (Prerequisites(), Mastered(), RepeatSpacing(), ModeScope())
