"""What a success model says of rows, skills and resources, as arrays: made once, read by every decision."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segue.features.candidates import Combinations
from segue.features.history.attempts import Floats, HistoryParameters
from segue.features.history.state_rows import N_ROW, faded
from segue.features.vectors.learner_vector import (
    NAMES,
    OF_ITEM,
    OF_LEARNER,
    OF_SET,
    OF_SKILL,
    OF_WEAKEST,
    OWN_ROW,
    SET_ROW,
)
from segue.features.vectors.success_model import GROUP_COLUMNS, SuccessModel
from segue.features.vectors.used_candidates import KnownCombinations
from segue.models.base import sigmoid
from segue.models.success_layers import UNITS, HiddenUnits

_LN2 = float(np.log(2.0))
SLOPED = GROUP_COLUMNS[1:-1]  # of skills: the first is of the learner, and so is the last
SLOPED_ROW = [NAMES.index(name) - OF_SKILL.start for name in SLOPED]
LINEAR, AS_SET, FIRST_UNIT = 0, 1, 2  # what a row says: as a skill, as a set of one, and to each unit
FIRST_SLOPED = FIRST_UNIT + UNITS
MEAN_SAID = FIRST_SLOPED + SLOPED_ROW.index(0)


@dataclass(frozen=True, eq=False)
class SuccessParts:
    """What each layer of a success model reads, as arrays of skills, of combinations and of resources.

    Attributes
    ----------
    model : SuccessModel
    parameters : HistoryParameters
    """

    model: SuccessModel
    parameters: HistoryParameters

    @cached_property
    def skill_weights(self) -> Floats:
        """What a skill's row says: `LINEAR`, `AS_SET`, each unit, (O, N_ROW); the sloped columns follow."""
        model, out = self.model, np.zeros((FIRST_SLOPED, N_ROW))
        out[LINEAR] = model.weights[OF_SKILL]
        out[AS_SET, SET_ROW] = model.weights[OF_SET]
        out[FIRST_UNIT:FIRST_SLOPED] = self.hidden.inward[OF_SKILL].T
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
            weakest = self.model.weights[OF_WEAKEST]
            kept = KnownCombinations.of(combinations, self.parameters, self.skill_set_parts, weakest)
            self.__dict__["_kept"] = kept
        return kept

    @cached_property
    def item_parts(self) -> Floats:
        """What each resource adds to the first layer, its easiness, and its own slopes, (4, 1, n)."""
        ease, slopes = self.parameters.item_logit, self.model.item_slopes.T
        first = self.model.weights[OF_ITEM][0] * ease + slopes[0]
        return np.stack([first, ease, slopes[1], slopes[2]])[:, None]

    @cached_property
    def ease_reach(self) -> tuple[float, float]:
        """Between which the easiness of all resources lies: at most 0, at least 0."""
        ease = self.parameters.item_logit
        return min(float(ease.min(initial=0.0)), 0.0), max(float(ease.max(initial=0.0)), 0.0)

    @cached_property
    def easier(self) -> Floats:
        """How many logits easier each resource is than a standard item of its skills, (n,)."""
        gap = self.parameters.item_logit - self.parameters.standard_logit
        return np.asarray(self.model.weights[OF_ITEM][0] * gap + self.model.item_slopes[:, 0])

    @cached_property
    def first_tries(self) -> Floats:
        """What a skill's row says to level and fading after a first answer, right or wrong, on a standard
        item, but for the filter and the clock, (2, 2, 1, S)."""
        facts, right = np.zeros((N_ROW, 2)), np.array([1.0, 0.0])
        facts[13], facts[14] = _LN2 * right, _LN2 * (1.0 - right)
        facts[15:17] = facts[13:15]
        facts[17] = (right + 1.0) / 3.0 - 0.5
        facts[18] = 2.0 * right - 1.0
        facts[20] = 1.0
        weights, residual = self.both_forecasts, right[:, None] - self.standard_chance
        said = (weights[:, :, None] * facts).sum(axis=1)
        said = said[:, :, None] + weights[:, 2:5].sum(axis=1)[:, None, None] * (residual / 3.0)
        return np.asarray(said[:, :, None])

    def clock(self, gone: Floats) -> Floats:
        """Return what the decayed counters of a first answer say, `gone` seconds (B,) later, right or wrong,
        (2, 2, B)."""
        said = self.both_forecasts[:, 5:13].reshape(2, 2, 4, 1) * np.log1p(faded(gone))
        out = np.add.accumulate(said, axis=2)[:, ::-1, -1]  # right, tried
        out[:, 0] += out[:, 1]
        return out

    @cached_property
    def clock_at_once(self) -> Floats:
        """The same right after it, (2, 2, 1, S)."""
        n_skills = len(self.parameters.skill_logit)
        return np.repeat(self.clock(np.zeros(1))[..., None], n_skills, axis=-1)

    @cached_property
    def of_filter(self) -> list[list[Floats]]:
        """What the filter's mean and variance say to level and fading, as numbers."""
        return [[np.array(weight) for weight in weights] for weights in self.both_forecasts[:, :2]]

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
    def skill_logit(self) -> Floats:
        """How easy a standard item of each skill is, (1, S)."""
        return self.parameters.skill_logit[None]

    @cached_property
    def standard_chance(self) -> Floats:
        """Chance of success on a standard item of each skill at ability 0, (S,)."""
        return sigmoid(self.parameters.skill_logit.copy())

    @cached_property
    def least_fading(self) -> Floats:
        """The intercept of fading, as numpy takes a number at once."""
        return np.array(self.model.forecast.scalars[2])

    @cached_property
    def standard_part(self) -> Floats:
        """What the easiness of a standard item of each skill adds to its forecast, (1, S)."""
        intercept, easiness, _ = self.model.forecast.scalars
        return np.asarray(intercept + easiness * self.parameters.skill_logit)[None]
