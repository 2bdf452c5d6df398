"""What a course says of skills: what they build on, what they open, what comes just before them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.features.catalogue import Catalogue, Resource
from segue.features.prerequisite_map import Map, frontier, readiness, unlocking


def catalogue() -> Catalogue:
    resources = [Resource(name, skills=(name,)) for name in ("a", "b", "c")]
    return Catalogue.build(resources, prerequisites=[("a", "b"), ("a", "c"), ("b", "c")])


def course(n_skills: int) -> Catalogue:
    return Catalogue.build([Resource(f"r{i:03d}", skills=(f"s{i:03d}",)) for i in range(n_skills)])


def test_readiness_is_the_weakest_prerequisite_or_the_skill_itself() -> None:
    mastery = np.array([[0.3, 0.6, 0.2]])
    assert readiness(mastery, Map.of(catalogue()))[0].tolist() == [1.0, 0.6, 0.3]


def test_a_skill_is_worth_what_it_opens() -> None:
    mastery = np.array([[0.9, 0.5, 0.1]])
    assert unlocking(mastery, Map.of(catalogue()))[0].tolist() == pytest.approx(
        [(0.5 + 0.9) / 4, 0.9 / 4, 0.0]
    )


def test_the_frontier_is_what_is_known_of_the_next_easier_skills() -> None:
    easiness = np.array([0.0, 3.0, 1.0, 2.0, -1.0, -2.0, -3.0, -4.0, -5.0, -6.0])
    mastery = np.linspace(0.1, 1.0, 10)[None]
    known = frontier(mastery, Map.of(course(10), easiness))[0]
    assert known[1] == 1.0  # the easiest builds on nothing
    assert known[3] == pytest.approx(mastery[0, 1])
    near = np.exp([-3.0, -2.0, -1.0])  # a tenth of the course: one skill
    assert known[0] == pytest.approx(np.average(mastery[0, [1, 3, 2]], weights=near))
    assert known[9] == pytest.approx(np.average(mastery[0, [6, 7, 8]], weights=near))


@given(seed=st.integers(0, 2**32 - 1), n_skills=st.integers(1, 40), n_learners=st.integers(1, 4))
def test_the_frontier_follows_skills_when_they_are_listed_otherwise(
    seed: int, n_skills: int, n_learners: int
) -> None:
    rng = np.random.default_rng(seed)
    easiness, mastery = rng.permutation(n_skills).astype(float), rng.random((n_learners, n_skills))
    order = rng.permutation(n_skills)
    made = course(n_skills)
    known = frontier(mastery, Map.of(made, easiness))
    again = frontier(mastery[:, order], Map.of(made, easiness[order]))
    assert np.array_equal(again, known[:, order])
    assert ((known >= 0.0) & (known <= 1.0)).all()
    alone = frontier(mastery[:1], Map.of(made, easiness))
    assert np.array_equal(alone, known[:1])
