"""The engine's numbers in one place: what a school may tune, with what each of them means."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

DIVERSITY = 0.45  # what a step already given to the skill leaves of a score, as a factor
LOG_DIVERSITY = float(np.log(DIVERSITY))


@dataclass(frozen=True)
class Weights:
    """How much each log-factor of the score counts; 0 leaves it out."""

    readiness: float = 6.0
    frontier: float = 1.5
    zone: float = 0.8
    room: float = 1.3
    forecast_gain: float = 0.5
    unlock: float = 1.0
    prospect: float = 1.0
    breadth: float = 0.5
    completion: float = 0.5
    interest: float = 0.6
    repeat: float = 1.0
    teaches_well: float = 1.0
    diversity: float = 1.0
    goal: float = 1.0
    pace: float = 0.42
    mode: float = 1.0


@dataclass(frozen=True)
class Limits:
    """Thresholds of the hard rules.

    `ready`: readiness below which a resource is withheld. `mastered`: mastery from which a skill
    counts as mastered, once it has `mastered_attempts`, until review is `due`. `repeat_days`: days before the
    same resource may come again. `per_skill`, `per_kind`: most steps of one list on one skill, and most as
    a share of the list of one kind. `warm_up`: least chance of success of the first step.
    """

    ready: float = 0.25
    mastered: float = 0.9
    mastered_attempts: float = 3.0
    due: float = 0.5
    repeat_days: float = 2.0
    per_skill: int = 3
    per_kind: float = 0.7
    warm_up: float = 0.5


@dataclass(frozen=True)
class Settings:
    """What the engine can be told.

    `eta` is the most that the learned part may weigh; the data say how much it does (``training.trust``), and
    `eta_evidence` is the number of matured rewards at which it weighs half of that; `optimism` adds that many
    standard deviations to its mean.
    """

    weights: Weights = field(default_factory=Weights)
    limits: Limits = field(default_factory=Limits)
    eta: float = 0.25
    eta_evidence: float = 4000.0
    optimism: float = 0.0
    seed: str = "segue"

    def learned_weight(self, n_rewards: float, trust: float) -> float:
        """Return the weight of a learned part that rests on so many rewards and is trusted so far."""
        return min(self.eta, trust) * n_rewards / (n_rewards + self.eta_evidence)

    def pedagogy_alone(self) -> Settings:
        """Return these settings with everything learned from outcomes off."""
        return replace(self, eta=0.0, weights=replace(self.weights, teaches_well=0.0))
