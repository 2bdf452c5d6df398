"""Who is in which arm: by a key, so that nobody can choose; newcomers move nobody."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from segue.experiments.evaluation.trials.declaration import TrialDeclaration


def order_of(trial: str, unit: str, *, seed: str) -> float:
    """Return the unit's place in [0, 1), by blake2b of seed, experiment and unit.

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
    began: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the arm in which each unit begins.

    Arms of classes, and of learners within a stratum, drawn together, differ in size by one at most: of few
    classes all could fall into one arm by chance.

    Parameters
    ----------
    units : mapping
        The stratum of each unit, () without strata. The order of arrival changes nothing; a learner's arm
        without strata depends on the learner alone, so that newcomers move nobody.
    seed : str
        The tenant's.
    began : mapping, optional
        The arm of units that were drawn before. Where arms are kept even, newcomers fill up the smaller ones.
    """
    names = tuple(trial.arms)
    place = {unit: order_of(trial.name, unit, seed=seed) for unit in units}
    first = {unit: arm for unit, arm in (began or {}).items() if unit in units}
    if trial.strata or trial.unit == "class":
        for stratum in sorted(set(units.values())):
            mine = sorted(
                (unit for unit, own in units.items() if own == stratum), key=lambda u: (place[u], u)
            )
            begin = int(order_of(trial.name, "\0".join(("", *stratum)), seed=seed) * len(names))
            size = Counter(first[unit] for unit in mine if unit in first)
            for unit in (unit for unit in mine if unit not in first):
                first[unit] = min((*names[begin:], *names[:begin]), key=lambda arm: size[arm])
                size[first[unit]] += 1
    else:
        first = {unit: names[int(at * len(names))] for unit, at in place.items()} | first
    return first


def moved_on(trial: TrialDeclaration, arm: str, *, week: int) -> str:
    """Return the arm of a week after the start of who began in an arm: in a crossover each period's next."""
    names = tuple(trial.arms)
    moved = week // trial.period_weeks if trial.period_weeks else 0
    return names[(names.index(arm) + moved) % len(names)]


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
        When a learner has no class where classes are drawn, the roster lacks the column of a stratum, or a
        class lies in two strata.
    """
    for name in trial.strata:
        if roster and not any(name in row for row in roster.values()):
            raise ValueError(f"the roster has no column {name!r}, by which the experiment balances its arms")
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
