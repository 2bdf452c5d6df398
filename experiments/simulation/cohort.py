"""A class of simulated learners that can be tested and can do steps, one step of everybody at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segue.experiments.simulation.learning_dynamics import LearningStep, sigmoid
from segue.experiments.simulation.student_models import StudentModel
from segue.experiments.simulation.worlds.synthetic_course import FORMATS, Pupils, World
from segue.features.catalogue import Bools, Floats, Ints

_SLOPE = 1.5  # how sharply success follows ability
_AGAIN = 0.65  # what a resource still teaches, with every earlier use


@dataclass(frozen=True, eq=False)
class TermSlot:
    """What the class did at one moment, one row an asked learner.

    `correct` is 1, 0, or NaN where the step was not completed; `hours` is when, since the world began;
    `propensity` is the probability with which the resource had been chosen.
    """

    learners: Ints
    resources: Ints
    completed: Bools
    correct: Floats
    propensity: Floats
    hours: float
    kind: str


class Cohort:
    """Learners with a hidden state, all of one student model.

    Parameters
    ----------
    world, pupils, model
        What is true; `rng` draws the learners' hidden beginnings.

    Attributes
    ----------
    present : array (L,) of bool
        False for learners who have left.
    cells, mood, done
        Hidden state: knowledge (L, S, F), mood (L,), times each resource was completed (L, n).
    """

    def __init__(
        self, world: World, pupils: Pupils, *, model: StudentModel, rng: np.random.Generator
    ) -> None:
        self.world = world
        self.pupils = pupils
        self.model = model
        self.cells = model.knowledge.begin(pupils.prior, rng)
        n_learners, n_resources = len(pupils.ids), len(world.difficulty)
        self.mood = np.clip(rng.normal(0.65, 0.1, n_learners), 0.0, 1.0)
        self.present = np.ones(n_learners, dtype=bool)
        self.done = np.zeros((n_learners, n_resources))
        self.match = np.minimum(pupils.taste @ world.tag_table.T + world.charm, 1.5)
        formats = world.catalogue.kind_code
        order = {kind: i for i, kind in enumerate(FORMATS)}
        column = np.array([order.get(world.catalogue.kind_ids[code], 1) for code in formats])
        kind_lift = np.sqrt(pupils.format_taste)[:, column]
        share = np.sqrt((world.catalogue.skill_matrix >= 0).sum(axis=1))
        self.lift = pupils.speed[:, None] * world.teaches[None, :] * kind_lift / share[None, :]

    @property
    def n_uniforms(self) -> int:
        """How many uniform draws a learner needs for one step: finish, success, leaving, one a skill."""
        return 3 + int(self.world.catalogue.skill_matrix.shape[1])

    def mastery(self, hours: float) -> Floats:
        """Return true mastery (L, S) in [0, 1] if nothing more is done until `hours`."""
        return self.model.knowledge.level(self.cells, hours)

    def chance(self, hours: float) -> Floats:
        """Return the probability (L, n) of success of every learner on every resource."""
        skills, weights = self.world.catalogue.skill_matrix, self.world.catalogue.skill_weights
        logit = _logit(self.mastery(hours))
        ability = np.einsum("lnk,nk->ln", logit[:, np.maximum(skills, 0)], weights)
        return self._chance(ability - self.world.difficulty)

    def test(self, items: Ints, uniforms: Floats, *, hours: float) -> TermSlot:
        """Return the answers of a placement test (nothing is learned from it); `uniforms` is (L, T)."""
        asked = np.flatnonzero(self.present)
        chance = self.chance(hours)[np.ix_(asked, items)]
        right = (uniforms[asked] < chance).astype(np.float64)
        n = len(asked) * len(items)
        return TermSlot(
            np.repeat(asked, len(items)),
            np.tile(items, len(asked)),
            np.ones(n, dtype=bool),
            right.ravel(),
            np.ones(n),
            hours,
            "pretest",
        )

    def do(
        self,
        learners: Ints,
        resources: Ints,
        uniforms: Floats,
        *,
        hours: float,
        propensity: Floats,
        kind: str = "playlist",
    ) -> TermSlot:
        """Let `learners` (distinct) do one step each; `uniforms` is (L, `n_uniforms`).

        A learner who leaves at this moment still finishes the step.
        """
        here = self.present[learners]
        learners, resources, propensity = learners[here], resources[here], propensity[here]
        draws = uniforms[learners]
        engagement = self.model.engagement
        match = self.match[learners, resources]
        minutes = self.world.catalogue.minutes[resources]
        completed = draws[:, 0] < engagement.completes(self.mood[learners], match, minutes)
        correct = self._learn(learners[completed], resources[completed], draws[completed], hours=hours)
        score = np.full(len(learners), np.nan)
        score[completed] = correct
        self.present[learners[draws[:, 2] < engagement.leaves(self.mood[learners])]] = False
        return TermSlot(learners, resources, completed, score, propensity, hours, kind)

    def step(self, learners: Ints, resources: Ints, *, hours: float) -> tuple[Floats, LearningStep]:
        """Return the cells (…, K, F) that a step would touch, and the step (expected; not yet answered).

        `learners` and `resources` broadcast against each other.
        """
        catalogue = self.world.catalogue
        skills = np.maximum(catalogue.skill_matrix[resources], 0)
        rows = learners[..., None]
        level = self.mastery(hours)
        ability = (_logit(level)[rows, skills] * catalogue.skill_weights[resources]).sum(axis=-1)
        chance = self._chance(ability - self.world.difficulty[resources])[..., None]
        lift = self.lift[learners, resources] * _AGAIN ** self.done[learners, resources]
        known = level[rows, skills] - 0.5
        step = LearningStep(
            correct=np.ones_like(chance),
            chance=chance,
            ready=self._ready(level)[rows, skills],
            lift=lift[..., None] * np.maximum(1.0 + self.world.steep[resources][..., None] * known, 0.0),
            match=self.match[learners, resources][..., None],
            hours=hours,
        )
        return self.cells[rows, skills], step

    def _learn(self, learners: Ints, resources: Ints, draws: Floats, *, hours: float) -> Floats:
        """Answer, change the hidden state, and return the scores."""
        cells, step = self.step(learners, resources, hours=hours)
        correct = (draws[:, 1:2] < step.chance).astype(np.float64)
        after = self.model.knowledge.after(cells, replace(step, correct=correct, luck=draws[:, 3:]))
        skills = self.world.catalogue.skill_matrix[resources]
        row, column = np.nonzero(skills >= 0)
        self.cells[learners[row], skills[row, column]] = after[row, column]
        if self.model.knowledge.transfer > 0.0:
            self._spread(learners, skills, (after - cells)[..., 0])
        again = np.minimum(self.done[learners, resources], 2.0)
        flat = replace(step, correct=correct[:, 0], chance=step.chance[:, 0], match=step.match[:, 0])
        self.mood[learners] = self.model.engagement.moved(self.mood[learners], flat, again=again)
        self.done[learners, resources] += 1.0
        return correct[:, 0]

    def _spread(self, learners: Ints, skills: Ints, gained: Floats) -> None:
        """Let a share of what was learned reach the skills before and after."""
        near = self.world.unlocks + self.world.unlocks.T
        row, column = np.nonzero(skills >= 0)
        own = np.zeros((len(learners), self.world.n_skills))
        own[row, skills[row, column]] = gained[row, column]
        self.cells[learners, :, 0] += self.model.knowledge.transfer * (own @ near)

    def _chance(self, margin: Floats) -> Floats:
        knowledge = self.model.knowledge
        return np.asarray(
            knowledge.guess + (1.0 - knowledge.guess - knowledge.slip) * sigmoid(_SLOPE * margin)
        )

    def _ready(self, level: Floats) -> Floats:
        """Share of the true prerequisites of each skill that is mastered, softly, (L, S)."""
        parents = self.world.parents
        have = sigmoid((level - 0.5) / 0.08)[:, np.maximum(parents, 0)]
        known = parents >= 0
        count = known.sum(axis=-1)
        share = (np.where(known, have, 0.0).sum(axis=-1) + (count == 0)) / np.maximum(count, 1)
        return np.asarray(share, dtype=np.float64)


def _logit(level: Floats) -> Floats:
    inside = np.clip(level, 0.06, 0.94)
    return np.asarray(np.log(inside / (1.0 - inside)))
