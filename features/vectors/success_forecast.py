"""The success model read straight from learner states, for many candidates and moments at once.

Every number of a learner is computed element by element, in the same order for one learner as for many: a
learner alone and in a block get identical bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from segue.features.candidates import Combinations
from segue.features.history.attempts import Floats, HistoryParameters, Ints
from segue.features.history.learner_state import FRESH_ROW, StateBlock
from segue.features.history.state_columns import COUNT, LAST_TIME, TIMED
from segue.features.vectors.learner_vector import (
    N_ROW,
    NAMES,
    OF_ITEM,
    OF_LEARNER,
    OF_MEMORY,
    OF_SET,
    OF_SKILL,
    OWN_ROW,
    RATES,
    SET_ROW,
    TIMED_PART,
    elapsed_since,
    newness,
    read_gap,
    read_items,
    read_steady,
)

WEEK_HOURS = 168.0
AHEAD = (0.0, WEEK_HOURS)  # hours from now at which a decision reads the model
SKILL, OWN, SET = range(3)  # kinds of rows


@dataclass(frozen=True, eq=False)
class SuccessReader:
    """A logistic success model read straight from learner states.

    The linear predictor splits into one number a learner, one a skill (averaged over a resource's skills)
    and one a resource, so that a decision over n candidates costs S + n, not n × d. Equal to the model on
    the rows of ``segue.features.vectors.learner_vector.design`` to 1e-9.

    Attributes
    ----------
    row_weights : array of shape (3, N_ROW)
        Of a skill's row, of the learner's own, and of a set of skills' row (a skill's row, where it is a
        resource's only one); 0 for what the model does not read.
    gap_weights, newness_weights, memory_weights : arrays of shapes (2,), (2,) and (4,)
    item_part : array of shape (n,)
        Intercept and easiness of each resource.
    skill_part : array of shape (S,)
        The same of a standard item of each skill.
    parameters : HistoryParameters
    """

    row_weights: Floats
    gap_weights: Floats
    newness_weights: Floats
    memory_weights: Floats
    item_part: Floats
    skill_part: Floats
    parameters: HistoryParameters

    @classmethod
    def of(cls, weights: Floats, intercept: float, parameters: HistoryParameters) -> SuccessReader:
        """Return the reader of raw coefficients in the order of ``readout.NAMES``."""
        if len(weights) != len(NAMES):
            raise ValueError(
                f"weights must have one entry for each of {len(NAMES)} names, got {len(weights)}"
            )
        rows = np.zeros((3, N_ROW))
        rows[SKILL] = weights[OF_SKILL]
        rows[OWN, OWN_ROW] = weights[OF_LEARNER][:-3]
        rows[SET, SET_ROW] = weights[OF_SET]
        item, standard = weights[OF_ITEM][:2]
        return cls(
            rows,
            weights[OF_LEARNER][-3:-1],
            np.array([weights[OF_LEARNER][-1], weights[OF_ITEM][-1]]),
            weights[OF_MEMORY],
            intercept + item * parameters.item_logit + standard * parameters.standard_logit,
            intercept + (item + standard) * parameters.skill_logit,
            parameters,
        )

    def success(self, block: StateBlock, candidates: Ints, now: Floats | float) -> Floats:
        """Return the probability that each learner succeeds at each candidate if tried at `now`.

        Parameters
        ----------
        block : StateBlock, B learners
        candidates : int array of shape (n,)
            Distinct resource indices.
        now : float, or array of shape (B,)
            UTC epoch seconds; NaN: not known, then the features of time are absent.

        Returns
        -------
        array of shape (B, n), in (0, 1)
        """
        skills, weights = self.parameters.skill_matrix[candidates], self.parameters.skill_weights[candidates]
        padded = np.where(skills < 0, skills[:, :1], skills)
        each = Combinations(candidates, padded, weights, self.parameters.n_skills)
        where = np.full(len(self.item_part), -1)
        where[candidates] = np.arange(len(candidates))
        return self.reading(block, now).success(
            each,
            np.arange(len(candidates)),
            cut=lambda numbers: numbers.take(candidates),
            used=Used.of(block, where),
        )

    def forecast(self, block: StateBlock, hours: float, now: Floats | float) -> Floats:
        """Return P(success on a standard item of each skill, `hours` after `now`), shape (B, S)."""
        return np.asarray(self.reading(block, now, hours=(hours,)).forecasts[0])

    def reading(self, block: StateBlock, now: Floats | float, *, hours: tuple[float, ...] = AHEAD) -> Reading:
        """Return the block read at `now` and, for forecasts, `hours` from then."""
        moments = np.asarray(now, dtype=np.float64).reshape(-1)
        owner = np.concatenate([block.owner, block.set_owner, np.arange(len(block)), [0]])
        rows = np.concatenate([block.touched, block.set_values, block.general, FRESH_ROW[None]])
        columns = np.ascontiguousarray(rows.T)  # feature by feature
        later = _of(moments, owner) + 3600.0 * np.array(hours)[:, None]
        elapsed = elapsed_since(columns[LAST_TIME], later)
        position = block.general[:, COUNT].take(owner)
        scores = _scores(self.row_weights, columns, elapsed, position=position)
        own = slice(-1 - len(block), -1)
        gap, (once, squared) = read_gap(elapsed[:, own]), self.gap_weights
        of_learners = (scores[:, OWN, own] + gap * (once + squared * gap))[:, :, None]
        return Reading(
            self, block, moments, elapsed, scores, of_learners, newness(block.general[:, COUNT, None])
        )

    @cached_property
    def newness_parts(self) -> tuple[Floats, Floats]:
        """What being new adds to the logit of each resource, and to a standard item of each skill."""
        own, times_easiness = self.newness_weights
        items, skills = self.parameters.item_logit, self.parameters.skill_logit
        return own + times_easiness * items, own + times_easiness * skills


class Used(NamedTuple):
    """Which candidates the learners of a block have used: memory, learner and candidate of each, (M,)."""

    memory: Ints
    owner: Ints
    position: Ints

    @classmethod
    def of(cls, block: StateBlock, where: Ints) -> Used:
        """Return the uses of candidates; `where` is the position of each resource among them, -1: none."""
        position = where.take(block.item_id)
        memory = np.flatnonzero(position >= 0)
        return cls(memory, block.item_owner.take(memory), position.take(memory))


@dataclass(frozen=True, eq=False)
class Reading:
    """A block of states read at `now` (B,) or (1,), and at H moments from then, the first of them at once.

    Rows are read side by side, Q of them: skills touched, sets of skills touched, learners' own, and a fresh
    one, which stands for every skill not touched. There are always two or more, so that numpy adds up the
    features of each one by one.

    Attributes
    ----------
    elapsed : array of shape (H, Q)
        Seconds from each row's last time to the moments read; inf: never, or not known.
    scores : array of shape (H, 3, Q)
        Linear predictors of each row read as one of a skill, of a learner, of a set.
    own : array of shape (H, B, 1)
        What the learners' own rows add.
    little : array of shape (B, 1)
        How new each learner is.
    """

    reader: SuccessReader
    block: StateBlock
    now: Floats
    elapsed: Floats
    scores: Floats
    own: Floats
    little: Floats

    @cached_property
    def _by_skill(self) -> Floats:
        """The scores of each skill as a skill and as a set of one, shape (H, 2, B, S)."""
        scores = self.scores[:, SKILL :: SET - SKILL]
        return self.block.of_skills(scores[..., : len(self.block.owner)], scores[..., -1])

    @cached_property
    def forecasts(self) -> Floats:
        """P(success on a standard item of each skill) at the moments read, shape (H, B, S)."""
        logit = self._by_skill[:, 0] + self._by_skill[:, 1]
        logit += self.own
        logit += self.reader.skill_part + self.little * self.reader.newness_parts[1]
        return _sigmoid(logit)

    def success(
        self,
        combinations: Combinations,
        combination: Ints,
        *,
        cut: Callable[[Floats], Floats],
        used: Used,
    ) -> Floats:
        """Return what ``SuccessReader.success`` does, (B, n), for any candidates.

        `combination` (n,) says whose skills among `combinations` are each candidate's, `cut` what numbers of
        the catalogue's resources are those of the candidates.
        """
        logit = self._of_combinations(combinations).take(combination, axis=1)
        logit += cut(self.reader.item_part) + self.little * cut(self.reader.newness_parts[0])
        if len(used.memory):
            position = self.block.general[:, COUNT].take(used.owner)
            reads = read_items(self.block.item_values[used.memory], position, _of(self.now, used.owner))
            logit[used.owner, used.position] += np.add.reduce(reads * self.reader.memory_weights, axis=-1)
        return _sigmoid(logit)

    def _of_combinations(self, combinations: Combinations) -> Floats:
        """Return what learner, skills and sets of skills say of each combination, (B, D)."""
        parameters, (as_skill, as_set) = self.reader.parameters, self._by_skill[0]
        if not parameters.n_sets:
            out: Floats = (as_skill + as_set).take(combinations.skill_slots[0], axis=1)
        else:
            out = combinations.mean(as_skill)
            sets = np.zeros((len(self.block), parameters.n_skills + parameters.n_sets))
            sets[:, : parameters.n_skills] = as_set
            several = slice(len(self.block.owner), -1 - len(self.block))
            sets[self.block.set_owner, parameters.n_skills + self.block.set_id] = self.scores[0, SET, several]
            out += sets.take(self._set_column(combinations), axis=1)
        out += self.own[0]
        return out

    def _set_column(self, combinations: Combinations) -> Ints:
        """Return where the set of each combination lies among skills and combinations of several."""
        several = self.reader.parameters.set_of.take(combinations.head)
        return np.where(several >= 0, several + combinations.n_skills, combinations.skills[:, 0])


def _scores(weights: Floats, columns: Floats, elapsed: Floats, *, position: Floats) -> Floats:
    """Return weights (3, N_ROW) by what rows (N_COLUMNS, Q) say at H moments, shape (H, 3, Q)."""
    steady = read_steady(columns.T, position).T
    timed = elapsed[:, None] * RATES
    np.exp(timed, out=timed)
    timed *= columns[TIMED]
    np.log1p(timed, out=timed)
    scores = np.add.reduce(weights[:, TIMED_PART, None] * timed[:, None], axis=2)
    scores += np.add.reduce(weights[:, :, None] * steady, axis=1)
    return np.asarray(scores)


def _of(moments: Floats, owner: Ints) -> Floats:
    return moments.take(owner) if len(moments) > 1 else moments


def _sigmoid(logit: Floats) -> Floats:
    """Return 1 / (1 + e^-x), written over `logit`."""
    np.negative(logit, out=logit)
    np.exp(logit, out=logit)
    logit += 1.0
    return np.divide(1.0, logit, out=logit)
