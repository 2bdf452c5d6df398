"""Rules that read the steps drawn so far: minutes, variety, grade floor, the role of a slot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from segue.engine.rules.base import FILL
from segue.engine.rules.progress import Progress, StepRule
from segue.features.catalogue import Bools


@dataclass(frozen=True)
class MinutesBudget:
    """No more minutes than there are; without a candidate that fits, the list ends."""

    name: str = "minutes"
    sentence: str = "it takes more minutes than are left"
    relaxed: int = FILL + 4

    def mask(self, progress: Progress) -> Bools | None:
        """Return what still fits."""
        if progress.minutes_left is None:
            progress.drop(self)
            return None
        return np.asarray(progress.pool.minutes <= progress.minutes_left + 1e-9)


@dataclass(frozen=True)
class SkillVariety:
    """At most so many steps on one skill."""

    name: str = "variety of skills"
    sentence: str = "the list has enough on this skill"
    relaxed: int = 3

    def mask(self, progress: Progress) -> Bools | None:
        """Return what has a skill short of the limit on every one of its skills."""
        limit = progress.scene.settings.limits.per_skill
        if progress.waits(self, limit, most=progress.step):
            return None
        given = progress.per_skill()
        if progress.waits(self, limit, most=given.item(given.argmax())):
            return None
        return progress.scene.spread(~progress.pool.combinations.any(given >= limit))


@dataclass(frozen=True)
class KindVariety:
    """At most so large a share of one kind, once the list has three steps or more."""

    name: str = "variety of kinds"
    sentence: str = "the list has enough of this kind"
    relaxed: int = 2

    def mask(self, progress: Progress) -> Bools | None:
        """Return what is of a kind short of the limit; where all is of one kind, no variety is asked for."""
        scene, pool = progress.scene, progress.pool
        limit = max(math.ceil(scene.settings.limits.per_kind * scene.requests[0].k), 2)
        if progress.waits(self, limit, most=progress.step) or pool.one_kind:
            return None
        given = progress.per_kind()
        if progress.waits(self, limit, most=given.item(given.argmax())):
            return None
        return ((given < limit) | ~progress.several_kinds).take(pool.kind, axis=1)


@dataclass(frozen=True)
class GradeFloor:
    """At least every second step is not below the grade floor."""

    name: str = "grade floor"
    sentence: str = "the list needs more at the learner's grade first"
    relaxed: int = FILL + 3

    def mask(self, progress: Progress) -> Bools | None:
        """Return what keeps the share below the floor at one half."""
        if progress.below_floor is None:
            progress.drop(self)
            return None
        room = 2 * (progress.below + 1) <= progress.step + 1
        return ~progress.below_floor | room[:, None]


@dataclass(frozen=True)
class SlotRole:
    """The first step of a playlist is a warm-up: more likely than not to succeed."""

    name: str = "role of the slot"
    sentence: str = "the list begins with something more certain to succeed"
    relaxed: int = 1

    def mask(self, progress: Progress) -> Bools | None:
        """Return what suits the slot."""
        request = progress.scene.requests[0]
        if progress.step or request.mode != "playlist" or request.k < 3:
            progress.drop(self)
            return None
        return np.asarray(progress.scene.items.success >= progress.scene.settings.limits.warm_up)


STEP_RULES: tuple[StepRule, ...] = (
    SlotRole(),
    KindVariety(),
    SkillVariety(),
    GradeFloor(),
    MinutesBudget(),
)
