"""Easiness of resources in logits, shrunk item → skill set → all: what makes rare items usable.

    logit P(success) = b_item + θ_learner,   θ_learner ~ N(0, 1)
    b_item ~ N(b_set + slope · label, 0.7²),   b_set ~ N(b_0, 1)

`set` is the set of skills a resource has. `label` is the catalogue's own difficulty, standardised; its
slope is learned with the prior N(-0.3, 0.3²), "a higher label is harder". The ability θ stands beside so
that b is the easiness for an average learner, as the filter reads it, also where strong learners meet the
hard items. The posterior mode is found by Newton steps that alternate between the abilities and the tree of
items; the Hessian of each is a diagonal or a tree, so a step costs one pass over the attempts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from segue.features.catalogue import Catalogue, row_kinds
from segue.features.history.attempts import Attempts, Bools, Floats, HistoryParameters, Ints
from segue.features.history.batch_replay import whole_learners

ITEM_PRECISION = 1.0 / 0.7**2
SET_PRECISION = 1.0
ROOT_MEAN = np.array([0.5, -0.3])  # of b_0 and the slope
ROOT_PRECISION = np.array([0.1, 1.0 / 0.3**2])
ABILITY_PRECISION = 1.0
NEWTON_STEPS = 15
PART_ROWS = 32_768  # attempts looked at together: they stay in the cache, and memory stays flat
SURE = 1e6  # attempts' worth of information: known, beside what an item's set says of it


@dataclass(frozen=True, eq=False)
class Difficulty:
    """Fitted easiness.

    Attributes
    ----------
    item_logit : array of shape (n,)
        Logit of the success of a learner of ability 0; of a resource never tried, its skill set's.
    skill_logit : array of shape (S,)
        The same of a standard item of each skill; of a skill never seen, the global one.
    global_logit : float
    label_slope : float
        Change of logit per standard deviation of the catalogue's label.
    """

    item_logit: Floats
    skill_logit: Floats
    global_logit: float
    label_slope: float

    def parameters(self, catalogue: Catalogue) -> HistoryParameters:
        """Return what folding the histories of this catalogue needs."""
        return HistoryParameters.of(
            catalogue,
            item_logit=self.item_logit,
            skill_logit=self.skill_logit,
            global_logit=self.global_logit,
        )


@dataclass(frozen=True, eq=False)
class EasinessMet:
    """The easiness that n attempts met: of their resource, and of a standard item of each skill.

    Attributes
    ----------
    item : array of shape (n,)
    skill : array of shape (R, S)
        Of each skill, in each of R readings of the same catalogue.
    reading : int array of shape (n,)
        Which row of `skill` an attempt met.
    """

    item: Floats
    skill: Floats
    reading: Ints

    @classmethod
    def by(cls, parameters: HistoryParameters, resource: Ints) -> EasinessMet:
        """Return what attempts at `resource` (n,) meet where all are read alike."""
        return cls(
            parameters.item_logit[resource], parameters.skill_logit[None], np.zeros(len(resource), np.int64)
        )

    def take(self, rows: Bools | Ints | slice) -> EasinessMet:
        """Return what some of the attempts met."""
        return EasinessMet(self.item[rows], self.skill, self.reading[rows])

    def standard(self, parameters: HistoryParameters, resource: Ints) -> Floats:
        """Return the easiness of a standard item of the skills of each attempt's `resource`, (n,)."""
        return np.stack([parameters.standard_item(skill) for skill in self.skill])[self.reading, resource]


