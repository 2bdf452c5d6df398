"""The success model fitted on a log: difficulty, vectors, and layer on layer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segue.features.catalogue import Catalogue
from segue.features.history.attempts import Attempts, Bools, Floats, HistoryParameters, Ints
from segue.features.history.difficulty import EasinessMet, met_out_of_fold
from segue.features.vectors.carry_over import CarryOver, carry_over
from segue.features.vectors.forecast_fit import fit_forecast
from segue.features.vectors.learner_vector import NAMES, OF_ITEM, OF_LEARNER, OF_SKILL, design, prior_weights
from segue.features.vectors.success_model import GROUP_AT, ITEM_AT, SuccessModel
from segue.models.success_layers import HiddenUnits, group_slopes

MOST_ROWS = 500_000
"""Attempts that vectors are made for: those of whole learners, drawn by lot.

On two real logs, of 104,000 and 151,000 attempts, each halving costs .002 to .003 of the AUC of learners held
out (``benchmarks/capped_fit.py``); what the cap costs a log that it cuts is not known.
"""
FEWEST_LEARNERS = 12  # below, only the first layer is fitted
CARRY_PRECISION = 1.0
COMBINATION_PRECISION = 50.0
ITEM_PRECISION = 30.0
HIDDEN_COLUMNS = np.concatenate([np.arange(len(NAMES))[part] for part in (OF_LEARNER, OF_SKILL, OF_ITEM)])


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Every attempt as the model meets it.

    Attributes
    ----------
    X : array of shape (n, len(NAMES))
    carried : array of shape (n,)
        The surprise that carries over, with coefficients of other learners.
    met : EasinessMet
        The easiness met: of a training row, without its learner's fold.
    train : bool array of shape (n,)
    attempts : Attempts
    parameters : HistoryParameters
        By all training rows.
    carry : CarryOver
        By all training rows.
    """

    X: Floats
    carried: Floats
    met: EasinessMet
    train: Bools
    attempts: Attempts
    parameters: HistoryParameters
    carry: CarryOver

    @property
    def combination(self) -> Ints:
        """The combination of skills of each attempt, (n,)."""
        return np.asarray(self.parameters.combination_of[self.attempts.resource])


def training_rows(
    attempts: Attempts,
    catalogue: Catalogue,
    *,
    fold: Ints,
    train: Bools | None = None,
    some: Bools | None = None,
) -> TrainingRows:
    """Return vectors to fit a model on, and what to serve with.

    Each learner's history is read with the difficulty and the carry-over fitted without the learners of the
    same `fold` (n_learners,), as a new learner's will be; rows outside `train` (n,) with those of all
    training rows. Difficulty rests on all attempts, vectors are made for `some` (n,), whole learners.
    """
    met, difficulty = met_out_of_fold(attempts, catalogue, fold=fold, train=train)
    taught = np.ones(len(attempts), dtype=np.bool_) if train is None else train
    if some is not None:
        attempts, met, taught = attempts.take(some), met.take(some), taught[some]
    parameters = difficulty.parameters(catalogue)
    X = design(attempts, parameters, met=met)
    surprise = attempts.score - 1.0 / (1.0 + np.exp(-(X @ prior_weights())))
    carried, carry = carry_over(
        attempts, parameters.combination_of, surprise=surprise, fold=fold, train=taught
    )
    return TrainingRows(X, carried, met, taught, attempts, parameters, carry)


def drawn_learners(attempts: Attempts, most: int, rng: np.random.Generator) -> Bools | None:
    """Return which attempts are of learners drawn by lot who have at most `most` together (one at least).

    None where all have no more: then no lot is drawn.
    """
    if len(attempts) <= most:
        return None
    many = np.diff(attempts.starts)
    order = rng.permutation(len(many))
    n_drawn = max(int((np.cumsum(many[order]) <= most).sum()), 1)
    return np.repeat(np.isin(np.arange(len(many)), order[:n_drawn]), many)


def fit_model(
    rows: TrainingRows, *, rng: np.random.Generator, prior: SuccessModel | None = None
) -> SuccessModel:
    """Return the model fitted on the training rows.

    Prior precision counts learners (``learner_precision``); under `FEWEST_LEARNERS` learners the layers above
    the first are left to the prior. `prior` is another school's model: its first layer and its forecasts are
    the prior means, and its hidden units stand until there are learners enough for own ones.
    """
    from segue.models.success_probability import LEARNERS_FELT, LogisticSuccess, learner_precision

    sizes = {
        "n_combinations": int(rows.parameters.combination_of.max(initial=-1)) + 1,
        "n_items": len(rows.parameters.item_logit),
    }
    base = prior or SuccessModel.prior(**sizes)
    train = slice(None) if rows.train.all() else np.flatnonzero(rows.train)  # of all, no copy is made
    n_learners = len(np.unique(rows.attempts.learner[train]))
    X, y = rows.X[train], rows.attempts.score[train]
    precision = learner_precision(n_learners)
    linear = LogisticSuccess(
        prior=base.weights,
        precision=precision,
        intercept=base.intercept,
        intercept_precision=LEARNERS_FELT / max(n_learners, 1),
    ).fit(X, y)
    first = SuccessModel.linear(linear.weights_, linear.intercept_, **sizes)
    forecast = fit_forecast(
        rows.attempts, rows.parameters, met=rows.met, train=rows.train, rng=rng, prior=base.forecast
    )
    if n_learners < FEWEST_LEARNERS:
        return replace(first, forecast=forecast, hidden=base.hidden)
    return _layered(replace(first, forecast=forecast, carry=rows.carry), rows, train, rng)


def _layered(
    model: SuccessModel, rows: TrainingRows, train: Ints | slice, rng: np.random.Generator
) -> SuccessModel:
    """Return `model` with the layers above the first, each fitted with the logit before it as offset."""
    X, y, carried = rows.X[train], rows.attempts.score[train], rows.carried[train]
    resource, combination = rows.attempts.resource[train], rows.combination[train]
    logit = X @ model.weights + model.intercept
    weight = _carry_weight(carried, y, logit)
    logit += weight * carried
    hidden = HiddenUnits.fit(X, y, offset=logit, columns=HIDDEN_COLUMNS, rng=rng)
    logit += hidden.logit(X)
    ones = np.ones((len(X), 1))
    Z = np.hstack([ones, X[:, GROUP_AT]])
    n_groups = len(model.combination_slopes)
    of_groups = group_slopes(
        Z, y, offset=logit, group=combination, n_groups=n_groups, precision=COMBINATION_PRECISION
    )
    logit += (Z * of_groups[combination]).sum(axis=1)
    Z = np.hstack([ones, X[:, ITEM_AT]])
    n_items = len(model.item_slopes)
    of_items = group_slopes(Z, y, offset=logit, group=resource, n_groups=n_items, precision=ITEM_PRECISION)
    return replace(
        model, carry_weight=weight, hidden=hidden, combination_slopes=of_groups, item_slopes=of_items
    )


def _carry_weight(carried: Floats, y: Floats, offset: Floats) -> float:
    """Return the coefficient of `carried` beside `offset`, by Newton's method from 1."""
    weight = 1.0
    for _ in range(6):
        p = 1.0 / (1.0 + np.exp(-(offset + weight * carried)))
        slope = carried @ (y - p) - CARRY_PRECISION * (weight - 1.0)
        weight += float(slope / ((p * (1.0 - p)) @ (carried * carried) + CARRY_PRECISION))
    return weight
