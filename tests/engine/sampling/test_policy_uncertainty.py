"""What the reward model does not know reaches the policies, and lists stay true to their propensities."""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from segue.engine import policies
from segue.engine.policies import Exponentiated, InverseGap, Policy, ThompsonSampling
from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request
from segue.experiments.audit import stress_cases
from segue.experiments.audit.stress_cases import StressWorld

EVERY = [
    kind()
    for name in policies.__all__
    if inspect.isclass(kind := getattr(policies, name)) and issubclass(kind, Policy) and kind is not Policy
]


@pytest.fixture(scope="module")
def world() -> StressWorld:
    return stress_cases.world(31, n=60)


def decided(world: StressWorld, policy: Policy, *, optimism: float = 0.0, known: float = 1.0) -> Recommender:
    """Return the world's recommender with another policy, its rewards seen `known` times."""
    kernel = world.recommender.kernel
    assert kernel.learned is not None
    model = kernel.learned.model.copy()
    model.A *= known
    model.b *= known
    learned = replace(kernel.learned, model=model, eta=0.5)
    settings = replace(kernel.settings, optimism=optimism)
    return Recommender(replace(kernel, policy=policy, settings=settings, learned=learned))


def first(recommender: Recommender, request: Request) -> dict[str, float]:
    """Return the propensity of each first step that came up in 200 draws."""
    rngs = [np.random.default_rng(n) for n in range(200)]
    lists = recommender.recommend_batch([replace(request, k=1)] * 200, rngs=rngs)
    return {p.steps[0].resource: p.steps[0].propensity for p in lists}


def farthest(one: dict[str, float], other: dict[str, float]) -> float:
    return max(abs(one[name] - other[name]) for name in one.keys() & other.keys())


@pytest.mark.parametrize(
    ("usual", "moved"),
    [
        (Exponentiated(InverseGap(alpha=0.0)), Exponentiated(InverseGap(alpha=3.0))),
        (ThompsonSampling(floor=0.1), ThompsonSampling(floor=0.3)),
    ],
    ids=["alpha", "floor"],
)
def test_a_parameter_of_a_policy_changes_propensities(
    world: StressWorld, usual: Policy, moved: Policy
) -> None:
    request = Request("u", stress_cases.NOW, state=world.states[0])
    assert farthest(first(decided(world, usual), request), first(decided(world, moved), request)) > 1e-3


@pytest.mark.parametrize(
    "policy", [p for p in EVERY if p.reads_std], ids=lambda policy: type(policy).__name__
)
def test_evidence_makes_a_policy_that_reads_uncertainty_surer(world: StressWorld, policy: Policy) -> None:
    request = Request("u", stress_cases.NOW, state=world.states[0])
    unsure = first(decided(world, policy), request)
    sure = first(decided(world, policy, known=1e6), request)
    assert farthest(unsure, sure) > 1e-4


def test_optimism_changes_propensities(world: StressWorld) -> None:
    request = Request("u", stress_cases.NOW, state=world.states[0])
    policy = policies.Softmax()
    plain, hopeful = decided(world, policy), decided(world, policy, optimism=3.0)
    assert farthest(first(plain, request), first(hopeful, request)) > 1e-4


@pytest.mark.parametrize("policy", EVERY, ids=lambda policy: type(policy).__name__)
@pytest.mark.parametrize("menu", [1, 2])
def test_lists_come_up_as_often_as_their_propensities_say(
    world: StressWorld, policy: Policy, menu: int
) -> None:
    few = tuple(r.resource_id for r in world.catalogue.resources[: 7 if menu == 1 else 4])
    request = Request(
        "u", stress_cases.NOW, state=world.states[0], candidates=few, k=2, menu=menu, minutes=70.0, fill=True
    )
    n = 2_000
    rng = np.random.default_rng(8)
    lists = decided(world, policy).recommend_batch([request] * n, rngs=[rng] * n)
    drawn = Counter(tuple(s.menu or s.resource for s in p.steps) for p in lists)
    joint = {tuple(s.menu or s.resource for s in p.steps): p.steps[-1].joint_propensity for p in lists}
    counts, expected = np.array([[drawn[name], n * joint[name]] for name in drawn]).T
    common = expected >= 10.0
    if common.sum() == 1 and expected[common].sum() > n - 10:
        assert counts[common].sum() == pytest.approx(n, abs=40)
        return
    rest = max(n - expected[common].sum(), 1e-9)
    observed, wanted = np.append(counts[common], n - counts[common].sum()), np.append(expected[common], rest)
    keep = wanted >= 1.0
    statistic = ((observed - wanted)[keep] ** 2 / wanted[keep]).sum()
    assert chi2.sf(statistic, keep.sum() - 1) > 1e-4
