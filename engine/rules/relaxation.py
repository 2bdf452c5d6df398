"""Which rules give way when nothing is left, and which together left nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from segue.engine.rules.base import FILL, NEVER, OFFERED, Mask
from segue.features.catalogue import Bools


def give_way(masks: Sequence[Mask], free: Bools, *, fill: bool) -> tuple[tuple[str, ...], Bools | None]:
    """Return which rules give way so that something is left, and what is left.

    The masks are those of one learner, (n,). Rules give way by rank, one more at a time; then each one that
    need not is put back, the last to go first. None when what must hold leaves nothing.
    """
    limit = firm_from(fill)
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


def firm_from(fill: bool) -> int:
    """Return the rank from which rules do not give way."""
    return NEVER if fill else FILL


def conflict(masks: Sequence[Mask], free: Bools) -> tuple[str, ...]:
    """Return the smallest set of rules that leaves none of the `free` candidates of one learner."""
    offered = [mask.allowed for mask in masks if mask.name == OFFERED]
    named = [(mask.name, mask.allowed) for mask in masks if mask.name != OFFERED]
    return smallest_conflict(named, np.logical_and.reduce([free, *offered]))


def smallest_conflict(masks: Sequence[tuple[str, Bools]], free: Bools) -> tuple[str, ...]:
    """Return the names of the smallest set of masks (n,) that leaves none of the `free` candidates.

    Smallest by size, then by the documented order of the rules (``rule_book.RULES``). Empty when there is
    none: something is possible, or nothing is free.

    >>> short, english = np.array([True, True, False]), np.array([False, False, True])
    >>> smallest_conflict([("minutes", short), ("language", english)], np.array([True, True, True]))
    ('minutes', 'language')
    >>> smallest_conflict([("minutes", short), ("language", english)], np.array([True, True, False]))
    ('language',)
    """
    if not masks or not free.any():
        return ()
    # A set of rules is a number, bit i for the i-th. A conflict has a rule of every set that withholds a
    # candidate; where one such set is part of another, the smaller one is enough to look at.
    withheld = ~np.array([mask[free] for _, mask in masks])
    withheld_by = set((2 ** np.arange(len(masks)) @ withheld).tolist())
    needed = [a for a in withheld_by if not any(b & a == b != a for b in withheld_by)]
    for size in range(1, len(masks) + 1):
        for chosen in combinations(range(len(masks)), size):
            bits = sum(1 << i for i in chosen)
            if all(rules & bits for rules in needed):
                return tuple(masks[i][0] for i in chosen)
    return ()
