"""Suggested standards: the nearest statement wins, and only for resources that have none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from segue.features.catalogue import Catalogue, Resource, Skill
from segue.lms.catalogues.case import open_framework
from segue.lms.catalogues.standard_suggestions import confirm, suggest
from segue.lms.records.source_records import ReadReport

SKILLS = (
    Skill("s1", "3.NF.A.1", "Understand a fraction as a part of a whole"),
    Skill("s2", "4.MD.C.6", "Measure angles in whole-number degrees using a protractor"),
    Skill("s3", "", ""),
)


def test_the_nearest_statement_comes_first_and_tagged_resources_are_left_alone() -> None:
    resources = [
        Resource("a", "Fraction of a pizza"),
        Resource("b", "Using the protractor", skills=("resource:b",)),
        Resource("c", "Fractions", skills=("s1",)),
        Resource("d", "Holiday photos"),
    ]
    table = suggest(resources, SKILLS, descriptions={"a": "parts of the whole"})
    best = table[table["rank"] == 1].set_index("resource_id")["skill_id"]
    assert best.to_dict() == {"a": "s1", "b": "s2"}
    assert table["similarity"].between(0, 1).all()


def test_nothing_to_compare_gives_nothing() -> None:
    assert suggest([], SKILLS, descriptions={}).empty
    assert suggest([Resource("a", "x")], (), descriptions={}).empty
    assert suggest([Resource("a", "the and of")], [Skill("s", "", "the of")], descriptions={}).empty
    with pytest.raises(ValueError, match="least must be"):
        suggest([], (), descriptions={}, least=2)


def test_what_a_person_keeps_becomes_the_resources_skills() -> None:
    catalogue = Catalogue.build(
        [
            Resource("a", "Fraction of a pizza"),
            Resource("b", "Using the protractor"),
            Resource("c", skills=("s9",)),
        ],
        prerequisites=[("s8", "s9")],
    )
    table = suggest(catalogue.resources, SKILLS, descriptions={})
    done = confirm(catalogue, table[table["resource_id"] == "a"])
    assert [r.skills for r in done.resources] == [("s1",), ("resource:b",), ("s9",)]
    assert done.skills[done.skill_index["s1"]].code == "3.NF.A.1"
    assert len(done.prerequisites) == 1
    with pytest.raises(ValueError, match="unknown resource"):
        confirm(catalogue, table.assign(resource_id="zz"))


def test_a_statement_finds_itself_among_real_standards(shared_data: Callable[[str], Path]) -> None:
    framework = open_framework(shared_data("lms/case") / "ccss_math_k5.json", "lenient", ReadReport())
    stated = [skill for skill in framework.skills if len(skill.statement) > 60]
    half = [Resource(s.skill_id, " ".join(s.statement.split()[:12])) for s in stated]
    table = suggest(half, framework.skills, descriptions={}, per_resource=3)
    found = (table["resource_id"] == table["skill_id"]).groupby(table["resource_id"]).any()
    assert found.mean() > 0.9  # from its first twelve words, among 270
