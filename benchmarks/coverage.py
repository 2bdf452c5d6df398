"""Does the default 95 % interval cover, and how often does it decline to answer?

    python benchmarks/coverage.py [--logs 1000] [--seed 20272] [--part regimes|others|clusters|groups|awkward]

Simulated logs with known truth in four regimes and two sizes, evaluated by the very code that `segue
evaluate` runs. Coverage is among the answers given; widths are medians over those of the normal interval.
"gain" is the difference to the logging policy. Then worlds of another kind, clusters, four subgroups at once,
and logs that trouble intervals (`_awkward_logs`): few rewarded heavy rounds, many actions, few classes or
whole ones in an arm, heavy tails without a range. The error of a share is that of a binomial count. About
five minutes on a quiet machine.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite, sqrt
from statistics import median

import numpy as np
from _awkward_logs import AWKWARD

from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.logs.synthetic_logs import LogWorld, make_world
from segue.experiments.evaluation.verdicts.evaluation_result import Evaluation

NAMES = ("IPS", "SNIPS", "DR", "SNDR")


@dataclass(frozen=True)
class Regime:
    """How much of the log counts, and how often it pays."""

    name: str
    ess_fraction: float
    reward_rate: float
    n_actions: int = 10
    lean: float = 0.4
    blunder: float = 0.3
    grades: float | None = None


REGIMES = (
    Regime("light", 0.6, 0.3),
    Regime("moderate", 0.1, 0.3),
    Regime("heavy", 0.005, 0.3),
    Regime("rare rewards", 0.5, 0.005),
)
OTHERS = (
    Regime("3 actions, heavy", 0.005, 0.3, n_actions=3),
    Regime("40 actions, heavy", 0.005, 0.3, n_actions=40),
    Regime("blind q, heavy", 0.005, 0.3, blunder=3.0),
    Regime("worse target, heavy", 0.005, 0.3, lean=-0.6),
    Regime("graded, heavy", 0.005, 0.3, grades=4.0),
    Regime("graded, moderate", 0.1, 0.6, grades=2.0),
    Regime("rewards 2 %, moderate", 0.1, 0.02),
    Regime("rewards 90 %, moderate", 0.1, 0.9),
)
SIZES = (1_000, 10_000)


def world_of(regime: Regime, seed: int) -> LogWorld:
    """Return the regime's world."""
    world = make_world(
        ess_fraction=regime.ess_fraction,
        reward_rate=regime.reward_rate,
        rng=np.random.default_rng([seed, (REGIMES + OTHERS).index(regime)]),
        n_actions=regime.n_actions,
        lean=regime.lean,
        blunder=regime.blunder,
    )
    return replace(world, grades=regime.grades)


def evaluations(world: LogWorld, n: int, *, logs: int, seed: int, cluster_size: int = 1) -> list[Evaluation]:
    """Return evaluations of fresh logs, without groups."""
    out = []
    for index in range(logs):
        log = world.draw(n, np.random.default_rng([seed, n, index, cluster_size]), cluster_size=cluster_size)
        out.append(evaluate(replace(log, group=None)))
    return out


def row(answers: list[Evaluation], truth: float, logged_truth: float) -> str:
    """Return coverage by estimator, of the normal interval, the widths' ratio, and the gain's coverage."""
    given = [answer for answer in answers if answer.verdict == "enough evidence"]
    cells = [f"{1 - len(given) / len(answers):8.1%}"]
    methods: dict[str, int] = defaultdict(int)
    for name in NAMES:
        estimates = [answer.estimates[name] for answer in given]
        plain = [estimate.others["normal"] for estimate in estimates]
        for estimate in estimates:
            methods[estimate.interval] += 1
        covered = _share([e.low <= truth <= e.high for e in estimates])
        normal = _share([i.low <= truth <= i.high for i in plain])
        ratios = [(e.high - e.low) / i.width for e, i in zip(estimates, plain, strict=True) if i.width > 0]
        wider = f"{median(ratios):.2f}" if ratios else "  - "
        cells.append(f"{covered} {normal} {wider}")
    gains = [answer.versus_logging for answer in given if answer.versus_logging is not None]
    cells.append(_share([g.low <= truth - logged_truth <= g.high for g in gains]))
    total = max(sum(methods.values()), 1)
    cells.append(", ".join(f"{method} {count / total:.0%}" for method, count in sorted(methods.items())))
    return " | ".join(cells)


