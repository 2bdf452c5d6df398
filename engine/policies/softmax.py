"""Softmax over a uniform floor: the default, which explores lightly around the best.

Three ways to draw from one law: :class:`Softmax` gives the probability of every candidate;
:class:`SoftmaxOdds` draws all steps of many lists and takes each exponential once (the same law up to 1e-11);
:class:`LoneSoftmaxOdds` does so for a single list (the same bits). ``tests/engine/policies/test_policies.py``
holds each against the one before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate

import numpy as np

from segue.engine.policies.base import (
    Choice,
    DrawnCandidate,
    Odds,
    OpenCandidates,
    Policy,
    check_positive,
    check_share,
)
from segue.engine.policies.sampling import UNIT, drawn_from, every
from segue.features.catalogue import Bools, Floats, Ints

_LEAST_EXPONENT = np.array(-700.0)  # numpy's exp is four times slower where it underflows
_BEST_WEIGHT = 2.0**38  # of the best candidate: whole numbers of it have exact sums
_ZERO, _CLOSED = np.array(0.0), np.array(-np.inf)
_LOWEST = np.array(np.finfo(np.float64).min)
_FAINT = 1e-200  # sum of weights below which too few of their digits are left: the step is drawn anew
_BELOW_ONE = 1.0 - 2.0**-53
_ROWS_AT_ONCE = 16
_FEW_MEMBERS = 32  # of a group are looked at one by one


@dataclass(frozen=True)
class Softmax(Policy):
    """Light exploration around the best: (1 - `floor`) softmax(s / `temperature`) + `floor` / |allowed|.

    The default costs learners little and keeps the log usable: no propensity is below floor / |allowed|.
    The formula stands in :meth:`weights` and :meth:`units`.
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
        if top is not _ZERO:
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
        weights *= _BEST_WEIGHT / best
        np.rint(weights, out=weights)
        weights *= (1.0 - self.floor) * UNIT / _sums(weights)
        weights += self.floor * UNIT / _sums(keep)
        weights *= keep
        return np.rint(weights, out=weights)

    def odds(self, candidates: OpenCandidates) -> Odds:
        """Return odds that take the exponential of every score once, not once a step."""
        if type(self).weigh is not Softmax.weigh:
            return super().odds(candidates)
        alone = len(candidates.open) == 1 and candidates.groups.members[0].shape[1] <= _FEW_MEMBERS
        return LoneSoftmaxOdds(self, candidates) if alone else SoftmaxOdds(self, candidates)


