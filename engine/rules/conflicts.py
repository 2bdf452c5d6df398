"""Why nothing was possible: the smallest set of hard rules that no free candidate satisfies together.

Smallest by size, then by the documented order of the rules (entry, state and step rules, as they are listed).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

import numpy as np

from segue.engine.request_batch import Scene
from segue.engine.rules.request_rules import ENTRY_RULES, NEVER, STATE_RULES, Rule
from segue.engine.rules.sequence_rules import STEP_RULES, Progress
from segue.features.catalogue import Bools, Ints

OFFERED = "offered"  # says who the candidates are; never part of a conflict
NamedMask = tuple[str, Bools]


def smallest_conflict(masks: Sequence[NamedMask], free: Bools) -> tuple[str, ...]:
    """Return the names of the smallest set of masks (n,) that leaves none of the `free` candidates.

    Empty when there is none: something is possible, or nothing is free.

    Examples
    --------
    >>> short, english = np.array([True, True, False]), np.array([False, False, True])
    >>> smallest_conflict([("minutes", short), ("language", english)], np.array([True, True, True]))
    ('minutes', 'language')
    >>> smallest_conflict([("minutes", short), ("language", english)], np.array([True, True, False]))
    ('language',)
    """
    if not masks or not free.any():
        return ()
    withheld = ~np.array([mask[free] for _, mask in masks])
    by = set((2 ** np.arange(len(masks)) @ withheld).tolist())  # the rules that withhold a candidate, as bits
    needed = [rules for rules in by if not any(other & rules == other != rules for other in by)]
    for size in range(1, len(masks) + 1):
        for chosen in combinations(range(len(masks)), size):
            bits = sum(1 << i for i in chosen)
            if all(rules & bits for rules in needed):
                return tuple(masks[i][0] for i in chosen)
    return ()


def conflicts(
    scene: Scene, given: Ints, *, at: Collection[tuple[int, int]], firm: Sequence[int]
) -> dict[tuple[int, int], tuple[str, ...]]:
    """Return the smallest conflict at some (row, step) of the lists of a block.

    Parameters
    ----------
    scene : Scene
        The requests over all their candidates, also those that the sampler never scored.
    given : int array of shape (B, k, m)
        Positions of each step's options in the pool, -1 where the list (or the menu) has ended.
    at : collection of (row, step)
        Where nothing was possible; the step after the last of a list included.
    firm : sequence of int, one a row
        Only rules of this rank or above, which could not give way, explain the end of a list.
    """
    offered, pool = scene.asked.offered, scene.pool
    free = np.ones(scene.shape, dtype=np.bool_) if offered is None else offered.copy()
    fixed: list[tuple[Rule, Bools]] = [
        (rule, mask)
        for rule in ENTRY_RULES
        if rule.name != OFFERED and (mask := rule.mask(scene.asked)) is not None
    ]
    never = [free.copy(), *(mask for rule, mask in fixed if rule.relaxed >= NEVER)]
    progress = Progress(scene, np.ones(scene.shape, dtype=np.bool_), never=never)
    fixed += [(rule, mask) for rule in STATE_RULES if (mask := rule.mask(scene)) is not None]
    found: dict[tuple[int, int], tuple[str, ...]] = {}
    for step in range(max(step for _, step in at) + 1):
        options = given[:, step] if step < given.shape[1] else np.full((len(given), 1), -1)
        goes_on = options[:, 0] >= 0
        moving = [(rule, mask) for rule in STEP_RULES if (mask := rule.mask(progress)) is not None]
        for row in [row for row, when in at if when == step]:
            least = 0 if goes_on[row] else firm[row]
            asked = [(r.name, mask[row]) for r, mask in (*fixed, *moving) if r.relaxed >= least]
            found[row, step] = smallest_conflict(asked, free[row])
        free[progress.rows[goes_on], options[goes_on, 0]] = False
        minutes = np.where(options >= 0, pool.minutes[options], 0.0).max(axis=1)
        progress.close(np.maximum(options[:, 0], 0), minutes, given=goes_on)
    return found
