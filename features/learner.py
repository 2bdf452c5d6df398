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
from segue.features.pool import Combinations
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
from segue.features.state import FRESH_ROW, LearnerState, StateBlock

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
    return block.of_skills(block.touched[:, COUNT], 0.0)


def recent_residual(block: StateBlock) -> Floats:
    """Return score minus what the items led to expect, over about the last 20 attempts, (B, S) in (-1, 1)."""
    column = RESIDUAL.start + 1
    return block.of_skills(block.touched[:, column] / (block.touched[:, WEIGHT.start + 1] + 2.0), 0.0)


def seconds_since(block: StateBlock, now: Floats | float) -> Floats:
    """Return seconds since the last attempt at each skill, (B, S); inf: never, or not known."""
    moments = np.broadcast_to(_column(now)[:, 0], len(block))[block.owner]
    return block.of_skills(elapsed_since(block.touched[:, LAST_TIME], moments), np.inf)


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
        return self.reading(block, now).success(candidates)

    def forecast(self, block: StateBlock, hours: float, now: Floats | float) -> Floats:
        """Return P(success on a standard item of each skill, `hours` after `now`), shape (B, S)."""
        return self.reading(block, now).forecast(hours)

    def reading(self, block: StateBlock, now: Floats | float) -> Reading:
        """Return the block read at `now`: for several questions at the price of one."""
        return Reading(self, block, _column(now))


SKILL, OWN, SET = range(3)  # kinds of rows


@dataclass(frozen=True, eq=False)
class Reading:
    """A block of states read at one moment (B, 1); what does not change with the clock is read once.

    Rows are read side by side, Q of them: skills touched, learners' own, and a fresh one, which stands for
    every skill not touched. There are always two or more, so that numpy adds up features one by one.
    """

    reader: SuccessReader
    block: StateBlock
    now: Floats

    @cached_property
    def _rows(self) -> Floats:
        """The rows, (Q, N_COLUMNS), each column contiguous."""
        block = self.block
        return np.ascontiguousarray(np.concatenate([block.touched, block.general, FRESH_ROW[None]]).T).T

    @cached_property
    def _learner(self) -> Ints:
        """Whose each row is, (Q,); the fresh one could be anybody's."""
        return np.concatenate([self.block.owner, np.arange(len(self.block)), [0]])

    @cached_property
    def _steady(self) -> Floats:
        """Linear predictors without the clock, (3, Q), each row read as one of a skill, learner, set."""
        reads = read_steady(self._rows, self.block.general[self._learner, COUNT])
        return _dots(reads, self.reader.row_weights)

    def _read(self, hours: float) -> tuple[Floats, Floats]:
        """Return the predictors of `hours` from now: (3, Q), and the learners' own, (B, 1)."""
        moments = self._moments(self._learner)
        elapsed = elapsed_since(self._rows[:, LAST_TIME], moments + 3600.0 * hours if hours else moments)
        scores = _dots(read_timed(self._rows, elapsed), self.reader.row_weights[:, TIMED_PART])
        scores += self._steady
        own = slice(len(self.block.owner), -1)
        gap, (once, squared) = read_gap(elapsed[own]), self.reader.gap_weights
        return scores, (scores[OWN, own] + gap * (once + squared * gap))[:, None]

    @cached_property
    def _now(self) -> tuple[Floats, Floats]:
        return self._read(0.0)

    def _by_skill(self, scores: Floats) -> Floats:
        """Return scores (Q,) of rows in the places of their skills, (B, S)."""
        return self.block.of_skills(scores[: len(self.block.owner)], scores[-1])

    def success(self, candidates: Ints) -> Floats:
        """Return what ``SuccessReader.success`` does, (B, n)."""
        parameters = self.reader.parameters
        skills = parameters.skill_matrix[candidates]
        padded = np.where(skills < 0, skills[:, :1], skills)
        each = Combinations(candidates, padded, parameters.skill_weights[candidates], parameters.n_skills)
        return self.success_of(each, np.arange(len(candidates)), candidates)

    def success_of(self, combinations: Combinations, combination: Ints, candidates: Ints) -> Floats:
        """Return the same of `candidates` (n,) whose skills are those of the `combination` (n,) of each."""
        logit = self._of_combinations(combinations).take(combination, axis=1)
        logit += self.reader.item_part[candidates]
        logit += self._newness(self.reader.parameters.item_logit[candidates])
        self._add_item_memory(logit, candidates)
        return _sigmoid(logit)

    def _of_combinations(self, combinations: Combinations) -> Floats:
        """Return what learner, skills and sets of skills say of each combination, (B, D)."""
        scores, own = self._now
        if not self.reader.parameters.n_sets:
            out = self._by_skill(scores[SKILL] + scores[SET]).take(combinations.skill_slots[0], axis=1)
        else:
            out = combinations.mean(self._by_skill(scores[SKILL]))
            single, several = self._by_skill(scores[SET]), self._several()
            sets = np.concatenate([single, several], axis=1)
            out += sets.take(self._set_column(combinations), axis=1)
        out += own
        return out

    def _set_column(self, combinations: Combinations) -> Ints:
        """Return where the set of each combination lies among skills and combinations of several."""
        several = self.reader.parameters.set_of[combinations.head]
        return np.where(several >= 0, several + combinations.n_skills, combinations.skills[:, 0])

    def forecast(self, hours: float) -> Floats:
        """Return what ``SuccessReader.forecast`` does, (B, S)."""
        scores, own = self._read(hours) if hours else self._now
        logit = self._by_skill(scores[SKILL] + scores[SET])
        logit += own
        logit += self.reader.skill_part
        logit += self._newness(self.reader.parameters.skill_logit)
        return _sigmoid(logit)

    def _newness(self, easiness: Floats) -> Floats:
        """Return what a learner's having done little changes, (B, len(easiness))."""
        own, times_easiness = self.reader.newness_weights
        little = newness(self.block.general[:, COUNT, None])
        return np.asarray(little * (own + times_easiness * easiness))

    def _several(self) -> Floats:
        """Return the linear predictor of each combination of several skills, (B, C)."""
        block = self.block
        owner, values = block.set_owner, block.set_values
        elapsed = elapsed_since(values[:, LAST_TIME], self._moments(owner))
        reads = read_rows(values, elapsed, block.general[owner, COUNT])
        several = np.zeros((len(block), self.reader.parameters.n_sets))
        several[owner, block.set_id] = np.add.reduce(reads * self.reader.row_weights[SET], axis=-1)
        return several

    def _moments(self, owner: Ints) -> Floats:
        return self.now[:, 0][owner] if len(self.now) > 1 else self.now[0]

    def _add_item_memory(self, logit: Floats, candidates: Ints) -> None:
        block = self.block
        if not len(block.item_id):
            return
        asked, position = _asked(block, candidates, len(self.reader.item_part))
        owner = block.item_owner[asked]
        reads = read_items(block.item_values[asked], block.general[owner, COUNT], self._moments(owner))
        logit[owner, position] += np.add.reduce(reads * self.reader.memory_weights, axis=-1)


def _dots(reads: Floats, weights: Floats) -> Floats:
    """Return weights (3, F) by reads (Q, F), shape (3, Q), features added one by one."""
    return np.asarray(np.add.reduce(weights[:, :, None] * reads.T, axis=1))


def _sigmoid(logit: Floats) -> Floats:
    """Return 1 / (1 + e^-x), written over `logit`."""
    np.negative(logit, out=logit)
    np.exp(logit, out=logit)
    logit += 1.0
    return np.divide(1.0, logit, out=logit)
