"""Reads of learner states for a decision: mastery, evidence, recency, and the probability of success.

Every number of a learner is computed element by element, in the same order for one learner as for many: a
learner alone and in a block get identical bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segue.features.attempts import Bools, Floats, HistoryParameters, Ints
from segue.features.columns import COUNT, LAST_TIME, MEAN, MOST_VARIANCE, RESIDUAL, USES, VARIANCE, WEIGHT
from segue.features.readout import (
    N_ROW,
    NAMES,
    OF_ITEM,
    OF_LEARNER,
    OF_MEMORY,
    OF_SET,
    OF_SKILL,
    OWN_ROW,
    SET_ROW,
    TIMED_PART,
    elapsed_since,
    newness,
    read_gap,
    read_items,
    read_rows,
    read_steady,
    read_timed,
)
from segue.features.state import LearnerState, StateBlock

__all__ = [
    "LearnerState",
    "StateBlock",
    "SuccessReader",
    "epoch_seconds",
    "evidence",
    "item_uses",
    "mastery",
    "recent_residual",
    "seconds_since",
]


IDLE_DRIFT = 0.004  # variance of a skill gained per day without practice


def epoch_seconds(now: datetime) -> float:
    """Return UTC epoch seconds of an aware time."""
    if now.tzinfo is None:
        raise ValueError(f"now must carry a time zone, got {now.isoformat()} (UTC? add tzinfo=timezone.utc)")
    return now.timestamp()


def mastery(block: StateBlock, now: Floats | float) -> tuple[Floats, Floats]:
    """Return mean and variance (B, S), in logits, of learner + skill: 0 is an average learner of the fit.

    The variance of a skill grows by `IDLE_DRIFT` a day without practice, up to that of a skill never tried.
    """
    general, skills = block.general, block.skills
    days = elapsed_since(skills[..., LAST_TIME], _column(now)) / 86400.0
    idle = np.where(np.isfinite(days), IDLE_DRIFT * days, 0.0)
    variance = np.minimum(skills[..., VARIANCE] + idle, MOST_VARIANCE) + general[:, VARIANCE, None]
    return skills[..., MEAN] + general[:, MEAN, None], variance


def evidence(block: StateBlock) -> Floats:
    """Return how many attempts each learner made at each skill, shape (B, S)."""
    return block.skills[..., COUNT]


def recent_residual(block: StateBlock) -> Floats:
    """Return score minus what the items led to expect, over about the last 20 attempts, (B, S) in (-1, 1)."""
    column = RESIDUAL.start + 1
    return np.asarray(block.skills[..., column] / (block.skills[..., WEIGHT.start + 1] + 2.0))


def seconds_since(block: StateBlock, now: Floats | float) -> Floats:
    """Return seconds since the last attempt at each skill, (B, S); inf: never, or not known."""
    return elapsed_since(block.skills[..., LAST_TIME], _column(now))


def item_uses(block: StateBlock, candidates: Ints, *, n_items: int) -> Floats:
    """Return how often each learner used each candidate, shape (B, len(candidates)); distinct candidates."""
    out = np.zeros((len(block), len(candidates)))
    asked, position = _asked(block, candidates, n_items)
    out[block.item_owner[asked], position] = block.item_values[asked, USES]
    return out


def _column(now: Floats | float) -> Floats:
    """Return `now`, one for all learners or one each, as a column that broadcasts over skills."""
    return np.asarray(now, dtype=np.float64).reshape(-1, 1)


def _asked(block: StateBlock, candidates: Ints, n_items: int) -> tuple[Bools, NDArray[np.int32]]:
    """Return which item memories belong to candidates, and the candidates' positions."""
    where = np.full(n_items, -1, dtype=np.int32)
    where[candidates] = np.arange(len(candidates), dtype=np.int32)
    position = where[block.item_id]
    asked = position >= 0
    return asked, position[asked]


