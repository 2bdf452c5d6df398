"""The weights of a success model laid out by rows, skills and resources: once, for every decision."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segue.features.candidates import Combinations
from segue.features.history.attempts import Floats, HistoryParameters, Ints
from segue.features.history.state_rows import (
    COUNT_PART,
    FILTER_PART,
    LAST_PART,
    N_ROW,
    RECENT_PLACE,
    RESIDUAL_PART,
    RUN_PART,
    TIMED_PART,
    faded,
)
from segue.features.vectors.learner_vector import (
    AT,
    OF_GAP,
    OF_OWN_ROW,
    OF_SET,
    OF_SKILL,
    OF_WEAKEST,
    OWN_ROW,
    SET_ROW,
)
from segue.features.vectors.success_model import GROUP_COLUMNS, SuccessModel
from segue.models.base import sigmoid
from segue.models.success_layers import UNITS, HiddenUnits

_LN2 = float(np.log(2.0))
SLOPED = GROUP_COLUMNS[1:-1]  # of skills: the first is of the learner, and so is the last
SLOPED_ROW = [AT[name] - OF_SKILL.start for name in SLOPED]
LINEAR, AS_SET, FIRST_UNIT = 0, 1, 2  # what a row adds: as a skill, as a set of one, and to each unit
FIRST_SLOPED = FIRST_UNIT + UNITS
SKILL_MEAN = FIRST_SLOPED + SLOPED_ROW.index(0)


@dataclass(frozen=True, eq=False)
class KnownCombinations:
    """What a success model knows of combinations of skills, whoever the learner.

    Attributes
    ----------
    combinations : Combinations, D of them
    parts : array of shape (1 + U + 8, 1, D)
        Those of ``SuccessParts.skill_set_parts``.
    code : int array of shape (D,)
        Their numbers in ``HistoryParameters.combination_of``.
    column : int array of shape (D,)
        Where the set of each lies among skills and sets of several.
    weakest : array of shape (1, D)
        What the lowest skill's mean less the mean of all skills weighs; 0 for one skill.
    """

    combinations: Combinations
    parts: Floats
    code: Ints
    column: Ints
    weakest: Floats

    @classmethod
    def of(
        cls, combinations: Combinations, parameters: HistoryParameters, parts: Floats, weakest: Floats
    ) -> KnownCombinations:
        """Return it for a catalogue; `parts` (1 + U + 8, n) are of its resources, `weakest` (1,) of sets."""
        head, several = combinations.head, parameters.set_of.take(combinations.head)
        return cls(
            combinations,
            parts.take(head, axis=1)[:, None],
            parameters.combination_of.take(head),
            np.where(several >= 0, several + combinations.n_skills, combinations.skills[:, 0]),
            np.minimum(combinations.sizes[None] - 1.0, 1.0) * weakest,
        )


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
        """Weights of a skill's row: `LINEAR`, `AS_SET`, each unit, (O, N_ROW); the sloped columns follow."""
        model, out = self.model, np.zeros((FIRST_SLOPED, N_ROW))
        out[LINEAR] = model.weights[OF_SKILL]
        out[AS_SET, SET_ROW] = model.weights[OF_SET]
        out[FIRST_UNIT:FIRST_SLOPED] = self.hidden.inward[OF_SKILL].T
        return out

    @cached_property
    def own_weights(self) -> Floats:
        """Weights of the learner's own row: in the first layer, and in each unit, (1 + U, N_ROW)."""
        out = np.zeros((1 + UNITS, N_ROW))
        out[0, OWN_ROW] = self.model.weights[OF_OWN_ROW]
        out[1:, OWN_ROW] = self.hidden.inward[OF_OWN_ROW].T
        return out

    @cached_property
    def gap_weights(self) -> Floats:
        """Weights of the gap since the last answer, and of its square, in each of these, (2, 1 + U)."""
        return np.hstack([self.model.weights[OF_GAP, None], self.hidden.inward[OF_GAP]])

    @cached_property
    def hidden(self) -> HiddenUnits:
        """The units in the order in which they are added up."""
        return self.model.hidden.sorted()

    @cached_property
    def newness_weights(self) -> tuple[float, float]:
        """Weights in the first layer of newness, and of newness times the easiness of the resource."""
        weights = self.model.weights
        return weights.item(AT["learner_newness"]), weights.item(AT["newness_logit"])

    @cached_property
    def unit_parts(self) -> Floats:
        """Weights of newness, newness × easiness and easiness in each unit, and its scale, (4, U, 1, 1)."""
        rows = [self.hidden.inward[AT[name]] for name in ("learner_newness", "newness_logit", "item_logit")]
        return np.stack([*rows, self.hidden.scale])[:, :, None, None]

    @cached_property
    def skill_set_parts(self) -> Floats:
        """What is alike for all resources of the same skills: added to the first layer, to each unit, and
        their slopes, (1 + U + 8, n)."""
        parameters, units = self.parameters, self.hidden
        facts = np.stack([parameters.standard_logit, parameters.log_skills])
        weights = np.column_stack([self.model.weights, units.inward])
        out = weights[[AT["standard_logit"], AT["log_skills"]]].T @ facts
        out[0] += self.model.intercept + units.shift
        out[1:] += units.bias[:, None]
        slopes = self.model.combination_slopes.T.take(parameters.combination_of, axis=1)
        return np.concatenate([out, slopes])

    def known(self, combinations: Combinations) -> KnownCombinations:
        """Return what is known of combinations, whoever the learner.

        That of the last ones asked is kept: decisions over one pool ask for the same ones.
        """
        last: KnownCombinations | None = self.__dict__.get("_last_known")
        if last is None or last.combinations is not combinations:
            weakest = self.model.weights[OF_WEAKEST]
            last = KnownCombinations.of(combinations, self.parameters, self.skill_set_parts, weakest)
            self.__dict__["_last_known"] = last
        return last

    @cached_property
    def item_parts(self) -> Floats:
        """What each resource adds to the first layer, its easiness, and its own slopes, (4, 1, n)."""
        ease, slopes = self.parameters.item_logit, self.model.item_slopes.T
        first = self.model.weights[AT["item_logit"]] * ease + slopes[0]
        return np.stack([first, ease, slopes[1], slopes[2]])[:, None]

    @cached_property
    def ease_span(self) -> tuple[float, float]:
        """Least and greatest easiness of all resources: at most 0, at least 0."""
        ease = self.parameters.item_logit
        return min(float(ease.min(initial=0.0)), 0.0), max(float(ease.max(initial=0.0)), 0.0)

    @cached_property
    def easier(self) -> Floats:
        """How many logits easier each resource is than a standard item of its skills, (n,)."""
        gap = self.parameters.item_logit - self.parameters.standard_logit
        return np.asarray(self.model.weights[AT["item_logit"]] * gap + self.model.item_slopes[:, 0])

    @cached_property
    def first_tries(self) -> Floats:
        """What a skill's row adds to level and fading after a first answer, right or wrong, on a standard
        item, but for the filter and the clock, (2, 2, 1, S).

        The row is that of ``state_rows.read_rows`` after one answer.
        """
        row, right = np.zeros((N_ROW, 2)), np.array([1.0, 0.0])
        row[COUNT_PART] = row[RUN_PART] = _LN2 * right, _LN2 * (1.0 - right)
        row[RECENT_PLACE] = (right + 1.0) / 3.0 - 0.5
        row[LAST_PART] = 2.0 * right - 1.0, np.zeros(2), np.ones(2)  # last score, none since, seen
        weights, residual = self.both_forecasts, right[:, None] - self.standard_chance
        total = (weights[:, :, None] * row).sum(axis=1)
        of_residuals = weights[:, RESIDUAL_PART].sum(axis=1)
        total = total[:, :, None] + of_residuals[:, None, None] * (residual / 3.0)
        return np.asarray(total[:, :, None])

    def clock(self, gone: Floats) -> Floats:
        """Return what the decayed counters of a first answer add to level and fading, `gone` seconds (B,)
        later, after a right and a wrong one, (2, 2, B)."""
        each = self.both_forecasts[:, TIMED_PART].reshape(2, 2, 4, 1) * np.log1p(faded(gone))
        out = np.add.accumulate(each, axis=2)[:, ::-1, -1]  # right, tried
        out[:, 0] += out[:, 1]
        return out

    @cached_property
    def clock_at_once(self) -> Floats:
        """The same right after it, (2, 2, 1, S)."""
        n_skills = len(self.parameters.skill_logit)
        return np.repeat(self.clock(np.zeros(1))[..., None], n_skills, axis=-1)

    @cached_property
    def of_filter(self) -> list[list[Floats]]:
        """Weights of the filter's mean and variance in level and in fading, as numbers."""
        return [[np.array(weight) for weight in weights] for weights in self.both_forecasts[:, FILTER_PART]]

    @cached_property
    def both_forecasts(self) -> Floats:
        """Weights of a skill's row in the level and in the fading of its forecast, (2, N_ROW)."""
        return np.stack([self.model.forecast.level[0], self.model.forecast.fading[0]])

    @cached_property
    def row_forecasts(self) -> Floats:
        """The same, and those of the learner's own row, (4, N_ROW)."""
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
