"""Rules that read the learner's history: prerequisites, mastery, repeats, and what a mode is about."""

from __future__ import annotations

import numpy as np

from segue.engine.requests.request_batch import Scene
from segue.engine.rules.base import FILL, Rule, rule
from segue.features.catalogue import Bools


@rule("prerequisites", "something it builds on is not there yet", relaxed=FILL + 1)
def prerequisites(scene: Scene) -> Bools | None:
    """Nothing whose prerequisites are not yet there: readiness must reach the limit."""
    return scene.spread(scene.of_skills("readiness") >= scene.settings.limits.ready)


@rule("mastered", "it is mastered and not yet due for review", relaxed=5)
def mastered(scene: Scene) -> Bools | None:
    """Nothing that is mastered and not yet due for review."""
    limits = scene.settings.limits
    least = limits.mastered_attempts / (limits.mastered_attempts + 5.0)
    open_ = scene.of_skills("mastery_min") < limits.mastered
    open_ |= scene.of_skills("evidence") < least
    open_ |= scene.of_skills("due") >= limits.due
    return scene.spread(open_)


@rule("repeat spacing", "it was done only a few days ago", relaxed=4)
def repeat_spacing(scene: Scene) -> Bools | None:
    """Not the same resource again within some days."""
    return np.asarray(scene.idle_days >= scene.settings.limits.repeat_days)


@rule("mode", "it is not about what this list is for", relaxed=FILL + 2)
def mode_scope(scene: Scene) -> Bools | None:
    """What the mode is about: the skill just struggled with and what it builds on; or what was practised."""
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


LEARNER_RULES: tuple[Rule[Scene], ...] = (prerequisites, mastered, repeat_spacing, mode_scope)
