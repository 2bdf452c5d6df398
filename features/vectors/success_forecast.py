"""The success model read straight from learner states, for many candidates and moments at once.

Every number of a learner is computed element by element, in the same order for one learner as for many: a
learner alone and in a block get identical bits. ``tests/features/vectors/test_success_forecast.py`` holds
that, and that the probabilities are those of ``SuccessModel.logit`` on the vectors of ``learner_vector``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from segue.features.candidates import Combinations
from segue.features.catalogue import Once, row_kinds
from segue.features.history.attempts import Floats, HistoryParameters, Ints
from segue.features.history.learner_state import StateBlock
from segue.features.history.state_columns import (
    COUNT,
    ITEM_POSITION,
    LAST_POSITION,
    LAST_TIME,
    MEAN,
    SURPRISE,
)
from segue.features.history.state_rows import elapsed_until, faded
from segue.features.vectors.carry_over import flat_places
from segue.features.vectors.learner_vector import OF_MEMORY, newness, read_gap, read_items
from segue.features.vectors.success_model import SuccessModel
from segue.features.vectors.success_parts import (
    AS_SET,
    FIRST_SLOPED,
    FIRST_UNIT,
    LINEAR,
    SKILL_MEAN,
    SLOPED,
    SLOPED_ROW,
    KnownCombinations,
    SuccessParts,
)
from segue.features.vectors.used_candidates import Used
from segue.models.base import sigmoid
from segue.models.success_layers import UNITS

Hours = tuple[float, ...]
WEEK_HOURS = 168.0
AHEAD = (0.0, WEEK_HOURS)  # hours from now at which a decision reads the model
DAY = 86400.0
_ZERO = np.array(0.0)
MANY = 4  # combinations a candidate, above which only those of the candidates are read


@dataclass(frozen=True, eq=False)
class SuccessReader(SuccessParts):
    """A success model read straight from learner states.

    What each layer reads splits into a part of the learner, of each skill (averaged over a resource's
    skills) and of the resource, so that a decision over n candidates costs S + n, not n × d. Equal to the
    model on the rows of ``segue.features.vectors.learner_vector.design`` to 1e-9.
    """

    @classmethod
    def of(cls, weights: Floats, intercept: float, parameters: HistoryParameters) -> SuccessReader:
        """Return the reader of a first layer alone, in the order of ``learner_vector.NAMES``."""
        n_combinations = int(parameters.combination_of.max(initial=-1)) + 1
        sizes = {"n_combinations": n_combinations, "n_items": len(parameters.item_logit)}
        return cls(SuccessModel.linear(weights, intercept, **sizes), parameters)

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
        each, code = self._combinations
        combination = code.take(candidates)
        if len(each) > MANY * len(candidates):
            each, combination = each.keep(combination), np.arange(len(candidates))
        where = np.empty(len(self.parameters.item_logit), dtype=np.int64)
        where.fill(-1)
        where[candidates] = np.arange(len(candidates))
        return self.reading(block, now).success(
            each,
            combination,
            cut=lambda numbers: numbers.take(candidates, axis=-1),
            used=Used.of(block, where, len(candidates)),
        )

    @cached_property
    def _combinations(self) -> tuple[Combinations, Ints]:
        """The combinations of skills there are, and which of them each resource has, (n,)."""
        skills, parameters = self.parameters.skill_matrix, self.parameters
        head, combination = row_kinds(skills)
        most_first = np.argsort((skills[head] < 0).sum(axis=1), kind="stable")
        padded, head = np.where(skills < 0, skills[:, :1], skills), head[most_first]
        each = Combinations(head, padded[head], parameters.skill_weights[head], parameters.n_skills)
        return each, np.argsort(most_first)[combination]

    def forecast(self, block: StateBlock, hours: float, now: Floats | float) -> Floats:
        """Return P(success on a standard item of each skill, `hours` after `now`), shape (B, S).

        It depends on the state and the moment ``now + hours`` alone, and never rises with time.
        """
        return np.asarray(self.reading(block, now, hours=(hours,)).forecasts[0])

    def reading(
        self, block: StateBlock, now: Floats | float, *, hours: Hours = AHEAD, skills: Ints | None = None
    ) -> Reading:
        """Return the block, about `skills` (None: all), read at `now` and, for forecasts, `hours` later."""
        return Reading(self, block, np.asarray(now, dtype=np.float64).reshape(-1), hours, skills)


@dataclass(eq=False)
class Reading:
    """A block of states, about `skills` (None: all), read at `now` (B,) or (1,), forecasts `hours` later."""

    reader: SuccessReader
    block: StateBlock
    now: Floats
    hours: Hours
    skills: Ints | None = None

    def of_skills(self, numbers: Floats) -> Floats:
        """Return numbers (..., S) of the block's skills, out of those of all."""
        return numbers if self.skills is None else numbers.take(self.skills, axis=-1)

    @Once
    def known_now(self) -> Floats:
        """`now`, inf when not known."""
        return np.asarray(np.fmin(self.now, np.inf))  # of two, the one that is a number

    @Once
    def elapsed(self) -> Floats:
        """Seconds from each row's last time to `now`, first those of the skills touched, (Q,); inf: never, or
        not known."""
        rows = self.block.rows
        return elapsed_until(rows.columns[LAST_TIME], _moment_per_row(self.known_now, rows.owner))

    @Once
    def newness(self) -> Floats:
        """How new each learner is, (B, 1), or a lone one's number (``StateBlock.own``)."""
        return np.asarray(newness(self.block.own(COUNT)))

    @Once
    def forecasts(self) -> Floats:
        """P(success on a standard item of each skill) at the moments asked, shape (H, B, S)."""
        reader, block = self.reader, self.block
        level, fading = block.of_rows(self._row_forecasts[:2, block.rows.skills])
        own_level, own_fading = self._own_forecasts
        level += own_level
        level += self.of_skills(reader.standard_part)
        fading += own_fading
        fading += reader.least_fading
        np.maximum(fading, _ZERO, out=fading)
        out = np.empty((len(self.hours), *level.shape))
        for logit, log_days in zip(out, self._log_days, strict=True):
            np.subtract(level, np.multiply(fading, log_days, out=logit), out=logit)
        return sigmoid(out)

    def forecast_logits(
        self, level: Floats, fading: Floats, skill: Ints, owner: Ints | None = None
    ) -> Floats:
        """Return the logits at the last of the moments asked that this `level` and `fading` would give.

        `level` and `fading` are what the rows of the skills `skill` (D,) add for every learner, (..., B, D);
        with `owner` (D,), what each adds for the learner of that place, (..., D). `forecasts` does the
        same for several moments at once.
        """
        (own_level, own_fading), log_days = self._own_forecasts, self._log_days[-1]
        if owner is not None:
            own_level, own_fading, log_days = (
                _per_row(part, owner) for part in (own_level, own_fading, log_days)
            )
        standard = self.of_skills(self.reader.standard_part).take(skill, axis=1)
        level = level + own_level
        for each in level:  # of one shape: numpy is quicker then
            np.add(each, standard if owner is None else standard[0], out=each)
        fading = fading + own_fading
        fading += self.reader.least_fading
        np.maximum(fading, _ZERO, out=fading)
        fading *= log_days
        level -= fading
        return level

    @Once
    def moments(self) -> Floats:
        """The moment at which each learner is read, (B,)."""
        return self.now if len(self.now) == len(self.block) else np.broadcast_to(self.now, len(self.block))

    @Once
    def last_answer(self) -> Floats:
        """When each learner answered last, inf: never, or not known, (B,)."""
        last = self.block.general[:, LAST_TIME]
        return np.where(last == -np.inf, np.inf, last)

    @Once
    def after_last_answers(self) -> bool:
        """Whether each learner is read at a known time that is not before their last answer."""
        return int(np.count_nonzero(self.moments >= self.last_answer)) == len(self.last_answer)

    @Once
    def fade(self) -> Floats:
        """What is left of counters now, (4, Q), see ``state_rows.faded``."""
        return faded(self.elapsed)

    @Once
    def _rows_at_last_answer(self) -> Floats:
        """The rows as read at the learner's last answer, (N_ROW, Q)."""
        rows = self.block.rows
        last_answer = _moment_per_row(self.last_answer, rows.owner)
        return rows.read(faded(elapsed_until(rows.columns[LAST_TIME], last_answer)))

    @Once
    def _row_forecasts(self) -> Floats:
        """What every row adds to level and fading, as a skill's and as a learner's own, (4, Q)."""
        return _weighed(self.reader.row_forecasts, self._rows_at_last_answer)

    @Once
    def _own_forecasts(self) -> tuple[Floats, Floats]:
        """What the learners' own rows add to level and to fading, each a number a learner."""
        own = self.block.rows.own.start
        level, fading = self._row_forecasts[2:, own : own + len(self.block)]
        return _per_learner(level), _per_learner(fading)

    @Once
    def _log_days(self) -> list[Floats]:
        """log(1 + days) from each learner's last answer to each of the moments asked, a number a learner."""
        days = (self.now + _seconds(self.hours) - self.last_answer) * (1.0 / DAY)
        return [_per_learner(each) for each in np.log1p(np.fmax(days, 0.0))]  # 0 where not known

    def success(
        self, combinations: Combinations, combination: Ints, *, cut: Callable[[Floats], Floats], used: Used
    ) -> Floats:
        """Return what ``SuccessReader.success`` does, (B, n), for any candidates.

        `combination` (n,) says whose skills among `combinations` are each candidate's, `cut` what numbers of
        the catalogue's resources are those of the candidates.
        """
        model, by_combination = self.reader.model, combinations.mean(self._by_skill)
        known, (new_weight, new_ease_weight) = self.reader.known(combinations), self.reader.newness_weights
        logit = self._combination_logits(known, by_combination)
        logit += known.parts[0] + self.newness * new_weight
        logit = logit.take(combination, axis=1)
        base, ease, learner_slope, skill_slope = cut(self.reader.item_parts)
        logit += base
        logit += (self.newness * new_ease_weight) * ease
        if len(used.memory):
            logit.put(used.place, logit.take(used.place) + self._memory_logits(used))
        if model.layered:
            logit += self._unit_logits(by_combination, known.parts[1 : 1 + UNITS], combination, ease)
            mean = by_combination[SKILL_MEAN].take(combination, axis=1)
            mean *= skill_slope
            mean += learner_slope * self.block.own(MEAN)
            logit += mean
            logit += self._carried_over(known.code.take(combination), used.where)
        return sigmoid(logit)

    def _memory_logits(self, used: Used) -> Floats:
        """Return what earlier uses of the very resource add, (M,)."""
        values, position = self.block.item_values, self.block.own_of(COUNT, used.owner)
        now = _moment_per_row(self.known_now, used.owner)
        numbers = read_items(values.take(used.memory, axis=0), position, now)
        return np.asarray(np.add.reduce(numbers * self.reader.model.weights[OF_MEMORY, None], axis=0))

    def _unit_logits(
        self, by_combination: Floats, same_skills: Floats, combination: Ints, ease: Floats
    ) -> Floats:
        """Return what the relu units add, (B, n)."""
        newness, (new_weight, new_ease_weight, ease_weight, scale) = self.newness, self.reader.unit_parts
        inputs = by_combination[FIRST_UNIT:FIRST_SLOPED] + (self._own[1:] + newness * new_weight)
        inputs += same_skills
        inputs *= scale
        slope = (ease_weight + newness * new_ease_weight) * scale
        span = self.reader.ease_span
        return self.reader.hidden.on_candidates(inputs, combination, ease=ease, slope=slope, span=span)

    @Once
    def _rows_now(self) -> Floats:
        """The rows of the block as read now, (N_ROW, Q)."""
        return self.block.rows.read(self.fade)

    @Once
    def _by_skill(self) -> Floats:
        """What each skill adds, in the order of ``SuccessParts.skill_weights``, shape (O, B, S)."""
        rows = self._rows_now[:, self.block.rows.skills]
        by_row = np.empty((FIRST_SLOPED + len(SLOPED), rows.shape[1]))
        np.einsum("on,nq->oq", self.reader.skill_weights, rows, out=by_row[:FIRST_SLOPED])
        by_row[FIRST_SLOPED:] = rows.take(SLOPED_ROW, axis=0)
        return self.block.of_rows(by_row)

    @Once
    def _gap(self) -> Floats:
        """The gap since each learner's last answer, a number a learner."""
        own = self.block.rows.own.start
        return _per_learner(read_gap(self.elapsed[own : own + len(self.block)]))

    @Once
    def _own(self) -> Floats:
        """What the learners' own rows add to the first layer and to each unit, (1 + U, B, 1)."""
        rows = _weighed(self.reader.own_weights, self._rows_now[:, self.block.rows.own])
        once, squared = self.reader.gap_weights[:, :, None, None]
        of_learners = rows[:, : len(self.block), None]
        return np.asarray(of_learners + self._gap * (once + squared * self._gap))

    def _combination_logits(self, known: KnownCombinations, by_combination: Floats) -> Floats:
        """Return what learner, skills and sets of skills add for each combination, (B, D)."""
        parameters, model = self.reader.parameters, self.reader.model
        out: Floats = by_combination[LINEAR] + self._own[0]
        if not parameters.n_sets:
            out += by_combination[AS_SET]
        else:
            sets = np.zeros((len(self.block), self.block.n_skills + parameters.n_sets))
            sets[:, : self.block.n_skills] = self._by_skill[AS_SET]
            weights = self.reader.skill_weights[AS_SET:FIRST_UNIT]
            of_sets = _weighed(weights, self._rows_now[:, self.block.rows.sets])
            place = self.block.set_owner * sets.shape[1] + (self.block.n_skills + self.block.set_id)
            sets.put(place, of_sets[0, : len(place)])
            out += sets.take(known.column, axis=1)
            below = known.combinations.least(self._by_skill[SKILL_MEAN]) - by_combination[SKILL_MEAN]
            below *= known.weakest
            out += below
        if model.layered:
            slopes = known.parts[1 + UNITS :]
            out += slopes[0]
            out += slopes[1] * self.block.own(MEAN)
            for part in slopes[2:-1] * by_combination[FIRST_SLOPED:]:
                out += part
            out += slopes[-1] * self._gap
        return out

    def _carried_over(self, code: Ints, where: Ints) -> Floats:
        """Return what the last surprise adds at each candidate, (B, n), whose combination is `code` (n,).

        It is ``CarryOver.carried`` for one more attempt: by the pair of resources, else by that of their sets
        of skills, else by the coefficient of all pairs.
        """
        block, carry = self.block, self.reader.model.carry
        set_of, n_sets = self.reader.parameters.combination_of, len(carry.sets.start) - 1
        before = block.own_of(LAST_POSITION, block.item_owner)
        latest = (block.item_values[:, ITEM_POSITION] == before).nonzero()[0]
        learner, last = block.item_owner.take(latest), block.item_id.take(latest)
        by_set = np.empty((len(block), n_sets))
        by_set.fill(carry.overall)
        row, then, value = carry.sets.onward(set_of.take(last))
        by_set.put(flat_places(learner, row, then, by_set.shape), value)
        out = by_set.take(code, axis=1)
        row, then, value = carry.items.onward(last)
        here = ((place := where.take(then)) >= 0).nonzero()[0]
        out.put(flat_places(learner, row.take(here), place.take(here), out.shape), value.take(here))
        out *= block.own(SURPRISE) * self.reader.model.carry_weight
        return np.asarray(out)


@lru_cache(maxsize=64)
def _seconds(hours: Hours) -> Floats:
    return 3600.0 * np.array(hours)[:, None]


def _weighed(weights: Floats, rows: Floats) -> Floats:
    """Return the product of `weights` (O, N_ROW) and `rows` (N_ROW, Q), each sum in the order of columns."""
    return np.asarray(np.einsum("on,nq->oq", weights, rows))


# A lone learner's numbers have no axes, as in ``StateBlock.own``: numpy adds them several times faster.


def _per_learner(values: Floats) -> Floats:
    """Return numbers of learners, (B,), as a column (B, 1); a lone one's without axes."""
    return values[:, None] if len(values) > 1 else values.reshape(())


def _per_row(numbers: Floats, owner: Ints) -> Floats:
    """Return the number of the learner of each row, (Q,), of what `_per_learner` gave; a lone one's as is."""
    return numbers[:, 0].take(owner) if numbers.ndim else numbers


def _moment_per_row(moments: Floats, owner: Ints) -> Floats:
    """Return the moment (B,) or (1,) of the learner of each row, (Q,); the only one there is without axes."""
    return moments.take(owner) if len(moments) > 1 else moments.reshape(())