@dataclass(frozen=True, eq=False)
class SuccessReader:
    """A logistic success model read straight from learner states.

    The linear predictor splits into one number a learner, one a skill (averaged over a resource's skills)
    and one a resource, so that a decision over n candidates costs S + n, not n × d. Equal to the model on
    the rows of ``segue.features.readout.design`` to 1e-9.

    Attributes
    ----------
    row_weights : array of shape (S + 1, N_ROW)
        Of skills' rows, and of the learner's own; 0 for what the model does not read.
    set_weights : array of shape (N_ROW,)
        Of a set of skills' row, and of a skill's that is a resource's only one.
    gap_weights, newness_weights, memory_weights : arrays of shapes (2,), (2,) and (4,)
    item_part : array of shape (n,)
        Intercept and easiness of each resource.
    skill_part : array of shape (S,)
        The same of a standard item of each skill.
    parameters : HistoryParameters
    """

    row_weights: Floats
    set_weights: Floats
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
        rows, of_set = np.empty((parameters.n_skills + 1, N_ROW)), np.zeros(N_ROW)
        of_set[SET_ROW] = weights[OF_SET]
        rows[:-1], rows[-1] = weights[OF_SKILL], 0.0
        rows[-1, OWN_ROW] = weights[OF_LEARNER][:-3]
        item, standard = weights[OF_ITEM][:2]
        return cls(
            rows,
            of_set,
            weights[OF_LEARNER][-3:-1],
            np.array([weights[OF_LEARNER][-1], weights[OF_ITEM][-1]]),
            weights[OF_MEMORY],
            intercept + item * parameters.item_logit + standard * parameters.standard_logit,
            intercept + (item + standard) * parameters.skill_logit,
            parameters,
        )

    @cached_property
    def set_column(self) -> Ints:
        """Where the set of each resource lies among skills and combinations of several, shape (n,)."""
        several = self.parameters.set_of
        return np.where(several >= 0, several + self.parameters.n_skills, self.parameters.skill_matrix[:, 0])

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
        return self.reading(block, now).success(candidates)

    def forecast(self, block: StateBlock, hours: float, now: Floats | float) -> Floats:
        """Return P(success on a standard item of each skill, `hours` after `now`), shape (B, S)."""
        return self.reading(block, now).forecast(hours)

    def reading(self, block: StateBlock, now: Floats | float) -> Reading:
        """Return the block read at `now`: for several questions at the price of one."""
        steady = read_steady(block.rows, block.general[:, COUNT, None])
        return Reading(self, block, _column(now), self._dots(steady, _WHOLE_ROW))

    def _dots(self, reads: Floats, part: slice) -> tuple[Floats, Floats]:
        """Return the linear predictor of some columns: skills and learner, (B, S + 1); sets, (B, S)."""
        return _dot(reads, self.row_weights[:, part]), _dot(reads[:, :-1], self.set_weights[part])

    def _averaged(self, skill: Floats, candidates: Ints) -> Floats:
        """Return the mean over each candidate's skills, summed in a fixed order; padding adds exactly 0."""
        which, share = self.parameters.skill_matrix[candidates], self.parameters.skill_weights[candidates]
        mean = np.take(skill, which[:, 0], axis=1)
        if which.shape[1] == 1:
            return mean
        mean *= share[:, 0]
        for slot in range(1, which.shape[1]):
            mean += np.take(skill, which[:, slot], axis=1) * share[:, slot]
        return mean


_WHOLE_ROW = slice(N_ROW)


def _dot(reads: Floats, weights: Floats) -> Floats:
    """Return reads @ weights, summed in a fixed order."""
    return np.asarray(np.add.reduce(reads * weights, axis=-1))


@dataclass(frozen=True, eq=False)
class Reading:
    """A block of states read at one moment (B, 1); what does not change with the clock is read once.

    `steady` holds the linear predictors without the clock: skills, then the learner, (B, S + 1); sets of one
    skill, (B, S).
    """

    reader: SuccessReader
    block: StateBlock
    now: Floats
    steady: tuple[Floats, Floats]

    def _scores(self, now: Floats) -> tuple[Floats, Floats]:
        elapsed = elapsed_since(self.block.rows[..., LAST_TIME], now)
        skills, sets = self.reader._dots(read_timed(self.block.rows, elapsed), TIMED_PART)
        skills += self.steady[0]
        sets += self.steady[1]
        gap, (once, squared) = read_gap(elapsed[:, -1]), self.reader.gap_weights
        skills[:, -1] += gap * (once + squared * gap)
        return skills, sets

    @cached_property
    def scores_now(self) -> tuple[Floats, Floats]:
        """The linear predictors now."""
        return self._scores(self.now)

    def success(self, candidates: Ints) -> Floats:
        """Return what ``SuccessReader.success`` does, (B, n)."""
        skills, sets = self.scores_now
        padded = np.zeros(skills.shape)  # the last column is the padding
        padded[:, :-1] = skills[:, :-1]
        logit = self.reader._averaged(padded, candidates)
        logit += self._set_scores(sets)[:, self.reader.set_column[candidates]]
        logit += skills[:, -1:]
        logit += self.reader.item_part[candidates]
        logit += self._newness(self.reader.parameters.item_logit[candidates])
        self._add_item_memory(logit, candidates)
        return _sigmoid(logit)

    def forecast(self, hours: float) -> Floats:
        """Return what ``SuccessReader.forecast`` does, (B, S)."""
        skills, sets = self._scores(self.now + 3600.0 * hours) if hours else self.scores_now
        logit = skills[:, :-1] + sets + skills[:, -1:] + self.reader.skill_part
        return _sigmoid(logit + self._newness(self.reader.parameters.skill_logit))

    def _newness(self, easiness: Floats) -> Floats:
        """Return what a learner's having done little changes, (B, len(easiness))."""
        own, times_easiness = self.reader.newness_weights
        little = newness(self.block.general[:, COUNT, None])
        return np.asarray(little * (own + times_easiness * easiness))

    def _set_scores(self, single: Floats) -> Floats:
        """Return the linear predictor of sets: of one skill, then of several, (B, S + C)."""
        parameters, block = self.reader.parameters, self.block
        if not parameters.n_sets:
            return single
        owner, values = block.set_owner, block.set_values
        elapsed = elapsed_since(values[:, LAST_TIME], self._times(owner))
        reads = read_rows(values, elapsed, block.general[owner, COUNT])
        several = np.zeros((len(block), parameters.n_sets))
        several[owner, block.set_id] = _dot(reads, self.reader.set_weights)
        return np.concatenate([single, several], axis=1)

    def _times(self, owner: Ints) -> Floats:
        return self.now[:, 0][owner] if len(self.now) > 1 else self.now[0]

    def _add_item_memory(self, logit: Floats, candidates: Ints) -> None:
        block = self.block
        if not len(block.item_id):
            return
        asked, position = _asked(block, candidates, len(self.reader.item_part))
        owner = block.item_owner[asked]
        reads = read_items(block.item_values[asked], block.general[owner, COUNT], self._times(owner))
        logit[owner, position] += _dot(reads, self.reader.memory_weights)


def _sigmoid(logit: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))
