"""Softmax over a uniform floor: the default, which explores lightly around the best."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from segue.engine.policies.base import Choice, Field, Odds, Policy, check_positive, check_share
from segue.engine.policies.sampling import UNIT, every
from segue.features.catalogue import Bools, Floats, Ints

_LEAST_EXPONENT = -700.0  # numpy's exp is four times slower where it underflows
_BEST = 2.0**38  # weight of the best candidate: whole numbers of it have exact sums
_FAINT = 1e-200


@dataclass(frozen=True)
class Softmax(Policy):
    """Light exploration around the best: (1 - `floor`) softmax(s / `temperature`) + `floor` / |allowed|.

    The default costs learners little and keeps the log usable: no propensity is below floor / |allowed|.
    The formula stands once, in :meth:`weights` and :meth:`units`; single choices and lists both use it.
    """

    temperature: float = 0.06
    floor: float = 0.05

    def __post_init__(self) -> None:
        check_positive("temperature", self.temperature)
        check_share("floor", self.floor)

    @property
    def reads_std(self) -> bool:
        """Uncertainty changes nothing here."""
        return False

    def weigh(self, choice: Choice) -> Floats:
        """Return the softmax of the allowed scores over its uniform floor."""
        keep = choice.allowed.astype(np.float64)
        weights = self.weights(choice.values, choice.top)
        weights *= keep
        units = self.units(weights, keep, best=1.0)
        units *= 1.0 / UNIT
        return units

    def weights(self, scores: Floats, top: Floats | float) -> Floats:
        """Return exp((s - top) / temperature), written over `scores`."""
        scores -= top
        scores *= 1.0 / self.temperature
        np.maximum(scores, _LEAST_EXPONENT, out=scores)
        return np.exp(scores, out=scores)

    def units(self, weights: Floats, keep: Floats, *, best: Floats | float) -> Floats:
        """Return the probabilities in `UNIT`s, written over `weights` (..., n).

        Weights are made whole numbers, 2³⁸ for the best, so that their sums are exact (below 32,768
        candidates as good as the best) in any order. `keep` is 1 where allowed, else 0, as `weights` is.
        """
        weights *= _BEST / best
        np.rint(weights, out=weights)
        weights *= (1.0 - self.floor) * UNIT / _sums(weights)
        weights += self.floor * UNIT / _sums(keep)
        weights *= keep
        return np.rint(weights, out=weights)

    def odds(self, field: Field) -> Odds:
        """Return odds that take the exponential of every score once, not once a step."""
        own = type(self)
        return SoftmaxOdds(self, field) if own.weigh is Softmax.weigh else super().odds(field)


class SoftmaxOdds(Odds):
    """The softmax of scores that fall alike by groups: the exponential of a sum is a product.

    Equal to ``Softmax.probabilities`` up to rounding (1e-11).
    """

    def __init__(self, policy: Softmax, field: Field) -> None:
        super().__init__(policy, field)
        self.softmax = policy
        top = np.maximum.reduce(field.scores, axis=1, keepdims=True, where=field.open, initial=-np.inf)
        self.weights = policy.weights(field.scores.copy(), np.where(np.isfinite(top), top, 0.0))
        self.first = np.arange(0, self.weights.size, self.weights.shape[1])

    def units(self, shares: Floats, allowed: Bools) -> tuple[Floats, Ints]:
        """Return the probability of each candidate (B, n) in `UNIT`s, and the best one allowed in a row."""
        fallen = self.softmax.weights(shares * self.field.pull, 0.0)
        values = fallen.take(self.field.group, axis=1)
        values *= self.weights
        keep = allowed.astype(np.float64)
        values *= keep
        best = values.argmax(axis=1)
        top = values.item(best.item()) if len(values) == 1 else values.take(self.first + best)[:, None]
        if top > _FAINT if isinstance(top, float) else every(top.ravel() > _FAINT):
            return self.softmax.units(values, keep, best=top), best
        faint = np.flatnonzero(~(np.ravel(top) > _FAINT))  # lists far below the best that they had
        values[faint] = keep[faint]
        units = self.softmax.units(values, keep, best=np.where(top > _FAINT, top, 1.0))
        units[faint], best[faint] = self.anew(shares, allowed, faint)
        return units, best


def _sums(whole: Floats) -> Floats | float:
    """Return the sums of rows of whole numbers, (..., 1), or the one sum there is, as a number.

    They are exact in any order: the quickest way will do.
    """
    if whole.size == whole.shape[-1]:
        return float(whole.ravel().dot(_ones(whole.size)).item())
    return np.asarray(np.einsum("...n->...", whole)[..., None])


@lru_cache(maxsize=8)
def _ones(n: int) -> Floats:
    return np.ones(n)
