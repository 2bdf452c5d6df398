"""How fast is a decision, beside Vowpal Wabbit in the same run, and what can be learned from the log?

    python benchmarks/decisions.py [--quick]

The whole of ``Recommender.recommend`` is timed: state, contexts, rules, ten steps with their propensities,
and reasons. Vowpal Wabbit's conditional contextual bandit (``--ccb_explore_adf``) gets a slate of ten from
1,000 actions as text, with as many features an action as Segue has columns, and with five; without
``vowpalwabbit`` (``pip install 'segue[benchmarks]'``) it is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from segue.engine.policies import Policy, Softmax
from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Request
from segue.engine.sampling.randomness import generator
from segue.features.catalogue import Catalogue, Floats, Resource
from segue.features.contexts.context_columns import COLUMNS
from segue.features.history.streaming_update import LearnerState, encode, fold

try:
    import vowpalwabbit
except ImportError:
    vowpalwabbit = None

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)
N_SKILLS, N_LEARNERS, N_ATTEMPTS, STEPS = 48, 150, 80, 10
KINDS = ("lesson", "exercise", "game")


def catalogue(n: int) -> Catalogue:
    """Return n resources over 48 skills, every fifth with two, in six strands of prerequisites."""
    resources = [
        Resource(
            f"resource-{i:04d}",
            skills=(f"skill-{i % N_SKILLS:02d}", f"skill-{(i * 7 + 1) % N_SKILLS:02d}")[: 1 + (i % 5 == 0)],
            tags=(f"tag-{i % 9}", f"tag-{i % 13}")[: 1 + i % 2],
            difficulty=float(1 + i % 5),
            kind=KINDS[i % 3],
            minutes=float(5 + i % 12),
        )
        for i in range(n)
    ]
    names = [f"skill-{i:02d}" for i in range(N_SKILLS)]
    edges = [(a, b) for i, (a, b) in enumerate(pairwise(names)) if (i + 1) % 8]
    return Catalogue.build(resources, prerequisites=edges)


def history(n: int) -> pd.DataFrame:
    """Return a term of attempts of a class of 150."""
    rng = np.random.default_rng(0)
    rows = N_LEARNERS * N_ATTEMPTS
    learner, code = np.arange(rows) % N_LEARNERS, rng.integers(n, size=rows)
    ability = rng.normal(0, 1, N_LEARNERS)[learner] - 1.5 * (code % N_SKILLS) / N_SKILLS
    score = rng.random(rows) < 1 / (1 + np.exp(-ability - 1.0))
    hours = np.arange(rows) // N_LEARNERS * 24.0
    return pd.DataFrame(
        {
            "event_id": np.arange(rows).astype(str),
            "kind": "attempt",
            "learner": [f"learner-{i:03d}" for i in learner],
            "resource": [f"resource-{i:04d}" for i in code],
            "score": score.astype(float),
            "time": pd.Timestamp(NOW) - pd.to_timedelta(24.0 * N_ATTEMPTS - hours, unit="h"),
            "seq": np.arange(rows),
        }
    )


def prepared(n: int, policy: Policy | None = None) -> tuple[Recommender, list[LearnerState]]:
    """Return a fitted recommender over n resources and its class."""
    events = history(n)
    made = fit(catalogue(n), events, rng=np.random.default_rng(0), now=NOW, policy=policy)
    attempts, learners = encode(events, made.catalogue)
    return made, fold(attempts, len(learners), made.kernel.parameters).states()


def timed(calls: Iterator[Callable[[], object]]) -> Floats:
    """Return the milliseconds of each call."""
    out = []
    for call in calls:
        began = time.perf_counter()
        call()
        out.append(1e3 * (time.perf_counter() - began))
    return np.array(out)


def single(n: int, rounds: int, steps: int = STEPS) -> Floats:
    """Return milliseconds of whole decisions of some steps over n candidates."""
    made, states = prepared(n)

    def call(i: int) -> Callable[[], object]:
        request = Request(f"u{i}", NOW, state=states[i % len(states)], k=steps, interests=("tag-1",))
        rng = generator("bench", "playlist", "w", request.learner, i)
        return lambda: made.recommend(request, rng=rng)

    for i in range(20):
        call(i)()
    return timed(call(i) for i in range(rounds))


def batch(n: int, learners: int) -> float:
    """Return playlists of ten per second of this core's time, generators and all."""
    made, states = prepared(n)
    requests = [
        Request(f"u{i}", NOW, state=states[i % len(states)], k=STEPS, interests=("tag-1",))
        for i in range(learners)
    ]
    began = time.process_time()
    rngs = [generator("bench", "playlist", "w", request.learner, 0) for request in requests]
    playlists = made.recommend_batch(requests, rngs=rngs)
    seconds = time.process_time() - began
    assert all(len(playlist.steps) == STEPS for playlist in playlists)
    return learners / seconds


