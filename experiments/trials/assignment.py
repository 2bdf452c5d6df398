"""Who is in which arm: by a key, so that nothing need be stored and nobody can choose."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from segue.experiments.trials.declaration import TrialDeclaration


def order_of(trial: str, unit: str, *, seed: str) -> float:
    """Return the unit's place in [0, 1), by blake2b of seed, experiment and unit.

    Examples
    --------
    >>> order_of("t", "ada", seed="s") == order_of("t", "ada", seed="s")
    True
    """
    digest = hashlib.blake2b(digest_size=8, key=seed.encode()[:64])
    digest.update(f"{len(trial)}:{trial}{unit}".encode())
    return int.from_bytes(digest.digest(), "big") / 2.0**64


def arms_of(
    trial: TrialDeclaration,
    units: Mapping[str, tuple[str, ...]],
    *,
    seed: str,
    week: int = 0,
) -> dict[str, str]:
    """Return the arm of each unit; within a stratum arms differ in size by one at most.

    Parameters
    ----------
    units : mapping
        The stratum of each unit, () without strata. The order of arrival changes nothing; without strata each
        unit's arm depends on itself alone, so that newcomers move nobody.
    seed : str
        The tenant's.
    week : int
        Weeks since the start: in a crossover units move on to the next arm after each period.
    """
    names = tuple(trial.arms)
    moved = week // trial.period_weeks if trial.period_weeks else 0
    place = {unit: order_of(trial.name, unit, seed=seed) for unit in units}
    if not trial.strata:
        return {u: names[(int(p * len(names)) + moved) % len(names)] for u, p in place.items()}
    out: dict[str, str] = {}
    for stratum in sorted(set(units.values())):
        mine = sorted((unit for unit, own in units.items() if own == stratum), key=lambda u: (place[u], u))
        first = int(order_of(trial.name, "\0".join(("", *stratum)), seed=seed) * len(names))
        for at, unit in enumerate(mine):
            out[unit] = names[(first + at + moved) % len(names)]
    return out


def units_of(
    trial: TrialDeclaration, learners: Sequence[str], roster: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Return the unit of each learner, and the stratum of each unit.

    Parameters
    ----------
    roster : mapping
        By learner, the roster's columns: class, and those of the strata.

    Raises
    ------
    ValueError
        When a learner has no class where classes are drawn, or a class lies in two strata.
    """
    unit_of: dict[str, str] = {}
    strata: dict[str, tuple[str, ...]] = {}
    for learner in learners:
        row = roster.get(learner, {})
        unit = learner if trial.unit == "learner" else row.get("class", "")
        if not unit:
            raise ValueError(f"learner {learner!r} has no class: the experiment draws classes")
        own = tuple(row.get(name, "") for name in trial.strata)
        if strata.setdefault(unit, own) != own:
            raise ValueError(f"class {unit!r} lies in two strata, {strata[unit]} and {own}")
        unit_of[learner] = unit
    return unit_of, strata
