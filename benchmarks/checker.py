"""100,000 playlists under the independent checker: every rule again, in plain Python.

Worlds that differ in everything the rules read, requests that mix every wish, limit and mode, some of which
cannot be met. A rule counts as violated when it is broken without having been said to give way, when it gave
way without need or out of turn, or when a list ended though something was possible.

Run: ``python benchmarks/checker.py [--playlists 100000]``. Ends with status 1 if anything is wrong.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import numpy as np

from segue.experiments.audit import stress_cases as audits
from segue.experiments.audit.playlist_checker import Checker, KnownLearner

WORLDS = 10


def audit(seed: int, n: int) -> tuple[Counter[str], list[str]]:
    """Return what was seen, and what is wrong, in `n` playlists of one world."""
    world = audits.world(seed)
    kernel = world.recommender.kernel
    checker = Checker(world.catalogue, kernel.settings.limits)
    requests = audits.requests(np.random.default_rng(1000 + seed), world, n)
    rngs = [np.random.default_rng((seed, i)) for i in range(n)]
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for request, playlist in zip(
        requests, world.recommender.recommend_batch(requests, rngs=rngs), strict=True
    ):
        steps = tuple(playlist.steps)
        seen["playlists"] += 1
        seen["steps"] += len(steps)
        seen["steps where rules gave way"] += sum(bool(step.relaxed) for step in steps)
        seen["lists that end early"] += len(steps) < request.k
        found = checker.check(playlist, request, KnownLearner.of(kernel, request))
        wrong += [f"world {seed}, {request.learner}: {what}" for what in found]
    return seen, wrong


def main(playlists: int = 100_000) -> None:
    """Audit every world and print what was seen."""
    start = time.perf_counter()
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in range(WORLDS):
        some, found = audit(seed, -(-playlists // WORLDS))
        seen += some
        wrong += found
    for name, count in seen.items():
        print(f"{count:9,d}  {name}")
    print(f"{len(wrong):9,d}  violations ({time.perf_counter() - start:.0f} s)")
    for what in wrong[:20]:
        print("  ", what)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
