"""How one skill is learned, kept and lost: models that disagree, each a few array expressions.

A model describes what happens in one skill of one learner: a *cell*, a short row of numbers. All methods
work elementwise on arrays of cells of shape (..., F), so that one call serves a whole class, and the
clairvoyant reference can ask "what if" of every learner and resource at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from segue.features.catalogue import Floats

_WEEK = 168.0


@dataclass(frozen=True)
class LearningStep:
    """What is done to a cell; arrays broadcast over (..., K).

    Attributes
    ----------
    correct : 1 or 0
    chance : probability of success before the step
    ready : share of the true prerequisites that is mastered, [0, 1]
    lift : how well this resource teaches this learner, about 1, already shared among its skills
    match : how well the resource meets the learner's interests, [0, 1]
    hours : hours since the world began
    luck : uniform draw for models with jumps; None asks for the expected cell
    """

    correct: Floats
    chance: Floats
    ready: Floats
    lift: Floats
    match: Floats
    hours: float
    luck: Floats | None = None


def sigmoid(x: Floats) -> Floats:
    """Return the logistic function of `x`."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def bell(x: Floats, centre: float, width: float) -> Floats:
    """Return exp(-((x - centre) / width)^2 / 2)."""
    return np.asarray(np.exp(-0.5 * ((x - centre) / width) ** 2))


def kept(hours: float, last: Floats, half_life: float | Floats) -> Floats:
    """Return the share that is left `hours - last` hours later."""
    return np.asarray(np.exp2(-np.maximum(hours - last, 0.0) / half_life))


@dataclass(frozen=True, kw_only=True)
class Knowledge(ABC):
    """How one skill is learned, kept and lost; without more said a cell is one number, ability in logits.

    Attributes
    ----------
    guess, slip : probability of success without any knowledge, and of failure with all of it
    transfer : share of what is learned that also reaches each neighbouring skill
    """

    guess: float = 0.12
    slip: float = 0.05
    transfer: float = 0.0

    def begin(self, prior: Floats, rng: np.random.Generator) -> Floats:
        """Return cells (L, S, F) at hour 0 from prior knowledge in logits (L, S)."""
        del rng
        return prior[..., None].copy()

    def level(self, cells: Floats, hours: float) -> Floats:
        """Return true mastery in [0, 1] at `hours`."""
        del hours
        return sigmoid(cells[..., 0])

    @abstractmethod
    def after(self, cells: Floats, step: LearningStep) -> Floats:
        """Return the cells after a completed step."""


@dataclass(frozen=True, kw_only=True)
class Gated(Knowledge):
    """All or nothing: a skill is known or not, and is learned only when its prerequisites are known.

    Knowledge tracing with gates (Corbett and Anderson 1995, with the learning rate set by prerequisites).
    """

    rate: float = 0.3
    closed: float = 0.03
    guess: float = 0.15
    slip: float = 0.06

    def begin(self, prior: Floats, rng: np.random.Generator) -> Floats:
        """Known with the prior's probability, sharpened."""
        return np.asarray(rng.random(prior.shape) < sigmoid(1.6 * prior), dtype=np.float64)[..., None]

    def level(self, cells: Floats, hours: float) -> Floats:
        """Known or not."""
        del hours
        return np.asarray(cells[..., 0])

    def after(self, cells: Floats, step: LearningStep) -> Floats:
        """Jump to known with the gated rate."""
        gate = self.closed + (1.0 - self.closed) * (step.ready > 0.99)
        jump = np.clip(self.rate * step.lift * gate, 0.0, 0.9)
        known = cells[..., 0]
        if step.luck is None:
            return np.asarray(known + (1.0 - known) * jump)[..., None]
        return np.maximum(known, step.luck < jump)[..., None]


@dataclass(frozen=True, kw_only=True)
class Forgetting(Knowledge):
    """Practice adds strength that fades with a fixed half-life; a part of it stays.

    Cells: what stays (logits), what fades (logits), hour of the last practice.
    """

    rate: float = 1.1
    stays: float = 0.3
    half_life: float = 3 * _WEEK
    slip: float = 0.06

    def begin(self, prior: Floats, rng: np.random.Generator) -> Floats:
        """Prior knowledge stays."""
        del rng
        return np.stack([prior, np.zeros_like(prior), np.zeros_like(prior)], axis=-1)

    def level(self, cells: Floats, hours: float) -> Floats:
        """What stays and what has not faded yet."""
        fade = kept(hours, cells[..., 2], self.half_life)
        return sigmoid(cells[..., 0] + cells[..., 1] * fade)

    def after(self, cells: Floats, step: LearningStep) -> Floats:
        """Less is gained the more is known, and without the prerequisites."""
        fade = kept(step.hours, cells[..., 2], self.half_life)
        left = cells[..., 1] * fade
        room = 1.0 - sigmoid(cells[..., 0] + left)
        gain = self.rate * step.lift * (0.25 + 0.75 * step.ready) * (0.35 + room) * (0.6 + 0.4 * step.correct)
        return np.stack(
            [cells[..., 0] + self.stays * gain, left + (1.0 - self.stays) * gain, 0.0 * left + step.hours],
            axis=-1,
        )


