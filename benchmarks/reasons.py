"""10,000 playlists with their reasons added up again: every part by its formula, from the logged columns.

Run: ``python benchmarks/reasons.py [--playlists 10000]``. Ends with status 1 if any part of a step is off by
more than 1e-9, missing, or left over.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from segue.experiments.audit import score_recomputation as rescoring
from segue.experiments.audit import stress_cases as audits

WORLDS = 5


def main(playlists: int = 10_000) -> None:
    """Audit every world and print what was seen."""
    n = -(-playlists // WORLDS)
    start = time.perf_counter()
    n_steps, n_explored, wrong = 0, 0, list[str]()
    for seed in range(WORLDS):
        world = audits.world(seed)
        requests = audits.requests(np.random.default_rng(2000 + seed), world, n)
        rngs = [np.random.default_rng((seed, i)) for i in range(n)]
        lists = world.recommender.recommend_batch(requests, rngs=rngs)
        for request, playlist in zip(requests, lists, strict=True):
            n_steps += len(playlist.steps)
            n_explored += sum(step.explored for step in playlist.steps)
            found = rescoring.faults(playlist, request, world.recommender)
            wrong += [f"world {seed}, {request.learner}: {what}" for what in found]
    print(f"{WORLDS * n:9,d}  playlists\n{n_steps:9,d}  steps\n{n_explored:9,d}  of them explored")
    print(f"{len(wrong):9,d}  faults ({time.perf_counter() - start:.0f} s)")
    for what in wrong[:20]:
        print("  ", what)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
