"""Softmax over a uniform floor: the default, which explores lightly around the best."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate

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

_LEAST_EXPONENT = np.array(-700.0)  # numpy's exp is four times slower where it underflows
_BEST = 2.0**38  # weight of the best candidate: whole numbers of it have exact sums
_NOTHING, _CLOSED = np.array(0.0), np.array(-np.inf)
_LOWEST = np.array(np.finfo(np.float64).min)
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
        if top is not _NOTHING:
            scores -= top
        scores *= self._per_degree
        np.maximum(scores, _LEAST_EXPONENT, out=scores)
        return np.exp(scores, out=scores)

    @cached_property
    def _per_degree(self) -> Floats:
        """1 / temperature; a number of Python's would be converted at every use."""
        return np.array(1.0 / self.temperature)

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
        if type(self).weigh is not Softmax.weigh:
            return super().odds(field)
        alone = len(field.open) == 1 and field.groups.members[0].shape[1] <= _FEW_MEMBERS
        return LoneSoftmaxOdds(self, field) if alone else SoftmaxOdds(self, field)


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
        scores = np.where(open_, field.scores, _CLOSED)
        self.best = groups.best(scores)
        top = np.maximum.reduce(self.best, axis=1, keepdims=True)
        np.maximum(top, _LOWEST, out=top)  # -inf where nothing is open
        for first in range(0, len(scores), _PART):  # in place; what is worked on stays in the cache
            best = top[first : first + _PART] if len(scores) > 1 else top.reshape(())
            policy.weights(scores[first : first + _PART], best)
        self.weights = scores
        self.sums, self.counts = self._added_up()
        self.rows = np.arange(len(open_))
        self.begin = self.rows * open_.shape[1]
        self._known: tuple[Floats, Floats, Floats] | None = None

    def _added_up(self) -> tuple[Floats, Floats]:
        """Return sum of weights and count of what is open in each group, (B, D)."""
        return self.field.groups.sums(self.weights * self.field.open), self.field.groups.sums(self.field.open)

    def draw(self, shares: Floats, allowed: Bools, uniform: Floats) -> DrawnCandidate:
        """Return the candidate that `uniform` (B,) draws in each row."""
        pulled, fallen = self._fallen(shares)
        sums, counts, best = self._left(shares, pulled, allowed)
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
        before = np.where(group > 0, running.take(self.rows * running.shape[1] + group - 1), 0.0)
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
        group = self.field.group.take(position)
        places, own, free = self._members(group, self.field.open)
        at = self.rows * self.sums.shape[1] + group
        self.sums.put(at, np.add.accumulate(own, axis=1)[:, -1])
        self.counts.put(at, np.add.reduce(free, axis=1))
        scores = self.field.scores.take(places + self.begin[:, None])
        self.best.put(at, np.where(free > 0, scores, -np.inf).max(axis=1))

    def _members(self, group: Ints, allowed: Bools) -> tuple[Ints, Floats, Floats]:
        """Return the candidates of a group a row, (B, M), their weights, and 1 for those allowed, else 0."""
        members, real = self.field.groups.members
        places = members.take(group, axis=0)
        at = places + self.begin[:, None]
        free = (allowed.take(at) & real.take(group, axis=0)).astype(np.float64)
        return places, self.weights.take(at) * free, free

    def _fallen(self, shares: Floats) -> tuple[Floats, Floats]:
        """Return what such shares take from the scores of each group, and the ratio of the weights, (B, D).

        From one step to the next few shares change: only they are looked at.
        """
        if self._known is None:
            pulled = shares * self.field.pull
            self._known = shares.copy(), pulled, self.softmax.weights(pulled.copy(), _NOTHING)
            return self._known[1:]
        known, pulled, ratio = self._known
        if len(at := np.flatnonzero(known != shares)):
            new = shares.take(at)
            known.put(at, new)
            new *= self.field.pull
            pulled.put(at, new)
            ratio.put(at, self.softmax.weights(new, _NOTHING))
        return pulled, ratio

    def _left(self, shares: Floats, pulled: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
        """Return sums and counts by group, (B, D), and the best score, (B,), of what is allowed."""
        field = self.field
        best = (self.best + pulled).max(axis=1)
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


class LoneSoftmaxOdds(SoftmaxOdds):
    """The same for a lone list: the same sums in the same order, number by number."""

    def __init__(self, policy: Softmax, field: Field) -> None:
        self._open, self._scores = field.open, field.scores[0]
        self._group, self._own_members = field.groups.of, field.groups.own_members
        super().__init__(policy, field)
        self._of_group: dict[int, _Left] = {}
        self._sums, self._counts, self._best = self.sums[0], self.counts[0], self.best[0]
        self._pull, self._keep = np.array(field.pull), 1.0 - policy.floor
        self._kept = np.array(self._keep)  # a number of Python's would be converted at every use

    def _added_up(self) -> tuple[Floats, Floats]:
        """Return the same; the candidates open at first, group by group, are kept."""
        order, n_groups = self.field.groups.order, self.field.groups.n_groups
        places = order.compress(self._open.take(order))
        group, self._weights = self._group.take(places), self.weights[0]
        weights, counts = self._weights.take(places), np.bincount(group, minlength=n_groups)
        self._ends = [0, *np.add.accumulate(counts).tolist()]
        self._at_first = places, weights, self._scores.take(places)
        sums = np.asarray(np.bincount(group, weights, n_groups), dtype=np.float64)
        return sums[None], counts.astype(np.float64)[None]

    def draw(self, shares: Floats, allowed: Bools, uniform: Floats) -> DrawnCandidate:
        """Return the candidate that `uniform` (1,) draws."""
        position, propensity, best = self.draw_one(shares, allowed, uniform.item())
        return DrawnCandidate(np.array([position]), np.array([propensity]), np.array([best]))

    def close(self, position: Ints) -> None:
        """Take what the list has been given out of the sums of its group."""
        self.close_one(position.item())

    def draw_one(self, shares: Floats, allowed: Bools, uniform: float) -> tuple[int, float, float]:
        """Return the candidate that `uniform` draws, its probability, and the best score allowed."""
        fallen = shares[0] * self._pull
        if allowed is self._open:
            sums, counts, scores = self._sums, self._counts, self._best + fallen
        elif np.count_nonzero(allowed > self._open):  # what was not open has no weight here
            return self._at_length(shares, allowed, uniform)
        else:
            may = allowed[0].nonzero()[0]
            group = self._group.take(may)
            sums = np.bincount(group, self._weights.take(may), len(fallen))
            counts = np.bincount(group, minlength=len(fallen)).astype(np.float64)
            scores = fallen.take(group) + self._scores.take(may)
        best = scores.item(scores.argmax())
        self.softmax.weights(fallen, _NOTHING)
        running, counted = np.add.accumulate(sums * fallen), np.add.accumulate(counts)
        weight = running.item(-1)
        if not weight > _FAINT:
            return self._at_length(shares, allowed, uniform)
        alike = self.softmax.floor * weight / counted.item(-1)
        running *= self._kept
        counted *= alike
        running += counted
        total = running.item(-1)
        target = total * uniform
        group_drawn = int(running.searchsorted(target, "right"))
        before = running.item(group_drawn - 1) if group_drawn else 0.0
        left, ratio = self._left_of(group_drawn, allowed), fallen.item(group_drawn) * self._keep
        at = left.reached(target - before, ratio, alike)
        return left.places[at], min((left.weights[at] * ratio + alike) / total, 1.0), best

    def close_one(self, position: int) -> None:
        """Take the candidate at `position`, which the list has been given, out of the sums of its group."""
        group = self._group.item(position)
        left = self._left_of(group, self._open)
        if position in left.places:  # else a rule that gave way has let in another candidate
            left.take_out(position)
        self._sums[group] = left.running[-1] if left.running else 0.0
        self._counts[group] = len(left.places)
        self._best[group] = max(left.scores) if left.scores else -np.inf

    def _left_of(self, group: int, allowed: Bools) -> _Left:
        if allowed is not self._open:
            members = self._own_members[group]
            places = members.compress(allowed.take(members))
            return _Left.of(places, self._weights.take(places), self._scores.take(places))
        left = self._of_group.get(group)
        if left is None:
            part = slice(self._ends[group], self._ends[group + 1])
            left = self._of_group[group] = _Left.of(*[each[part] for each in self._at_first])
        return left

    def _at_length(self, shares: Floats, allowed: Bools, uniform: float) -> tuple[int, float, float]:
        position, propensity, best = super().draw(shares, allowed, np.array([uniform]))
        return position.item(), propensity.item(), best.item()


@dataclass(slots=True, eq=False)
class _Left:
    """What is left of a group: candidates, their weights and scores, and the sums of the weights so far."""

    places: list[int]
    weights: list[float]
    scores: list[float]
    running: list[float]

    @classmethod
    def of(cls, places: Ints, weights: Floats, scores: Floats) -> _Left:
        """Return it of these candidates."""
        each = weights.tolist()
        return cls(places.tolist(), each, scores.tolist(), list(accumulate(each)))

    def take_out(self, place: int) -> None:
        """Take out one of the candidates."""
        at = self.places.index(place)
        del self.places[at], self.weights[at], self.scores[at]
        self.running = list(accumulate(self.weights))

    def reached(self, target: float, ratio: float, alike: float) -> int:
        """Return the first at which `ratio` × weights + `alike` each add up to more than `target`."""
        end = len(self.running)
        target = min(target, (self.running[-1] * ratio + end * alike) * _BELOW_ONE)
        for at, weight in enumerate(self.running, 1):
            if weight * ratio + at * alike > target:
                return at - 1
        return end


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
