"""How fast does the reward model learn? Single and batched updates at d = 24, beside bounds of the same run.

Run: OMP_NUM_THREADS=1 python benchmarks/reward_model.py [--quick]

The bound of an update is the sum it cannot do without, A += x xᵀ in numpy; that of a batch is one product XᵀX
by the machine's own BLAS. "Valid" asks for the posterior after each single update: one factorisation more.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from segue.models.bayesian_linear import BayesianLinear

D = 24


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """Return the least processor time of some rounds."""
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def singles(X: np.ndarray, rewards: np.ndarray, *, read: bool) -> None:
    """Learn rows one by one; with `read`, ask for the posterior mean after each."""
    model = BayesianLinear(D)
    for x, reward in zip(X, rewards.tolist(), strict=True):
        model.update(x, reward)
        if read:
            assert model.mean.shape == (D,)


def sums(X: np.ndarray) -> None:
    """Add up the outer products of the rows one by one."""
    A = np.zeros((D, D))
    for x in X:
        A += x[:, None] * x


def main(*, quick: bool = False) -> None:
    """Measure and print."""
    share = 10 if quick else 1
    rng = np.random.default_rng(0)
    X, rewards = rng.normal(size=(1_000_000 // share, D)), rng.normal(size=1_000_000 // share)
    few = slice(50_000 // share)
    bound = seconds(lambda: sums(X[few]))
    for name, read in (("single updates", False), ("single updates, posterior read after each", True)):
        spent = seconds(lambda read=read: singles(X[few], rewards[few], read=read))
        rate, ratio = len(X[few]) / spent, spent / bound
        print(f"{name}: {rate:,.0f} a second, {ratio:.1f} times the sum A += x xᵀ alone")
    bound = seconds(lambda: X.T @ X)
    spent = seconds(lambda: BayesianLinear(D).update_many(X, rewards))
    print(f"batched: {len(X) / spent:,.0f} a second, {spent / bound:.1f} times one product XᵀX")


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
