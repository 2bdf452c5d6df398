"""Two layers that correct a logit already predicted: a few relu units, and ridge slopes group by group.

Each is fitted with the logit before it as an offset, so that it adds what that logit does not say and nothing
where the data say nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segue.models.base import Floats, Ints, Singles

UNITS = 16
EPOCHS = 10
BATCH = 512
STEP = 0.01  # of Adam, at first; its other constants are those of Kingma & Ba (2015)
COLUMNS_AT_ONCE = 8
DECAY = 1e-4  # of weights, in the log loss of an answer
LEAST_SCALE = 0.25  # as in ``segue.models.success_probability``
SLOPE_STEPS = 3
_ALL = list(range(UNITS))
# Candidates times learners, by measurement; no bit of a result depends on them:
_FEW = 512  # up to so many all units are read: to find out which are at rest costs more
_SMALL = 2048  # up to so many all units are read at once
_CACHED = 32_768  # beyond, so many go through one unit at once


@dataclass(frozen=True, eq=False)
class HiddenUnits:
    """One hidden layer on raw columns: relu(x @ inward + bias) @ outward + shift, in logits.

    Attributes
    ----------
    inward : array of shape (d, U)
    bias, outward : arrays of shape (U,)
    shift : float
    """

    inward: Floats
    bias: Floats
    outward: Floats
    shift: float

    @classmethod
    def none(cls, width: int) -> HiddenUnits:
        """Return units that say nothing of `width` columns."""
        return cls(np.zeros((width, UNITS)), np.zeros(UNITS), np.zeros(UNITS), 0.0)

    @classmethod
    def fit(
        cls, X: Floats, y: Floats, *, offset: Floats, columns: Ints, rng: np.random.Generator
    ) -> HiddenUnits:
        """Return the units that lower the log loss of `offset` (n,), by Adam; they read `columns` of X alone.

        A column that hardly moved begins with small weights and keeps them: what it will do is not known.
        """
        Z = np.empty((len(X), len(columns)), dtype=np.float32)
        mean, spread = np.empty((2, len(columns)))
        for at in range(0, len(columns), COLUMNS_AT_ONCE):  # of a long log, a copy of all is large
            part = slice(at, at + COLUMNS_AT_ONCE)
            seen = X[:, columns[part]]
            mean[part], spread[part] = seen.mean(axis=0), seen.std(axis=0)
            Z[:, part] = (seen - mean[part]) / np.maximum(spread[part], LEAST_SCALE)
        scale = np.maximum(spread, LEAST_SCALE)
        first = rng.normal(0.0, len(columns) ** -0.5, (len(columns), UNITS)) * (spread / scale)[:, None]
        start = [first, np.zeros(UNITS), rng.normal(0.0, 0.1 * UNITS**-0.5, UNITS), np.zeros(1)]
        inward, bias, outward, shift = _descend(Z, y, offset, [p.astype(np.float32) for p in start], rng)
        raw = np.zeros((X.shape[1], UNITS))
        raw[columns] = inward / scale[:, None]
        return cls(raw, bias - mean @ raw[columns], outward.astype(np.float64), float(shift[0]))

    def logit(self, X: Floats) -> Floats:
        """Return what the units add to the logit of each row, (n,)."""
        return np.asarray(np.maximum(X @ self.inward + self.bias, 0.0) @ self.outward + self.shift)

    @property
    def scale(self) -> Floats:
        """How much each unit weighs, (U,)."""
        return np.abs(self.outward)

    @cached_property
    def n_adding(self) -> int:
        """How many units add rather than take away."""
        return int(np.count_nonzero(self.outward >= 0))

    def sorted(self) -> HiddenUnits:
        """Return the same units, those that add first, then those that take away."""
        order = np.argsort(self.outward < 0, kind="stable")
        return HiddenUnits(self.inward[:, order], self.bias[order], self.outward[order], self.shift)

    def on_candidates(
        self, inputs: Floats, group: Ints, *, ease: Floats, slope: Floats, span: tuple[float, float]
    ) -> Floats:
        """Return what sorted units add for B learners and n candidates, (B, n), but for `shift`.

        Few numbers go through all units at once, many through one unit after the other, so that what is
        worked on stays in the cache. Both add the units up in their order: the same bits.

        Parameters
        ----------
        inputs : array of shape (U, B, D)
            The input of each unit for a learner and a group of candidates, times the unit's `scale`; `group`
            (n,) says which group.
        ease, slope : arrays of shape (1, n) and (U, B, 1)
            To the input of a candidate its `ease` times the unit's `slope` is added.
        span : (float, float)
            At most 0 and at least 0: all of `ease` lies between.
        """
        n_rows, n = inputs.shape[1], len(group)
        units = _awake(inputs, slope, span) if n_rows * n > _FEW else _ALL
        n_adding = bisect_left(units, self.n_adding)
        if n_rows * n > _SMALL:
            return _unit_by_unit(inputs, group, ease, slope, units=units, n_adding=n_adding)
        if not units:
            return np.zeros((n_rows, n))
        if len(units) < UNITS:
            inputs, slope = inputs.take(units, axis=0), slope.take(units, axis=0)
        each = inputs.take(group, axis=2)
        each += slope * ease
        np.maximum(each, 0.0, out=each)
        np.negative(each[n_adding:], out=each[n_adding:])
        if n_rows == n == 1:  # one by one, as in a longer list: a single one would be added up pairwise
            return np.asarray(np.add.accumulate(each, axis=0)[-1])
        return np.asarray(np.add.reduce(each, axis=0))


def _unit_by_unit(
    inputs: Floats, group: Ints, ease: Floats, slope: Floats, *, units: list[int], n_adding: int
) -> Floats:
    """Return what the `units` add, the first `n_adding` up and the others down, some rows at a time."""
    total = np.zeros((inputs.shape[1], len(group)))
    n_rows = max(_CACHED // len(group), 1)
    for first in range(0, len(total), n_rows):
        rows = slice(first, first + n_rows)
        part = total[rows]
        output, of_ease = np.empty_like(part), np.empty_like(part)
        for place, unit in enumerate(units):
            np.take(inputs[unit, rows], group, axis=1, out=output, mode="clip")
            output += np.multiply(slope[unit, rows], ease, out=of_ease)
            np.maximum(output, 0.0, out=output)
            (np.add if place < n_adding else np.subtract)(part, output, out=part)
    return total


def _awake(inputs: Floats, slope: Floats, span: tuple[float, float]) -> list[int]:
    """Return the units that may be above 0 for any learner and candidate: others add exactly nothing.

    Rounding keeps order: the sum of the largest terms is no less than any sum.
    """
    low, high = span
    most = np.maximum(slope * high, slope * low)[..., 0]
    most += np.maximum.reduce(inputs, axis=2)
    if most.shape[1] > 1:
        most = np.maximum.reduce(most, axis=1)
    return [u for u, top in enumerate(most.ravel().tolist()) if top > 0.0]


def _descend(
    Z: Singles, y: Floats, offset: Floats, parameters: list[Floats], rng: np.random.Generator
) -> list[Floats]:
    """Return the parameters after `EPOCHS` of Adam with a step that falls to nothing (Kingma & Ba, 2015)."""
    y, offset = y.astype(np.float32), offset.astype(np.float32)
    first, second = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    total, t = EPOCHS * -(-len(y) // BATCH), 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(y))
        for at in range(0, len(y), BATCH):
            rows = order[at : at + BATCH]
            step = STEP * (1.0 - t / total)
            t += 1
            slopes = _slopes(Z[rows], y[rows], offset[rows], parameters)
            for i, slope in enumerate(slopes):
                first[i] += 0.1 * (slope - first[i])
                second[i] += 0.001 * (slope * slope - second[i])
                size = np.sqrt(second[i] / (1.0 - 0.999**t)) + 1e-8
                parameters[i] -= step * (first[i] / (1.0 - 0.9**t)) / size
    return [p.astype(np.float64) for p in parameters]


def _slopes(z: Singles, y: Floats, offset: Floats, parameters: list[Floats]) -> list[Floats]:
    inward, bias, outward, shift = parameters
    active = np.maximum(z @ inward + bias, 0.0)
    residual = (1.0 / (1.0 + np.exp(-(offset + active @ outward + shift))) - y) / len(y)
    back = residual[:, None] * outward * (active > 0)
    return [
        z.T @ back + DECAY * inward,
        back.sum(axis=0),
        active.T @ residual + DECAY * outward,
        residual.sum(keepdims=True),
    ]


def group_slopes(
    Z: Floats, y: Floats, *, offset: Floats, group: Ints, n_groups: int, precision: float
) -> Floats:
    """Return coefficients of `Z` for each group, ridged to 0 with `precision` on the standardised scale.

    Parameters
    ----------
    Z : array of shape (n, d)
        Columns; the first is constant.
    group : int array of shape (n,)
        In 0 … n_groups - 1.

    Returns
    -------
    array of shape (n_groups, d)
        On the raw scale of Z.
    """
    mean, scale = Z.mean(axis=0), np.maximum(Z.std(axis=0), LEAST_SCALE)
    mean[0], scale[0] = 0.0, 1.0
    order = np.argsort(group, kind="stable")
    Z, y, offset, group = (Z[order] - mean) / scale, y[order], offset[order], group[order]
    present, start = np.unique(group, return_index=True)
    place = np.searchsorted(present, group)
    width = Z.shape[1]
    found = np.zeros((len(present), width))
    upper = np.transpose(np.triu_indices(width))
    for _ in range(SLOPE_STEPS if len(present) else 0):
        p = 1.0 / (1.0 + np.exp(-(offset + (Z * found[place]).sum(axis=1))))
        slope = np.add.reduceat(Z * (y - p)[:, None], start, axis=0) - precision * found
        weight, curve = p * (1.0 - p), np.empty((width, width, len(present)))
        for i, j in upper:
            curve[i, j] = curve[j, i] = np.add.reduceat(Z[:, i] * Z[:, j] * weight, start)
        hessian = curve.transpose(2, 0, 1) + precision * np.eye(width)
        found = found + np.linalg.solve(hessian, slope[:, :, None])[:, :, 0]
    out = np.zeros((n_groups, width))
    out[present] = found / scale
    out[present, 0] -= out[present] @ (mean * (np.arange(width) > 0))
    return out
