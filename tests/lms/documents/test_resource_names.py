"""An address of theirs finds our resource: the object, else its plainer forms, else what is around it."""

from __future__ import annotations

from typing import Any

import pytest

from segue.features.catalogue import Catalogue, Resource
from segue.lms.documents.import_document import named
from segue.lms.documents.resource_names import ResourceNames
from segue.lms.xapi import reader as xapi

QUIZ, TASK, GAME = (
    f"https://moodle.example/mod/{n}/view.php?id={i}" for i, n in enumerate(("quiz", "assign", "h5p"))
)
CATALOGUE = Catalogue.build(
    [Resource(name, url=url) for name, url in zip("qtg", (QUIZ, TASK, GAME), strict=True)]
)


def statement(target: str, *around: str, **more: Any) -> dict[str, Any]:
    return {
        "actor": {"mbox": "mailto:Ada@School.example"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": target},
        "result": {"score": {"raw": 5, "min": 0, "max": 10, "scaled": 0.0}},
        "context": {"contextActivities": {"parent": [{"id": name} for name in around]}},
    } | more


@pytest.mark.parametrize(
    ("target", "around", "ours"),
    [
        ("https://moodle.example/mod/quiz/attempt.php?attempt=7", (QUIZ,), "q"),
        (f"{TASK}#submission", (), "t"),
        (f"{GAME}?subContentId=9f", (), "g"),
        (f"{QUIZ}/", (), "q"),
        (QUIZ.replace("moodle.example", "Moodle.EXAMPLE:443"), (), "q"),
        ("https://moodle.example/question?id=3", ("https://moodle.example/x", f"{QUIZ}#q3"), "q"),
        ("https://elsewhere.example/", (), "https://elsewhere.example/"),
    ],
)
def test_a_statement_of_moodles_plug_in_finds_its_resource_and_score(
    target: str, around: tuple[str, ...], ours: str
) -> None:
    events, _ = xapi.read(statement(target, *around), "lenient")
    (event,) = named(events, ResourceNames(CATALOGUE, {}))
    assert (event["resource"], event["score"]) == (ours, 0.5)


def test_two_resources_that_differ_in_a_part_only_are_told_apart() -> None:
    pages = [Resource(f"p{i}", url=f"https://lms.example/book?page={i}") for i in (1, 2)]
    names = ResourceNames(Catalogue.build(pages), {})
    assert names.ours("https://lms.example/book?page=2#top") == "p2"
    assert names.ours("https://lms.example/book?page=3") == "https://lms.example/book?page=3"
