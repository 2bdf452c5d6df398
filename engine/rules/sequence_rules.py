"""Rules that read the steps drawn so far: minutes, variety, grade floor, the role of a slot."""

from __future__ import annotations

import math

import numpy as np

from segue.engine.rules.base import FILL, rule
from segue.engine.rules.progress import Progress, StepRule
from segue.features.catalogue import Bools


@rule("minutes", "it takes more minutes than are left", relaxed=FILL + 4)
def minutes_budget(progress: Progress) -> Bools | None:
    """No more minutes than there are; without a candidate that fits, the list ends."""
    if progress.minutes_left is None:
        progress.drop(minutes_budget)
        return None
    return np.asarray(progress.pool.minutes <= progress.minutes_left + 1e-9)


@rule("variety of skills", "the list has enough on this skill", relaxed=3)
def skill_variety(progress: Progress) -> Bools | None:
    """At most so many steps on one skill: what has a skill short of the limit on every one of its skills."""
    limit = progress.scene.settings.limits.per_skill
    if progress.waits(skill_variety, limit, most=progress.step):
        return None
    given = progress.per_skill()
    if progress.waits(skill_variety, limit, most=given.item(given.argmax())):
        return None
    return progress.scene.spread(~progress.pool.combinations.any(given >= limit))


@rule("variety of kinds", "the list has enough of this kind", relaxed=2)
def kind_variety(progress: Progress) -> Bools | None:
    """At most so large a share of one kind, once the list has three steps or more.

    Where all is of one kind, no variety is asked for.
    """
    scene, pool = progress.scene, progress.pool
    limit = max(math.ceil(scene.settings.limits.per_kind * scene.requests[0].k), 2)
    if progress.waits(kind_variety, limit, most=progress.step) or pool.one_kind:
        return None
    given = progress.per_kind()
    if progress.waits(kind_variety, limit, most=given.item(given.argmax())):
        return None
    return ((given < limit) | ~progress.several_kinds).take(pool.kind, axis=1)


@rule("grade floor", "the list needs more at the learner's grade first", relaxed=FILL + 3)
def grade_floor(progress: Progress) -> Bools | None:
    """At least every second step is not below the grade floor."""
    if progress.below_floor is None:
        progress.drop(grade_floor)
        return None
    room = 2 * (progress.below + 1) <= progress.step + 1
    return ~progress.below_floor | room[:, None]


@rule("role of the slot", "the list begins with something more certain to succeed", relaxed=1)
def slot_role(progress: Progress) -> Bools | None:
    """The first step of a playlist is a warm-up: more likely than not to succeed."""
    request = progress.scene.requests[0]
    if progress.step or request.mode != "playlist" or request.k < 3:
        progress.drop(slot_role)
        return None
    return np.asarray(progress.scene.items.success >= progress.scene.settings.limits.warm_up)


STEP_RULES: tuple[StepRule, ...] = (slot_role, kind_variety, skill_variety, grade_floor, minutes_budget)
