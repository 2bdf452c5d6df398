"""Logs that trouble intervals, each with its truth: few rewarded heavy rounds, whole classes in one arm …"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from segue.experiments.evaluation.estimators.single_step import Floats, Ints
from segue.experiments.evaluation.logs.logged_data import Log


@dataclass(frozen=True)
class Drawn:
    """One log, the value of its target policy, and that of the policy that logged."""

    log: Log
    truth: float
    logged_truth: float


Draw = Callable[[np.random.Generator], Drawn]


def epsilon_greedy(
    n: int,
    *,
    epsilon: float = 0.2,
    actions: int = 5,
    rate: float = 0.06,
    agree: float = 0.5,
    scale: float = 1.0,
) -> Draw:
    """Return logs of an epsilon-greedy policy whose target agrees with its favourite in a share of rounds.

    All actions are alike, so that every value is `rate` times `scale`.
    """

    def draw(rng: np.random.Generator) -> Drawn:
        favourite = rng.integers(actions, size=n)
        target = np.where(rng.random(n) < agree, favourite, (favourite + 1) % actions)
        action = np.where(rng.random(n) < epsilon, rng.integers(actions, size=n), favourite)
        chance = epsilon / actions + (1 - epsilon) * (action == favourite)
        reward = scale * (rng.random(n) < rate)
        log = Log(reward, chance, (action == target).astype(float))
        return Drawn(log, rate * scale, rate * scale)

    return draw


def uniform_many(n: int, *, actions: int = 1000, wanted: int = 1, rate: float = 0.3) -> Draw:
    """Return uniform logs over many actions, of which the target spreads over `wanted`; with whole tables."""

    def draw(rng: np.random.Generator) -> Drawn:
        action = rng.integers(actions, size=n)
        policy = np.broadcast_to((np.arange(actions) < wanted) / wanted, (n, actions))
        target = (action < wanted) / wanted
        better = np.where(action < wanted, rate * 1.2, rate)
        reward = (rng.random(n) < better).astype(float)
        log = Log(reward, np.full(n, 1 / actions), target, action=action, policy=policy)
        return Drawn(log, rate * 1.2, rate * (1 + 0.2 * wanted / actions))

    return draw


def classes(
    number: int,
    *,
    size: int = 50,
    spread: float = 0.6,
    uneven: bool = False,
    whole: bool = False,
    skewed: bool = False,
) -> Draw:
    """Return logs of classes whose levels differ; `whole`: every class is in one arm, else learners are.

    `skewed`: levels follow an exponential law, a normal one otherwise.
    """

    def draw(rng: np.random.Generator) -> Drawn:
        sizes = size * (1 + rng.integers(4, size=number)) // 2 if uneven else np.full(number, size)
        cluster: Ints = np.repeat(np.arange(number), sizes)
        own = spread * (rng.exponential(1.0, number) - 1) if skewed else rng.normal(0.0, spread, number)
        level = own[cluster]
        arm = rng.integers(2, size=number)[cluster] if whole else rng.integers(2, size=len(cluster))
        reward = level + 0.2 * arm + rng.normal(0.0, 1.0, len(cluster))
        log = Log(reward, np.full(len(cluster), 0.5), (arm == 1).astype(float), cluster=cluster)
        return Drawn(log, 0.2, 0.1)

    return draw


def heavy_tails(n: int, *, law: Callable[[np.random.Generator, int], Floats], mean: float) -> Draw:
    """Return logs of two arms whose rewards have no range."""

    def draw(rng: np.random.Generator) -> Drawn:
        arm = rng.integers(2, size=n)
        return Drawn(Log(law(rng, n), np.full(n, 0.5), (arm == 1).astype(float)), mean, mean)

    return draw


def scores(n: int, *, unit: float = 100.0) -> Draw:
    """Return logs of graded scores from 0 to `unit` under uneven weights."""

    def draw(rng: np.random.Generator) -> Drawn:
        p = np.array([0.7, 0.2, 0.1])
        target = np.array([0.1, 0.2, 0.7])
        mean = np.array([0.5, 0.6, 0.7])
        action = rng.choice(3, size=n, p=p)
        reward = unit * rng.beta(3 * mean[action], 3 * (1 - mean[action]))
        return Drawn(
            Log(reward, p[action], target[action]), unit * float(target @ mean), unit * float(p @ mean)
        )

    return draw


def uneven_tails(n: int, *, sigma: float = 1.5, share: float = 0.1) -> Draw:
    """Return logs of lognormal rewards whose arms were drawn unevenly; the other arm's are normal."""

    def draw(rng: np.random.Generator) -> Drawn:
        arm = rng.random(n) < share
        propensity, mean = np.where(arm, share, 1 - share), float(np.exp(sigma**2 / 2))
        reward = np.where(arm, rng.lognormal(0, sigma, n), rng.normal(mean, 1.0, n))
        return Drawn(Log(reward, propensity, np.where(arm, 0.6, 0.4)), mean, mean)

    return draw


def _lognormal(sigma: float, n: int = 1_000) -> Draw:
    return heavy_tails(n, law=lambda rng, n: rng.lognormal(0, sigma, n), mean=float(np.exp(sigma**2 / 2)))


def _pareto(index: float) -> Draw:
    return heavy_tails(1_000, law=lambda rng, n: rng.pareto(index, n), mean=1 / (index - 1))


def _mostly_nothing(rng: np.random.Generator, n: int) -> Floats:
    """Return minutes of which four in five are 0."""
    return (rng.random(n) < 0.2) * rng.lognormal(0, 1.0, n)


AWKWARD: Mapping[str, Draw] = {
    "ε-greedy, 6 % rewards, 1,000": epsilon_greedy(1_000),
    "the same, 2,000": epsilon_greedy(2_000),
    "the same, 5,000": epsilon_greedy(5_000),
    "the same, in units of 100": epsilon_greedy(5_000, scale=100.0),
    "ε .1, 3 actions, 20 %": epsilon_greedy(1_000, epsilon=0.1, actions=3, rate=0.2),
    "two weights, rare heavy": epsilon_greedy(3_000, epsilon=0.1, actions=2, rate=0.1, agree=0.9),
    "1,000 actions, one wanted": uniform_many(30_000),
    "1,000 actions, 300 wanted": uniform_many(2_000, wanted=300),
    "6 classes": classes(6),
    "12 classes": classes(12),
    "20 classes, uneven": classes(20, uneven=True),
    "16 whole classes in an arm": classes(16, whole=True),
    "30 whole classes, uneven": classes(30, whole=True, uneven=True),
    "12 classes, exponential": classes(12, skewed=True),
    "24 whole classes, exponential": classes(24, spread=1.0, whole=True, skewed=True),
    "40 whole classes, exponential": classes(40, spread=1.0, whole=True, skewed=True),
    "lognormal 1, no range": _lognormal(1.0),
    "lognormal 1.5, no range": _lognormal(1.5),
    "lognormal 2, no range": _lognormal(2.0),
    "lognormal 2, 5,000 rounds": _lognormal(2.0, 5_000),
    "lognormal 2.5, no range": _lognormal(2.5),
    "Pareto 2.5, no range": _pareto(2.5),
    "Pareto 1.5, no range": _pareto(1.5),
    "t 3, no range": heavy_tails(1_000, law=lambda rng, n: rng.standard_t(3, n), mean=0.0),
    "four in five 0, lognormal 1": heavy_tails(2_000, law=_mostly_nothing, mean=0.2 * float(np.exp(0.5))),
    "lognormal 1.5 in a rare arm": uneven_tails(2_000),
    "scores 0 to 100": scores(1_000),
}