@dataclass(frozen=True, kw_only=True)
class Spacing(Knowledge):
    """Memory whose half-life grows with every recall, most when it was nearly lost.

    Two-component memory (Bjork and Bjork 1992; half-life regression, Settles and Meeder 2016). Cells: how
    much has been acquired (0 to 1), half-life in hours, hour of the last practice.
    """

    rate: float = 0.45
    first: float = 1.2 * _WEEK
    growth: float = 2.2
    guess: float = 0.15
    slip: float = 0.06

    def begin(self, prior: Floats, rng: np.random.Generator) -> Floats:
        """What was known before is held for long."""
        del rng
        known = sigmoid(1.2 * prior)
        return np.stack([known, self.first * (3.0 + 17.0 * known), np.zeros_like(prior)], axis=-1)

    def level(self, cells: Floats, hours: float) -> Floats:
        """Acquired, times the probability of recalling it."""
        recall = kept(hours, cells[..., 2], cells[..., 1])
        return np.asarray(cells[..., 0] * recall)

    def after(self, cells: Floats, step: LearningStep) -> Floats:
        """Acquire some of the rest; the half-life grows with what had to be recalled."""
        recall = kept(step.hours, cells[..., 2], cells[..., 1])
        share = self.rate * step.lift * (0.15 + 0.85 * step.ready)
        acquired = cells[..., 0] + (1.0 - cells[..., 0]) * np.clip(share, 0.0, 0.8)
        effort = cells[..., 0] * (1.0 - recall) * (0.3 + 0.7 * step.correct) * np.minimum(step.lift, 1.0)
        half_life = np.minimum(cells[..., 1] * (1.0 + self.growth * effort), 60 * _WEEK)
        return np.stack([acquired, half_life, 0.0 * recall + step.hours], axis=-1)


@dataclass(frozen=True, kw_only=True)
class Zone(Knowledge):
    """Learning happens in the zone of proximal development: not too easy, not too hard (Vygotsky 1978)."""

    rate: float = 1.0
    centre: float = 0.65
    width: float = 0.17
    outside: float = 0.06

    def after(self, cells: Floats, step: LearningStep) -> Floats:
        """Gain by how near the chance of success was to the centre of the zone."""
        zone = self.outside + (1.0 - self.outside) * bell(step.chance, self.centre, self.width)
        gain = self.rate * step.lift * zone * (0.4 + 0.6 * step.ready)
        return np.asarray(np.minimum(cells[..., 0] + gain, 4.0))[..., None]


@dataclass(frozen=True, kw_only=True)
class Practice(Knowledge):
    """Plain practice with falling returns, more from success than from failure (performance factors).

    With `interest` the learner takes more from what interests them; with `transfer` a part of what is
    learned reaches the skills before and after it.
    """

    rate: float = 0.8
    interest: float = 0.0
    failure: float = 0.45

    def after(self, cells: Floats, step: LearningStep) -> Floats:
        """Gain by outcome, room, readiness and interest."""
        room = 1.0 - sigmoid(cells[..., 0])
        outcome = self.failure + (1.0 - self.failure) * step.correct
        taste = 1.0 - self.interest + 2.0 * self.interest * step.match
        gain = self.rate * step.lift * outcome * (0.25 + room) * (0.25 + 0.75 * step.ready) * taste
        return np.asarray(np.minimum(cells[..., 0] + gain, 4.0))[..., None]


@dataclass(frozen=True)
class Mixed(Knowledge):
    """A class in which every learner follows one of several models; the last column says which."""

    parts: tuple[Knowledge, ...]

    def begin(self, prior: Floats, rng: np.random.Generator) -> Floats:
        """Cells of every part side by side, then the part of each learner."""
        cells = [part.begin(prior, rng) for part in self.parts]
        kind = rng.integers(len(self.parts), size=(len(prior), 1, 1))
        return np.concatenate([*cells, np.broadcast_to(kind, (*prior.shape, 1))], axis=-1)

    def level(self, cells: Floats, hours: float) -> Floats:
        """As the learner's own model says."""
        levels = [part.level(own, hours) for part, own in zip(self.parts, self._split(cells), strict=True)]
        return np.asarray(np.choose(cells[..., -1].astype(np.int64), levels))

    def after(self, cells: Floats, step: LearningStep) -> Floats:
        """As the learner's own model says (the other parts' cells are carried along unread)."""
        moved = [part.after(own, step) for part, own in zip(self.parts, self._split(cells), strict=True)]
        return np.concatenate([*moved, cells[..., -1:]], axis=-1)

    def _split(self, cells: Floats) -> list[Floats]:
        widths = [part.begin(np.zeros((1, 1)), np.random.default_rng(0)).shape[-1] for part in self.parts]
        return np.split(cells[..., :-1], np.cumsum(widths)[:-1], axis=-1)