def vowpal(n: int, n_features: int, rounds: int) -> Floats:
    """Return milliseconds of Vowpal Wabbit's slates of ten from n, text parsed on each call."""
    learner = vowpalwabbit.Workspace("--ccb_explore_adf --quiet --epsilon 0.05 --random_seed 1")
    rng = np.random.default_rng(0)

    def text() -> list[str]:
        values = rng.random((n, n_features)).round(4)
        actions = [
            "ccb action |a " + " ".join(f"f{j}:{x}" for j, x in enumerate(row)) for row in values.tolist()
        ]
        return ["ccb shared |s u:1", *actions, *["ccb slot |t x:1"] * STEPS]

    slates = [text() for _ in range(min(rounds, 10))]
    learner.predict(slates[0])
    out = timed(partial(learner.predict, slates[i % len(slates)]) for i in range(rounds))
    learner.finish()
    return out


class Watched(Policy):
    """A policy that notes how many candidates each draw had."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.counts: list[Floats] = []

    def weigh(self, choice: object) -> Floats:
        """Note the counts and ask the policy."""
        self.counts.append(choice.count[:, 0].astype(float))  # type: ignore[attr-defined]
        return self.policy.weigh(choice)  # type: ignore[arg-type]


def overlap(policy: Policy, weeks: int) -> tuple[float, Floats]:
    """Return the smallest propensity, and each week's effective sample size for a uniform policy.

    A class of 150 gets ten steps on Monday and one each weekday; all are stepwise decisions.
    """
    watched = Watched(policy)
    made, states = prepared(240, watched)
    smallest, sizes = 1.0, []
    for week in range(weeks):
        watched.counts.clear()
        weights = []
        for day, k in ((0, STEPS), *((day, 1) for day in range(5))):
            now = NOW + timedelta(days=7 * week + day)
            requests = [Request(f"u{i}", now, state=state, k=k) for i, state in enumerate(states)]
            rngs = [generator("bench", f"day {day}", str(week), r.learner, k) for r in requests]
            n_calls = len(watched.counts)
            playlists = made.recommend_batch(requests, rngs=rngs, block=len(requests))
            counts = np.stack(watched.counts[n_calls:], axis=1)
            chance = np.array([[step.propensity for step in playlist.steps] for playlist in playlists])
            smallest = min(smallest, float(chance.min()))
            weights.append((1.0 / counts / chance).ravel())
        w = np.concatenate(weights)
        sizes.append(float(w.sum() ** 2 / (w * w).sum()))
    return smallest, np.array(sizes)


def report(name: str, times: Floats) -> None:
    """Print the median and the 99th percentile."""
    print(f"{name:52s} p50 {np.median(times):8.3f} ms   p99 {np.quantile(times, 0.99):8.3f} ms")


def main(*, quick: bool = False) -> None:
    """Run and print."""
    rounds = 60 if quick else 600
    ours = single(1000, rounds)
    report("Segue, 10 steps from 1,000 candidates", ours)
    report("Segue, 10 steps from 200 candidates", single(200, rounds))
    report("Segue, 1 step from 1,000 candidates", single(1000, rounds, steps=1))
    for n_features in (len(COLUMNS), 5) if vowpalwabbit else ():
        theirs = vowpal(1000, n_features, max(rounds // 10, 5))
        report(f"Vowpal Wabbit, slate of 10 from 1,000, {n_features} features", theirs)
        print(f"{'':52s} {np.median(theirs) / np.median(ours):.1f} times Segue's p50")
    for n in (200, 1000):
        print(f"batch, {n:,} candidates: {batch(n, rounds * 16):.0f} playlists of 10 a second")
    for policy in (Softmax(), Softmax(floor=0.02), Softmax(floor=0.1)):
        smallest, sizes = overlap(policy, max(rounds // 60, 2))
        share = float((sizes >= 100).mean())
        print(
            f"{policy!r}: smallest propensity {smallest:.1e}, uniform policy's effective sample "
            f"{sizes.mean():.0f} of {150 * 15} steps a week, at least 100 in {share:.0%} of weeks"
        )


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
