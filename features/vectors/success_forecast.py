"""The success model read straight from learner states, for many candidates and moments at once.

Every number of a learner is computed element by element, in the same order for one learner as for many: a
learner alone and in a block get identical bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

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
from segue.features.history.state_rows import N_ROW, elapsed_until
from segue.features.vectors.learner_vector import (
    NAMES,
    OF_ITEM,
    OF_LEARNER,
    OF_MEMORY,
    OF_SET,
    OF_SKILL,
    OF_WEAKEST,
    OWN_ROW,
    SET_ROW,
    newness,
    read_gap,
    read_items,
)
from segue.features.vectors.success_model import GROUP_COLUMNS, SuccessModel
from segue.features.vectors.used_candidates import KnownCombinations, Used
from segue.models.base import sigmoid
from segue.models.success_layers import UNITS, HiddenUnits

Hours = tuple[float, ...]
WEEK_HOURS = 168.0
AHEAD = (0.0, WEEK_HOURS)  # hours from now at which a decision reads the model
DAY = 86400.0
_LN2 = float(np.log(2.0))
SLOPED = GROUP_COLUMNS[1:-1]  # of skills: the first is of the learner, and so is the last
SLOPED_ROW = [NAMES.index(name) - OF_SKILL.start for name in SLOPED]
LINEAR, AS_SET, FIRST_UNIT = 0, 1, 2  # what a row says: as a skill, as a set of one, and to each unit
FIRST_SLOPED = FIRST_UNIT + UNITS
MEAN_SAID = FIRST_SLOPED + SLOPED_ROW.index(0)
MANY = 4  # combinations a candidate, above which only those of the candidates are read


@dataclass(frozen=True, eq=False)
class SuccessReader:
    """A success model read straight from learner states.

    What each layer reads splits into a part of the learner, of each skill (averaged over a resource's
    skills) and of the resource, so that a decision over n candidates costs S + n, not n × d. Equal to the
    model on the rows of ``segue.features.vectors.learner_vector.design`` to 1e-9.

    Attributes
    ----------
    model : SuccessModel
    parameters : HistoryParameters
    """

    model: SuccessModel
    parameters: HistoryParameters

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

    @cached_property
    def skill_weights(self) -> Floats:
        """What a skill's row says: `LINEAR`, `AS_SET`, each unit, each sloped column, (O, N_ROW)."""
        model, out = self.model, np.zeros((FIRST_SLOPED + len(SLOPED), N_ROW))
        out[LINEAR] = model.weights[OF_SKILL]
        out[AS_SET, SET_ROW] = model.weights[OF_SET]
        out[FIRST_UNIT:FIRST_SLOPED] = self.hidden.inward[OF_SKILL].T
        out[np.arange(len(SLOPED)) + FIRST_SLOPED, SLOPED_ROW] = 1.0
        return out

    @cached_property
    def own_weights(self) -> Floats:
        """What the learner's own row says: to the first layer, and to each unit, (1 + U, N_ROW)."""
        out = np.zeros((1 + UNITS, N_ROW))
        out[0, OWN_ROW] = self.model.weights[OF_LEARNER][:-3]
        out[1:, OWN_ROW] = self.hidden.inward[OF_LEARNER][:-3].T
        return out

    @cached_property
    def gap_weights(self) -> Floats:
        """What the gap since the last answer and its square add to each of these, (2, 1 + U)."""
        linear = self.model.weights[OF_LEARNER][-3:-1, None]
        return np.hstack([linear, self.hidden.inward[OF_LEARNER][-3:-1]])

    @cached_property
    def hidden(self) -> HiddenUnits:
        """The units in the order in which they are added up."""
        return self.model.hidden.sorted()

    @cached_property
    def of_newness(self) -> tuple[float, float]:
        """What being new says to the first layer, and what it says times the easiness of the resource."""
        return self.model.weights[OF_LEARNER].item(-1), self.model.weights[OF_ITEM].item(3)

    @cached_property
    def unit_parts(self) -> Floats:
        """What newness, newness times easiness and easiness say to each unit, and its scale, (4, U, 1, 1)."""
        inward, item = self.hidden.inward, self.hidden.inward[OF_ITEM]
        return np.stack([inward[OF_LEARNER][-1], item[3], item[0], self.hidden.scale])[:, :, None, None]

    @cached_property
    def skill_set_parts(self) -> Floats:
        """What is the same for all resources of the same skills, to the first layer and to each unit, and
        their slopes, (1 + U + 8, n)."""
        parameters, units = self.parameters, self.hidden
        facts = np.stack([parameters.standard_logit, parameters.log_skills])
        out = np.column_stack([self.model.weights[OF_ITEM], units.inward[OF_ITEM]])[1:3].T @ facts
        out[0] += self.model.intercept + units.shift
        out[1:] += units.bias[:, None]
        slopes = self.model.combination_slopes.T.take(parameters.combination_of, axis=1)
        return np.concatenate([out, slopes])

    def known(self, combinations: Combinations) -> KnownCombinations:
        """Return what is known of combinations, whoever the learner; that of the last ones is kept."""
        kept: KnownCombinations | None = self.__dict__.get("_kept")
        if kept is None or kept.combinations is not combinations:
            kept = KnownCombinations.of(combinations, self.parameters, self.skill_set_parts)
            self.__dict__["_kept"] = kept
        return kept

    @cached_property
    def item_parts(self) -> Floats:
        """What each resource adds to the first layer, its easiness, and its own slopes, (4, n)."""
        ease, slopes = self.parameters.item_logit, self.model.item_slopes.T
        return np.stack([self.model.weights[OF_ITEM][0] * ease + slopes[0], ease, slopes[1], slopes[2]])

    @cached_property
    def easier(self) -> Floats:
        """How many logits easier each resource is than a standard item of its skills, (n,)."""
        gap = self.parameters.item_logit - self.parameters.standard_logit
        return np.asarray(self.model.weights[OF_ITEM][0] * gap + self.model.item_slopes[:, 0])

    @cached_property
    def first_tries(self) -> Floats:
        """What a skill's row says to level and fading after a first answer, right or wrong, on a standard
        item, but for the filter and the clock, (2, 2, S)."""
        facts, right = np.zeros((N_ROW, 2)), np.array([1.0, 0.0])
        facts[13], facts[14] = _LN2 * right, _LN2 * (1.0 - right)
        facts[15:17] = facts[13:15]
        facts[17] = (right + 1.0) / 3.0 - 0.5
        facts[18] = 2.0 * right - 1.0
        facts[20] = 1.0
        weights, residual = self.both_forecasts, right[:, None] - self.standard_chance
        said = (weights[:, :, None] * facts).sum(axis=1)
        return np.asarray(said[:, :, None] + weights[:, 2:5].sum(axis=1)[:, None, None] * (residual / 3.0))

    @cached_property
    def both_forecasts(self) -> Floats:
        """What a skill's row says to the level and to the fading of its forecast, (2, N_ROW)."""
        return np.stack([self.model.forecast.level[0], self.model.forecast.fading[0]])

    @cached_property
    def row_forecasts(self) -> Floats:
        """The same, and what the learner's own row says, (4, N_ROW)."""
        forecast = self.model.forecast
        return np.stack([forecast.level[0], forecast.fading[0], forecast.level[1], forecast.fading[1]])

    @cached_property
    def standard_chance(self) -> Floats:
        """Chance of success on a standard item of each skill at ability 0, (S,)."""
        return sigmoid(self.parameters.skill_logit.copy())

    @cached_property
    def standard_part(self) -> Floats:
        """What the easiness of a standard item of each skill adds to its forecast, (S,)."""
        intercept, easiness, _ = self.model.forecast.scalars
        return np.asarray(intercept + easiness * self.parameters.skill_logit)


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
    def moment(self) -> Floats:
        """The time of reading, inf when not known."""
        return np.where(np.isnan(self.now), np.inf, self.now)

    @Once
    def elapsed(self) -> Floats:
        """Seconds from each row's last time to `now`, first those of the skills touched, (Q,); inf: never, or
        not known."""
        rows = self.block.rows
        return elapsed_until(rows.columns[LAST_TIME], _of(self.moment, rows.owner))

    @Once
    def little(self) -> Floats:
        """How new each learner is, (B, 1)."""
        return newness(self.block.general[:, COUNT, None])

    @Once
    def forecasts(self) -> Floats:
        """P(success on a standard item of each skill) at the moments asked, shape (H, B, S)."""
        reader, block = self.reader, self.block
        level, fading = block.of_rows(self._ahead[:2, block.rows.skills]) + self._own_ahead[:, :, None]
        level += self.of_skills(reader.standard_part)
        fading += reader.model.forecast.scalars[2]
        np.maximum(fading, 0.0, out=fading)
        return sigmoid(level - fading * self._gone[:, :, None])

    def ahead(self, level: Floats, fading: Floats, skill: Ints, owner: Ints | None = None) -> Floats:
        """Return the logits at the last moment asked, if the rows of skills said this of level and fading.

        Of every learner and the skills (D,), shape (..., B, D); with `owner` (Q,), of pairs, (..., Q).
        """
        own, gone = self._own_ahead, self._gone[-1]
        own, gone = (own[..., None], gone[:, None]) if owner is None else (own[:, owner], gone[owner])
        level = level + own[0] + self.of_skills(self.reader.standard_part).take(skill)
        fading = np.maximum(fading + own[1] + self.reader.model.forecast.scalars[2], 0.0)
        return np.asarray(level - fading * gone)

    @Once
    def moments(self) -> Floats:
        """The moment at which each learner is read, (B,)."""
        return self.now if len(self.now) == len(self.block) else np.broadcast_to(self.now, len(self.block))

    @Once
    def known(self) -> Floats:
        """When each learner answered last, inf: never, or not known, (B,)."""
        last = self.block.general[:, LAST_TIME]
        return np.where(last == -np.inf, np.inf, last)

    @Once
    def _last_reads(self) -> Floats:
        """What the rows said at the learner's last answer, (N_ROW, Q)."""
        rows = self.block.rows
        return rows.read(elapsed_until(rows.columns[LAST_TIME], _of(self.known, rows.owner)))

    @Once
    def _ahead(self) -> Floats:
        """What every row says of level and fading, as a skill's and as a learner's own, (4, Q)."""
        return _said(self.reader.row_forecasts, self._last_reads)

    @Once
    def _own_ahead(self) -> Floats:
        """What the learners' own rows say of level and fading, (2, B)."""
        own = self.block.rows.own.start
        return self._ahead[2:, own : own + len(self.block)]

    @Once
    def _gone(self) -> Floats:
        """log(1 + days) from each learner's last answer to the moments asked, (H, B)."""
        days = (self.now + 3600.0 * np.array(self.hours)[:, None] - self.known) * (1.0 / DAY)
        return np.log1p(np.fmax(days, 0.0))  # 0 where not known

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
        model, said = self.reader.model, combinations.mean(self._by_skill)
        known, (own, eased) = self.reader.known(combinations), self.reader.of_newness
        logit = self._of_combinations(known, said)
        logit += known.parts[0] + self.little * own
        logit = logit.take(combination, axis=1, mode="clip")
        base, ease, on_learner, on_skill = cut(self.reader.item_parts)
        logit += base
        logit += (self.little * eased) * ease
        if len(used.memory):
            values, position = self.block.item_values, self.block.general[:, COUNT].take(used.owner)
            reads = read_items(values.take(used.memory, axis=0), position, _of(self.moment, used.owner))
            told = np.add.reduce(reads * model.weights[OF_MEMORY, None], axis=0)
            logit.put(used.place, logit.take(used.place) + told)
        if model.layered:
            logit += self._units(said, known.parts[1 : 1 + UNITS], combination, ease)
            mean = said[MEAN_SAID].take(combination, axis=1, mode="clip")
            mean *= on_skill
            mean += on_learner * self.block.general[:, MEAN, None]
            logit += mean
            logit += self._carried(known.code.take(combination), used.where)
        return sigmoid(logit)

    def _units(self, said: Floats, alike: Floats, combination: Ints, ease: Floats) -> Floats:
        """Return what the relu units add, (B, n)."""
        little, (own, eased, ease_alone, scale) = self.little, self.reader.unit_parts
        met = said[FIRST_UNIT:FIRST_SLOPED] + (self._own[1:] + little * own)
        met += alike[:, None]
        met *= scale
        pull = (ease_alone + little * eased) * scale
        return self.reader.hidden.on_candidates(met, combination, ease=ease, pull=pull)

    @Once
    def _reads(self) -> Floats:
        """What every row of the block says now, (N_ROW, Q)."""
        return self.block.rows.read(self.elapsed)

    @Once
    def _by_skill(self) -> Floats:
        """What each skill says, see ``SuccessReader.skill_weights``, shape (O, B, S)."""
        said = _said(self.reader.skill_weights, self._reads[:, self.block.rows.skills])
        return self.block.of_rows(said)

    @Once
    def _gap(self) -> Floats:
        """The gap since each learner's last answer, (B, 1)."""
        own = self.block.rows.own.start
        return read_gap(self.elapsed[own : own + len(self.block)])[:, None]

    @Once
    def _own(self) -> Floats:
        """What the learners' own rows add to the first layer and to each unit, (1 + U, B, 1)."""
        reads = self._reads[:, self.block.rows.own]
        said = _said(self.reader.own_weights, reads)[:, : len(self.block), None]
        once, squared = self.reader.gap_weights[:, :, None, None]
        return np.asarray(said + self._gap * (once + squared * self._gap))

    def _of_combinations(self, known: KnownCombinations, said: Floats) -> Floats:
        """Return what learner, skills and sets of skills say of each combination, (B, D)."""
        parameters, model = self.reader.parameters, self.reader.model
        out: Floats = said[LINEAR] + self._own[0]
        if not parameters.n_sets:
            out += said[AS_SET]
        else:
            sets = np.zeros((len(self.block), self.block.n_skills + parameters.n_sets))
            sets[:, : self.block.n_skills] = self._by_skill[AS_SET]
            weights = self.reader.skill_weights[AS_SET:FIRST_UNIT]
            of_sets = _said(weights, self._reads[:, self.block.rows.sets])
            met = self.block.set_owner * sets.shape[1] + (self.block.n_skills + self.block.set_id)
            sets.put(met, of_sets[0, : len(met)])
            out += sets.take(known.column, axis=1)
            below = known.combinations.least(self._by_skill[MEAN_SAID]) - said[MEAN_SAID]
            out += (known.several * model.weights[OF_WEAKEST]) * below
        if model.layered:
            slopes = known.parts[1 + UNITS :]
            out += slopes[0]
            out += slopes[1] * self.block.general[:, MEAN, None]
            for part in slopes[2:-1, None] * said[FIRST_SLOPED:]:
                out += part
            out += slopes[-1] * self._gap
        return out

    def _carried(self, code: Ints, where: Ints) -> Floats:
        """Return what the last surprise adds at each candidate, (B, n), whose combination is `code` (n,)."""
        block, carry = self.block, self.reader.model.carry
        set_of, n_sets = self.reader.parameters.combination_of, len(carry.sets.start) - 1
        before = block.general[:, LAST_POSITION].take(block.item_owner)
        latest = (block.item_values[:, ITEM_POSITION] == before).nonzero()[0]
        learner, last = block.item_owner.take(latest), block.item_id.take(latest)
        by_set = np.empty((len(block), n_sets))
        by_set.fill(carry.overall)
        row, then, value = carry.sets.onward(set_of.take(last))
        by_set.put(learner.take(row) * n_sets + then, value)
        out = by_set.take(code, axis=1, mode="clip")
        row, then, value = carry.items.onward(last)
        here = ((place := where.take(then)) >= 0).nonzero()[0]
        out.put(learner.take(row.take(here)) * len(code) + place.take(here), value.take(here))
        out *= block.general[:, SURPRISE, None] * self.reader.model.carry_weight
        return np.asarray(out)


def _said(weights: Floats, reads: Floats) -> Floats:
    """Return `weights` (O, N_ROW) by what rows say, (N_ROW, rows): (O, rows)."""
    return np.asarray(np.einsum("on,nq->oq", weights, reads))


def _of(moments: Floats, owner: Ints) -> Floats:
    return moments.take(owner) if len(moments) > 1 else moments.reshape(())  # numpy adds that at once
