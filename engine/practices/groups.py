"""Groups for a project: skills mixed, every role filled, and not the same people together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from segue.features.catalogue import Floats, Ints


@dataclass(frozen=True)
class Group:
    """The members of one group by position in the class, and the role of each (empty without roles)."""

    members: tuple[int, ...]
    roles: tuple[str, ...] = ()


def imbalance(mastery: Floats, groups: Sequence[Sequence[int]]) -> float:
    """Return how far group means lie from the class mean: a mean of squares over skills and groups."""
    overall = mastery.mean(axis=0)
    return float(np.mean([np.mean((mastery[list(g)].mean(axis=0) - overall) ** 2) for g in groups]))


def suggest_groups(
    mastery: Floats,
    *,
    size: int,
    rng: np.random.Generator,
    roles: Sequence[str] = (),
    fit: Floats | None = None,
    together: Ints | None = None,
    repeat_cost: float = 0.05,
    rounds: int = 40,
) -> list[Group]:
    """Return groups of `size` that mix skills and vary who works with whom.

    Where the class does not divide, some have one more; where that would not do, some have fewer, as long as
    they fill the roles.

    Swaps of two learners are tried as long as one helps: the cost is :func:`imbalance` plus `repeat_cost`
    for each pair that was together before. Roles are then given out within each group by the best match.

    Parameters
    ----------
    mastery : array of shape (n, S)
        In [0, 1].
    size : int
        At least 2, and at most n.
    roles : sequence of str
        At most `size`; each group fills every one.
    fit : array of shape (n, len(roles)), optional
        How well each learner fits each role, or how long it is since it last had it; higher is better.
    together : int array of shape (n, n), optional
        How often two learners shared a group before.

    Raises
    ------
    ValueError
        When the class is smaller than a group, or a group smaller than the roles.
    """
    n = len(mastery)
    if not 2 <= size <= n:
        raise ValueError(f"size must be from 2 to the {n} learners of the class, got {size}")
    if len(roles) > size:
        raise ValueError(f"{len(roles)} roles do not fit into groups of {size}: take larger groups")
    past = np.zeros((n, n)) if together is None else np.asarray(together, dtype=np.float64)
    groups = [part.tolist() for part in np.array_split(rng.permutation(n), _count(n, size, len(roles)))]
    cost = {len(group): _closeness(mastery, past, repeat_cost, len(group)) for group in groups}
    for _ in range(rounds):
        if not _improved(groups, cost):
            break
    return [Group(tuple(g), _given(g, roles, fit)) for g in groups]


def _count(n: int, size: int, n_roles: int) -> int:
    """Return into how many groups a class of `n` is divided."""
    count = n // size
    some_too_large, enough_if_smaller = n > count * (size + 1), n // (count + 1) >= max(n_roles, 2)
    return count + (some_too_large and enough_if_smaller)


def _closeness(mastery: Floats, past: Floats, repeat_cost: float, size: int) -> list[list[float]]:
    """Return what two learners in one group of `size` cost: summed over all pairs of it, the group's cost.

    The square of a group's mean is a sum over its pairs, so a swap costs a few additions.
    """
    centred = mastery - mastery.mean(axis=0)
    close = centred @ centred.T / (max(mastery.shape[1], 1) * size**2)
    cost: list[list[float]] = (close + repeat_cost * (past + past.T) / (4 * size)).tolist()
    return cost


def _improved(groups: list[list[int]], cost: Mapping[int, list[list[float]]]) -> bool:
    """Make every swap between two groups that lowers their cost; return whether there was one."""
    better = False
    for a in range(len(groups)):
        for b in range(a + 1, len(groups)):
            one, two = groups[a], groups[b]
            first, second = cost[len(one)], cost[len(two)]
            with_one, with_two = _beside(one, first), _beside(two, second)
            for i in range(len(one)):
                for j in range(len(two)):
                    p, q = one[i], two[j]
                    gain = _exchanged(first, with_one, p, q) + _exchanged(second, with_two, q, p)
                    if gain < -1e-12:
                        one[i], two[j] = q, p
                        with_one, with_two = _beside(one, first), _beside(two, second)
                        better = True
    return better


def _beside(group: Sequence[int], cost: list[list[float]]) -> list[float]:
    """Return what each learner of the class costs beside the members of a group."""
    return [sum([row[member] for member in group]) for row in cost]


def _exchanged(cost: list[list[float]], beside: list[float], out: int, new: int) -> float:
    """Return by how much a group's cost changes when one learner of it is exchanged for another."""
    leaves = cost[out][out] - 2 * beside[out]
    return leaves + 2 * (beside[new] - cost[new][out]) + cost[new][new]


def _given(group: Sequence[int], roles: Sequence[str], fit: Floats | None) -> tuple[str, ...]:
    """Return the role of each member: each role once, by the best match; the others share the last one."""
    if not roles:
        return ()
    gain = np.zeros((len(group), len(roles))) if fit is None else fit[np.asarray(group)]
    members, filled = linear_sum_assignment(gain, maximize=True)
    out = [roles[-1]] * len(group)
    for member, role in zip(members.tolist(), filled.tolist(), strict=True):
        out[member] = roles[role]
    return tuple(out)
