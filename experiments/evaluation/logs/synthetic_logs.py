"""Logs of a world whose truth is known: to check that intervals cover and estimators hit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

from segue.experiments.evaluation.estimators.single_step import Floats, Ints
from segue.experiments.evaluation.logs.logged_data import Log

BISECTIONS = 60


@dataclass(frozen=True)
class LogWorld:
    """M equally likely contexts, K actions; a reward is 0 or 1, or graded between.

    Attributes
    ----------
    logging, target : (M, K)
        Probabilities of each action under the two policies.
    reward : (M, K)
        Mean reward.
    prediction : (M, K)
        A prediction of it, as wrong as models are.
    group : (M,) of int
        Group of each context.
    grades : float or None
        Rewards follow a Beta law around their mean, the closer the larger this is; None: they are 0 or 1.
    """

    logging: Floats
    target: Floats
    reward: Floats
    prediction: Floats
    group: Ints
    grades: float | None = None

    @property
    def truth(self) -> float:
        """Value of the target policy."""
        return float((self.target * self.reward).sum(axis=1).mean())

    @property
    def logged_truth(self) -> float:
        """Value of the logging policy."""
        return float((self.logging * self.reward).sum(axis=1).mean())

    @property
    def ess_fraction(self) -> float:
        """Effective share of a long log, 1 / E[w²]."""
        return float(1 / (self.target**2 / self.logging).sum(axis=1).mean())

    def group_truths(self) -> Floats:
        """Return the value of the target policy in each group."""
        values = (self.target * self.reward).sum(axis=1)
        return np.bincount(self.group, weights=values) / np.bincount(self.group)

    def draw(self, n: int, rng: np.random.Generator, *, cluster_size: int = 1) -> Log:
        """Return a log of n rounds; rounds of one cluster share their context, so their rewards agree."""
        n_clusters = -(-n // cluster_size)
        context = np.repeat(rng.integers(len(self.logging), size=n_clusters), cluster_size)[:n]
        edges = np.cumsum(self.logging, axis=1)[context]
        action = (edges[:, :-1] < rng.random((n, 1))).sum(axis=1)
        return Log(
            reward=self._rewards(self.reward[context, action], rng),
            propensity=self.logging[context, action],
            target=self.target[context, action],
            action=action,
            policy=self.target[context],
            prediction=self.prediction[context],
            actions=tuple(map(str, range(self.logging.shape[1]))),
            cluster=np.arange(n) // cluster_size if cluster_size > 1 else None,
            group=np.char.add("g", self.group[context].astype(str)).astype(object),
        )

    def _rewards(self, mean: Floats, rng: np.random.Generator) -> Floats:
        """Return rewards of these means, (n,)."""
        if self.grades is None:
            return (rng.random(len(mean)) < mean).astype(np.float64)
        return rng.beta(self.grades * mean, self.grades * (1 - mean))


def make_world(
    *,
    ess_fraction: float,
    reward_rate: float,
    rng: np.random.Generator,
    n_contexts: int = 2048,
    n_actions: int = 10,
    n_groups: int = 4,
    lean: float = 0.4,
    blunder: float = 0.3,
) -> LogWorld:
    """Return a world where the log's effective share is `ess_fraction` and rewards come at about a rate.

    Both policies are softmax over preferences of their own, sharpened together until the weights are as
    uneven as asked. Rewards lean towards what the target prefers (`lean` logits; below 0: away from it), and
    predictions err by `blunder` logits.

    >>> world = make_world(ess_fraction=0.1, reward_rate=0.3, rng=np.random.default_rng(0))
    >>> round(world.ess_fraction, 6)
    0.1
    """
    taste, other, noise, error = rng.normal(size=(4, n_contexts, n_actions))
    blunt, sharp = 0.0, 20.0
    for _ in range(BISECTIONS):
        middle = (blunt + sharp) / 2
        logging, target = softmax(middle * taste, axis=1), softmax(middle * other, axis=1)
        even = 1 / (target**2 / logging).sum(axis=1).mean() > ess_fraction
        blunt, sharp = (middle, sharp) if even else (blunt, middle)
    logit = np.log(reward_rate / (1 - reward_rate)) + lean * other + 0.4 * noise
    prediction = expit(logit + blunder * error - 0.2)
    group = np.arange(n_contexts) % n_groups
    return LogWorld(logging, target, expit(logit), prediction, group)
