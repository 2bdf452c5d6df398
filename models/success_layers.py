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
STEP = 0.01
COLUMNS_AT_ONCE = 8
DECAY = 1e-4
LEAST_SCALE = 0.25  # as in ``segue.models.success_probability``
SLOPE_STEPS = 3
_ALL = list(range(UNITS))
_FEW = 512  # candidates times learners for which all units are read: to find out who sleeps costs more
_SMALL = 2048  # candidates times learners that all units read at once
_CACHED = 32_768  # as many at once where there are more


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
        self, met: Floats, group: Ints, *, ease: Floats, pull: Floats, reach: tuple[float, float]
    ) -> Floats:
        """Return what sorted units add for B learners and n candidates, (B, n), but for `shift`.

        Parameters
        ----------
        met : array of shape (U, B, D)
            What each unit is told of a learner and a group of candidates, times its `scale`; `group` (n,)
            says which group.
        ease : array of shape (1, n)
            What else a unit is told of a candidate; `pull` (U, B, 1) times that.
        reach : (float, float)
            At most 0 and at least 0: between which all of `ease` lies.
        """
        shape = (met.shape[1], len(group))
        some = _awake(met, pull, reach) if shape[0] * shape[1] > _FEW else _ALL
        more = bisect_left(some, self.n_adding)
        if shape[0] * shape[1] > _SMALL:  # unit by unit: what is worked on stays in the cache
            total, n_rows = np.zeros(shape), max(_CACHED // shape[1], 1)
            for first in range(0, shape[0], n_rows):
                part = total[first : first + n_rows]
                unit, told = np.empty_like(part), np.empty_like(part)
                for i, u in enumerate(some):
                    np.take(met[u, first : first + n_rows], group, axis=1, out=unit, mode="clip")
                    unit += np.multiply(pull[u, first : first + n_rows], ease, out=told)
                    np.maximum(unit, 0.0, out=unit)
                    (np.add if i < more else np.subtract)(part, unit, out=part)
            return total
        if not some:
            return np.zeros(shape)
        if len(some) < UNITS:
            met, pull = met.take(some, axis=0), pull.take(some, axis=0)
        each = met.take(group, axis=2)
        each += pull * ease
        np.maximum(each, 0.0, out=each)
        np.negative(each[more:], out=each[more:])
        if shape == (1, 1):  # one by one, as in a longer list: a single one would be added up pairwise
            return np.asarray(np.add.accumulate(each, axis=0)[-1])
        return np.asarray(np.add.reduce(each, axis=0))


def _awake(met: Floats, pull: Floats, reach: tuple[float, float]) -> list[int]:
    """Return the units that may be above 0 for any learner and candidate: others add exactly nothing.

    Rounding keeps order: the sum of the largest terms is no less than any sum.
    """
    low, high = reach
    most = np.maximum(pull * high, pull * low)[..., 0]
    most += np.maximum.reduce(met, axis=2)
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
