"""Context columns: in range, by their formula, and gathered alike for one skill and for several."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.features.candidates import Pool
from segue.features.catalogue import Catalogue, Resource
from segue.features.contexts.context_columns import (
    COLUMNS,
    INDEX,
    TABLE,
    Facts,
    ItemFacts,
    SkillFacts,
    due,
    mastered,
)
from segue.features.contexts.contexts import Contexts, build
from segue.features.prerequisite_map import Map


def catalogue() -> Catalogue:
    resources = [
        Resource("one", skills=("a",), tags=("x",)),
        Resource("two", skills=("b", "c"), tags=("x", "y")),
        Resource("three", skills=("c",)),
    ]
    return Catalogue.build(resources, prerequisites=[("a", "b"), ("a", "c"), ("b", "c")])


def facts(rng: np.random.Generator, n_learners: int) -> tuple[SkillFacts, ItemFacts]:
    chance, later = rng.random((2, n_learners, 3))
    days = np.where(rng.random((n_learners, 3)) < 0.3, np.inf, 400 * rng.random((n_learners, 3)))
    skills = SkillFacts(
        mastery=mastered(chance, (0.1, 0.9)),
        chance=chance,
        chance_later=later,
        gain=chance - later,
        spread=1.4 * rng.random((n_learners, 3)),
        attempts=np.floor(10 * rng.random((n_learners, 3))),
        recent=2 * rng.random((n_learners, 3)) - 1,
        days=days,
    )
    values = rng.random((4, n_learners, 3))
    items = ItemFacts(
        success=values[0],
        interest=values[1],
        next_item=values[2],
        uses=np.floor(9 * values[3]),
        kind=rng.random((n_learners, len(catalogue().kind_ids))),
        time_fit=np.ones(3),
        difficulty=np.tanh(rng.normal(0, 3, 3)),
        popularity=rng.random(3),
        quality=rng.uniform(-0.9, 0.9, 3),
    )
    return skills, items


def contexts(skills: SkillFacts, items: ItemFacts) -> Contexts:
    made = catalogue()
    goal = np.zeros(skills.chance.shape)
    goal[:, 2] = 1.0
    due_by = np.full((len(goal), 1), 0.5)
    return build(Facts(skills, items, Pool.of(made), Map.of(made), goal, due_by))


def columns(skills: SkillFacts, items: ItemFacts) -> np.ndarray:
    return contexts(skills, items).whole()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n_learners=st.integers(1, 4))
def test_every_column_stays_in_its_range(seed: int, n_learners: int) -> None:
    X = columns(*facts(np.random.default_rng(seed), n_learners))
    assert X.shape == (len(COLUMNS), n_learners, 3)
    assert np.isfinite(X).all()
    assert (np.abs(X) <= 1.0).all()
    for column in TABLE:
        assert column.low <= X[INDEX[column.name]].min(), column.name
        assert X[INDEX[column.name]].max() <= column.high, column.name


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n_learners=st.integers(1, 4))
def test_picked_and_weighed_columns_are_those_of_the_whole(seed: int, n_learners: int) -> None:
    rng = np.random.default_rng(seed)
    made = contexts(*facts(rng, n_learners))
    X, weights, at = made.whole(), rng.normal(size=len(COLUMNS)), rng.integers(3, size=(n_learners, 5))
    assert np.array_equal(made.at(at), X[:, np.arange(n_learners)[:, None], at])
    assert made.dot(weights) == pytest.approx(np.einsum("c,cbn->bn", weights, X), abs=1e-12)


def test_a_column_is_the_mean_or_the_least_over_the_skills() -> None:
    skills, items = facts(np.random.default_rng(1), 2)
    X = columns(skills, items)
    assert X[INDEX["mastery"]][:, 1] == pytest.approx(skills.mastery[:, 1:].mean(axis=1))
    assert X[INDEX["mastery_min"]][:, 1] == pytest.approx(skills.mastery[:, 1:].min(axis=1))
    assert X[INDEX["goal"]][0].tolist() == [0.0, 0.5, 1.0]
    assert X[INDEX["goal_due"]][0].tolist() == [0.0, 0.25, 0.5]
    assert X[INDEX["breadth"]][0].tolist() == [0.25, 0.5, 0.25]


def test_review_is_due_by_half_after_a_half_life_that_grows_with_practice() -> None:
    found = due(np.array([[0.0, 0.0, 2.0]]), np.array([[2.0, np.inf, 6.0]]))[0]
    assert found.tolist() == pytest.approx([0.5, 0.0, 0.5])


def test_mastery_lies_between_guessing_and_slips() -> None:
    assert mastered(np.array([0.2, 0.5, 0.9, 0.05]), (0.2, 0.8)).tolist() == pytest.approx(
        [0.02, 0.5, 0.98, 0.02]
    )


def test_a_pool_cut_down_gathers_the_same_bits() -> None:
    whole = Pool.of(catalogue())
    values = np.random.default_rng(0).random((5, 3))
    part = whole.keep(np.array([1, 2]))
    assert np.array_equal(part.mean(values), whole.mean(values)[:, 1:])
    assert np.array_equal(part.least(values), whole.least(values)[:, 1:])
    assert np.array_equal(part.any(values > 0.5), whole.any(values > 0.5)[:, 1:])
    assert len(part) == 2


def test_the_overlap_of_combinations_is_the_share_of_skills_in_common_with_and_without_a_table() -> None:
    made = Pool.of(catalogue())
    combinations, order = made.combinations, made.combination
    share = combinations.overlap(order)[:, order]
    assert share.tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.5, 1.0]]
    passing = combinations.keep(np.arange(len(combinations)))
    assert np.array_equal(passing.overlap(order), combinations.overlap(order))
