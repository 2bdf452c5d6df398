"""Why nothing was possible: the smallest set of hard rules that no free candidate satisfies together.

Smallest by size, then by the documented order of the rules (entry, state and step rules, as they are listed).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

import numpy as np

from segue.engine.rules import ENTRY_RULES, NEVER, STATE_RULES, Rule
from segue.engine.scene import Scene
from segue.engine.step_rules import STEP_RULES, Progress
from segue.features.catalogue import Bools

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
    scene: Scene, given: Sequence[Sequence[int]], *, at: Collection[int], firm: int
) -> dict[int, tuple[str, ...]]:
    """Return the smallest conflict before each of the steps `at` of one learner's list.

    Parameters
    ----------
    scene : Scene
        One request over all its candidates, also those that the sampler never scored.
    given : sequence
        For each step of the list, the positions of its options in the pool, the first one first.
    at : collection of int
        Steps at which nothing was possible; len(given) is the one after the last.
    firm : int
        Only rules of this rank or above, which could not give way, explain the end of a list.
    """
    offered = scene.asked.offered
    free = np.ones(len(scene.pool), dtype=np.bool_) if offered is None else offered[0].copy()
    fixed: list[tuple[Rule, Bools]] = [
        (rule, mask)
        for rule in ENTRY_RULES
        if rule.name != OFFERED and (mask := rule.mask(scene.asked)) is not None
    ]
    never = [free[None].copy(), *(mask for rule, mask in fixed if rule.relaxed >= NEVER)]
    progress = Progress(scene, np.ones(scene.shape, dtype=np.bool_), never=never)
    fixed += [(rule, mask) for rule in STATE_RULES if (mask := rule.mask(scene)) is not None]
    found: dict[int, tuple[str, ...]] = {}
    for step in range(max(at, default=-1) + 1):
        if step in at:
            least = firm if step == len(given) else 0
            moving = [(rule, mask) for rule in STEP_RULES if (mask := rule.mask(progress)) is not None]
            asked = [(rule.name, mask[0]) for rule, mask in (*fixed, *moving) if rule.relaxed >= least]
            found[step] = smallest_conflict(asked, free)
        if step < len(given):
            options = np.array(given[step])
            free[options] = False
            minutes = scene.pool.minutes[options].max(keepdims=True)
            progress.close(options[:1], minutes, given=np.ones(1, dtype=np.bool_))
    return found
