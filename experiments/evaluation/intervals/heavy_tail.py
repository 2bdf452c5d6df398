"""What a log cannot have seen yet of rewards whose tail is heavy.

The few largest rewards carry the mean then, a log has too few of them more often than not, and no figure of
the rewards seen, neither their variance nor their skewness, knows of those above. What it has many of are
rewards in the upper fifth. Their excesses over its threshold follow a generalised Pareto law (Pickands 1975),
whose index k says how heavy the tail is: 0 for an exponential one, from 1/2 on the variance is infinite, from
1 on the mean. Each end is therefore taken a second time, from the rewards with every excess replaced by the
law's mean excess, s / (1 - k), and reaches as far as its profile likelihood allows (Coles 2001, 2.6.6;
Johansson 2003); the farther of both is the end. Where tails are light that is the first one. A stated range
cuts the law off; one that lies far beyond the rewards seen tells as little as none.

Where the index lies above 1 and no range is stated there is no mean to speak of, and no answer. One may not
refuse from a lower one: logs that chanced to miss the largest rewards show the lightest tails, and what is
left would cover less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot, inf, isfinite, sqrt

import numpy as np
from scipy import special, stats

from segue.experiments.evaluation.estimators.difference import Difference
from segue.experiments.evaluation.estimators.single_step import (
    Floats,
    Ints,
    Linearised,
    Rounds,
    self_normalised_doubly_robust,
    snips,
)
from segue.experiments.evaluation.intervals.closed_form import Bounds, Interval, normal

SHARE = 0.2  # of all weight lies in the tail
FEWEST, MOST = 10.0, 1000.0  # effective rounds in it
ENOUGH = 100.0  # fewer reach as far as these: they could not tell a light tail from a heavy one
HEAVIEST = 0.9  # index up to which an end reaches: at 1 every mean is possible
NO_MEAN = 1.0
RATES = np.exp(np.linspace(-5.0, 8.0, 105))  # k / s, in units of the inverse mean excess


@dataclass(frozen=True)
class TailFit:
    """A generalised Pareto law of excesses: index, mean excess, and the largest mean the log allows.

    `surely_without_mean`: the index lies more than its standard error, (1 + k) / sqrt(n), above 1.
    """

    index: float
    mean: float
    largest: float
    surely_without_mean: bool


@dataclass(frozen=True)
class Tail:
    """The tail of some rewards on the side where a mean of theirs may be missing something.

    Attributes
    ----------
    change : (n,)
        What replaces each reward beyond the threshold by the threshold and the mean excess, less the reward.
    room : float
        How much farther the mean of all could be than after that change.
    without_mean : bool
    """

    change: Floats
    room: float
    without_mean: bool


def fit_tail(excess: Floats, weight: Floats, *, alpha: float, limit: float = inf) -> TailFit | None:
    """Return the law of some excesses above 0, none beyond `limit`; None where their tail is light (k <= 0).

    `largest` is a bound by profile likelihood that errs with probability `alpha`, for indices up to
    `HEAVIEST`. With r = k / s and S the mean of log(1 + r excess), the log-likelihood a round is
    log r - S - log k - S / k: what it allows at each r is an interval of k in closed form.

    >>> draws = 1 / (1 - (np.arange(1000) + 0.5) / 1000) ** 0.4 - 1  # k = .4, s = .4
    >>> found = fit_tail(draws, np.ones(1000), alpha=0.05)
    >>> round(found.index, 2), round(found.mean, 2), round(found.largest, 2)
    (0.41, 0.67, 0.74)
    """
    total = float(weight.sum())
    mean = float(weight @ excess) / total
    rate = RATES / mean
    log_sum = np.log1p(rate[:, None] * excess) @ weight / total
    likelihood = np.log(rate) - log_sum - np.log(log_sum) - 1.0
    best = int(likelihood.argmax())
    if best == 0:
        return None
    size = total**2 / float(weight @ weight)
    room = float(stats.norm.isf(alpha)) ** 2 / (2 * max(size, ENOUGH))
    floor = np.log(rate) - log_sum - likelihood[best] + room  # log k + S / k must not lie above
    inner = -log_sum * np.exp(-floor)
    there = inner > -np.exp(-1.0)
    highest = np.minimum(log_sum[there] / -special.lambertw(inner[there], 0).real, HEAVIEST)
    lowest = log_sum[there] / -special.lambertw(inner[there], -1).real
    possible = highest >= lowest
    mean = float(_mean_excess(np.minimum(log_sum[best], HEAVIEST), rate[best], limit))
    means = _mean_excess(highest[possible], rate[there][possible], limit)
    found = float(log_sum[best])
    sure = found - NO_MEAN > (1 + found) / sqrt(size)
    return TailFit(found, mean, max(mean, float(means.max(initial=0.0))), sure)


def _mean_excess(index: Floats, rate: Floats, limit: float) -> Floats:
    """Return the mean of excesses of index k below 1 and rate k / s, where none can lie beyond `limit`."""
    return np.asarray(index / (rate * (1 - index)) * (1 - (1 + rate * limit) ** (1 - 1 / index)))


def upper_tail(weight: Floats, value: Floats, *, alpha: float, most: float = inf) -> Tail | None:
    """Return the upper tail of values under some weights (n,), None where it is light or there are too few.

    No value can lie above `most`.
    `room` is of the mean of weight × value; it errs with probability `alpha`.
    """
    total = float(weight.sum())
    rounds = total**2 / float(weight @ weight) if total else 0.0
    if rounds < 2 * FEWEST:
        return None
    share = min(max(SHARE, FEWEST / rounds), MOST / rounds)
    order = _largest_first(weight, value, share)
    last = min(int(np.searchsorted(np.cumsum(weight[order]), share * total)), len(order) - 1)
    threshold = float(value[order[last]])
    beyond = order[:last]
    beyond = beyond[value[beyond] > threshold]
    own = weight[beyond]
    if not len(beyond) or float(own.sum()) ** 2 < FEWEST / 2 * float(own @ own):
        return None
    found = fit_tail(value[beyond] - threshold, own, alpha=alpha, limit=most - threshold)
    if found is None:
        return None
    change = np.zeros(len(weight))
    change[beyond] = threshold + found.mean - value[beyond]
    return Tail(
        change, float(own.sum()) / len(weight) * (found.largest - found.mean), found.surely_without_mean
    )


def _largest_first(weight: Floats, value: Floats, share: float) -> Ints:
    """Return the rounds of positive weight by falling value: those with `share` of all weight, or all."""
    some = np.flatnonzero(weight)
    most = int(2 * share * len(some)) + 1  # for a thousand of a million it is sorting that takes the time
    if most < len(some):
        top = some[np.argpartition(-value[some], most)[:most]]
        some = top if weight[top].sum() > share * weight.sum() else some
    return np.asarray(some[np.argsort(-value[some], kind="stable")])


def tail_towards(
    sign: float, rounds: Rounds, against: Rounds | None, *, bounds: Bounds, alpha: float
) -> Tail | None:
    """Return the tail that may move a value, or its difference to another policy's, up (1) or down (-1).

    Rewards that count for the difference move it up by their upper tail, those that count against it by their
    lower one.
    """
    part = rounds.weight / float(rounds.weight.mean())
    if against is not None:
        part = part - against.weight / float(against.weight.mean())
    predicted = np.zeros(1) if rounds.q_logged is None else rounds.q_logged
    value = sign * (rounds.reward - predicted)
    ends = sorted((sign * (bounds.low - predicted.max()), sign * (bounds.high - predicted.min())))
    up = upper_tail(np.maximum(part, 0.0), value, alpha=alpha, most=ends[1])
    down = upper_tail(np.maximum(-part, 0.0), -value, alpha=alpha, most=-ends[0])
    if up is None or down is None:
        one = up or down
        return one and replace(one, change=one.change * (sign if up else -sign))
    return Tail(
        sign * (up.change - down.change), hypot(up.room, down.room), up.without_mean or down.without_mean
    )


def with_tails(
    interval: Interval,
    rounds: Rounds,
    against: Rounds | None = None,
    *,
    bounds: Bounds,
    cluster: Ints | None = None,
    level: float = 0.95,
) -> Interval:
    """Return the interval of a value, or of its difference to another policy's, as far as tails may reach."""
    if bool(((rounds.reward == bounds.low) | (rounds.reward == bounds.high)).all()):
        return interval  # two values have no tail
    ends = []
    for sign, end in ((-1.0, interval.low), (1.0, interval.high)):
        tail = tail_towards(sign, rounds, against, bounds=bounds, alpha=1 - level)
        if tail is None:
            ends.append(end)
            continue
        own = _estimate(rounds, tail.change)
        estimate = own if against is None else Difference(own, _estimate(against, tail.change))
        half = normal(estimate, cluster=cluster, level=level).width / 2
        reached = estimate.value + sign * hypot(half, tail.room)
        ends.append(reached if sign * reached > sign * end else end)
    return replace(interval, low=ends[0], high=ends[1])


def without_mean(rounds: Rounds, against: Rounds | None = None, *, bounds: Bounds) -> str:
    """Return why rewards without a range tell no mean, or an empty string."""
    if isfinite(bounds.low) and isfinite(bounds.high):
        return ""
    plain = rounds.without_predictions()
    tails = [tail_towards(sign, plain, against, bounds=bounds, alpha=0.05) for sign in (-1.0, 1.0)]
    if not any(tail.without_mean for tail in tails if tail is not None):
        return ""
    return (
        "rewards have so heavy a tail that they may have no mean (the index of its Pareto law is above "
        f"{NO_MEAN:g}): the largest ones, which nobody saw yet, decide; state a range if there is one"
    )


def _estimate(rounds: Rounds, change: Floats) -> Linearised:
    """Return the self-normalised estimate of rounds with other rewards."""
    changed = replace(rounds, reward=rounds.reward + change)
    return snips(changed) if rounds.q_target is None else self_normalised_doubly_robust(changed)
