from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from segue.engine.policies import Softmax, Uniform
from segue.engine.policies.policy_version import PolicyVersion
from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Request
from segue.experiments.evaluation.logs.shadow_policy import follow, shadow_lists
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.experiments.simulation.worlds.synthetic_course import course

NOW = datetime(2026, 9, 7, tzinfo=UTC)
CATALOGUE = course(np.random.default_rng(0), n_skills=4, n_resources=16, n_tags=3).catalogue


@pytest.fixture(scope="module")
def room() -> SimulatedClass:
    return SimulatedClass.before(NOW, CATALOGUE, n_learners=8, weeks=2, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def recommender(room: SimulatedClass) -> Recommender:
    return fit(CATALOGUE, room.events, rng=np.random.default_rng(0), now=NOW)


@pytest.fixture(scope="module")
def rival() -> Recommender:
    """Return a model fitted on another class."""
    room = SimulatedClass.before(NOW, CATALOGUE, n_learners=20, weeks=4, rng=np.random.default_rng(7))
    return fit(CATALOGUE, room.events, rng=np.random.default_rng(0), now=NOW)


def asked(menu: int = 1, pins: tuple[str, ...] = ()) -> Request:
    return Request("x", NOW, k=4, menu=menu, pins=pins)


@pytest.mark.parametrize("menu", [1, 2])
def test_the_shadow_changes_no_bit_of_the_champion(recommender: Recommender, menu: int) -> None:
    drawn = recommender.recommend(asked(menu), rng=np.random.default_rng(3))
    found = shadow_lists(
        recommender, [asked(menu)], rngs=[np.random.default_rng(3)], challenger=Softmax(0.5, 0.2)
    )[0]
    assert found.steps == tuple(drawn.steps)
    assert found.probabilities.sum(axis=2) == pytest.approx(1)
    assert (found.probabilities[np.isinf(found.scores)] == 0).all()


@pytest.mark.parametrize("menu", [1, 2])
def test_the_champion_as_its_own_challenger_has_the_logged_propensities(
    recommender: Recommender, menu: int
) -> None:
    policy = recommender.kernel.policy
    found = shadow_lists(recommender, [asked(menu)], rngs=[np.random.default_rng(3)], challenger=policy)[0]
    assert found.target == pytest.approx([step.propensity for step in found.steps], rel=1e-9)


def test_a_uniform_challenger_gives_one_over_the_allowed(recommender: Recommender) -> None:
    found = shadow_lists(recommender, [asked()], rngs=[np.random.default_rng(3)], challenger=Uniform())[0]
    allowed = np.isfinite(found.scores[:, 0]).sum(axis=1)
    assert found.target == pytest.approx(1 / allowed)


def test_a_pinned_step_has_no_target_probability(recommender: Recommender) -> None:
    pin = CATALOGUE.resources[3].resource_id
    found = shadow_lists(
        recommender, [asked(pins=(pin,))], rngs=[np.random.default_rng(3)], challenger=Uniform()
    )[0]
    assert np.isnan(found.target[0])
    assert np.isfinite(found.target[1:]).all()


@pytest.mark.parametrize("menu", [1, 2])
def test_a_model_led_along_its_own_list_has_its_own_propensities(
    recommender: Recommender, rival: Recommender, menu: int
) -> None:
    drawn = rival.recommend(asked(menu), rng=np.random.default_rng(5))
    own = follow(rival, asked(menu), drawn.steps)
    assert own.target == pytest.approx([step.propensity for step in drawn.steps], rel=1e-9)
    other = follow(recommender, asked(menu), drawn.steps)
    assert not np.allclose(own.target, other.target, rtol=0.05)
    assert other.probabilities.sum(axis=2) == pytest.approx(1)


def test_the_weights_of_another_model_average_one(recommender: Recommender, rival: Recommender) -> None:
    n = 250
    found = shadow_lists(
        recommender.deciding_by(PolicyVersion(policy=Uniform())),  # weights are bounded: what is rare is seen
        [asked()] * n,
        rngs=[np.random.default_rng([8, i]) for i in range(n)],
        challenger=rival,
    )
    weights = np.array([one.target / [step.propensity for step in one.steps] for one in found])
    error = weights.std(axis=0, ddof=1) / np.sqrt(n)
    assert (np.abs(weights.mean(axis=0) - 1) < 4 * error).all()
    assert weights.std() > 0.1


def test_what_the_challenger_cannot_offer_has_no_chance(recommender: Recommender, rival: Recommender) -> None:
    drawn = recommender.recommend(asked(), rng=np.random.default_rng(8))
    allowed = tuple(r.resource_id for r in CATALOGUE.resources if r.resource_id != drawn.steps[1].resource)
    found = follow(rival, replace(asked(), candidates=allowed), drawn.steps)
    assert found.target[1] == 0
    assert found.target[0] > 0
    with pytest.raises(ValueError, match="asks for 2 steps of 1"):
        follow(rival, replace(asked(), k=2), drawn.steps)
