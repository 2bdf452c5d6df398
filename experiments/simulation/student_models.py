"""Student models by name: how learners learn (``knowledge``), and what keeps them going."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.experiments.simulation.learning_dynamics import (
    Forgetting,
    Gated,
    Knowledge,
    LearningStep,
    Mixed,
    Practice,
    Spacing,
    Zone,
    sigmoid,
)
from segue.features.catalogue import Floats


@dataclass(frozen=True)
class Engagement:
    """Whether a learner completes a step, and stays.

    Mood (0 to 1) rises with success and interest, falls with repeated failure, boredom and repetition, and
    recovers from day to day. Steps are completed with probability
    σ(`ease` + `mood` (mood - .6) + `interest` (match - .4) - `minutes` · minutes); a learner whose mood is
    under .4 leaves with hazard `leave` (.4 - mood) at each slot.
    """

    ease: float = 3.0
    mood: float = 2.0
    interest: float = 1.0
    minutes: float = 0.02
    leave: float = 0.0
    swing: float = 0.02

    def completes(self, mood: Floats, match: Floats, minutes: Floats) -> Floats:
        """Return the probability that a step is completed."""
        push = self.ease + self.mood * (mood - 0.6) + self.interest * (match - 0.4)
        return sigmoid(push - self.minutes * minutes)

    def moved(self, mood: Floats, change: LearningStep, *, again: Floats) -> Floats:
        """Return the mood after a completed step; `again` is 1 where the resource was done before."""
        surprise = change.correct - 0.65
        bored = np.maximum(change.chance - 0.88, 0.0) * 8.0
        drive = 1.2 * surprise + 1.2 * (change.match - 0.35) - bored - 0.3 * again
        return np.clip(mood + self.swing * drive + 0.02 * (0.65 - mood), 0.0, 1.0)

    def leaves(self, mood: Floats) -> Floats:
        """Return the probability of leaving for good at this slot."""
        return np.asarray(self.leave * np.maximum(0.4 - mood, 0.0))


@dataclass(frozen=True)
class StudentModel:
    """A named pair: how learners learn, and what keeps them going."""

    name: str
    knowledge: Knowledge
    engagement: Engagement = Engagement()


MODELS: tuple[StudentModel, ...] = (
    StudentModel("gated", Gated()),
    StudentModel("forgetting", Forgetting()),
    StudentModel("spacing", Spacing()),
    StudentModel("zone", Zone()),
    StudentModel(
        "motivation", Practice(), Engagement(ease=2.0, mood=5.0, interest=2.5, leave=0.03, swing=0.04)
    ),
    StudentModel("transfer", Practice(rate=0.7, transfer=0.2, guess=0.1)),
    StudentModel("interest", Practice(rate=0.8, interest=0.7), Engagement(ease=2.0, interest=3.0)),
    StudentModel("guessing", Practice(rate=0.8, failure=0.9, guess=0.35, slip=0.2)),
    StudentModel("mixed", Mixed((Gated(), Forgetting(), Zone()))),
)


def student_model(name: str) -> StudentModel:
    """Return the model of that name.

    Raises
    ------
    ValueError
        For a name that is not in `MODELS`.
    """
    for model in MODELS:
        if model.name == name:
            return model
    raise ValueError(f"model must be one of {[m.name for m in MODELS]}, got {name!r}")