def easiness_of_new(catalogue: Catalogue, known: HistoryParameters) -> HistoryParameters:
    """Return what folding histories needs over a catalogue that has grown since easiness was fitted.

    What was fitted stays as it is. A new resource is as easy as its set of skills and its label say, by the
    same tree with the fitted items as its data; a new skill as easy as all are. The numbers are rounded to
    six decimals, so that they are the same on any machine.
    """
    n_items, n_skills = len(known.item_logit), len(known.skill_logit)
    tree, weight = _Tree.of(catalogue), np.zeros(len(catalogue.resources))
    weight[:n_items] = SURE
    target = np.zeros(len(weight))
    target[:n_items] = known.item_logit
    easiness = np.round(tree.solve(weight, target)[0], 6)
    easiness[:n_items] = known.item_logit
    skills = np.full(len(catalogue.skills), known.global_logit)
    skills[:n_skills] = known.skill_logit
    return HistoryParameters.of(
        catalogue, item_logit=easiness, skill_logit=skills, global_logit=known.global_logit
    )


def learner_folds(n_learners: int, n_folds: int, rng: np.random.Generator) -> Ints:
    """Return a fold number of each learner, shape (n_learners,), as even as can be."""
    fold = np.empty(n_learners, dtype=np.int64)
    fold[rng.permutation(n_learners)] = np.arange(n_learners) % n_folds
    return fold


def fit_difficulty(attempts: Attempts, catalogue: Catalogue) -> Difficulty:
    """Return the difficulty fitted on all `attempts` (none at all: the prior)."""
    return _Tree.of(catalogue).fit(attempts)


def fit_difficulty_out_of_fold(
    attempts: Attempts, catalogue: Catalogue, fold: Ints
) -> tuple[Difficulty, tuple[Difficulty, ...]]:
    """Return the difficulty of all attempts, and for each fold the one fitted without that fold's learners.

    `fold` (n_learners,) numbers the fold of each learner code.
    """
    tree = _Tree.of(catalogue)
    parts = tuple(
        tree.fit(attempts, without=fold == number) for number in range(int(fold.max(initial=0)) + 1)
    )
    return tree.fit(attempts), parts


def met_out_of_fold(
    attempts: Attempts, catalogue: Catalogue, *, fold: Ints, train: Bools | None = None
) -> tuple[EasinessMet, Difficulty]:
    """Return the easiness that each attempt meets, and the difficulty fitted on all training rows.

    A training row meets the difficulty fitted without its learner's `fold` (n_learners,), of its resource as
    of the skills: where a skill was tried a few times its easiness tells the answer. A row outside `train`
    (n,), by default none, meets what all training rows say.
    """
    seen = attempts if train is None else attempts.take(train)
    whole, parts = fit_difficulty_out_of_fold(seen, catalogue, fold)
    fits, reading = (*parts, whole), fold[attempts.learner]
    if train is not None:
        reading[~train] = len(parts)
    item = np.stack([fit.item_logit for fit in fits])[reading, attempts.resource]
    return EasinessMet(item, np.stack([fit.skill_logit for fit in fits]), reading), whole


