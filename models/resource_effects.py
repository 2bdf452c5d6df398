"""Which resource teaches: effects of resources as sums, so that a learner can be taken out again.

For a step x (its context) on resource a with surprise r (how much better than forecast the learner then did):

1. r is freed of what the context foretells, e = r - βᵀx, by ridge regression;
2. a step shows what its resource teaches as far as there was something to learn, g, and as surely as the
   attempts after it are many, w: Σ w g e / Σ w g² (in units of the mean of g) tells a resource's effect with
   less noise than the mean of e;
3. these are centred within each skill, as only resources of one skill can stand for each other;
4. they are shrunk by τ² / (τ² + s² / n), averaged over what τ may be in the light of the *covariance of the
   means of two halves of the learners*: noise of one half says nothing of the other, so without a spread
   there is no effect, and it turns itself off; s² comes from the halves' difference, so that it counts
   learners and not rows. Beforehand resources are believed to differ little, as in most courses; the
   intervals allow for courses in which they differ much;
5. what a step brings, against which effects are held, is how much better a second attempt after it goes than
   a first one: a forecast that is off is off for both.

Only sums over rows are kept, by resource and half. See Jackson (2012), "Non-cognitive ability, test scores,
and teacher quality", and Kane and Staiger (2008) for the same estimate of teachers' effects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from segue.models.base import Bools, Floats, Ints

RIDGE = 5.0  # added to the diagonal of A: rows that say "no effect of the context"
MOST_SPREAD = 1.0  # of what a step brings: more than large field studies suggest
KIND_SPREAD = 0.1  # of that, in half a normal law: how much kinds and sources differ
USUAL_SPREAD = 0.25  # the same of resources: what effects are shrunk by
WIDE_SPREAD = 0.7  # the same: what their intervals allow for
STEP = 0.02  # what a step is believed to bring before it is seen: two points of success
STEP_EVIDENCE = 750.0  # steps that this belief weighs as much as
LEAST_TYPICAL = 0.005
GRID = 25  # spreads that are weighed against each other
CLIP = (0.4, 2.5)
Z = 1.96


@dataclass(frozen=True, eq=False)
class EffectSums:
    """Sums over steps; two of them add up.

    Attributes
    ----------
    count, value : arrays of shape (2, R)
        Steps, and Σ w g r, by half of the learners and resource.
    weight, reach, sure : arrays of shape (2, R)
        Σ w g², Σ w g and Σ w.
    rows : array of shape (2, R, d)
        Σ w g x.
    A, b : arrays of shape (d, d) and (d,)
        Σ w xxᵀ and Σ w r x.
    rise : array of shape (2,)
        How many attempts followed another one that followed the step, and Σ of what they went better by.
    """

    count: Floats
    value: Floats
    weight: Floats
    reach: Floats
    sure: Floats
    rows: Floats
    A: Floats
    b: Floats
    rise: Floats

    @classmethod
    def zero(cls, n_resources: int, n_features: int) -> EffectSums:
        """Return the sums of nothing."""
        X, nobody = np.zeros((0, n_features)), np.zeros(0, dtype=np.int64)
        return cls.of(X, np.zeros(0), resource=nobody, half=nobody, n_resources=n_resources)

    @classmethod
    def of(
        cls,
        X: Floats,
        values: Floats,
        *,
        resource: Ints,
        half: Ints,
        n_resources: int,
        room: Floats | None = None,
        certain: Floats | None = None,
        rises: Floats | None = None,
    ) -> EffectSums:
        """Return the sums of steps with contexts X (n, d), surprises (n,), resources and halves (0 or 1).

        `room` (n,) says how much there was to learn in each, g, `certain` (n,) how much its surprise tells, w
        (None: alike), and `rises` (m,) by how much attempts after one more step went better.
        """
        g = np.ones(len(X)) if room is None else room
        w = np.ones(len(X)) if certain is None else certain
        if not all(np.isfinite(numbers).all() for numbers in (X, values, g, w)):
            raise ValueError(
                "X, values, room and certain must be finite, found NaN or infinity: leave those rows out"
            )
        at = half * n_resources + resource
        size = 2 * n_resources
        order = np.argsort(at, kind="stable")
        starts = np.flatnonzero(np.diff(at[order], prepend=-1))
        rows = np.zeros((size, X.shape[1]))
        if len(starts):
            weighed = X[order]
            weighed *= (w * g)[order, None]
            rows[at[order][starts]] = np.add.reduceat(weighed, starts, axis=0)
        count, value, weight, reach, sure = (
            np.bincount(at, each, minlength=size).astype(np.float64).reshape(2, -1)
            for each in (np.ones(len(X)), w * g * values, w * g * g, w * g, w)
        )
        surely = X * w[:, None]
        return cls(
            count,
            value,
            weight,
            reach,
            sure,
            rows.reshape(2, n_resources, -1),
            surely.T @ X,
            surely.T @ values,
            np.zeros(2) if rises is None else np.array([float(len(rises)), float(rises.sum())]),
        )

    def __add__(self, more: EffectSums) -> EffectSums:
        """Return the sums of both."""
        return EffectSums(*(a + b for a, b in zip(self._all, more._all, strict=True)))

    def __sub__(self, gone: EffectSums) -> EffectSums:
        """Return what is left when some learners are taken out: as if they had never been in."""
        return EffectSums(*(a - b for a, b in zip(self._all, gone._all, strict=True)))

    def widened(self, n_resources: int) -> EffectSums:
        """Return the sums for more resources: of the new ones, at the end, there are none yet."""
        more = n_resources - self.count.shape[1]
        count, value, weight, reach, sure = (
            np.pad(sums, ((0, 0), (0, more)))
            for sums in (self.count, self.value, self.weight, self.reach, self.sure)
        )
        rows = np.pad(self.rows, ((0, 0), (0, more), (0, 0)))
        return EffectSums(count, value, weight, reach, sure, rows, self.A, self.b, self.rise)

    @property
    def _all(self) -> tuple[Floats, ...]:
        return tuple(getattr(self, name) for name in _SUMS)

    def to_arrays(self) -> dict[str, Floats]:
        """Return all that `from_arrays` needs, as named arrays; no `sure` where all steps weigh alike."""
        arrays = dict(zip(_SUMS, self._all, strict=True))
        if np.array_equal(self.sure, self.count):  # as models were written before steps were weighed
            del arrays["sure"]
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats]) -> EffectSums:
        """Return the sums that `to_arrays` described."""
        arrays = {"sure": arrays["count"]} | arrays
        return cls(*(arrays[name] for name in _SUMS))


_SUMS = tuple(EffectSums.__dataclass_fields__)


@dataclass(frozen=True, eq=False)
class Groups:
    """Which resources can stand for each other.

    `skills` (R, K) is padded by -1, `weights` are theirs; `kinds` and `sources` (R,) are codes from 0.
    """

    skills: Ints
    weights: Floats
    kinds: Ints
    sources: Ints

    def n_among(self, resources: Bools) -> int:
        """Return how many skills some resources have as their first."""
        return len(np.unique(self.skills[resources, 0]))

    def centre(self, total: Floats, count: Floats) -> Floats:
        """Return what steps on each resource's skills are like, (..., R), from sums (..., R) by resource."""
        n_skills = int(self.skills.max(initial=0)) + 1
        out = np.zeros(total.shape)
        owner, slot = np.nonzero(self.skills >= 0)
        skill, share = self.skills[owner, slot], self.weights[owner, slot]
        flat, flat_count = total.reshape(-1, total.shape[-1]), count.reshape(-1, count.shape[-1])
        for row, (values, numbers) in enumerate(zip(flat, flat_count, strict=True)):
            total_of = np.bincount(skill, share * values[owner], minlength=n_skills)
            number_of = np.bincount(skill, share * numbers[owner], minlength=n_skills)
            of_skill = total_of / np.maximum(number_of, 1e-9)
            out.reshape(flat.shape)[row] = np.bincount(
                owner, share * of_skill[skill], minlength=flat.shape[-1]
            )
        return out


