"""Is the answer as near to the truth, and its interval as honest, as with Open Bandit Pipeline?

    python benchmarks/open_bandit_pipeline.py [--rounds 1000] [--logs 100] [--bootstraps 1000]

Logs of its own simulator, with known truth. On the same rounds: what `segue evaluate --qhat` quotes beside
what Open Bandit Pipeline's documentation estimates; squared errors and widths as multiples of Segue's,
coverage of 95 % intervals, CPU. It is no dependency: `pip install --ignore-requires-python obp==0.5.7` in an
environment of its own, with `PYTHONPATH=src`. Without it this says so and ends.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, Ridge

from segue.experiments.evaluation.estimators.single_step import Floats
from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.more_estimates import with_predictions

WORLDS = (
    (10, "binary", "logistic", -2.0),
    (10, "binary", "logistic", 4.0),
    (10, "continuous", "linear", 0.5),
    (10, "continuous", "linear", 4.0),
    (10, "continuous", "polynomial", -2.0),
    (100, "binary", "logistic", -2.0),
    (100, "continuous", "linear", -2.0),
)
SHARPNESS, MIXED = 2.0, 0.1  # of the target: softmax of the rewards expected, and some of everything
MANY = 100_000  # contexts the truth is an average over


@dataclass(frozen=True)
class Answer:
    """An estimate, its interval, and the seconds of CPU that both took."""

    value: float
    low: float
    high: float
    seconds: float


class World:
    """A world of Open Bandit Pipeline's simulator, and a target policy."""

    def __init__(self, n_actions: int, rewards: str, shape: str, beta: float) -> None:
        dataset = import_module("obp.dataset")
        self.rewards, self.n_actions, self._beta = rewards, n_actions, beta
        self._made = dataset.SyntheticBanditDataset(
            n_actions=n_actions,
            dim_context=5,
            reward_type=rewards,
            reward_function=getattr(dataset, f"{shape}_reward_function"),
            behavior_policy_function=dataset.linear_behavior_policy,
            beta=beta,
            random_state=12345,
        )
        contexts = np.array_split(np.random.default_rng(0).normal(size=(MANY, 5)), 20)
        self.truth = (
            sum(float((self._made.calc_expected_reward(x) * self.target(x)).sum()) for x in contexts) / MANY
        )

    def target(self, contexts: Floats) -> Floats:
        """Return the target's probabilities, (n, K)."""
        expected = self._made.calc_expected_reward(contexts)
        apart = expected - expected.mean(axis=1, keepdims=True)
        likely = softmax(SHARPNESS * apart / (expected.std(axis=1, keepdims=True) + 1e-6), axis=1)
        return np.asarray((1 - MIXED) * likely + MIXED / self.n_actions)

    def draw(self, n: int, seed: int) -> Log:
        """Return a log; the simulator's own share their random numbers with one another."""
        rng, made = np.random.default_rng([seed, n]), self._made
        made.random_ = np.random.RandomState(int(rng.integers(2**31)))
        contexts = rng.normal(size=(n, 5))
        scores = made.behavior_policy_function(contexts, made.action_context, random_state=made.random_state)
        logging = softmax(self._beta * scores, axis=1)
        action = (np.cumsum(logging, axis=1)[:, :-1] < rng.random((n, 1))).sum(axis=1)
        reward = made.sample_reward_given_expected_reward(made.calc_expected_reward(contexts), action)
        policy, rows = self.target(contexts), np.arange(n)
        return Log(
            reward.astype(float),
            logging[rows, action],
            policy[rows, action],
            action=action,
            policy=policy,
            actions=tuple(map(str, range(self.n_actions))),
            contexts=contexts,
        )


def segue(log: Log) -> dict[str, Answer]:
    """Return what Segue quotes with predictions of its own; nothing where it gives no answer."""
    start = time.process_time()
    result = evaluate(with_predictions(log, rng=np.random.default_rng(0)))
    taken, quoted = time.process_time() - start, result.headline
    if result.verdict == "not enough evidence":
        return {}
    return {"Segue": Answer(quoted.value, quoted.low, quoted.high, taken)}


