"""Propensities are true: enumerated lists sum to one, and draws follow them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from segue.engine.policies import EpsilonGreedy, Policy, Softmax, Uniform
from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Request
from segue.engine.rules.base import Mask
from segue.engine.rules.relaxation import give_way
from segue.engine.rules.rule_book import enter
from segue.engine.sampling.sampler import DrawPlan, draw
from segue.features.catalogue import Catalogue, Resource
from segue.features.history.streaming_update import Attempt, LearnerState, update

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)


class Fixed:
    """A generator that hands out given uniforms: walks one branch of the tree of lists."""

    def __init__(self, uniforms: list[float]) -> None:
        self.uniforms = uniforms

    def random(self, size: tuple[int, int]) -> np.ndarray:
        return np.resize(np.array(self.uniforms), size)


def six() -> Catalogue:
    resources = [
        Resource("add", skills=("sum",), minutes=5, kind="lesson"),
        Resource("add more", skills=("sum",), minutes=10),
        Resource("times", skills=("product",), minutes=10, tags=("sport",)),
        Resource("times more", skills=("product", "sum"), minutes=15),
        Resource("share", skills=("quotient",), minutes=10, kind="game"),
        Resource("share more", skills=("quotient",), minutes=20),
    ]
    return Catalogue.build(resources, prerequisites=[("sum", "product"), ("product", "quotient")])


def recommender(policy: Policy) -> Recommender:
    return fit(six(), pd.DataFrame(), rng=np.random.default_rng(0), now=NOW, policy=policy)


def leaves(made: Recommender, request: Request) -> dict[tuple[str, ...], float]:
    """Return every list that can be drawn with its propensity, found by stepping through [0, 1)."""
    found: dict[tuple[str, ...], float] = {}

    def grow(uniforms: list[float]) -> None:
        at = 0.0
        while at < 1.0 - 1e-12:
            walk = [*uniforms, at + 1e-13]
            steps = made.recommend(request, rng=Fixed(walk + [0.0] * (request.k - len(walk)))).steps
            depth = len(walk)
            if len(steps) < depth:
                return
            at += steps[depth - 1].propensity
            if depth == len(steps) and (depth == request.k or ends(walk, depth)):
                found[tuple(step.resource for step in steps)] = steps[-1].joint_propensity
            else:
                grow(walk)

    def ends(walk: list[float], depth: int) -> bool:
        return len(made.recommend(request, rng=Fixed([*walk, *[0.5] * (request.k - depth)])).steps) == depth

    grow([])
    return found


def learner() -> LearnerState:
    made = recommender(Softmax())
    state = LearnerState.fresh(made.catalogue)
    for i, (code, score) in enumerate([(0, 1.0), (1, 1.0), (2, 0.0)]):
        update(state, Attempt(code, score, NOW.timestamp() - 5 * 86400 + i, i), made.kernel.parameters)
    return state


REQUESTS = {
    "plain": Request("u", NOW, k=3, fill=True),
    "rules": Request("u", NOW, state=learner(), k=3, minutes=35.0, excluded=("add",)),
    "interests": Request("u", NOW, k=3, interests=("sport",), fill=True),
}


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        (Softmax(0.3), "plain"),
        (Softmax(0.3), "rules"),
        (EpsilonGreedy(0.3), "interests"),
        (Uniform(), "rules"),
    ],
)
def test_lists_sum_to_one_and_draws_follow_them(policy: Policy, name: str) -> None:
    made, request = recommender(policy), REQUESTS[name]
    tree = leaves(made, request)
    assert len(tree) > 3
    assert sum(tree.values()) == pytest.approx(1.0, abs=1e-12)
    n = 5_000  # a share that is off by a tenth of its list's standard deviation is found (noncentrality 50)
    rng = np.random.default_rng(5)
    drawn = Counter(
        tuple(step.resource for step in playlist.steps)
        for playlist in made.recommend_batch([request] * n, rngs=[rng] * n)
    )
    assert set(drawn) <= set(tree)
    expected = {key: p * n for key, p in tree.items()}
    common = [key for key, e in expected.items() if e >= 5]
    rest = n - sum(expected[key] for key in common)
    observed = [*(drawn[key] for key in common), n - sum(drawn[key] for key in common)]
    wanted = [*(expected[key] for key in common), rest]
    if rest < 5:  # too few to test apart
        observed, wanted = observed[:-1], [w * sum(observed[:-1]) / sum(wanted[:-1]) for w in wanted[:-1]]
    assert stats.chisquare(observed, wanted).pvalue > 1e-4


def test_menu_propensity_is_the_product_over_its_options() -> None:
    made = recommender(Softmax(0.3))
    rng = np.random.default_rng(1)
    request = Request("u", NOW, k=2, menu=2, fill=True)
    for playlist in made.recommend_batch([request] * 50, rngs=[rng] * 50):
        used: list[str] = []
        for step in playlist.steps:
            assert len(step.menu) == 2
            assert step.resource == step.menu[0]
            assert step.propensity == pytest.approx(np.prod(step.menu_propensities), rel=1e-12)
            assert len(set(step.menu)) == 2
            used.append(step.resource)
        assert len(set(used)) == len(used)


def test_pins_come_first_beside_what_the_engine_would_have_drawn() -> None:
    made = recommender(Softmax())
    request = Request("u", NOW, k=3, pins=("share more", "add"), fill=True)
    free = made.recommend(Request("u", NOW, k=3, fill=True), rng=np.random.default_rng(2))
    playlist = made.recommend(request, rng=np.random.default_rng(2))
    assert [step.resource for step in playlist.steps[:2]] == ["share more", "add"]
    first = playlist.steps[0]
    assert first.propensity == 1.0
    assert first.override is not None
    assert first.override["engine_action"] == free.steps[0].resource
    assert first.override["engine_propensity"] == pytest.approx(free.steps[0].propensity)
    assert playlist.steps[2].override is None


def test_rules_give_way_in_order_and_no_further_than_needed() -> None:
    masks = [
        Mask("last", 5, np.array([True, False, False])),
        Mask("first", 1, np.array([False, True, False])),
        Mask("second", 2, np.array([True, True, False])),
    ]
    names, left = give_way(masks, np.ones(3, dtype=np.bool_), fill=False)
    assert names == ("first",)
    assert left is not None
    assert left.tolist() == [True, False, False]


def test_a_firm_rule_never_gives_way() -> None:
    masks = [Mask("firm", 1000, np.zeros(3, dtype=np.bool_))]
    assert give_way(masks, np.ones(3, dtype=np.bool_), fill=True) == ((), None)


def test_a_list_that_ends_says_which_rules_ended_it() -> None:
    made = recommender(Softmax())
    playlist = made.recommend(Request("u", NOW, k=4, minutes=16.0), rng=np.random.default_rng(0))
    assert 0 < len(playlist.steps) < 4
    assert "minutes" in playlist.notes[0]
    nothing = made.recommend(Request("u", NOW, minutes=1.0), rng=np.random.default_rng(0))
    assert len(nothing.steps) == 0
    assert "no step is possible" in nothing.notes[0]
    assert "minutes" in nothing.notes[0]


def test_a_plan_is_drawn_without_touching_it() -> None:
    made = recommender(Softmax())
    asked, entry = enter(made.asked((Request("u", NOW, k=3, fill=True),)))
    scene = made.kernel.scene(asked)
    scores = made.kernel.score(scene).total()
    before = scores.copy()
    plan = DrawPlan(scene, scores, np.zeros(1), entry, made.kernel.policy)
    uniforms = np.full((1, 3, 1), 0.5)
    once, twice = draw(plan, uniforms), draw(plan, uniforms)
    assert np.array_equal(scores, before)
    assert np.array_equal(once.position, twice.position)
    assert np.array_equal(once.propensity, twice.propensity)