class SoftmaxOdds(Odds):
    """Softmax draws for lists in which the scores of a group fall alike.

    The exponential of a sum is a product, so the weights of a group fall by one ratio from step to step, and
    no exponential is taken again. A group is drawn first, by what is left of its sum, then a candidate of the
    group by its own weight. A step costs as much as there are groups. What is drawn and its propensity come
    from the very same sums.
    """

    def __init__(self, policy: Softmax, candidates: OpenCandidates) -> None:
        super().__init__(policy, candidates)
        self.softmax = policy
        open_, groups = candidates.open, candidates.groups
        scores = np.where(open_, candidates.scores, _CLOSED)
        self.best = groups.best(scores)
        top = np.maximum.reduce(self.best, axis=1, keepdims=True)
        np.maximum(top, _LOWEST, out=top)  # -inf where nothing is open
        for first in range(0, len(scores), _ROWS_AT_ONCE):  # in place; what is worked on stays in the cache
            best = top[first : first + _ROWS_AT_ONCE] if len(scores) > 1 else top.reshape(())
            policy.weights(scores[first : first + _ROWS_AT_ONCE], best)
        self.weights = scores
        self.sums, self.counts = self._added_up()
        self.rows = np.arange(len(open_))
        self.begin = self.rows * open_.shape[1]
        self._last: tuple[Floats, Floats, Floats] | None = None  # shares, what they took, ratios

    def _added_up(self) -> tuple[Floats, Floats]:
        """Return sum of weights and count of what is open in each group, (B, D)."""
        groups, open_ = self.candidates.groups, self.candidates.open
        return groups.sums(self.weights * open_), groups.sums(open_)

    def draw(self, shares: Floats, allowed: Bools, uniform: Floats) -> DrawnCandidate:
        """Return the candidate that `uniform` (B,) draws in each row."""
        fall, ratio = self._fall(shares)
        sums, counts, best = self._allowed_sums(shares, fall, allowed)
        running = np.add.accumulate(sums * ratio, axis=1)
        weight, counted = running[:, -1], np.add.accumulate(counts, axis=1)
        sound = weight > _FAINT
        all_sound = every(sound)
        if not all_sound:  # far below the best that the list had, or not open then: drawn anew below
            running[~sound], weight = 1.0, np.where(sound, weight, 1.0)
        floor_each = self.softmax.floor * weight / counted[:, -1]
        running *= 1.0 - self.softmax.floor
        running += counted * floor_each[:, None]
        total = running[:, -1]
        target = total * uniform
        group = (running > target[:, None]).argmax(axis=1)
        before = np.where(group > 0, running.take(self.rows * running.shape[1] + group - 1), 0.0)
        places, weights, free = self._members(group, allowed)
        scale = ratio.take(self.rows * ratio.shape[1] + group) * (1.0 - self.softmax.floor)
        inner = np.add.accumulate(weights, axis=1) * scale[:, None]
        inner += np.add.accumulate(free, axis=1) * floor_each[:, None]
        inside = np.minimum(target - before, inner[:, -1] * _BELOW_ONE)
        at = self.rows * inner.shape[1] + (inner > inside[:, None]).argmax(axis=1)
        propensity = np.minimum((weights.take(at) * scale + floor_each) / total, 1.0)  # sums round
        drawn = DrawnCandidate(places.take(at), propensity, best)
        return drawn if all_sound else self._anew(drawn, np.flatnonzero(~sound), shares, allowed, uniform)

    def close(self, position: Ints) -> None:
        """Take what each list has been given out of the sums of its group."""
        group = self.candidates.group.take(position)
        places, weights, free = self._members(group, self.candidates.open)
        at = self.rows * self.sums.shape[1] + group
        self.sums.put(at, np.add.accumulate(weights, axis=1)[:, -1])
        self.counts.put(at, np.add.reduce(free, axis=1))
        scores = self.candidates.scores.take(places + self.begin[:, None])
        self.best.put(at, np.where(free > 0, scores, -np.inf).max(axis=1))

    def _members(self, group: Ints, allowed: Bools) -> tuple[Ints, Floats, Floats]:
        """Return the candidates of a group a row, (B, M), their weights, and 1 for those allowed, else 0."""
        members, real = self.candidates.groups.members
        places = members.take(group, axis=0)
        at = places + self.begin[:, None]
        free = (allowed.take(at) & real.take(group, axis=0)).astype(np.float64)
        return places, self.weights.take(at) * free, free

    def _fall(self, shares: Floats) -> tuple[Floats, Floats]:
        """Return what `shares` take from the scores of each group, and the ratio of the weights, (B, D).

        From one step to the next few shares change: only they are looked at.
        """
        if self._last is None:
            fall = shares * self.candidates.log_diversity
            self._last = shares.copy(), fall, self.softmax.weights(fall.copy(), _ZERO)
            return self._last[1:]
        last, fall, ratio = self._last
        if len(at := np.flatnonzero(last != shares)):
            new = shares.take(at)
            last.put(at, new)
            new *= self.candidates.log_diversity
            fall.put(at, new)
            ratio.put(at, self.softmax.weights(new, _ZERO))
        return fall, ratio

    def _allowed_sums(self, shares: Floats, fall: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
        """Return sums and counts by group, (B, D), and the best score, (B,), of what is allowed."""
        candidates = self.candidates
        best = (self.best + fall).max(axis=1)
        if allowed is candidates.open:
            return self.sums, self.counts, best
        some = (allowed != candidates.open).any(axis=1)
        if not some.any():
            return self.sums, self.counts, best
        rows: Ints | slice = slice(None) if some.all() else np.flatnonzero(some)
        sums, counts, may = self.sums.copy(), self.counts.copy(), allowed[rows]
        sums[rows] = candidates.groups.sums(self.weights[rows] * may)
        let_in = (may > candidates.open[rows]).any(axis=1)
        sums[self.rows[rows][let_in]] = 0.0  # what was not open has no weight: such a row is drawn anew
        counts[rows] = candidates.groups.sums(may)
        best[rows] = np.where(may, candidates.scores_after(shares, rows), -np.inf).max(axis=1)
        return sums, counts, best

    def _anew(
        self, drawn: DrawnCandidate, rows: Ints, shares: Floats, allowed: Bools, uniform: Floats
    ) -> DrawnCandidate:
        """Return the draw with some rows drawn from all their scores anew."""
        part = replace(self.candidates, scores=self.candidates.scores[rows], open=allowed[rows])
        units = Odds(self.policy, part).units(shares[rows], allowed[rows])
        drawn.position[rows], drawn.propensity[rows] = drawn_from(units, uniform[rows])
        return drawn


class LoneSoftmaxOdds(SoftmaxOdds):
    """The same for a lone list: the same sums in the same order, on numbers and one-row arrays."""

    def __init__(self, policy: Softmax, candidates: OpenCandidates) -> None:
        self._open, self._scores = candidates.open, candidates.scores[0]
        self._group, self._own_members = candidates.groups.of, candidates.groups.own_members
        super().__init__(policy, candidates)
        self._rest: dict[int, _GroupRest] = {}
        self._sums, self._counts, self._best = self.sums[0], self.counts[0], self.best[0]
        self._log_diversity, self._keep = np.array(candidates.log_diversity), 1.0 - policy.floor
        self._kept = np.array(self._keep)  # a number of Python's would be converted at every use

    def _added_up(self) -> tuple[Floats, Floats]:
        """Return the same; the candidates open at first, group by group, are kept."""
        order, n_groups = self.candidates.groups.order, self.candidates.groups.n_groups
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
        ratio = shares[0] * self._log_diversity  # of the weights, once `weights` has been written over it
        if allowed is self._open:
            sums, counts, scores = self._sums, self._counts, self._best + ratio
        elif np.count_nonzero(allowed > self._open):  # what was not open has no weight here
            return self._as_block(shares, allowed, uniform)
        else:
            may = allowed[0].nonzero()[0]
            group = self._group.take(may)
            sums = np.bincount(group, self._weights.take(may), len(ratio))
            counts = np.bincount(group, minlength=len(ratio)).astype(np.float64)
            scores = ratio.take(group) + self._scores.take(may)
        best = scores.item(scores.argmax())
        self.softmax.weights(ratio, _ZERO)
        running, counted = np.add.accumulate(sums * ratio), np.add.accumulate(counts)
        weight = running.item(-1)
        if not weight > _FAINT:
            return self._as_block(shares, allowed, uniform)
        floor_each = self.softmax.floor * weight / counted.item(-1)
        running *= self._kept
        counted *= floor_each
        running += counted
        total = running.item(-1)
        target = total * uniform
        group_drawn = int(running.searchsorted(target, "right"))
        before = running.item(group_drawn - 1) if group_drawn else 0.0
        rest, scale = self._rest_of(group_drawn, allowed), ratio.item(group_drawn) * self._keep
        at = rest.reached(target - before, scale, floor_each)
        return rest.places[at], min((rest.weights[at] * scale + floor_each) / total, 1.0), best

    def close_one(self, position: int) -> None:
        """Take the candidate at `position`, which the list has been given, out of the sums of its group."""
        group = self._group.item(position)
        rest = self._rest_of(group, self._open)
        if position in rest.places:  # else a rule that gave way has let in another candidate
            rest.take_out(position)
        self._sums[group] = rest.running[-1] if rest.running else 0.0
        self._counts[group] = len(rest.places)
        self._best[group] = max(rest.scores) if rest.scores else -np.inf

    def _rest_of(self, group: int, allowed: Bools) -> _GroupRest:
        """Return what is left of a group: kept and shortened for what is open, made anew for less."""
        if allowed is not self._open:
            members = self._own_members[group]
            places = members.compress(allowed.take(members))
            return _GroupRest.of(places, self._weights.take(places), self._scores.take(places))
        rest = self._rest.get(group)
        if rest is None:
            part = slice(self._ends[group], self._ends[group + 1])
            rest = self._rest[group] = _GroupRest.of(*[each[part] for each in self._at_first])
        return rest

    def _as_block(self, shares: Floats, allowed: Bools, uniform: float) -> tuple[int, float, float]:
        """Draw as a block of one list does: it knows what to do where weights do not suffice."""
        position, propensity, best = super().draw(shares, allowed, np.array([uniform]))
        return position.item(), propensity.item(), best.item()


@dataclass(slots=True, eq=False)
class _GroupRest:
    """What is left of a group: candidates, their weights and scores, and the sums of the weights so far."""

    places: list[int]
    weights: list[float]
    scores: list[float]
    running: list[float]

    @classmethod
    def of(cls, places: Ints, weights: Floats, scores: Floats) -> _GroupRest:
        """Return it of these candidates."""
        each = weights.tolist()
        return cls(places.tolist(), each, scores.tolist(), list(accumulate(each)))

    def take_out(self, place: int) -> None:
        """Take out one of the candidates."""
        at = self.places.index(place)
        del self.places[at], self.weights[at], self.scores[at]
        self.running = list(accumulate(self.weights))

    def reached(self, target: float, scale: float, floor_each: float) -> int:
        """Return the first at which `scale` × weights + `floor_each` each add up to more than `target`."""
        end = len(self.running)
        target = min(target, (self.running[-1] * scale + end * floor_each) * _BELOW_ONE)
        for at, weight in enumerate(self.running, 1):
            if weight * scale + at * floor_each > target:
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
