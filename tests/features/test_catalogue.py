"""The catalogue refuses what it cannot use, says what it changed, and lays the rest out as arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.features.catalogue import Catalogue, CatalogueError, Resource

FRACTIONS = Resource("r1", skills=("fractions", "ratios"), tags=("music",), kind="video", minutes=8)


def test_arrays_name_each_skill_once_and_weigh_them_equally() -> None:
    catalogue = Catalogue.build([FRACTIONS, Resource("r2", skills=("ratios",))])
    first = catalogue.skill_matrix[0]
    assert [catalogue.skills[k].skill_id for k in first] == ["fractions", "ratios"]
    np.testing.assert_array_equal(catalogue.skill_weights, [[0.5, 0.5], [1.0, 0.0]])
    assert catalogue.skill_matrix[1, 1] == -1


def test_a_resource_without_skills_gets_one_of_its_own_and_this_is_said() -> None:
    catalogue = Catalogue.build([Resource("r1"), FRACTIONS.__class__("r2", skills=("ratios",))])
    assert "resource:r1" in catalogue.skill_index
    assert "1 of 2 resources name no skill" in catalogue.notes[0]
    again = Catalogue.build([Resource("r1", "Add fractions", skills=("resource:r1",))])
    assert again.skills[0].statement == "Add fractions", "called as the resource is, whoever builds it anew"


def test_a_duplicate_resource_is_refused_by_name() -> None:
    with pytest.raises(CatalogueError, match="'r1' twice"):
        Catalogue.build([Resource("r1"), Resource("r1")])


def test_a_cycle_is_refused_with_its_links_or_broken_on_request() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "a")]
    with pytest.raises(CatalogueError, match="c → a → b → c"):
        Catalogue.build([FRACTIONS], prerequisites=edges)
    catalogue = Catalogue.build([FRACTIONS], prerequisites=edges, on_cycle="break")
    assert catalogue.broken_edges == (("c", "a"),)
    assert len(catalogue.prerequisites) == 2


def test_an_unknown_resource_is_an_error_that_names_it() -> None:
    with pytest.raises(CatalogueError, match="'nowhere'"):
        Catalogue.build([FRACTIONS]).resource_codes(["r1", "nowhere"])


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=20))
def test_breaking_cycles_keeps_every_other_edge_and_leaves_none(edges: list[tuple[str, str]]) -> None:
    catalogue = Catalogue.build([FRACTIONS], prerequisites=edges, on_cycle="break")
    assert len(catalogue.prerequisites) + len(catalogue.broken_edges) == len(set(edges))
    remaining = {tuple(edge) for edge in catalogue.prerequisites.tolist()}
    while remaining:
        sinks = {b for _, b in remaining} - {a for a, _ in remaining}
        assert sinks, "a cycle is left"
        remaining = {(a, b) for a, b in remaining if b not in sinks}


def test_the_hash_tells_catalogues_apart() -> None:
    one, same = Catalogue.build([FRACTIONS]), Catalogue.build([FRACTIONS])
    other = Catalogue.build([Resource("r1", skills=("fractions",))])
    sourced = Catalogue.build([replace(FRACTIONS, source="press")])
    assert one.hash == same.hash
    assert len({one.hash, other.hash, sourced.hash}) == 3