def peers(log: Log, binary: bool, bootstraps: int) -> dict[str, Answer]:
    """Return what Open Bandit Pipeline estimates on the same rounds, with its own predictions."""
    assert log.policy is not None
    ope = import_module("obp.ope")
    start = time.process_time()
    model = LogisticRegression(max_iter=1000) if binary else Ridge()
    regression = ope.RegressionModel(n_actions=log.policy.shape[1], base_model=model)
    seen = {"action": log.action, "reward": log.reward}
    predicted = regression.fit_predict(context=log.contexts, n_folds=5, random_state=0, **seen)
    fitted = time.process_time() - start
    given = seen | {"pscore": log.propensity, "action_dist": log.policy[:, :, None]}
    more = {"estimated_rewards_by_reg_model": predicted}
    how = {"alpha": 0.05, "n_bootstrap_samples": bootstraps, "random_state": 0}
    out = {}

    def add(name: str, estimator: Any, given: dict[str, Any], spent: float) -> None:
        start = time.process_time()
        value, found = estimator.estimate_policy_value(**given), estimator.estimate_interval(**given, **how)
        ends = found["95.0% CI (lower)"], found["95.0% CI (upper)"]
        out[name] = Answer(value, *ends, spent + time.process_time() - start)

    add("IPS", ope.InverseProbabilityWeighting(), given, 0.0)
    add("SNIPS", ope.SelfNormalizedInverseProbabilityWeighting(), given, 0.0)
    add("DR", ope.DoublyRobust(), given | more, fitted)
    add("SNDR", ope.SelfNormalizedDoublyRobust(), given | more, fitted)
    grid = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, float("inf")]
    add("DR, tuned", ope.DoublyRobustTuning(lambdas=grid), given | more, fitted)
    add("DRos, tuned", ope.DoublyRobustWithShrinkageTuning(lambdas=grid), given | more, fitted)
    return out


def main(rounds: int = 1000, logs: int = 100, bootstraps: int = 1000) -> None:
    """Print a row a world and estimator."""
    try:
        version = import_module("obp").__version__
    except ImportError as error:
        print(f"skipped: Open Bandit Pipeline cannot be imported ({error})")
        return
    print(f"obp {version}, {rounds:,} rounds, {logs} logs: error and width as multiples of Segue's")
    for n_actions, rewards, shape, beta in WORLDS:
        world = World(n_actions, rewards, shape, beta)
        found: dict[str, list[Answer]] = defaultdict(list)
        for seed in range(logs):
            log = world.draw(rounds, seed)
            own = segue(log)
            for name, answer in (own | peers(log, rewards == "binary", bootstraps) if own else {}).items():
                found[name].append(answer)
        refused = logs - len(found["Segue"])
        print(f"{n_actions} actions, {rewards}, {shape}, beta {beta:g}: no answer to {refused}")
        _print(found, world.truth)


def _print(found: dict[str, list[Answer]], truth: float) -> None:
    def of(name: str, figure: Callable[[Answer], float], mean: Callable[[Any], Any] = np.mean) -> float:
        return float(mean([figure(answer) for answer in found[name]]))

    def error(name: str) -> float:
        return of(name, lambda a: (a.value - truth) ** 2)

    def width(name: str) -> float:
        return of(name, lambda a: a.high - a.low, np.median)

    for name in found:
        covers, spent = of(name, lambda a: a.low <= truth <= a.high), of(name, lambda a: a.seconds)
        ratios = f"error {error(name) / error('Segue'):6.2f}  width {width(name) / width('Segue'):5.2f}"
        print(f"    {name:12s} {ratios}  covers {covers:6.1%}  {1e3 * spent:7.1f} ms", flush=True)


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