@dataclass(frozen=True, eq=False)
class Effects:
    """What resources teach beside others of their skills, in scores (0 to 1) of the attempts that follow.

    Attributes
    ----------
    mean, std : arrays of shape (R,)
        Each resource's effect, and the root of its expected squared error.
    count : array of shape (R,)
        Steps that each rests on.
    weight : array of shape (R,)
        What these tell, in steps that each had the mean to learn and one attempt after them.
    typical : float
        What a step brings on average, in the chance of success at the skill.
    spread : float
        τ, how much resources differ (root of its posterior mean square).
    noise : float
        s², the variance of a step's surprise where one attempt followed.
    apart : array of shape (R,)
        What the surprise says of each, freed of the context and centred within skills: before any shrinking.
    """

    mean: Floats
    std: Floats
    count: Floats
    weight: Floats
    typical: float
    spread: float
    noise: float
    apart: Floats

    @cached_property
    def quality(self) -> Floats:
        """How well each teaches beside others: log(1 + effect / typical), within log .4 and log 2.5."""
        return np.asarray(np.log(np.clip(1.0 + self.mean / self.typical, *CLIP)))

    @property
    def low(self) -> Floats:
        """Lower end of the 95 % interval of each effect."""
        return self.mean - Z * self.std

    @property
    def high(self) -> Floats:
        """Upper end of the 95 % interval of each effect."""
        return self.mean + Z * self.std

    @property
    def told(self) -> Bools:
        """Where the interval leaves 0 out: elsewhere it cannot be told yet."""
        return np.asarray((self.low > 0.0) | (self.high < 0.0))

    def harmful(self, rate: float = 0.05) -> Bools:
        """Return which resources leave learners worse off than no step, at most `rate` of them wrongly.

        Named are those with the smallest posterior chance of doing good, as many as keep the mean of these
        chances within `rate` (the local false discovery rate, Efron 2010).
        """
        out = np.zeros(len(self.mean), dtype=np.bool_)
        seen = np.flatnonzero((self.count > 0) & (self.std > 0))
        good = ndtr((self.mean[seen] + self.typical) / self.std[seen])
        order = np.argsort(good)
        running = np.cumsum(good[order]) / np.arange(1, len(order) + 1)
        out[seen[order[: int((running <= rate).sum())]]] = True
        return out


