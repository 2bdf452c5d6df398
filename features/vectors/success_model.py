"""The model of success: what a learner vector says of the next answer, layer on layer, as plain arrays.

The logit of success is the sum of a logistic regression whose prior is the Kalman filter's prediction, of
what the last surprise carries over to this resource, of a few relu units, and of slopes that each combination
of skills and each resource have of their own. Each was fitted with the logit before it as its offset.

A *forecast* is another reading of the same vector: P(success on a standard item of a skill) as the learner's
last answer left it, less a fading that grows with the logarithm of the days since. It was fitted on what was
seen a moment, a day, a week, a month and two months after a state, so it is calibrated there; without
practice it never rises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segue.features.history.attempts import Floats, HistoryParameters, Ints
from segue.features.history.state_rows import N_ROW
from segue.features.vectors.carry_over import CarryOver, Moves
from segue.features.vectors.learner_vector import AT, NAMES, prior_weights
from segue.models.success_layers import HiddenUnits

GROUP_COLUMNS = (  # beside a constant; what each combination of skills has slopes on
    "learner_mean",
    "skill_mean",
    "skill_residual_95",
    "skill_log_successes",
    "skill_log_failures",
    "skill_last_score",
    "learner_log_gap",
)
ITEM_COLUMNS = ("learner_mean", "skill_mean")
GROUP_AT = np.array([AT[name] for name in GROUP_COLUMNS])
ITEM_AT = np.array([AT[name] for name in ITEM_COLUMNS])
PRIOR_FADING = 0.1  # logits per unit of log(1 + days), before anything is known of forgetting


@dataclass(frozen=True, eq=False)
class ForecastWeights:
    """How a state is read for forecasts.

    Attributes
    ----------
    level, fading : arrays of shape (2, N_ROW)
        Of a skill's row and of the learner's own: the logit at once, and what it loses per log(1 + days).
    scalars : array of shape (3,)
        Intercept, weight of the skill's easiness, intercept of fading.
    """

    level: Floats
    fading: Floats
    scalars: Floats

    @classmethod
    def prior(cls) -> ForecastWeights:
        """Return the reading before anybody has answered: the Kalman filter, fading slowly."""
        level = np.zeros((2, N_ROW))
        level[:, 0] = 1.0
        return cls(level, np.zeros((2, N_ROW)), np.array([0.0, 1.0, PRIOR_FADING]))


@dataclass(frozen=True, eq=False)
class SuccessModel:
    """Fitted arrays; raw columns in the order of ``learner_vector.NAMES``.

    Attributes
    ----------
    weights : array of shape (d,)
    intercept : float
    carry_weight : float
        Of the surprise that `carry` expects.
    hidden : HiddenUnits
    combination_slopes : array of shape (C, 8)
        A constant and `GROUP_COLUMNS`, of each combination of skills (``HistoryParameters.combination_of``).
    item_slopes : array of shape (n, 3)
        A constant and `ITEM_COLUMNS`, of each resource.
    forecast : ForecastWeights
    extra_precision : (float, float)
        Of ranges, of the learner and of a skill, beyond the filter's (``range_width.extra_precision``).
    """

    weights: Floats
    intercept: float
    carry_weight: float
    carry: CarryOver
    hidden: HiddenUnits
    combination_slopes: Floats
    item_slopes: Floats
    forecast: ForecastWeights
    extra_precision: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def linear(cls, weights: Floats, intercept: float, *, n_combinations: int, n_items: int) -> SuccessModel:
        """Return a model of the first layer alone."""
        if len(weights) != len(NAMES):
            raise ValueError(
                f"weights must have one entry for each of {len(NAMES)} names, got {len(weights)}"
            )
        return cls(
            weights,
            intercept,
            0.0,
            CarryOver.none(n_combinations, n_items),
            HiddenUnits.none(len(NAMES)),
            np.zeros((n_combinations, 1 + len(GROUP_COLUMNS))),
            np.zeros((n_items, 1 + len(ITEM_COLUMNS))),
            ForecastWeights.prior(),
        )

    @classmethod
    def prior(cls, *, n_combinations: int, n_items: int) -> SuccessModel:
        """Return the model before anybody has answered: the Kalman filter's prediction."""
        return cls.linear(prior_weights(), 0.0, n_combinations=n_combinations, n_items=n_items)

    def of_histories(self) -> SuccessModel:
        """Return what holds for other resources too: the first layer, the hidden units and the forecasts."""
        first = SuccessModel.linear(self.weights, self.intercept, n_combinations=0, n_items=0)
        return replace(first, hidden=self.hidden, forecast=self.forecast)

    @cached_property
    def layered(self) -> bool:
        """Whether anything stands on the first layer."""
        return bool(self.carry_weight or self.hidden.outward.any() or self.item_slopes.any())

    def logit(self, X: Floats, *, resource: Ints, combination: Ints, carried: Floats) -> Floats:
        """Return the logit of each row of vectors `X`, (n,); `carried` is of ``CarryOver.carried``."""
        first = X @ self.weights + self.intercept + self.carry_weight * carried + self.hidden.logit(X)
        slopes = self.combination_slopes[combination]
        first += slopes[:, 0] + (slopes[:, 1:] * X[:, GROUP_AT]).sum(axis=1)
        slopes = self.item_slopes[resource]
        return np.asarray(first + slopes[:, 0] + (slopes[:, 1:] * X[:, ITEM_AT]).sum(axis=1))

    def over(self, before: HistoryParameters, after: HistoryParameters) -> SuccessModel:
        """Return the model over a catalogue that has grown: what is new has no slopes of its own yet.

        `before` and `after` are of the catalogue it was fitted for, and of the new one. A combination of
        skills keeps its slopes; resources and skills keep their places.
        """
        number = dict(_combinations(after))
        code = np.full(len(self.combination_slopes), -1, dtype=np.int64)
        for skills, c in _combinations(before):
            code[c] = number.get(skills, -1)
        n_sets, n_items = len(set(number.values())), len(after.item_logit)
        slopes = np.zeros((n_sets, self.combination_slopes.shape[1]))
        slopes[code[code >= 0]] = self.combination_slopes[code >= 0]
        of_items = np.zeros((n_items, self.item_slopes.shape[1]))
        of_items[: len(self.item_slopes)] = self.item_slopes
        places = np.arange(len(self.item_slopes))
        carry = CarryOver(
            self.carry.overall,
            self.carry.sets.renumbered(code, n_sets),
            self.carry.items.renumbered(places, n_items),
        )
        return replace(self, combination_slopes=slopes, item_slopes=of_items, carry=carry)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the model as named plain arrays, to save or to digest."""
        out: dict[str, NDArray[np.generic]] = {
            "weights": self.weights,
            "scalars": np.array([self.intercept, self.carry_weight, self.carry.overall, self.hidden.shift]),
            "combination_slopes": self.combination_slopes,
            "item_slopes": self.item_slopes,
            "extra_precision": np.array(self.extra_precision),
        }
        for name in ("inward", "bias", "outward"):
            out[name] = getattr(self.hidden, name)
        for name in _FORECAST:
            out[f"forecast_{name}"] = getattr(self.forecast, name)
        for level in ("sets", "items"):
            out |= {f"{level}_{name}": getattr(getattr(self.carry, level), name) for name in _MOVES}
        return out

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Return the model that `to_arrays` gave."""
        intercept, carry_weight, overall, shift = (float(x) for x in arrays["scalars"])
        sets, items = (Moves(*(arrays[f"{level}_{name}"] for name in _MOVES)) for level in ("sets", "items"))
        return cls(
            arrays["weights"],
            intercept,
            carry_weight,
            CarryOver(overall, sets, items),
            HiddenUnits(arrays["inward"], arrays["bias"], arrays["outward"], shift),
            arrays["combination_slopes"],
            arrays["item_slopes"],
            ForecastWeights(*(arrays[f"forecast_{name}"] for name in _FORECAST)),
            (float(arrays["extra_precision"][0]), float(arrays["extra_precision"][1])),
        )


_FORECAST = tuple(field.name for field in fields(ForecastWeights))
_MOVES = tuple(field.name for field in fields(Moves))


def _combinations(parameters: HistoryParameters) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield the set of skills of each resource, ascending, and the number of this combination."""
    for skills, number in zip(parameters.skills_of, parameters.combination_of.tolist(), strict=True):
        yield tuple(sorted(skills)), number
