"""How fast is evidence? One million rounds, five estimators, one core.

    python benchmarks/evaluation_speed.py [--rounds 1000000]

Prints seconds of the points, the analytic intervals (normal; one imagined round more) and Cressie-Read, and
the peak memory of the process.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from segue.experiments.evaluation.estimators.single_step import (
    ESTIMATORS,
    EstimateParts,
    Floats,
    Ints,
    rounds_of_tables,
)
from segue.experiments.evaluation.intervals.closed_form import Bounds, normal
from segue.experiments.evaluation.intervals.empirical_likelihood import cressie_read
from segue.experiments.evaluation.intervals.pseudo_round import between, ends_of

NAMES = ("IPS", "SNIPS", "DM", "DR", "SWITCH_DR_10")
N_ACTIONS = 10
T = TypeVar("T")


def tables(n: int, rng: np.random.Generator) -> tuple[Floats, Floats, Ints, Floats, Floats]:
    """Return rewards, propensities, actions, target probabilities and predicted rewards."""
    logging = rng.random((n, N_ACTIONS)) + 0.1
    logging /= logging.sum(axis=1, keepdims=True)
    action = rng.integers(N_ACTIONS, size=n)
    propensity = logging[np.arange(n), action]
    del logging
    policy = rng.random((n, N_ACTIONS))
    policy /= policy.sum(axis=1, keepdims=True)
    return (rng.random(n) < 0.2).astype(float), propensity, action, policy, rng.random((n, N_ACTIONS))


def timed(label: str, work: Callable[[], T], *, repeats: int = 3) -> T:
    """Print the best time of some repeats, and return the result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    print(f"{label:34s} {min(times):7.3f} s")
    return result


def main(rounds: int = 1_000_000) -> None:
    """Print the times."""
    reward, propensity, action, policy, prediction = tables(rounds, np.random.default_rng(0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def points() -> dict[str, EstimateParts]:
        rounds = rounds_of_tables(reward, propensity, action=action, policy=policy, prediction=prediction)
        parts = {name: ESTIMATORS[name](rounds) for name in NAMES}
        assert all(np.isfinite(part.value) for part in parts.values())
        return parts

    parts = timed("points of five estimators", points)
    timed("analytic intervals", lambda: {name: normal(part) for name, part in parts.items()})
    logged = rounds_of_tables(reward, propensity, action=action, policy=policy, prediction=prediction)
    timed("one imagined round more", lambda: between(*ends_of(logged, Bounds())))
    timed("Cressie-Read", lambda: cressie_read(logged, bounds=Bounds()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {peak / 1024:.0f} MB, of which {before / 1024:.0f} MB before the first estimate")


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
