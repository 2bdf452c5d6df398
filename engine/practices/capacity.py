"""Teacher minutes, seats and devices divided over a class by need: randomised, with exact probabilities."""

from __future__ import annotations

import numpy as np

from segue.features.catalogue import Bools, Floats

MOST_ENUMERATED = 16


def inclusion_probabilities(need: Floats, places: int, *, least: float = 0.05) -> Floats:
    """Return the probability with which each learner gets one of `places`, in proportion to need.

    Nobody is certain and nobody is left out where there are fewer places than learners, so that the effect
    of a place can be estimated later: probabilities stay within [least, 1 - least].

    Parameters
    ----------
    need : array of shape (n,)
        At least 0; any unit.
    places : int
        At least 0. From n on, everyone gets one.
    least : float
        In (0, .5]; lowered to what the places allow when they are very few or very many.

    Returns
    -------
    array of shape (n,)
        Sums to min(places, n).

    Raises
    ------
    ValueError
        When a need is negative or not finite, or `places` is negative.

    Examples
    --------
    >>> inclusion_probabilities(np.array([3.0, 1.0, 1.0, 1.0]), 2).round(3)
    array([0.95, 0.35, 0.35, 0.35])
    """
    need = np.asarray(need, dtype=np.float64)
    if not (np.isfinite(need).all() and (need >= 0.0).all()):
        raise ValueError("need must be finite and at least 0 for every learner")
    if places < 0:
        raise ValueError(f"places must be at least 0, got {places}")
    n = len(need)
    if places >= n or places == 0:
        return np.full(n, float(places > 0))
    low = min(least, 0.5 * places / n, 0.5 * (1.0 - places / n))
    weight = need if need.any() else np.ones(n)
    slope, most = 1.0, 1.0
    while np.clip(weight * most, low, 1.0 - low).sum() < places and most < 1e300:
        most *= 2.0
    slope = _root(weight, places, low=low, most=most)
    out = np.clip(weight * slope, low, 1.0 - low)
    return _topped_up(out, places, low=low)


def _root(weight: Floats, places: int, *, low: float, most: float) -> float:
    least = 0.0
    for _ in range(200):
        middle = 0.5 * (least + most)
        if np.clip(weight * middle, low, 1.0 - low).sum() < places:
            least = middle
        else:
            most = middle
    return most


def _topped_up(out: Floats, places: int, *, low: float) -> Floats:
    """Spread what is missing to the sum over those that have room: learners without need, or rounding."""
    missing = places - out.sum()
    room = (1.0 - low) - out if missing > 0 else out - low
    return np.asarray(out + missing * room / room.sum()) if room.sum() > 0 else out


def draw_places(probability: Floats, rng: np.random.Generator) -> Bools:
    """Return who gets a place, (n,), each with exactly its `probability`; the number of places is fixed.

    The pivotal method: two learners at a time settle their probabilities until one of them is 0 or 1. The
    order of learners is shuffled first, so that no two neighbours always compete.

    Raises
    ------
    ValueError
        When a probability is outside [0, 1], or they do not sum to a whole number.

    References
    ----------
    Deville and Tillé (1998), "Unequal probability sampling without replacement through a splitting method",
    Biometrika 85, section 5.
    """
    p = _checked(probability)
    order = rng.permutation(len(p))
    out = np.zeros(len(p), dtype=np.bool_)
    out[order] = _settled(p[order], rng)
    return out


def _settled(p: Floats, rng: np.random.Generator) -> Bools:
    left = p.copy()
    pivot = 0
    for other in range(1, len(left)):
        pivot = _duel(left, pivot, other, float(rng.random()))
    return left > 0.5


def _duel(left: Floats, i: int, j: int, uniform: float) -> int:
    """Settle i or j in place; return the one that is still open."""
    (first, second), total = (float(left[i]), float(left[j])), float(left[i] + left[j])
    share = _chance(first, second)
    winner, loser = (i, j) if uniform < share else (j, i)
    if total < 1.0:
        left[winner], left[loser] = total, 0.0
        return winner
    left[winner], left[loser] = 1.0, total - 1.0
    return loser


def _chance(first: float, second: float) -> float:
    """Return the chance that the first of two wins their duel."""
    total = first + second
    if total < 1.0:
        return first / total if total > 0.0 else 0.5
    return (1.0 - second) / (2.0 - total) if total < 2.0 else 0.5


def enumerated(probability: Floats) -> dict[tuple[int, ...], float]:
    """Return every set of learners that `draw_places` can give one *fixed* order, with its probability.

    For small classes (n at most 16): summed over the sets with a learner, they give its probability back.

    >>> sets = enumerated(np.array([0.5, 0.75, 0.75]))
    >>> round(sum(p for who, p in sets.items() if 1 in who), 12)
    0.75
    """
    p = _checked(probability)
    if len(p) > MOST_ENUMERATED:
        raise ValueError(f"a class of {len(p)} is too large to enumerate, at most {MOST_ENUMERATED}")
    branches: list[tuple[Floats, int, float]] = [(p, 0, 1.0)]
    for other in range(1, len(p)):
        grown: list[tuple[Floats, int, float]] = []
        for left, pivot, weight in branches:
            share = _chance(float(left[pivot]), float(left[other]))
            for uniform, chance in ((-1.0, share), (2.0, 1.0 - share)):
                if chance > 0.0:
                    after = left.copy()
                    grown.append((after, _duel(after, pivot, other, uniform), weight * chance))
        branches = grown
    out: dict[tuple[int, ...], float] = {}
    for left, _, weight in branches:
        who = tuple(np.flatnonzero(left > 0.5).tolist())
        out[who] = out.get(who, 0.0) + weight
    return out


def _checked(probability: Floats) -> Floats:
    p = np.asarray(probability, dtype=np.float64)
    if not ((p >= -1e-12) & (p <= 1.0 + 1e-12)).all():
        raise ValueError("every probability must be in [0, 1]")
    if abs(p.sum() - round(p.sum())) > 1e-6:
        raise ValueError(f"probabilities must sum to a whole number of places, got {p.sum():.6f}")
    return np.clip(p, 0.0, 1.0)
