"""The order of a course from how easily skills are answered, what builds on what, and what lies together."""

from __future__ import annotations

import numpy as np
import pytest

from segue.features.catalogue import Catalogue, Resource
from segue.features.prerequisite_map import course_order


def course(n: int, *, prerequisites: list[tuple[int, int]], together: list[tuple[int, int]]) -> Catalogue:
    alone = [Resource(f"r{i:03d}", skills=(f"s{i:03d}",)) for i in range(n)]
    both = [Resource(f"b{a}-{b}", skills=(f"s{a:03d}", f"s{b:03d}")) for a, b in sorted(set(together))]
    return Catalogue.build(
        [*alone, *both], prerequisites=[(f"s{a:03d}", f"s{b:03d}") for a, b in prerequisites]
    )


def off(found: np.ndarray) -> float:
    """Return how many places a skill is off on average; the skills are numbered in their true order."""
    return float(np.abs(np.argsort(found) - np.arange(len(found))).mean())


def test_without_links_the_easier_skill_comes_first() -> None:
    made = course(5, prerequisites=[], together=[])
    assert course_order(made, np.array([0.1, 2.0, -1.0, 0.5, 0.1])).tolist() == [1, 3, 0, 4, 2]


@pytest.mark.parametrize("seed", range(8))
def test_links_bring_skills_to_their_places_and_false_ones_do_little_harm(seed: int) -> None:
    rng, n = np.random.default_rng(seed), 60
    easiness = -np.arange(n) * 0.06 + rng.normal(0.0, 0.5, n)
    true = [(int(rng.integers(max(0, b - 6), b)), b) for b in range(1, n)]
    near = [(a, min(a + int(rng.integers(1, 4)), n - 1)) for a in rng.integers(0, n - 1, 40).tolist()]
    false = [tuple(sorted(rng.choice(n, 2, replace=False).tolist())) for _ in range(8)]
    alone = off(course_order(course(n, prerequisites=[], together=[]), easiness))
    linked = off(course_order(course(n, prerequisites=true, together=near), easiness))
    misled = off(course_order(course(n, prerequisites=true + false, together=near), easiness))
    assert linked < 0.6 * alone
    assert misled < 0.6 * alone


def test_the_order_does_not_depend_on_how_resources_are_listed() -> None:
    rng = np.random.default_rng(5)
    made = course(12, prerequisites=[(0, 3), (3, 7)], together=[(1, 2), (2, 5)])
    easiness = rng.normal(size=12)
    shown = [made.skills[k].skill_id for k in course_order(made, easiness)]
    listed = rng.permutation(len(made.resources))
    pairs = [(made.skills[a].skill_id, made.skills[b].skill_id) for a, b in made.prerequisites]
    again = Catalogue.build([made.resources[i] for i in listed], prerequisites=pairs)
    same = [easiness[[s.skill_id for s in made.skills].index(s.skill_id)] for s in again.skills]
    assert [again.skills[k].skill_id for k in course_order(again, np.array(same))] == shown
