"""The lists of a block while they grow: what is open, and what was given to skills, kinds and minutes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np

from segue.engine.requests.request_batch import Scene
from segue.engine.rules.base import Rule
from segue.engine.settings import LOG_DIVERSITY
from segue.features.catalogue import Bools, Floats, Ints


class Progress:
    """The lists of a block while they grow; one row a learner.

    Attributes
    ----------
    step : int
        Position of the step to be drawn.
    rows, begin : arrays of int, shape (B,)
        0 … B - 1, and where each row begins in a flat array of shape (B, n).
    open : array of bool, shape (B, n)
        Not drawn yet, and allowed by every rule that does not change from step to step.
    spare : int
        How many candidates are open at the start where they are fewest; every step takes one.
    never : sequence of arrays of shape (B, n)
        Masks of the rules that never give way.
    shares : list of arrays of shape (B, D)
        For each step begun, the steps given before to the skills of each combination, on average over these.
    rules : list of StepRule
        Those that may still withhold something.
    quiet_until : dict of str to int
        For some of them, by name, the step before which they withhold nothing, whatever is drawn until then.
    minutes_left : array of shape (B, 1), or None without a budget
    below_floor, below : arrays of shape (B, n) and (B,)
        Which candidates lie below the grade floor (None: no floor), and how many steps so far.
    """

    def __init__(
        self, scene: Scene, allowed: Bools, *, rules: Sequence[StepRule], never: Sequence[Bools] = ()
    ) -> None:
        n_rows, pool = len(scene.requests), scene.pool
        self.scene, self.pool = scene, pool
        self.step = 0
        self.rows = scene.rows
        self.begin = self.rows * len(pool)
        self.open = allowed
        self.spare = min([int(np.count_nonzero(row)) for row in allowed])
        self.never = never
        self._met_skills = np.zeros((n_rows, pool.combinations.n_skills + 1), dtype=np.int64)
        self._met_kinds = np.zeros((n_rows, len(scene.asked.catalogue.kind_ids)), dtype=np.int64)
        self.shares = [np.zeros((n_rows, len(pool.combinations)))]
        self.rules: list[StepRule] = list(rules)
        self.quiet_until: dict[str, int] = {}
        self._all_quiet_until = 0
        self.minutes_left = minutes_at_hand(scene)
        self.below_floor = below_floor(scene)
        self.below = np.zeros(n_rows, dtype=np.int64)
        self.log_diversity = LOG_DIVERSITY * scene.settings.weights.diversity

    @cached_property
    def several_kinds(self) -> Bools:
        """Whether what each learner may ever get is of several kinds, (B, 1)."""
        may: Bools = np.ones(self.scene.shape, dtype=np.bool_)
        for mask in self.never:
            may = may & mask
        kind = self.pool.kind
        other = may & (kind != kind[may.argmax(axis=1)][:, None])
        return np.logical_or.reduce(other, axis=1, keepdims=True)

    @property
    def at_rest(self) -> bool:
        """Whether no rule may withhold anything from this step, and every list has a candidate left."""
        return self.step < self._all_quiet_until and self.step < self.spare

    def awake(self) -> list[StepRule]:
        """Return the rules that may withhold something from this step."""
        if self.step < self._all_quiet_until:
            return []
        quiet_until, step = self.quiet_until, self.step
        awake = [rule for rule in self.rules if quiet_until.get(rule.name, 0) <= step]
        if not awake:
            self._all_quiet_until = min([quiet_until[rule.name] for rule in self.rules], default=step + 1)
        return awake

    def drop(self, rule: StepRule) -> None:
        """Do not ask `rule` again: it withholds nothing from this list any more."""
        self.rules = [other for other in self.rules if other is not rule]

    def waits(self, rule: StepRule, limit: int, *, most: int) -> bool:
        """Return whether nothing has `limit` steps yet; `rule` is quiet until something can.

        `most` is what one thing has now, at most: with every step one more.
        """
        self.quiet_until[rule.name] = self.step + limit - most
        return most < limit

    def per_skill(self) -> Ints:
        """Return the steps given to each skill, (B, S)."""
        return self._met_skills[:, :-1]

    def per_kind(self) -> Ints:
        """Return the steps given to each kind, (B, n_kinds)."""
        return self._met_kinds

    def diversity(self, position: Ints) -> Floats:
        """Return the log-factor of diversity of the candidates at `position` (B, k, m) at their steps."""
        shares = np.concatenate(self.shares[: position.shape[1]])
        steps = np.minimum(np.arange(position.shape[1]), len(self.shares) - 1)
        row = steps[:, None] * len(self.rows) + self.rows[:, None, None]
        group = self.pool.combination.take(position)
        return np.asarray(self.log_diversity * shares.take(row * shares.shape[1] + group))

    def close(self, first: Ints, minutes: Floats | None, *, given: Bools) -> None:
        """End a step: `first` (B,) is what counts for variety, `minutes` what the step may cost at most.

        Rows that are not `given` have ended; what is counted for them is never read. `minutes` may be None
        without a budget.
        """
        if self.minutes_left is not None and minutes is not None:
            self.minutes_left[:, 0] -= minutes
        if self.below_floor is not None:
            self.below += self.below_floor[self.rows, first] & given
        group = self.pool.combination.take(first)
        self._met_skills[self.rows[:, None], self.pool.combinations.own_skills.take(group, axis=0)] += 1
        self._met_kinds[self.rows, self.pool.kind.take(first)] += 1
        self.shares.append(self.shares[-1] + self.pool.combinations.overlap(group))
        self.step += 1

    def close_one(self, first: int) -> None:
        """Do what `close` does for a lone list that goes on."""
        pool = self.pool
        if self.minutes_left is not None:
            self.minutes_left[0, 0] -= pool.minutes.item(first)
        if self.below_floor is not None:
            self.below += self.below_floor[0, first]
        group, combinations = pool.combination.item(first), pool.combinations
        for skill in combinations.own_skill_lists[group]:
            self._met_skills[0, skill] += 1
        self._met_kinds[0, pool.kind.item(first)] += 1
        self.shares.append(self.shares[-1] + combinations.overlap_of(group))
        self.step += 1


def minutes_at_hand(scene: Scene) -> Floats | None:
    """Return each request's minutes, (B, 1), inf where it sets no limit; None when no request does."""
    if all(request.minutes is None for request in scene.requests):
        return None
    return np.array([[np.inf if r.minutes is None else r.minutes] for r in scene.requests], dtype=np.float64)


def below_floor(scene: Scene) -> Bools | None:
    """Return which candidates lie below each request's grade floor, (B, n); None when no floor is asked."""
    floors = [r.place.grade_floor for r in scene.requests]
    if all(floor is None for floor in floors):
        return None
    limit = np.array([-np.inf if floor is None else floor for floor in floors])[:, None]
    return np.asarray(scene.asked.catalogue.grades[1][scene.pool.codes] < limit)


StepRule: TypeAlias = Rule[Progress]
