"""Caliper: the specification's own fixtures, and what each event becomes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue.lms.caliper import reader as caliper
from segue.lms.records.source_records import Event, Mode, ReadReport

PERSON = {"id": "https://school.example/users/7", "type": "Person"}
GRADE: dict[str, Any] = {
    "@context": "http://purl.imsglobal.org/ctx/caliper/v1p2",
    "id": "urn:uuid:a50ca17f-5971-47bb-8fca-4e6e6879001d",
    "type": "GradeEvent",
    "actor": {"id": "https://school.example/users/teacher", "type": "Person"},
    "action": "Graded",
    "object": {
        "id": "https://school.example/attempts/1",
        "type": "Attempt",
        "assignee": PERSON,
        "assignable": {"id": "https://school.example/quiz/1", "type": "Assessment", "name": "CANARY"},
        "count": 2,
        "duration": "PT5M",
    },
    "eventTime": "2026-03-02T09:00:00.000Z",
    "generated": {
        "id": "https://school.example/scores/1",
        "type": "Score",
        "maxScore": 8,
        "scoreGiven": 6,
        "comment": "CANARY",
    },
    "group": {"id": "https://school.example/class/4", "type": "CourseSection"},
}


def change(path: str, value: Any) -> dict[str, Any]:
    """The grade with one property set."""
    event = copy.deepcopy(GRADE)
    *parents, last = path.split(".")
    place = event
    for name in parents:
        place = place[name]
    place[last] = value
    return event


def interaction(kind: str, action: str, target: dict[str, Any]) -> dict[str, Any]:
    base = {name: GRADE[name] for name in ("@context", "id", "eventTime")}
    return base | {"type": kind, "action": action, "actor": PERSON, "object": target}


def taken(source: Any, mode: Mode = "strict") -> tuple[list[Event], ReadReport]:
    stream, report = caliper.read(source, mode)
    return list(stream), report


def one(source: Any, mode: Mode = "strict") -> Event:
    events, report = taken(source, mode)
    assert not report.refused
    (event,) = events
    return event


def fixtures(folder: Path) -> list[dict[str, Any]]:
    names = [
        "v1p1_valid_events",
        "v1p2_valid_events",
        "v1p2_reject",
        "v1p1_valid_entities",
        "v1p2_valid_entities",
    ]
    return [
        json.loads(line) for name in names for line in (folder / f"{name}.ndjson").read_text().splitlines()
    ]


def test_verdicts_agree_with_the_fixtures_of_the_specification(shared_data: Callable[[str], Path]) -> None:
    events = wrong_events = wrong_entities = 0
    for row in fixtures(shared_data("lms/caliper")):
        accepted = not taken(row["doc"])[1].refused
        wrong = accepted != (row["expect"] == "accept")
        assert accepted or row["expect"] == "reject", f"a valid document is refused: {row['file']}"
        if row["kind"] == "Entity":
            wrong_entities += wrong
        else:
            events += 1
            wrong_events += wrong
    assert wrong_events <= events * 5 // 100
    assert wrong_entities <= 3


def test_the_learner_of_a_grade_is_the_assignee_and_not_the_teacher() -> None:
    event = one(GRADE)
    assert event["learner"] == PERSON["id"]
    assert event["resource"] == "https://school.example/quiz/1"
    assert (event["kind"], event["score"], event["attempt_no"], event["seconds"]) == (
        "attempt",
        0.75,
        2,
        300.0,
    )
    assert event["class"] == "https://school.example/class/4"
    assert "CANARY" not in json.dumps(event)


def test_a_grade_above_the_maximum_is_clipped_and_counted() -> None:
    events, report = taken(change("generated.scoreGiven", 9))
    assert events[0]["score"] == 1.0
    assert report.clipped == 1


def test_a_grade_over_zero_points_has_no_score() -> None:
    event = one(change("generated.maxScore", 0))
    assert (event["kind"], event["score"]) == ("other", None)


def test_a_grade_without_its_learner_is_skipped() -> None:
    events, report = taken(change("object", "https://school.example/attempts/1"))
    assert not events
    assert sum(report.skipped.values()) == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "https://school.example/not-a-uuid"),
        ("action", "Viewed"),
        ("actor", "no address"),
        ("object", PERSON),
        ("object", None),
        ("eventTime", "2026-03-02"),
        ("profile", "NoProfile"),
        ("extensions", "text"),
        ("generated.maxScore", "eight"),
        ("object.assignee", {"type": "Person"}),
        ("group", PERSON),
        ("type", "NoEvent"),
    ],
)
def test_broken_rules_are_refused_with_a_reason(path: str, value: Any) -> None:
    events, report = taken(change(path, value))
    assert not events
    assert sum(report.refused.values()) == 1


def test_one_bad_event_does_not_sink_its_envelope() -> None:
    envelope = {
        "sensor": "https://school.example/sensor",
        "sendTime": "2026-03-02T09:00:00.000Z",
        "dataVersion": "http://purl.imsglobal.org/ctx/caliper/v1p2",
        "data": [GRADE, change("action", "Viewed"), PERSON, GRADE],
    }
    events, report = taken(envelope)
    assert [len(events), sum(report.refused.values()), sum(report.skipped.values())] == [2, 1, 1]


def test_events_become_kinds() -> None:
    page = {"id": "https://school.example/page/1", "type": "WebPage"}
    item = {"id": "https://school.example/item/1", "type": "AssessmentItem"}
    film = {"id": "https://school.example/film/1", "type": "VideoObject"}
    tool = {"id": "https://school.example/tool", "type": "SoftwareApplication"}
    assert one(interaction("ViewEvent", "Viewed", page))["kind"] == "view"
    assert one(interaction("AssessmentItemEvent", "Completed", item))["kind"] == "completion"
    assert one(interaction("AssessmentItemEvent", "Skipped", item))["kind"] == "other"
    assert one(interaction("MediaEvent", "Ended", film))["kind"] == "completion"
    measure = {"id": "urn:x:1", "type": "AggregateMeasure", "metric": "MinutesOnTask", "metricValue": 2}
    used = interaction("ToolUseEvent", "Used", tool)
    used["generated"] = {"id": "urn:x:2", "type": "AggregateMeasureCollection", "items": [measure]}
    assert (one(used)["kind"], one(used)["seconds"]) == ("dwell", 120.0)


def test_a_rating_is_its_place_on_the_scale() -> None:
    scale = {"id": "urn:x:3", "type": "LikertScale", "itemValues": ["a", "b", "c", "d", "e"]}
    question = {"id": "urn:x:4", "type": "RatingScaleQuestion", "scale": scale}
    ranked = interaction("FeedbackEvent", "Ranked", {"id": "urn:x:5", "type": "Document"})
    ranked["generated"] = {"id": "urn:x:6", "type": "Rating", "question": question, "selections": ["d"]}
    assert (one(ranked)["kind"], one(ranked)["score"]) == ("rating", 0.75)


def test_a_teacher_who_opens_a_task_is_no_learner() -> None:
    member = {"id": "urn:x:7", "type": "Membership", "roles": ["Instructor"]}
    viewed = interaction("ViewEvent", "Viewed", {"id": "urn:x:5", "type": "Document"}) | {
        "membership": member
    }
    events, report = taken(viewed)
    assert not events
    assert not report.refused
