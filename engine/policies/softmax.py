"""Softmax over a uniform floor: the default, which explores lightly around the best."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from segue.engine.policies.base import (
    Choice,
    DrawnCandidate,
    Field,
    Odds,
    Policy,
    check_positive,
    check_share,
)
from segue.engine.policies.sampling import UNIT, drawn_from, every
from segue.features.catalogue import Bools, Floats, Ints

_LEAST_EXPONENT = -700.0  # numpy's exp is four times slower where it underflows
_BEST = 2.0**38  # weight of the best candidate: whole numbers of it have exact sums
_FAINT = 1e-200
_BELOW_ONE = 1.0 - 2.0**-53
_PART = 16
_FEW_MEMBERS = 32  # of a group are looked at one by one


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

    The weights of candidates never rise within a list, and those of a group fall by one ratio: a group is
    drawn by what is left of its sum, then a candidate of the group by its own weight. A step costs as much as
    there are groups, and the law is that of ``Softmax.probabilities`` up to rounding (1e-11); what is drawn
    and its propensity come from the very same sums.
    """

    def __init__(self, policy: Softmax, field: Field) -> None:
        super().__init__(policy, field)
        self.softmax = policy
        open_, groups = field.open, field.groups
        scores = np.where(open_, field.scores, -np.inf)
        self.best = groups.best(scores)
        top = np.maximum.reduce(self.best, axis=1, keepdims=True)
        top[np.isinf(top)] = 0.0
        for first in range(0, len(scores), _PART):  # in place; what is worked on stays in the cache
            policy.weights(scores[first : first + _PART], top[first : first + _PART])
        self.weights = scores
        self.sums = groups.sums(self.weights * open_)
        self.counts = groups.sums(open_)
        self.rows = np.arange(len(open_))
        self.begin = self.rows * open_.shape[1]
        self.alone = len(open_) == 1 and groups.members[0].shape[1] <= _FEW_MEMBERS

    def draw(self, shares: Floats, allowed: Bools, uniform: Floats) -> DrawnCandidate:
        """Return the candidate that `uniform` (B,) draws in each row."""
        if self.alone and allowed is self.field.open and (drawn := self._draw_one(shares[0], uniform)):
            return drawn
        fallen = self.softmax.weights(shares * self.field.pull, 0.0)
        sums, counts, best = self._left(shares, allowed)
        running = np.add.accumulate(sums * fallen, axis=1)
        weight, counted = running[:, -1], np.add.accumulate(counts, axis=1)
        sound = weight > _FAINT
        whole = every(sound)
        if not whole:  # far below the best that the list had, or not open then
            running[~sound], weight = 1.0, np.where(sound, weight, 1.0)
        alike = self.softmax.floor * weight / counted[:, -1]
        running *= 1.0 - self.softmax.floor
        running += counted * alike[:, None]
        total = running[:, -1]
        target = total * uniform
        group = (running > target[:, None]).argmax(axis=1)
        before = np.where(group > 0, running.take(self.rows * running.shape[1] + group - 1, mode="clip"), 0.0)
        places, own, free = self._members(group, allowed)
        ratio = fallen.take(self.rows * fallen.shape[1] + group) * (1.0 - self.softmax.floor)
        inner = np.add.accumulate(own, axis=1) * ratio[:, None]
        inner += np.add.accumulate(free, axis=1) * alike[:, None]
        inside = np.minimum(target - before, inner[:, -1] * _BELOW_ONE)
        at = self.rows * inner.shape[1] + (inner > inside[:, None]).argmax(axis=1)
        propensity = np.minimum((own.take(at) * ratio + alike) / total, 1.0)  # sums round
        drawn = DrawnCandidate(places.take(at), propensity, best)
        return drawn if whole else self._anew(drawn, np.flatnonzero(~sound), shares, allowed, uniform)

    def close(self, position: Ints) -> None:
        """Take what each list has been given out of the sums of its group."""
        if self.alone:
            self._close_one(self.field.group.item(position.item()))
            return
        group = self.field.group.take(position)
        places, own, free = self._members(group, self.field.open)
        at = self.rows * self.sums.shape[1] + group
        self.sums.put(at, np.add.accumulate(own, axis=1)[:, -1])
        self.counts.put(at, np.add.reduce(free, axis=1))
        scores = self.field.scores.take(places + self.begin[:, None])
        self.best.put(at, np.where(free > 0, scores, -np.inf).max(axis=1))

    def _draw_one(self, shares: Floats, uniform: Floats) -> DrawnCandidate | None:
        """Return the draw of a lone list, by the same sums in the same order; None: too small ones."""
        keep, pull = 1.0 - self.softmax.floor, self.field.pull
        fallen = self.softmax.weights(shares * pull, 0.0)
        running = np.add.accumulate(self.sums[0] * fallen)
        if not (weight := running.item(-1)) > _FAINT:
            return None
        counted = np.add.accumulate(self.counts[0])
        alike = self.softmax.floor * weight / counted.item(-1)
        running *= keep
        counted *= alike
        running += counted
        total = running.item(-1)
        target = total * uniform.item()
        group = int(running.searchsorted(target, side="right"))
        inside = target - (running.item(group - 1) if group else 0.0)
        ratio, summed, inner = fallen.item(group) * keep, 0.0, []
        members = self._open_members(group, self.weights)
        for count, (_, own) in enumerate(members, 1):
            summed += own
            inner.append(summed * ratio + count * alike)
        inside = min(inside, inner[-1] * _BELOW_ONE)
        place, own = next(pair for pair, reach in zip(members, inner, strict=True) if reach > inside)
        best = np.maximum.reduce(self.best[0] + shares * pull, keepdims=True)
        propensity = min((own * ratio + alike) / total, 1.0)
        return DrawnCandidate(np.array([place]), np.array([propensity]), best)

    def _close_one(self, group: int) -> None:
        total = 0.0
        left = self._open_members(group, self.weights)
        for _, own in left:
            total += own
        self.sums[0, group], self.counts[0, group] = total, len(left)
        scores = [score for _, score in self._open_members(group, self.field.scores)]
        self.best[0, group] = max(scores, default=-np.inf)

    def _open_members(self, group: int, numbers: Floats) -> list[tuple[int, float]]:
        """Return the open candidates of a lone list's group, each with its number."""
        places = self.field.groups.own_members[group]
        pairs = zip(places.tolist(), numbers[0].take(places).tolist(), strict=True)
        open_ = self.field.open[0].take(places).tolist()
        return [pair for pair, free in zip(pairs, open_, strict=True) if free]

    def _members(self, group: Ints, allowed: Bools) -> tuple[Ints, Floats, Floats]:
        """Return the candidates of a group a row, (B, M), their weights, and 1 for those allowed, else 0."""
        members, real = self.field.groups.members
        places = members.take(group, axis=0)
        at = places + self.begin[:, None]
        free = (allowed.take(at) & real.take(group, axis=0)).astype(np.float64)
        return places, self.weights.take(at) * free, free

    def _left(self, shares: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
        """Return sums and counts by group, (B, D), and the best score, (B,), of what is allowed."""
        field = self.field
        best = (self.best + shares * field.pull).max(axis=1)
        if allowed is field.open:
            return self.sums, self.counts, best
        some = (allowed != field.open).any(axis=1)
        if not some.any():
            return self.sums, self.counts, best
        other: Ints | slice = slice(None) if some.all() else np.flatnonzero(some)
        sums, counts, may = self.sums.copy(), self.counts.copy(), allowed[other]
        sums[other] = field.groups.sums(self.weights[other] * may)
        shut = (may > field.open[other]).any(axis=1)  # what was not open has no weight
        sums[self.rows[other][shut]] = 0.0
        counts[other] = field.groups.sums(may)
        best[other] = np.where(may, field.fallen(shares, other), -np.inf).max(axis=1)
        return sums, counts, best

    def _anew(
        self, drawn: DrawnCandidate, rows: Ints, shares: Floats, allowed: Bools, uniform: Floats
    ) -> DrawnCandidate:
        """Return the draw with some rows drawn from all their scores anew."""
        field = self.field
        part = Field(field.scores[rows], field.std, allowed[rows], field.groups, field.pull)
        units = Odds(self.policy, part).units(shares[rows], allowed[rows])
        drawn.position[rows], drawn.propensity[rows] = drawn_from(units, uniform[rows])
        return drawn


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
