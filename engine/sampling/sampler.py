"""A playlist drawn step by step without replacement, with the exact conditional propensity of every step.

At each step the rules mask what is allowed given the steps so far, the policy gives probabilities over what
is left, one candidate is drawn from that very vector, and its entry is logged. A menu is drawn the same way,
in order: its propensity is the product over its options. Its first option is the step, which later steps
build on; the others are alternatives, and may come again while they are not taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from segue.engine.policies.base import Odds, OpenCandidates, Policy
from segue.engine.policies.sampling import every
from segue.engine.requests.request_batch import Scene
from segue.engine.rules.base import Mask
from segue.engine.rules.progress import Progress
from segue.engine.rules.relaxation import conflict, firm_from, give_way
from segue.engine.rules.rule_book import all_of, growing, step_masks
from segue.features.catalogue import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class Drawn:
    """The steps of a block of lists; arrays of shape (B, k, m) for menus of m options.

    Attributes
    ----------
    position : array of int
        Which candidate of the pool; -1 where the list (or the menu) has ended.
    best : array of float
        The best score that was allowed.
    propensity, score, diversity : arrays of float
        Conditional on the steps and options before; the log-factor of diversity is part of the score.
    explored : array of bool
        True where a better score was allowed.
    relaxed : dict
        (row, step) → names of the rules that gave way there.
    pinned : dict
        (row, step) → (position, propensity) of what the engine would have drawn, None if nothing.
    conflicts : dict
        (row, step) → the smallest set of rules that left nothing there, also at the step after the last.
    """

    position: Ints
    best: Floats
    propensity: Floats
    score: Floats
    diversity: Floats
    explored: Bools
    relaxed: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    pinned: dict[tuple[int, int], tuple[int, float] | None] = field(default_factory=dict)
    conflicts: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def empty(cls, n_rows: int, k: int, menu: int) -> Drawn:
        """Return lists of which nothing has been drawn; what one draw writes lies together."""
        position = np.full((k, menu, n_rows), -1).transpose(2, 0, 1)
        propensity, best, score, diversity = np.zeros((4, k, menu, n_rows)).transpose(0, 3, 1, 2)
        return cls(position, best, propensity, score, diversity, score > diversity)

    def free(self, row: int, n: int) -> Bools:
        """Return which of `n` candidates one list has not used yet."""
        out = np.ones(n, dtype=np.bool_)
        used = self.position[row, :, 0]
        out[used[used >= 0]] = False
        return out


@dataclass(frozen=True, eq=False)
class DrawPlan:
    """What the sampler needs: static scores and masks, and the policy.

    `pins` holds, for each row, positions in the pool that the teacher put first.
    """

    scene: Scene
    scores: Floats
    std: Floats
    masks: tuple[Mask, ...]
    policy: Policy
    pins: tuple[tuple[int, ...], ...] = ()


def draw(plan: DrawPlan, uniforms: Floats) -> Drawn:
    """Return the lists drawn with `uniforms` (B, k, m), each in [0, 1)."""
    n_rows, k, menu = uniforms.shape
    drawn = Drawn.empty(n_rows, k, menu)
    static = all_of(plan.masks, plan.scene.shape)
    progress = growing(plan.scene, static, plan.masks)
    groups = plan.scene.pool.groups
    odds = plan.policy.odds(OpenCandidates(plan.scores, plan.std, static, groups, progress.log_diversity))
    alive = np.ones(n_rows, dtype=np.bool_)
    if n_rows == menu == 1 and not plan.pins:
        _draw_lone_list(plan, progress, odds, alive=alive, uniforms=uniforms.ravel().tolist(), drawn=drawn)
        return drawn
    for step in range(k):
        allowed, open_ = _allowed(plan, progress, alive, drawn)
        alive = _draw_step(
            plan, progress, odds, allowed=allowed, open_=open_, uniforms=uniforms[:, step], drawn=drawn
        )
        if not every(alive):
            progress.open[~alive] = False  # a list that has ended stays ended
            if every(~alive):
                break
    drawn.diversity[...] = progress.diversity(drawn.position)
    drawn.score[...] = drawn.diversity + plan.scores.take(drawn.position + progress.begin[:, None, None])
    drawn.explored[...] = drawn.score < drawn.best
    return drawn


def _allowed(plan: DrawPlan, progress: Progress, alive: Bools, drawn: Drawn) -> tuple[Bools, Bools]:
    """Return what may be drawn (B, n) and where that is anything (B,).

    Rules give way in rows where nothing is left; a row without a candidate even so ends its list.
    """
    moving = step_masks(progress)
    allowed = progress.open
    if not moving and progress.spare > progress.step and every(alive):
        return allowed, alive
    for mask in moving:
        allowed = allowed & mask.allowed
    if len(alive) == 1 and np.count_nonzero(allowed):
        return allowed, alive
    some = np.logical_or.reduce(allowed, axis=1)
    if every(some):
        return allowed, some
    allowed = allowed.copy()
    for row in np.flatnonzero(alive & ~some).tolist():
        masks = [Mask(m.name, m.rank, m.allowed[row]) for m in (*plan.masks, *moving)]
        fill, free = plan.scene.requests[row].fill, drawn.free(row, allowed.shape[1])
        names, left = give_way(masks, free, fill=fill)
        least = 0 if left is not None else firm_from(fill)
        drawn.conflicts[row, progress.step] = conflict([m for m in masks if m.rank >= least], free)
        if left is not None:
            allowed[row], some[row] = left, True
            drawn.relaxed[row, progress.step] = names
    return allowed, some


def _draw_lone_list(
    plan: DrawPlan, progress: Progress, odds: Odds, *, alive: Bools, uniforms: list[float], drawn: Drawn
) -> None:
    """Draw a lone list without menu and pins: what `_draw_step` and the end of `draw` do, number by number.

    That both draw the same bits is held by ``tests/engine/test_recommender.py``, list by list and in a batch.
    """
    group, scores, pull = plan.scene.pool.combination, plan.scores[0], progress.log_diversity
    open_, given = progress.open[0], drawn.position[0, :, 0]
    numbers: list[tuple[float, float, float, float]] = []
    for step, uniform in enumerate(uniforms):
        allowed = progress.open
        if not progress.at_rest:
            allowed, alive = _allowed(plan, progress, alive, drawn)
            if not alive.item():
                break
        shares = progress.shares[-1]
        position, propensity, best = odds.draw_one(shares, allowed, uniform)
        diversity = pull * shares.item(group.item(position))
        numbers.append((propensity, best, diversity + scores.item(position), diversity))
        given[step], open_[position] = position, False
        odds.close_one(position)
        progress.close_one(position)
    if numbers:
        n = len(numbers)
        columns = drawn.propensity, drawn.best, drawn.score, drawn.diversity
        for column, values in zip(columns, np.array(numbers).T, strict=True):
            column[0, :n, 0] = values
        drawn.explored[...] = drawn.score < drawn.best


def _draw_step(
    plan: DrawPlan,
    progress: Progress,
    odds: Odds,
    *,
    allowed: Bools,
    open_: Bools,
    uniforms: Floats,
    drawn: Drawn,
) -> Bools:
    """Draw one step (its menu) of every list where something is `open_` (B,); return which lists go on."""
    given = open_
    first, minutes = progress.rows, None
    for option in range(uniforms.shape[1]):
        certain = every(open_)
        may = allowed if certain else allowed | ~open_[:, None]  # without a candidate: drawn and thrown away
        position, propensity, best = odds.draw(progress.shares[-1], may, uniforms[:, option])
        place = progress.begin + position
        if option == 0:
            if plan.pins:
                given = _pin(plan, progress, position, propensity=propensity, open_=open_, drawn=drawn)
                allowed = _without_pins(plan, allowed)
                certain, place = every(given), progress.begin + position
            first, open_ = position, given
            progress.open.put(place, False)
            odds.close(position)
        at = (slice(None), progress.step, option)
        drawn.position[at] = position if certain else np.where(open_, position, -1)
        drawn.propensity[at], drawn.best[at] = propensity, best
        if progress.minutes_left is not None:
            cost = np.where(open_, plan.scene.pool.minutes[position], 0.0)
            minutes = cost if minutes is None else np.maximum(minutes, cost)
        if option + 1 < uniforms.shape[1]:
            allowed = allowed.copy()
            allowed.put(place, False)
            open_ = np.logical_or.reduce(allowed, axis=1)
    progress.close(first, minutes, given=given)
    return given


def _without_pins(plan: DrawPlan, allowed: Bools) -> Bools:
    """Return what is allowed but for pins: each stands in its own step, and is no option of a menu before."""
    allowed = allowed.copy()
    for row, pins in enumerate(plan.pins):
        allowed[row, list(pins)] = False
    return allowed


def _pin(
    plan: DrawPlan, progress: Progress, position: Ints, *, propensity: Floats, open_: Bools, drawn: Drawn
) -> Bools:
    """Put the teacher's pins in place, beside what the engine would have drawn; return what is given."""
    step, given = progress.step, open_.copy()
    for row, pins in enumerate(plan.pins):
        if step >= len(pins):
            continue
        would = (int(position[row]), float(propensity[row])) if open_[row] else None
        drawn.pinned[row, step] = would
        position[row], propensity[row], given[row] = pins[step], 1.0, True
        masks = (*plan.masks, *step_masks(progress))
        broken = [mask.name for mask in masks if not mask.allowed[row, pins[step]]]
        gave_way = drawn.relaxed.get((row, step), ()) if drawn.position.shape[2] > 1 else ()
        drawn.relaxed[row, step] = tuple(dict.fromkeys([*gave_way, *broken]))  # for the rest of the menu
    return given
