"""CASE: counts, prerequisites, strict and lenient verdicts, and sentences a student reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue.features.catalogue import Catalogue, Resource
from segue.lms.catalogues.case import open_framework
from segue.lms.documents.read_document import answer
from segue.lms.records.source_records import ReadReport

A, B = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
NOW = "2026-03-02T09:00:00.000Z"


def node(identifier: str) -> dict[str, str]:
    return {"title": "t", "identifier": identifier, "uri": f"https://x.example/{identifier}"}


def package(**changes: Any) -> dict[str, Any]:
    item = {"fullStatement": "Add within 20.", "lastChangeDateTime": NOW, "humanCodingScheme": "1.OA"}
    relation = {"associationType": "precedes", "originNodeURI": node(A), "destinationNodeURI": node(B)}
    return {
        "CFDocument": node(A) | {"creator": "c", "title": "Maths", "lastChangeDateTime": NOW},
        "CFItems": [node(A) | item, node(B) | item],
        "CFAssociations": [node(A) | relation | {"lastChangeDateTime": NOW}],
    } | changes


@pytest.mark.parametrize(
    ("name", "items", "associations", "strict"),
    [
        ("ccss_math_k5", 270, 270, False),
        ("what_standards_could_be", 16, 39, False),
        ("Ordering", 28, 28, True),
        ("MarkdownFramework", 2, 2, True),
        ("ItemTypeTestFramework", 1, 1, True),
        ("EmptyExternalFramework", 0, 0, True),
    ],
)
def test_counts_are_exact_and_only_the_specification_is_accepted_strictly(
    shared_data: Callable[[str], Path], name: str, items: int, associations: int, strict: bool
) -> None:
    path = str(shared_data("lms/case") / f"{name}.json")
    for mode in ("strict", "lenient"):
        found = answer("case", path, mode)
        assert found.accepted == (strict or mode == "lenient"), found.reason
        assert found.accepted or found.reason
        assert (found.counts["items"], found.counts["associations"]) == (items, associations)


def test_a_real_framework_is_read_fast(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("lms/case") / "ccss_math_k5.json"
    started = time.perf_counter()
    framework = open_framework(path, "lenient", ReadReport())
    assert time.perf_counter() - started < 0.5
    assert len(framework.skills) == 270
    assert sum(bool(skill.i_can) for skill in framework.skills) > 100


def test_prerequisites_come_from_precedes_and_make_a_catalogue(shared_data: Callable[[str], Path]) -> None:
    report = ReadReport()
    path = shared_data("lms/case") / "what_standards_could_be.json"
    framework = open_framework(path, "lenient", report)
    outside = report.warnings["prerequisite that points outside the package"]
    assert len(framework.prerequisites) + outside == 3
    catalogue = Catalogue.build(
        [Resource("r", skills=(framework.skills[0].skill_id,))], framework.skills, framework.prerequisites
    )
    assert len(catalogue.skills) == 16


def test_order_of_a_prerequisite_is_before_then_after() -> None:
    framework = open_framework(package(), "strict", report := ReadReport())
    assert not report.refused
    assert framework.prerequisites == ((A, B),)
    assert framework.skills[0].i_can == "I can add within 20."


@pytest.mark.parametrize(
    "changes",
    [
        {"CFDocument": {"title": "only"}},
        {"CFItems": [node("not-a-uuid") | {"fullStatement": "x", "lastChangeDateTime": NOW}]},
        {"CFItems": [node(A) | {"fullStatement": "x", "lastChangeDateTime": "2026-03-02"}]},
        {"CFItems": [node(A) | {"lastChangeDateTime": NOW}]},
        {"CFItems": ["text"]},
        {"CFAssociations": [node(A) | {"associationType": "follows", "lastChangeDateTime": NOW}]},
    ],
)
def test_strict_refuses_with_a_reason_what_lenient_takes(changes: dict[str, Any]) -> None:
    found = answer("case", package(**changes))
    assert not found.accepted
    assert found.reason
    assert answer("case", package(**changes), "lenient").accepted


def test_what_is_no_package_is_refused() -> None:
    documents: list[Any] = [{}, [], [1, 2], {"CFItems": []}]
    for document in documents:
        assert not answer("case", document, "lenient").accepted
