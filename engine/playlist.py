"""A playlist drawn step by step without replacement, with the exact conditional propensity of every step.

At each step the rules mask what is allowed given the steps so far, the policy gives probabilities over what
is left, one candidate is drawn from that very vector, and its entry is logged. A menu is drawn the same way,
in order: its propensity is the product over its options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from segue.engine.policies import Policy, sample
from segue.engine.rules import FILL, NEVER
from segue.engine.scene import Scene
from segue.engine.scoring import LOG_DIVERSITY
from segue.engine.step_rules import STEP_RULES, Progress
from segue.features.catalogue import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class Mask:
    """What one rule leaves, with the rank at which it gives way."""

    name: str
    rank: int
    allowed: Bools


@dataclass(frozen=True, eq=False)
class Drawn:
    """The steps of a block of lists; arrays of shape (B, k, m) for menus of m options.

    Attributes
    ----------
    position : array of int
        Which candidate of the pool; -1 where the list (or the menu) has ended.
    propensity, score, diversity : arrays of float
        Conditional on the steps and options before; the log-factor of diversity is part of the score.
    explored : array of bool
        True where a better score was allowed.
    relaxed : dict
        (row, step) → names of the rules that gave way there.
    pinned : dict
        (row, step) → (position, propensity) of what the engine would have drawn, None if nothing.
    ended : dict
        row → for each rule that holds firm, how many of the free candidates it withholds.
    """

    position: Ints
    propensity: Floats
    score: Floats
    diversity: Floats
    explored: Bools
    relaxed: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    pinned: dict[tuple[int, int], tuple[int, float] | None] = field(default_factory=dict)
    ended: dict[int, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def empty(cls, n_rows: int, k: int, menu: int) -> Drawn:
        """Return lists of which nothing has been drawn."""
        shape = (n_rows, k, menu)
        floats = np.zeros((3, *shape))
        return cls(np.full(shape, -1), floats[0], floats[1], floats[2], np.zeros(shape, dtype=np.bool_))


@dataclass(frozen=True, eq=False)
class Plan:
    """What the sampler needs: static scores and masks, the policy, and how the scores are spread.

    `spread` (B, 1) divides the scores before the policy sees them (the autonomy dial), None for 1.
    `pins` holds, for each row, positions in the pool that the teacher put first.
    """

    scene: Scene
    scores: Floats
    std: Floats
    masks: tuple[Mask, ...]
    policy: Policy
    spread: Floats | None = None
    pins: tuple[tuple[int, ...], ...] = ()


def draw(plan: Plan, uniforms: Floats) -> Drawn:
    """Return the lists drawn with `uniforms` (B, k, m), each in [0, 1)."""
    n_rows, k, menu = uniforms.shape
    drawn = Drawn.empty(n_rows, k, menu)
    progress = Progress(plan.scene)
    static = _all_of([mask.allowed for mask in plan.masks], plan.scene.shape)
    alive = np.ones(n_rows, dtype=np.bool_)
    for step in range(k):
        allowed = _allowed(plan, progress, static, alive, drawn)
        _step(plan, progress, allowed, uniforms[:, step], drawn)
        alive = drawn.position[:, step, 0] >= 0
        if not alive.any():
            break
        static[~alive] = False  # a list that has ended stays ended
    return drawn


def _all_of(masks: Sequence[Bools], shape: tuple[int, int]) -> Bools:
    if not masks:
        return np.ones(shape, dtype=np.bool_)
    out = masks[0].copy()
    for mask in masks[1:]:
        out &= mask
    return out


def _allowed(plan: Plan, progress: Progress, static: Bools, alive: Bools, drawn: Drawn) -> Bools:
    """Return what may be drawn, relaxing rules for rows where nothing is left; all False ends a list."""
    allowed = progress.free & static
    moving = [(rule, mask) for rule in STEP_RULES if (mask := rule.mask(progress)) is not None]
    for _, mask in moving:
        allowed &= mask
    stuck = ~allowed.any(axis=1)
    if not stuck.any():
        return allowed
    for row in np.flatnonzero(stuck):
        if not alive[row]:
            continue
        masks = [Mask(m.name, m.rank, m.allowed[row]) for m in plan.masks]
        masks += [Mask(rule.name, rule.relaxed, mask[row]) for rule, mask in moving]
        fill = plan.scene.requests[row].fill
        names, left = give_way(masks, progress.free[row], fill=fill)
        if left is None:
            drawn.ended[int(row)] = _withheld(masks, progress.free[row], fill=fill)
        else:
            allowed[row] = left
            drawn.relaxed[int(row), progress.step] = names
    return allowed


def give_way(masks: Sequence[Mask], free: Bools, *, fill: bool) -> tuple[tuple[str, ...], Bools | None]:
    """Return which rules give way so that something is left, and what is left.

    The masks are those of one learner, (n,). Rules give way by rank, one more at a time; then each one that
    need not is put back, the last to go first. None when what must hold leaves nothing.
    """
    limit = NEVER if fill else FILL
    order = sorted((m for m in masks if m.rank < limit), key=lambda m: m.rank)
    firm = [m.allowed for m in masks if m.rank >= limit]
    for n_gone in range(len(order) + 1):
        left = np.logical_and.reduce([free, *firm, *(m.allowed for m in order[n_gone:])])
        if left.any():
            break
    else:
        return (), None
    gone: list[str] = []
    for mask in reversed(order[:n_gone]):
        if (left & mask.allowed).any():
            left &= mask.allowed
        else:
            gone.append(mask.name)
    return tuple(reversed(gone)), left


def _withheld(masks: Sequence[Mask], free: Bools, *, fill: bool) -> dict[str, int]:
    limit = NEVER if fill else FILL
    counts = {m.name: int((free & ~m.allowed).sum()) for m in masks if m.rank >= limit}
    return {name: count for name, count in counts.items() if count}


def _step(plan: Plan, progress: Progress, allowed: Bools, uniforms: Floats, drawn: Drawn) -> None:
    """Draw one step (its menu) of every list that has something left."""
    step, pool = progress.step, plan.scene.pool
    diversity = pool.mean(progress.per_skill)
    diversity *= LOG_DIVERSITY * plan.scene.settings.weights.diversity
    scores = plan.scores + diversity
    first = np.zeros(0, dtype=np.int64)
    minutes = np.zeros(len(allowed))
    rows = np.arange(len(allowed))
    for option in range(uniforms.shape[1]):
        open_: Bools = np.asarray(allowed.any(axis=1))
        position, propensity, best = _one(plan, scores, allowed, open_, uniforms[:, option])
        if option == 0:
            position, propensity, open_ = _pin(
                plan, progress, position=position, propensity=propensity, open_=open_, drawn=drawn
            )
            first = position
        at = rows[open_]
        chosen = position[open_]
        drawn.position[at, step, option] = chosen
        drawn.propensity[at, step, option] = propensity[open_]
        drawn.score[at, step, option] = scores[at, chosen]
        drawn.diversity[at, step, option] = diversity[at, chosen]
        drawn.explored[at, step, option] = scores[at, chosen] < best[open_]
        minutes[at] = np.maximum(minutes[at], pool.minutes[chosen])
        progress.take(at, chosen)
        if option + 1 < uniforms.shape[1]:
            allowed &= progress.free
    given = drawn.position[:, step, 0] >= 0
    progress.close(rows[given], first[given], minutes[given])


def _one(
    plan: Plan, scores: Floats, allowed: Bools, open_: Bools, uniform: Floats
) -> tuple[Ints, Floats, Floats]:
    """Return one draw a row: its position, its propensity, and the best score that was allowed."""
    if not open_.all():
        allowed = allowed.copy()
        allowed[~open_] = True  # a row without a candidate is drawn and thrown away
    seen = scores if plan.spread is None else scores / plan.spread
    probabilities = plan.policy.probabilities(seen, plan.std, allowed=allowed)
    position = sample(probabilities, uniform)
    rows = np.arange(len(position))
    best = np.where(allowed, scores, -np.inf).max(axis=1)
    return position, probabilities[rows, position], best


def _pin(
    plan: Plan, progress: Progress, *, position: Ints, propensity: Floats, open_: Bools, drawn: Drawn
) -> tuple[Ints, Floats, Bools]:
    """Put the teacher's pins in place, beside what the engine would have drawn."""
    step = progress.step
    for row, pins in enumerate(plan.pins):
        if step >= len(pins):
            continue
        would = (int(position[row]), float(propensity[row])) if open_[row] else None
        drawn.pinned[row, step] = would
        position[row], propensity[row], open_[row] = pins[step], 1.0, True
        broken = [m.name for m in plan.masks if m.name != "offered" and not m.allowed[row, pins[step]]]
        for rule in STEP_RULES:
            mask = rule.mask(progress)
            if mask is not None and not mask[row, pins[step]]:
                broken.append(rule.name)
        drawn.relaxed[row, step] = tuple(broken)
    return position, propensity, open_