def estimate(sums: EffectSums, groups: Groups) -> Effects:
    """Return the effects of all resources; those without steps get what kind and source suggest."""
    count = sums.count.sum(axis=0)
    unit = float(sums.reach.sum()) / max(float(sums.sure.sum()), 1.0) or 1.0  # what a step has to teach
    beta = np.linalg.solve(sums.A + RIDGE * np.eye(len(sums.b)), sums.b)
    surprise, weights = (sums.value - sums.rows @ beta) / unit, sums.weight / unit**2
    weight = weights.sum(axis=0)
    half_means = _means(surprise, weights, groups)
    means = _means(surprise.sum(axis=0), weight, groups)
    in_both = np.logical_and(weights[0] > 0, weights[1] > 0)
    shared = np.where(in_both, weights[0] * weights[1] / np.maximum(weight, 1e-9), 0.0)
    n_free = int(in_both.sum()) - groups.n_among(in_both)  # centring within skills takes one a skill
    noise = float((shared * (half_means[0] - half_means[1]) ** 2).sum() / max(n_free, 1))
    typical = (sums.rise[1] + STEP_EVIDENCE * STEP) / (sums.rise[0] + STEP_EVIDENCE)
    typical = max(float(typical), LEAST_TYPICAL)
    spreads = np.linspace(0.0, MOST_SPREAD * typical, GRID)
    prior, prior_variance = np.zeros(len(means)), np.zeros(len(means))
    for group in (groups.kinds, groups.sources):
        of_group, variance = _group_effects(means - prior, weight, group, noise, spreads)
        prior, prior_variance = prior + of_group[group], prior_variance + variance[group]
    fit = _log_likelihood(spreads, half_means - prior, weights, noise, free=n_free, in_both=in_both)
    usual = _chances(fit, spreads, USUAL_SPREAD)
    wide = _chances(fit, spreads, WIDE_SPREAD)
    error = noise / np.maximum(weight, 1e-9) + 1e-12
    shares = spreads[:, None] ** 2 / (spreads[:, None] ** 2 + error) * (count > 0)
    share, apart = usual @ shares, means - prior
    variances = spreads[:, None] ** 2 * (1.0 - shares) + (1.0 - shares) ** 2 * prior_variance
    std = np.sqrt(wide @ (variances + ((shares - share) * apart) ** 2))
    spread = float(np.sqrt(wide @ spreads**2))
    return Effects(prior + share * apart, std, count, weight, typical, spread, noise, means)


