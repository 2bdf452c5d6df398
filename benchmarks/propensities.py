"""Are the logged propensities true? Draw 200,000 times and compare frequencies with what was logged.

Every policy, in several states (few and many candidates, ties, masks, sharp and flat scores); Thompson
sampling on draws of a reward model's weights, where each decision has a vector of its own; and whole
playlists under rules, with menus and limits, against their joint propensities. A chi-square test each; with
Bonferroni's correction every p must exceed 1e-4.

Run: ``python benchmarks/propensities.py [--draws 200000] [--playlists 50000]``. Ends with status 1 if a test
fails.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from segue.engine.policies import (
    EpsilonGreedy,
    Exponentiated,
    Greedy,
    InverseGap,
    Policy,
    Softmax,
    ThompsonSampling,
    Uniform,
    sample,
)
from segue.engine.recommender import Recommender
from segue.engine.requests.request import Dials, Place, Request
from segue.engine.sampling.playlists import Playlist
from segue.experiments.audit import stress_cases as audits
from segue.models.bayesian_linear import BayesianLinear

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
POLICIES: tuple[Policy, ...] = (
    Uniform(),
    Greedy(),
    EpsilonGreedy(),
    Softmax(),
    Softmax(temperature=1.0, floor=0.0),
    InverseGap(),
    Exponentiated(),
    ThompsonSampling(),
)
LEVEL = 1e-4
BLOCK = 20_000


def states() -> Iterator[tuple[str, Floats, Floats, Bools]]:
    """Yield name, scores, standard deviations and what is allowed."""
    rng = np.random.default_rng(5)
    for name, n, spread in [
        ("two", 2, 0.05),
        ("flat 20", 20, 0.01),
        ("sharp 20", 20, 0.5),
        ("200", 200, 0.1),
    ]:
        allowed = rng.random(n) < 0.7
        allowed[:2] = True
        yield name, rng.normal(0.0, spread, n), rng.uniform(0.01, 0.1, n), allowed
    yield "ties", np.repeat([0.2, 0.1, 0.2], 4), np.full(12, 0.05), np.arange(12) % 5 > 0


def p_value(counts: Floats, expected: Floats) -> float:
    """Return the p-value of `counts` under `expected`; rare candidates are tested as one cell.

    Raises
    ------
    ValueError
        When a candidate was drawn that has no propensity.
    """
    if counts[expected == 0.0].any():
        raise ValueError("a candidate of propensity 0 was drawn")
    rare = (expected > 0.0) & (expected < 10.0)
    cells = [(c, e) for c, e in zip(counts[expected >= 10.0], expected[expected >= 10.0], strict=True)]
    if expected[rare].sum() >= 5.0:
        cells.append((counts[rare].sum(), expected[rare].sum()))
    if len(cells) < 2:
        return 1.0
    observed, wanted = np.array(cells).T
    return float(chi2.sf(((observed - wanted) ** 2 / wanted).sum(), len(cells) - 1))


def of_policy(policy: Policy, state: tuple[str, Floats, Floats, Bools], *, draws: int, seed: int) -> float:
    """Return the p-value of one policy in one state."""
    _, scores, std, allowed = state
    p = policy.probabilities(scores, std, allowed=allowed)
    rng = np.random.default_rng(seed)
    counts = np.zeros(len(p))
    for start in range(0, draws, BLOCK):
        uniforms = rng.random(min(BLOCK, draws - start))
        drawn = sample(np.broadcast_to(p, (len(uniforms), len(p))), uniforms)
        counts += np.bincount(drawn, minlength=len(p))
    return p_value(counts, draws * p)


def of_weight_draws(n: int, *, draws: int) -> float:
    """Return the p-value of Thompson sampling on posterior draws, a fresh vector every 100 decisions."""
    rng = np.random.default_rng(7)
    model = BayesianLinear(5, noise_variance=0.1)
    X = rng.uniform(-1.0, 1.0, (30, 5))
    model.update_many(X, X @ rng.normal(size=5))
    candidates, allowed = rng.uniform(-1.0, 1.0, (n, 5)), np.arange(n) % 4 > 0
    counts, expected = np.zeros(n), np.zeros(n)
    for _ in range(draws // 100):
        p = ThompsonSampling().of_draws(model.sample(rng, 50) @ candidates.T, allowed=allowed)
        counts += np.bincount(sample(np.broadcast_to(p, (100, n)), rng.random(100)), minlength=n)
        expected += 100 * p
    return p_value(counts, expected)


def playlist_cases() -> Iterator[tuple[str, Recommender, Request]]:
    """Yield recommenders over few resources and requests whose rules mask, give way, and end lists."""
    policies = (Softmax(temperature=0.3), EpsilonGreedy(0.4), Uniform(), Exponentiated(InverseGap(gamma=5.0)))
    for seed, policy in enumerate(policies):
        world = audits.world(20 + seed, n=9, policy=policy)
        plain = Request("u", audits.NOW, state=world.states[3], k=3)
        requests = {
            "full": replace(plain, fill=True),
            "minutes": replace(plain, minutes=60.0),
            "menus": replace(plain, k=2, menu=2, fill=True, place=Place(grade_floor=7.0)),
            "autonomy": replace(plain, fill=True, dials=Dials(autonomy=-0.8, pace=0.5)),
        }
        for name, request in requests.items():
            yield f"playlists by {policy!r}, {name}", world.recommender, request


def of_playlists(recommender: Recommender, request: Request, *, n: int, seed: int) -> tuple[float, str]:
    """Return the p-value of `n` playlists of one request, and how many differ, of which probability."""
    rng = np.random.default_rng(seed)
    playlists = recommender.recommend_batch([request] * n, rngs=[rng] * n)
    drawn = Counter(_name(playlist) for playlist in playlists)
    joint = {_name(p): p.steps[-1].joint_propensity for p in playlists if len(p.steps)}
    counts = np.array([*drawn.values()], dtype=np.float64)
    expected = n * np.array([joint.get(name, 1.0) for name in drawn])
    common = expected >= 10.0  # the others, drawn or not, are one cell
    rest = max(n - expected[common].sum(), 0.0)
    observed = np.append(counts[common], n - counts[common].sum())
    p = p_value(observed, np.append(expected[common], rest))
    return p, f"{len(drawn)} lists of {expected.sum() / n:.6f}"


def _name(playlist: Playlist) -> tuple[tuple[str, ...], ...]:
    return tuple(step.menu or (step.resource,) for step in playlist.steps)


def main(draws: int = 200_000, playlists: int = 50_000) -> None:
    """Test everything and print a line each."""
    start = time.perf_counter()
    results: dict[str, float] = {}
    for policy in POLICIES:
        for state in states():
            results[f"{policy!r}, {state[0]}"] = of_policy(policy, state, draws=draws, seed=len(results))
    for n in (6, 40):
        results[f"ThompsonSampling().of_draws, {n} candidates"] = of_weight_draws(n, draws=draws)
    for name, recommender, request in playlist_cases():
        p, lists = of_playlists(recommender, request, n=playlists, seed=len(results))
        results[f"{name}: {lists}"] = p
    for name, p in results.items():
        print(f"{p:8.4f}  {name}")
    least = min(results.values())
    seconds = time.perf_counter() - start
    print(f"{len(results)} tests of {draws} draws or {playlists} playlists in {seconds:.0f} s:")
    print(f"least p {least:.2g},", end=" ")
    print(f"times {len(results)} tests {min(1.0, least * len(results)):.2g} (must exceed {LEVEL})")
    sys.exit(least * len(results) <= LEVEL)


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
