"""What a school would use instead, and the reference that sees everything."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segue.experiments.simulation.cohort import Cohort, TermSlot
from segue.experiments.simulation.learning_dynamics import LearningStep, sigmoid
from segue.experiments.simulation.school_term import Stage, TermAsk
from segue.features.catalogue import Bools, Floats, Ints

_DONE = 3.0


class _Peer:
    """Common to all peers: a catalogue, a belief about every skill, and picking by score.

    Beliefs: `theta` (L, S) ability in logits by Elo steps against the labels of difficulty; `last` (L, S)
    hour of the last practice; `streak` (L, S) successes in a row; `used` (L, n).
    """

    replans = False

    def start(self, stage: Stage, cohort: Cohort) -> None:
        """Forget everything."""
        del cohort
        catalogue = stage.world.catalogue
        n_learners, n_skills = stage.plan.n_learners, stage.world.n_skills
        self.weeks = stage.plan.weeks
        self.skills = catalogue.skill_matrix
        self.first = catalogue.skill_matrix[:, 0]
        self.weights = catalogue.skill_weights
        self.label = 0.8 * (catalogue.difficulty - 3.0)
        self.parents = catalogue.prerequisite_matrix
        self.order = _course_order(self.parents)
        self.theta = np.full((n_learners, n_skills), -0.5)
        self.last = np.full((n_learners, n_skills), -np.inf)
        self.streak = np.zeros((n_learners, n_skills))
        self.tries = np.zeros((n_learners, n_skills))
        self.quick, self.slow = np.full((2, n_learners, n_skills), 0.4)
        self.used = np.zeros((n_learners, len(self.first)))
        self.week = 0

    def past(self, slots: list[TermSlot]) -> None:
        """Peers learn nothing from a former class."""

    def end_week(self, week: int) -> None:
        """Turn the page."""
        self.week = week + 1

    def learn(self, slot: TermSlot) -> None:
        """Update the beliefs, item by item in a test."""
        seen = slot.completed & np.isfinite(slot.correct)
        learners, resources, correct = slot.learners[seen], slot.resources[seen], slot.correct[seen]
        for item in np.unique(resources) if slot.kind == "pretest" else (-1,):
            now = (resources == item) | (item < 0)
            self._believe(learners[now], resources[now], correct[now], hours=slot.hours)

    def _believe(self, learners: Ints, resources: Ints, correct: Floats, *, hours: float) -> None:
        skills = self.skills[resources]
        row, column = np.nonzero(skills >= 0)
        who, k, y = learners[row], skills[row, column], correct[row]
        mean = (self.theta[learners[:, None], skills] * self.weights[resources]).sum(axis=1)
        surprise = correct - sigmoid(mean - self.label[resources])
        self.theta[who, k] += 0.7 * surprise[row]
        self.last[who, k] = hours
        self.streak[who, k] = (self.streak[who, k] + 1.0) * y
        self.tries[who, k] += 1.0
        self.quick[who, k] += 0.4 * (y - self.quick[who, k])
        self.slow[who, k] += 0.15 * (y - self.slow[who, k])
        self.used[learners, resources] += 1.0

    def score(self, ask: TermAsk) -> Floats:
        """Return how much each candidate is wanted, (B, m)."""
        raise NotImplementedError

    def choose(self, ask: TermAsk) -> tuple[Ints, Floats]:
        """Take the best, then the best of what is left; ties by chance; a skill again counts less."""
        score = self.score(ask) - _DONE * self.used[np.ix_(ask.learners, ask.candidates)]
        score = score + 1e-6 * ask.rng.random(score.shape)
        first = self.first[ask.candidates]
        rows = np.arange(len(score))
        out = np.zeros((len(score), ask.k), dtype=np.int64)
        for position in range(ask.k):
            best = np.argmax(score, axis=1)
            out[:, position] = ask.candidates[best]
            score = score - 0.15 * (first[None, :] == first[best][:, None])
            score[rows, best] = -np.inf
        return out, np.ones(out.shape)

    def _rank(self, wanted: Bools) -> Floats:
        """Number the wanted skills of each learner along the visible course, (B, S)."""
        rank = np.zeros(wanted.shape)
        rank[:, self.order] = np.cumsum(wanted[:, self.order], axis=1)
        return rank

    def _by_skill(self, wanted: Floats, ask: TermAsk) -> Floats:
        """Score of a candidate: how much its main skill is wanted, then how well its difficulty fits."""
        first = self.first[ask.candidates]
        theta = self.theta[np.ix_(ask.learners, np.arange(self.theta.shape[1]))][:, first]
        fit = -0.05 * np.abs(theta - self.label[ask.candidates] - 0.8)
        return np.asarray(wanted[:, first] + fit)


def _course_order(parents: Ints) -> Ints:
    """Return the skills by depth among the visible prerequisites, ties by chance: what software can know."""
    depth = np.zeros(len(parents))
    for _ in range(len(parents)):
        before = np.where(parents >= 0, depth[np.maximum(parents, 0)] + 1.0, 0.0)
        depth = before.max(axis=1)
    return np.lexsort((np.random.default_rng(0).permutation(len(parents)), depth))


@dataclass
class Random(_Peer):
    """Every candidate alike."""

    name: str = "random"

    def choose(self, ask: TermAsk) -> tuple[Ints, Floats]:
        """Draw without replacement."""
        order = np.argsort(ask.rng.random((len(ask.learners), len(ask.candidates))), axis=1)
        left = len(ask.candidates) - np.arange(ask.k)
        return ask.candidates[order[:, : ask.k]], np.broadcast_to(1.0 / left, (len(order), ask.k))


@dataclass
class Sequence(_Peer):
    """The teacher's sequence: everybody does the skills of this week, easier resources first.

    The teacher knows the true order of the course; the other peers only the visible prerequisites.
    """

    name: str = "sequence"

    def score(self, ask: TermAsk) -> Floats:
        """Skills of the week first, then those before, then those to come."""
        n_skills = self.theta.shape[1]
        week = np.arange(n_skills) * self.weeks // n_skills
        ahead = week - min(self.week, self.weeks - 1)
        wanted = np.where(ahead == 0, 4.0, np.where(ahead < 0, 0.1 * ahead, -ahead.astype(float)))
        first = self.first[ask.candidates]
        easy = wanted[first] - 0.1 * self.label[ask.candidates]
        return np.broadcast_to(easy, (len(ask.learners), len(easy)))


@dataclass
class Threshold(_Peer):
    """Mastery learning: stay with a skill until it looks mastered, then go on along the course."""

    name: str = "threshold"
    mastered: float = 0.5

    def score(self, ask: TermAsk) -> Floats:
        """The first skill of the course below the threshold."""
        open_ = sigmoid(self.theta[ask.learners]) < self.mastered
        return self._by_skill(4.0 * open_ - 0.2 * self._rank(open_), ask)


@dataclass
class Zpdes(_Peer):
    """ZPDES (Clement, Roy, Oudeyer and Lopes 2015): practise where recent answers improve.

    A skill is open when its prerequisites look good enough and it is not yet mastered; open skills are
    weighed by progress (recent minus older success), mixed with chance.
    """

    name: str = "zpdes"
    ready: float = 0.45
    mastered: float = 0.75
    explore: float = 0.8

    def score(self, ask: TermAsk) -> Floats:
        """Log-weights plus Gumbel noise: a draw in proportion to the weights."""
        good = sigmoid(self.theta[ask.learners])
        known = self.parents >= 0
        before = np.where(known, good[:, np.maximum(self.parents, 0)], 1.0).min(axis=-1)
        open_ = (before >= self.ready) & (good < self.mastered)
        progress = np.abs(self.quick - self.slow)[ask.learners]
        weight = (1.0 - self.explore) * progress / 0.1 + self.explore
        noise = ask.rng.gumbel(size=weight.shape)
        return self._by_skill(4.0 * open_ + 0.5 * (np.log(weight + 1e-3) + noise), ask)


@dataclass
class Spaced(_Peer):
    """A spacing scheduler: review what is due (intervals double with every success), else go on."""

    name: str = "spaced"
    first_days: float = 5.0
    growth: float = 2.0
    learned: float = 0.65

    def score(self, ask: TermAsk) -> Floats:
        """Most overdue reviews first, then the first skill of the course that is not learned."""
        streak = np.minimum(self.streak[ask.learners], 8.0)
        interval = 24.0 * self.first_days * self.growth ** np.maximum(streak - 1.0, 0.0)
        overdue = (ask.hours - self.last[ask.learners]) / interval
        met = np.isfinite(self.last[ask.learners]) & (streak > 0)
        new = (sigmoid(self.theta[ask.learners]) < self.learned) & ~met
        due = met & (overdue >= 1.0)
        course = 3.0 * new - 0.05 * self._rank(new)
        return self._by_skill(np.where(due, 4.0 + 0.1 * np.minimum(overdue, 10.0), course), ask)


@dataclass
class Clairvoyant(_Peer):
    """The reference: sees true mastery and the student model, and is asked again before every step.

    Takes the largest expected rise of mastery at the two examinations, plus `unlock` for what the skill
    opens, plus `mood` for staying.
    """

    name: str = "clairvoyant"
    unlock: float = 0.2
    mood: float = 0.7
    replans = True

    def start(self, stage: Stage, cohort: Cohort) -> None:
        """Keep the class itself."""
        super().start(stage, cohort)
        self.stage, self.cohort = stage, cohort

    def choose(self, ask: TermAsk) -> tuple[Ints, Floats]:
        """Take the best by true expected gain."""
        score = self.prospects(ask)
        order = np.argsort(-score, axis=1, kind="stable")[:, : ask.k]
        return ask.candidates[order], np.ones(order.shape)

    def prospects(self, ask: TermAsk) -> Floats:
        """Return the worth of every candidate, (B, m), in mastery."""
        cohort, knowledge = self.cohort, self.cohort.model.knowledge
        learners, resources = ask.learners[:, None], ask.candidates[None, :]
        cells, step = cohort.step(learners, resources, hours=ask.hours)
        rise = np.zeros(step.ready.shape)
        level = np.mean([cohort.mastery(e)[ask.learners] for e in self.stage.exams], axis=0)
        before = np.mean([knowledge.level(cells, e) for e in self.stage.exams], axis=0)
        ahead = self._ahead(level)
        worth = 1.0 + self.unlock * ahead
        for correct, chance in ((1.0, step.chance), (0.0, 1.0 - step.chance)):
            after = knowledge.after(cells, replace(step, correct=np.full(step.chance.shape, correct)))
            rise += chance * (np.mean([knowledge.level(after, e) for e in self.stage.exams], axis=0) - before)
            if knowledge.transfer > 0.0:
                rise += chance * (after - cells)[..., 0] * self._nearby(level, resources)
        skills = cohort.world.catalogue.skill_matrix[resources]
        rows = np.arange(len(ask.learners))[:, None, None]
        total = (rise * worth[rows, np.maximum(skills, 0)] * (skills >= 0)).sum(axis=-1)
        return np.asarray(total * self._completes(ask) + self.mood * self._cheer(step, ask))

    def _ahead(self, level: Floats) -> Floats:
        """Mastery still missing in the skills that a skill opens, two steps far, (B, S)."""
        missing = (1.0 - level) @ self.cohort.world.unlocks.T
        return np.asarray((missing + 0.5 * missing @ self.cohort.world.unlocks.T) * (level < 0.8))

    def _nearby(self, level: Floats, resources: Ints) -> Floats:
        """Rise of mastery in the neighbours for one logit learned in each skill of a resource, (B, m, K)."""
        near = self.cohort.world.unlocks + self.cohort.world.unlocks.T
        slope = self.cohort.model.knowledge.transfer * (level * (1.0 - level)) @ near
        skills = np.maximum(self.cohort.world.catalogue.skill_matrix[resources[0]], 0)
        return np.asarray(slope[:, skills])

    def _completes(self, ask: TermAsk) -> Floats:
        match = self.cohort.match[np.ix_(ask.learners, ask.candidates)]
        minutes = self.cohort.world.catalogue.minutes[ask.candidates]
        mood = self.cohort.mood[ask.learners][:, None]
        return self.cohort.model.engagement.completes(mood, match, minutes)

    def _cheer(self, step: LearningStep, ask: TermAsk) -> Floats:
        """Expected change of mood, (B, m)."""
        mood = self.cohort.mood[ask.learners][:, None]
        again = np.minimum(self.cohort.done[np.ix_(ask.learners, ask.candidates)], 2.0)
        chance, match = step.chance[..., 0], step.match[..., 0]
        flat = replace(step, correct=chance, chance=chance, match=match)
        return self.cohort.model.engagement.moved(mood, flat, again=again) - mood