def _log_likelihood(
    spreads: Floats, half_means: Floats, weights: Floats, noise: float, *, free: int, in_both: Bools
) -> Floats:
    """Return the log-likelihood of each spread τ that resources may have, (G,).

    A resource's means in two halves of the learners share its effect and nothing else, so their covariance is
    τ²; how well it is known is a matter of the noise and of how many resources are free to differ.
    """
    if free < 1:
        return np.zeros(len(spreads))
    n = weights[:, in_both]
    weight = n[0] * n[1] / n.sum(axis=0)
    one, two = half_means[:, in_both]
    covariance = float((weight * one * two).sum() / weight.sum()) * int(in_both.sum()) / free
    one, two = (spreads[:, None] ** 2 + noise / part for part in n)
    square = ((one * two + spreads[:, None] ** 4) * weight**2).sum(axis=1) / weight.sum() ** 2
    variance = square * int(in_both.sum()) / free
    return np.asarray(-0.5 * (covariance - spreads**2) ** 2 / variance - 0.5 * np.log(variance))


def _chances(log_likelihood: Floats, spreads: Floats, usual: float) -> Floats:
    """Return the chance of each spread: its likelihood times half a normal law of `usual`, a share of the
    largest spread."""
    log = log_likelihood - 0.5 * (spreads / (usual * spreads[-1])) ** 2
    chance = np.exp(log - log.max())
    return np.asarray(chance / chance.sum())


def _means(total: Floats, count: Floats, groups: Groups) -> Floats:
    """Return the means by resource, centred within skills; 0 where there is nothing."""
    mean = total / np.maximum(count, 1e-9) - groups.centre(total, count)
    return np.asarray(np.where(count > 0, mean, 0.0))


def _group_effects(
    means: Floats, count: Floats, groups: Ints, noise: float, spreads: Floats
) -> tuple[Floats, Floats]:
    """Return the effect of each group (n_groups,), shrunk by how much groups differ, and its variance.

    The means of groups follow a normal law of spread τ and their own error; each of `spreads` is as likely as
    it makes them.
    """
    n_groups = int(groups.max(initial=0)) + 1
    number = np.bincount(groups, count, minlength=n_groups)
    mean = np.bincount(groups, count * means, minlength=n_groups) / np.maximum(number, 1e-9)
    seen = number > 0
    if seen.sum() < 2:
        return np.zeros(n_groups), np.zeros(n_groups)
    error = noise / np.maximum(number, 1e-9) + 1e-12
    square = spreads[:, None] ** 2
    fit = -0.5 * (mean**2 / (square + error) + np.log(square + error))[:, seen].sum(axis=1)
    chance = _chances(fit, spreads, KIND_SPREAD)
    shares = square / (square + error) * seen
    share = chance @ shares
    return share * mean, chance @ (square * (1.0 - shares) + ((shares - share) * mean) ** 2)
