"""Rules that read the steps drawn so far: minutes, variety, grade floor, the role of a slot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from segue.engine.rules import FILL, Rule
from segue.engine.scene import Scene
from segue.features.catalogue import Bools, Floats, Ints


class Progress:
    """The lists of a block while they grow; one row a learner.

    Attributes
    ----------
    step : int
        Position of the step to be drawn.
    free : array of bool, shape (B, n)
        Not drawn yet.
    per_skill, per_kind : arrays of shape (B, S), (B, n_kinds)
        Steps given to each.
    minutes_left : array of shape (B, 1)
    below : array of int, shape (B,)
        Steps below the grade floor.
    """

    def __init__(self, scene: Scene) -> None:
        n_rows, n_items = scene.shape
        self.scene = scene
        self.step = 0
        self.free = np.ones((n_rows, n_items), dtype=np.bool_)
        self.per_skill = np.zeros((n_rows, scene.pool.n_skills))
        self.per_kind = np.zeros((n_rows, len(scene.asked.catalogue.kind_ids)), dtype=np.int64)
        budgets = [np.inf if r.minutes is None else r.minutes for r in scene.requests]
        self.minutes_left = np.array(budgets, dtype=np.float64)[:, None]
        self.one_kind = len(scene.pool) == 0 or bool((scene.pool.kind == scene.pool.kind[0]).all())
        self.below_floor = below_floor(scene)
        self.below = np.zeros(n_rows, dtype=np.int64)

    def take(self, rows: Ints, drawn: Ints) -> None:
        """Mark what was drawn; it is not free any more."""
        self.free[rows, drawn] = False

    def close(self, rows: Ints, first: Ints, minutes: Floats) -> None:
        """End a step: `first` is what counts for variety, `minutes` what the step may cost at most."""
        pool = self.scene.pool
        self.minutes_left[rows, 0] -= minutes
        self.per_kind[rows, pool.kind[first]] += 1
        for slot in range(pool.skills.shape[1]):
            there = pool.weights[first, slot] > 0
            self.per_skill[rows[there], pool.skills[first[there], slot]] += 1.0
        if self.below_floor is not None:
            self.below[rows] += self.below_floor[rows, first]
        self.step += 1


def below_floor(scene: Scene) -> Bools | None:
    """Return which candidates lie below each request's grade floor, (B, n); None when no floor is asked."""
    floors = [r.place.grade_floor for r in scene.requests]
    if all(floor is None for floor in floors):
        return None
    limit = np.array([-np.inf if floor is None else floor for floor in floors])[:, None]
    return np.asarray(scene.asked.catalogue.grades[1][scene.pool.codes] < limit)


class StepRule(Rule, Protocol):
    """A rule on the next step, given those drawn."""

    def mask(self, progress: Progress) -> Bools | None:
        """Return (B, n), False where withheld; None when the rule withholds nothing."""
        ...


@dataclass(frozen=True)
class MinutesBudget:
    """No more minutes than there are; without a candidate that fits, the list ends."""

    name: str = "minutes"
    sentence: str = "it takes more minutes than are left"
    relaxed: int = FILL + 4

    def mask(self, progress: Progress) -> Bools | None:
        """Return what still fits."""
        if np.isinf(progress.minutes_left).all():
            return None
        return np.asarray(progress.scene.pool.minutes <= progress.minutes_left + 1e-9)


@dataclass(frozen=True)
class SkillVariety:
    """At most so many steps on one skill."""

    name: str = "variety of skills"
    sentence: str = "the list has enough on this skill"
    relaxed: int = 3

    def mask(self, progress: Progress) -> Bools | None:
        """Return what has a skill short of the limit on every one of its skills."""
        full = progress.per_skill >= progress.scene.settings.limits.per_skill
        return ~progress.scene.pool.any(full) if full.any() else None


@dataclass(frozen=True)
class KindVariety:
    """At most so large a share of one kind, once the list has three steps or more."""

    name: str = "variety of kinds"
    sentence: str = "the list has enough of this kind"
    relaxed: int = 2

    def mask(self, progress: Progress) -> Bools | None:
        """Return what is of a kind short of the limit; a pool of one kind has no variety to ask for."""
        if progress.one_kind:
            return None
        k = progress.scene.requests[0].k
        most = max(int(np.ceil(progress.scene.settings.limits.per_kind * k)), 2)
        full = progress.per_kind >= most
        return ~full[:, progress.scene.pool.kind] if full.any() else None


@dataclass(frozen=True)
class GradeFloor:
    """At least every second step is not below the grade floor."""

    name: str = "grade floor"
    sentence: str = "the list needs more at the learner's grade first"
    relaxed: int = FILL + 3

    def mask(self, progress: Progress) -> Bools | None:
        """Return what keeps the share below the floor at one half."""
        if progress.below_floor is None:
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
            return None
        return np.asarray(progress.scene.items.success >= progress.scene.settings.limits.warm_up)


STEP_RULES: tuple[StepRule, ...] = (
    SlotRole(),
    KindVariety(),
    SkillVariety(),
    GradeFloor(),
    MinutesBudget(),
)