def joint(world: LogWorld, n: int, *, logs: int, seed: int) -> str:
    """Return how often all answered subgroup intervals cover at once, and how many groups had no answer."""
    truths = {f"g{index}": value for index, value in enumerate(world.group_truths())}
    covered, refused = [], 0
    for index in range(logs):
        groups = evaluate(world.draw(n, np.random.default_rng([seed, n, index, 999]))).groups
        given = {name: group.headline for name, group in groups.items() if group.verdict == "enough evidence"}
        refused += len(groups) - len(given)
        if given:
            covered.append(all(e.low <= truths[name] <= e.high for name, e in given.items()))
    return f"{_share(covered)} (no answer for {refused / logs / len(truths):.1%} of groups)"


def awkward(*, logs: int, seed: int) -> None:
    """Print how often the headline and the gain are covered, and the median width over the normal one."""
    for name, draw in AWKWARD.items():
        hits: list[bool] = []
        gains: list[bool] = []
        ratios: list[float] = []
        many = logs // 8 if "1,000 actions" in name else logs
        for index in range(many):
            drawn = draw(np.random.default_rng([seed, index]))
            answer = evaluate(drawn.log)
            if answer.verdict != "enough evidence":
                continue
            head, gain = answer.headline, answer.versus_logging
            hits.append(head.low <= drawn.truth <= head.high)
            ratios.append((head.high - head.low) / max(head.others["normal"].width, 1e-300))
            if gain is not None and isfinite(gain.low):
                gains.append(gain.low <= drawn.truth - drawn.logged_truth <= gain.high)
        wider = f"{median(ratios):.2f}" if ratios else "  - "
        refused = 1 - len(hits) / many
        print(f"{name:30s} {refused:8.1%} | {_share(hits)} {wider} | {_share(gains)}", flush=True)


def _share(hits: list[bool]) -> str:
    """Return a share in per cent, with the error of its count."""
    if not hits:
        return "     -     "
    share = sum(hits) / len(hits)
    return f"{share:6.1%} ±{sqrt(share * (1 - share) / len(hits)):.1%}"


def table(regimes: tuple[Regime, ...], *, logs: int, seed: int) -> None:
    """Print one row a regime and size."""
    for regime in regimes:
        world = world_of(regime, seed)
        for n in SIZES:
            answers = evaluations(world, n, logs=logs, seed=seed)
            print(f"{regime.name:22s}{n:6,} {row(answers, world.truth, world.logged_truth)}", flush=True)


def clusters(*, logs: int, seed: int) -> None:
    """Print the rows of logs whose rounds come in clusters."""
    for regime in REGIMES[:2]:
        answers = evaluations(world_of(regime, seed), 10_000, logs=logs, seed=seed, cluster_size=20)
        world = world_of(regime, seed)
        print(f"{regime.name:28s} {row(answers, world.truth, world.logged_truth)}", flush=True)


def groups(*, logs: int, seed: int) -> None:
    """Print joint coverage of four subgroups."""
    for regime in REGIMES[:2]:
        found = joint(world_of(regime, seed), 10_000, logs=logs, seed=seed)
        print(f"{regime.name:28s} {found}", flush=True)


PARTS: Mapping[str, tuple[str, Callable[..., None], int]] = {
    "regimes": ("", partial(table, REGIMES), 1),
    "others": ("other worlds", partial(table, OTHERS), 3),
    "clusters": ("clusters of 20 rounds that share their context (n = 10,000)", clusters, 4),
    "groups": ("four subgroups at once (n = 10,000): joint coverage", groups, 2),
    "awkward": (
        "logs that trouble intervals: no answer | the headline covers, its width | the gain covers",
        awkward,
        2,
    ),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20272)
    parser.add_argument("--part", choices=PARTS, nargs="*", default=list(PARTS))
    options = parser.parse_args()
    start = time.process_time()
    print(
        f"{options.logs} logs a row; by estimator: coverage, the normal interval's, median width over normal"
    )
    print(f"{'':29s} no answer | " + " | ".join(f"{name:^18s}" for name in NAMES) + " | gain | method")
    for name in options.part:
        heading, work, divisor = PARTS[name]
        print(f"\n{heading}" if heading else "", flush=True)
        work(logs=options.logs // divisor, seed=options.seed)
    print(f"\n{time.process_time() - start:.0f} s of CPU")


if __name__ == "__main__":
    main()
