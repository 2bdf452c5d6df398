"""Why nothing was possible at some steps of finished lists, found again among all candidates."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from segue.engine.requests.request_batch import Scene
from segue.engine.rules.base import NEVER, OFFERED, Mask
from segue.engine.rules.relaxation import smallest_conflict
from segue.engine.rules.rule_book import entry_masks, growing, learner_masks, step_masks
from segue.features.catalogue import Ints


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
    fixed = [mask for mask in entry_masks(scene.asked) if mask.name != OFFERED]
    whole = Mask(OFFERED, NEVER, free.copy())
    progress = growing(scene, np.ones(scene.shape, dtype=np.bool_), (whole, *fixed))
    fixed += learner_masks(scene)
    found: dict[tuple[int, int], tuple[str, ...]] = {}
    for step in range(max(step for _, step in at) + 1):
        options = given[:, step] if step < given.shape[1] else np.full((len(given), 1), -1)
        goes_on = options[:, 0] >= 0
        moving = step_masks(progress)
        for row in [row for row, when in at if when == step]:
            least = 0 if goes_on[row] else firm[row]
            asked = [(m.name, m.allowed[row]) for m in (*fixed, *moving) if m.rank >= least]
            found[row, step] = smallest_conflict(asked, free[row])
        free[progress.rows[goes_on], options[goes_on, 0]] = False
        minutes = np.where(options >= 0, pool.minutes[options], 0.0).max(axis=1)
        progress.close(np.maximum(options[:, 0], 0), minutes, given=goes_on)
    return found
