"""The bundled class is complete, consistent and worth learning from."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from segue import sample
from segue.features.catalogue import KINDS, Catalogue

TAGS = {
    "sports",
    "music",
    "space",
    "animals",
    "cooking",
    "games",
    "art",
    "money",
    "nature",
    "technology",
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return sample.load()  # raises when the prerequisites have a cycle


def resources_of(catalogue: Catalogue, skill: str) -> list[int]:
    return [i for i, r in enumerate(catalogue.resources) if skill in r.skills]


def test_counts(catalogue: Catalogue) -> None:
    assert len(catalogue.resources) >= 130
    assert len(catalogue.skills) == 42
    assert catalogue.notes == ()
    assert len({r.title for r in catalogue.resources}) == len(catalogue.resources)
    assert len({r.url for r in catalogue.resources}) == len(catalogue.resources)


def test_every_name_in_the_files_is_listed() -> None:
    listed = {row["skill_id"] for row in read(sample.paths().skills)}
    assert {k for row in read(sample.paths().resources) for k in row["skills"].split("|")} == listed
    for row in read(sample.paths().prerequisites):
        assert {row["prerequisite"], row["skill"]} <= listed


def test_every_skill_can_be_reached_from_one_without_prerequisites(catalogue: Catalogue) -> None:
    before: dict[int, set[int]] = {i: set() for i in range(len(catalogue.skills))}
    for a, b in catalogue.prerequisites.tolist():
        before[b].add(a)
    learned: set[int] = set()
    while ready := {k for k, needed in before.items() if k not in learned and needed <= learned}:
        assert any(
            set(catalogue.resources[r].skills) <= {catalogue.skills[i].skill_id for i in learned | ready}
            for k in ready
            for r in resources_of(catalogue, catalogue.skills[k].skill_id)
        )
        learned |= ready
    assert len(learned) == len(catalogue.skills)


def test_every_skill_offers_a_choice(catalogue: Catalogue) -> None:
    for skill in catalogue.skills:
        offered = [catalogue.resources[i] for i in resources_of(catalogue, skill.skill_id)]
        alone = [r for r in offered if r.skills == (skill.skill_id,) and r.language == "en"]
        assert len(alone) >= 3, skill.skill_id
        assert len({r.kind for r in offered}) >= 2, skill.skill_id
        assert len({t for r in offered for t in r.tags}) >= 2, skill.skill_id
        assert any(r.offline for r in offered), skill.skill_id


def test_values_are_in_range_and_spread(catalogue: Catalogue) -> None:
    for r in catalogue.resources:
        assert r.kind in KINDS, r.resource_id
        assert r.difficulty in {1, 2, 3, 4, 5}, r.resource_id
        assert 5 <= r.minutes <= 45, r.resource_id
        assert set(r.tags) <= TAGS, r.resource_id
    per_tag = Counter(t for r in catalogue.resources for t in r.tags)
    assert set(per_tag) == TAGS
    assert min(per_tag.values()) >= 8
    assert len({r.kind for r in catalogue.resources}) >= 8


def test_students_get_sentences(catalogue: Catalogue) -> None:
    for skill in catalogue.skills:
        assert skill.i_can.startswith("I can "), skill.skill_id
        assert skill.statement.endswith("."), skill.skill_id


def test_codes_exist_among_the_standards(catalogue: Catalogue, shared_data: Callable[[str], Path]) -> None:
    columns = ("grade_level_code", "domain_code", "cluster_code", "standard_counter", "substandard_counter")
    rows = read(shared_data("ccssm-standards") / "ccssm-k8.csv")
    codes = {".".join(row[c] for c in columns if row[c]) for row in rows}
    texts = {row["description"] for row in rows}
    assert {s.code for s in catalogue.skills} <= codes
    assert not {s.statement for s in catalogue.skills} & texts, "statements are to be our own words"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