@dataclass(frozen=True, eq=False)
class _Tree:
    """Which resource hangs on which set of skills, and the standardised labels (0 where there is none)."""

    group: Ints
    sets: Ints
    label: Floats
    n_skills: int

    @classmethod
    def of(cls, catalogue: Catalogue) -> _Tree:
        skills = np.sort(catalogue.skill_matrix, axis=1)
        first, group = row_kinds(skills)
        return cls(group, skills[first], _standardised(catalogue.difficulty), len(catalogue.skills))

    def fit(self, attempts: Attempts, *, without: Bools | None = None) -> Difficulty:
        """Newton's method on the posterior; concave, started at the prior mean of the pooled rate.

        Each learner's ability rests on own attempts alone, so one pass over the log makes both steps.
        `without` marks the learners left out, by code.
        """
        n_items, n_learners = len(self.group), int(attempts.learner.max(initial=-1)) + 1
        out = np.zeros(n_learners, dtype=np.bool_) if without is None else without
        y = attempts.score[~out[attempts.learner]] if out.any() else attempts.score
        pooled = (y.sum() + 0.5) / (len(y) + 1.0)
        root = ROOT_MEAN.copy()
        root[0] = np.log(pooled / (1.0 - pooled))
        del y
        tries, scored = np.zeros((2, n_items))
        for item, _, y in _parts(attempts, out):
            np.add.at(tries, item, 1.0)
            np.add.at(scored, item, y)
        b_set = np.full(len(self.sets), root[0])
        b, ability = root[0] + root[1] * self.label, np.zeros(n_learners)
        for _ in range(NEWTON_STEPS):
            weight, expected = np.zeros((2, n_items))
            for item, learner, y in _parts(attempts, out):
                p = _answered(b[item], learner, y, ability)
                np.add.at(expected, item, p)
                np.add.at(weight, item, p * (1.0 - p))
            weight = np.maximum(weight, 1e-12)
            target = b + (scored - expected) / weight
            before, (b, b_set, root) = b, self.solve(weight, target)
            if np.abs(b - before).max(initial=0.0) < 1e-9:
                break
        skills = self._skills(tries, b_set, float(root[0]))
        return Difficulty(b, skills, float(root[0]), float(root[1]))

    def solve(self, weight: Floats, target: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the mode of items, sets and root (b_0, slope) for working targets with given weights."""
        x, group, n_sets = self.label, self.group, len(self.sets)
        u = weight * ITEM_PRECISION / (weight + ITEM_PRECISION)  # information that reaches the set
        U, Z, X = (np.bincount(group, u * a, minlength=n_sets) for a in (1.0, target, x))
        k = 1.0 / (U + SET_PRECISION)
        cross = (X - k * U * X).sum()
        A = np.array([[(U - k * U * U).sum(), cross], [cross, (u * x * x).sum() - (k * X * X).sum()]])
        rhs = np.array([(Z - k * U * Z).sum(), (u * x * target).sum() - (k * X * Z).sum()])
        root = np.linalg.solve(A + np.diag(ROOT_PRECISION), rhs + ROOT_PRECISION * ROOT_MEAN)
        b_set = (Z - root[1] * X + SET_PRECISION * root[0]) * k
        prior = b_set[group] + root[1] * x
        return (weight * target + ITEM_PRECISION * prior) / (weight + ITEM_PRECISION), b_set, root

    def _skills(self, tries: Floats, b_set: Floats, b_0: float) -> Floats:
        """Return each skill's easiness: its sets' mean by attempts, shrunk to b_0 by one attempt."""
        seen = np.bincount(self.group, tries, minlength=len(self.sets))
        row, column = np.nonzero(self.sets >= 0)
        skill = self.sets[row, column]
        total = np.bincount(skill, seen[row], minlength=self.n_skills)
        shifted = np.bincount(skill, seen[row] * (b_set[row] - b_0), minlength=self.n_skills)
        return np.asarray(b_0 + shifted / (total + 1.0))


def _parts(attempts: Attempts, out: Bools) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield item, learner and score of whole learners' attempts, a part at a time, but of those left out."""
    for part in whole_learners(attempts, PART_ROWS):
        item, learner, y = attempts.resource[part], attempts.learner[part], attempts.score[part]
        kept = ~out[learner]
        if kept.all():
            yield item, learner, y
        elif kept.any():
            yield item[kept], learner[kept], y[kept]


def _answered(easiness: Floats, learner: Ints, y: Floats, ability: Floats) -> Floats:
    """Move the abilities of whole learners by one step, and return what is expected of each attempt then."""
    first, many = learner[0], int(learner[-1] - learner[0]) + 1
    mine, own = ability[first : first + many], learner - first
    p = _sigmoid(easiness + mine[own])
    slope = np.bincount(own, y, many) - np.bincount(own, p, many) - ABILITY_PRECISION * mine
    mine += slope / (np.bincount(own, p * (1.0 - p), many) + ABILITY_PRECISION)
    return _sigmoid(easiness + mine[own])


def _sigmoid(x: Floats) -> Floats:
    odds = np.exp(-x)
    odds += 1.0
    return np.divide(1.0, odds, out=odds)


def _standardised(label: Floats) -> Floats:
    known = np.isfinite(label)
    if not known.any() or np.std(label[known]) == 0.0:
        return np.zeros(len(label))
    return np.where(known, (label - label[known].mean()) / label[known].std(), 0.0)
