"""Replay: run a policy that learns as it goes, on a log (Li et al. 2011), corrected for uneven propensities.

A logged round is offered to the policy and used only when the policy picks what was logged *and* a coin with
probability (smallest propensity) / (this propensity) says so. The accepted rounds are then distributed as if
the policy had been run, whatever the logging policy, as long as it could log anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import numpy as np

from segue.experiments.evaluation.estimators import Floats, Ints


class Player(Protocol):
    """A policy that can only be run."""

    def choose(self, context: Floats) -> int:
        """Return an action for a context (d,)."""

    def update(self, context: Floats, action: int, reward: float) -> None:
        """Learn from what happened."""


@dataclass(frozen=True)
class Replay:
    """What a replay earned.

    Attributes
    ----------
    value, se : float
        Mean reward of the accepted rounds and its standard error (NaN below two). For a policy that learns,
        rounds are not independent: the error is that of the mean along this one run.
    accepted, offered : int
    """

    value: float
    se: float
    accepted: int
    offered: int

    def __str__(self) -> str:
        """Return one sentence."""
        if self.accepted < 2:
            return f"Not enough evidence: {self.accepted} of {self.offered:,} rounds matched."
        return (
            f"{self.value:.4g} ± {self.se:.2g} (se) over {self.accepted:,} of {self.offered:,} logged rounds."
        )


def replay(
    player: Player,
    contexts: Floats,
    *,
    action: Ints,
    reward: Floats,
    propensity: Floats,
    rng: np.random.Generator,
    smallest: float | None = None,
) -> Replay:
    """Return what a policy earns on a log, by rejection sampling; it learns from accepted rounds only.

    Parameters
    ----------
    contexts : (n, d)
    action : (n,) of int
    reward, propensity : (n,)
    smallest : float, optional
        A lower bound of *all* propensities of the logging policy, known beforehand; the log's smallest by
        default.

    Raises
    ------
    ValueError
        If a propensity is below `smallest`.
    """
    floor = float(propensity.min()) if smallest is None else smallest
    if not 0 < floor <= propensity.min():
        raise ValueError(f"smallest must be in (0, {propensity.min():g}] (the log's), got {floor}")
    keep = rng.random(len(reward)) < floor / propensity
    earned = []
    for index in np.flatnonzero(keep):
        if player.choose(contexts[index]) == action[index]:
            player.update(contexts[index], int(action[index]), float(reward[index]))
            earned.append(float(reward[index]))
    n = len(earned)
    value = float(np.mean(earned)) if n else float("nan")
    se = float(np.std(earned, ddof=1)) / sqrt(n) if n > 1 else float("nan")
    return Replay(value, se, n, len(reward))
