"""xAPI: the data rules on the conformance statements, and every rule of the mapping."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue.lms.records.source_records import Event, Mode, ReadReport
from segue.lms.records.untrusted_values import mail_hash
from segue.lms.xapi import reader as xapi

STATEMENT: dict[str, Any] = {
    "id": "8f87ccde-bb56-4c2e-ab83-44982ef22df0",
    "actor": {"account": {"homePage": "https://school.example", "name": "4711"}},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
    "object": {"id": "https://school.example/item/1"},
    "timestamp": "2026-03-02T09:00:00.000+02:00",
}


def change(path: str, value: Any) -> dict[str, Any]:
    """The statement with one property set (or removed, for None at the end of the path)."""
    statement = copy.deepcopy(STATEMENT)
    *parents, last = path.split(".")
    place = statement
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value
    return statement


def taken(source: Any, mode: Mode = "strict") -> tuple[list[Event], ReadReport]:
    stream, report = xapi.read(source, mode)
    return list(stream), report


def one(source: Any, mode: Mode = "strict") -> Event:
    events, report = taken(source, mode)
    assert not report.refused
    (event,) = events
    return event


def test_verdicts_agree_with_the_conformance_statements(shared_data: Callable[[str], Path]) -> None:
    lines = (shared_data("lms/xapi-conformance") / "statements.ndjson").read_text().splitlines()
    wrong = []
    for line in lines:
        row = json.loads(line)
        _, report = taken(row["statement"])
        if bool(report.refused) == (row["expect_status"] == 200):
            wrong.append(row["case"])
        assert all(report.refused)  # every refusal has a reason
    assert len(wrong) <= len(lines) - 424 * len(lines) // 428, wrong


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "8f87ccde-bb56-4c2e-ab83-44982ef22dfg"),
        ("timestamp", "2026-03-02T09:00:00-00:00"),
        ("timestamp", "2026-13-02T09:00:00Z"),
        ("version", "1.1.0"),
        ("Verb", {"id": "http://example.com/x"}),
        ("result", None),
        ("actor.account.name", None),
        ("actor.mbox", "mailto:a@b.org"),
        ("actor", {"objectType": "Group", "member": [{"objectType": "Group", "mbox": "mailto:a@b.org"}]}),
        ("actor", {"mbox": "a@b.org"}),
        ("verb.display", {"en_US": "answered"}),
        ("object.definition", {"choices": [{"id": "a"}]}),
        ("object.definition", {"interactionType": "numeric", "choices": [{"id": "a"}]}),
        ("object.definition", {"interactionType": "choice", "choices": [{"id": "a"}, {"id": "a"}]}),
        ("object.definition", {"extensions": {"not an iri": 1}}),
        ("result", {"score": {"scaled": True}}),
        ("result", {"score": {"raw": 5, "min": 6}}),
        ("result", {"duration": "P1DT"}),
        ("context", {"contextActivities": {"sibling": []}}),
        ("context", {"contextAgents": [{"objectType": "contextAgent", "agent": {}}]}),
        ("attachments", [{"usageType": "http://example.com/u"}]),
        ("authority", {"objectType": "Group", "member": [{"mbox": "mailto:a@b.org"}]}),
    ],
)
def test_broken_rules_are_refused_with_a_reason(path: str, value: Any) -> None:
    events, report = taken(change(path, value))
    assert not events
    assert sum(report.refused.values()) == 1


def test_a_voiding_statement_must_name_a_statement_and_may_come_first() -> None:
    voiding = change("verb.id", "http://adlnet.gov/expapi/verbs/voided")
    assert taken(voiding)[1].refused
    voiding["object"] = {"objectType": "StatementRef", "id": "6690e6c9-3ef0-4ed3-8b37-7f3964730bee"}
    assert one(voiding)["voids"] == "6690e6c9-3ef0-4ed3-8b37-7f3964730bee"


def test_version_2_typed_context_actors_are_understood() -> None:
    helper = {"objectType": "contextAgent", "agent": {"mbox": "mailto:a@b.org"}}
    assert one(change("context", {"contextAgents": [helper]}))["learner"] == "4711"


@pytest.mark.parametrize(
    ("result", "score"),
    [
        ({"score": {"scaled": 0.25, "raw": 9, "max": 10}, "success": True}, 0.25),
        ({"score": {"raw": 3, "min": 1, "max": 5}}, 0.5),
        ({"score": {"raw": 3}, "success": False}, 0.0),
        ({"score": {"raw": 3}}, None),
        ({"success": True}, 1.0),
        ({}, None),
        ({"score": {"scaled": -0.5}}, None),
        ({"score": {"scaled": -0.5, "min": -1, "max": 1}}, 0.25),
        ({"score": {"scaled": 0.0, "raw": 5, "min": 0, "max": 10}}, 0.5),
    ],
)
def test_score_is_scaled_else_raw_between_min_and_max_else_success(
    result: dict[str, Any], score: float | None
) -> None:
    event = one(change("result", result))
    assert event["score"] == score
    assert event["kind"] == ("other" if score is None else "attempt")


def test_zero_maximum_gives_no_score_and_above_maximum_is_clipped_and_counted() -> None:
    nothing = one(change("result", {"score": {"raw": 0, "min": 0, "max": 0, "scaled": 0}}), "lenient")
    assert nothing["score"] is None
    events, report = taken(change("result", {"score": {"raw": 7, "min": 0, "max": 5}}), "lenient")
    assert events[0]["score"] == 1.0
    assert report.clipped == 1


def test_groups_substatements_and_instructors_teach_nothing() -> None:
    group = change("actor", {"objectType": "Group", "member": [{"mbox": "mailto:a@b.org"}]})
    inner = {name: STATEMENT[name] for name in ("actor", "verb", "object")}
    planned = change("object", {"objectType": "SubStatement", **inner})
    teacher = change("context.instructor", STATEMENT["actor"])
    events, report = taken([group, planned, teacher])
    assert not events
    assert not report.refused
    assert sum(report.skipped.values()) == 3


def test_learner_is_an_account_name_or_a_hash_and_never_an_address() -> None:
    address = {"mbox": "mailto:ada@school.example"}
    hashed = {"mbox_sha1sum": mail_hash("ada@school.example").upper()}
    named = {"account": {"homePage": "https://school.example", "name": "ada@school.example"}}
    learners = {one(change("actor", actor))["learner"] for actor in (address, hashed, named)}
    assert len(learners) == 1
    assert "@" not in learners.pop()
    assert one(STATEMENT)["learner"] == "4711"


def test_names_and_free_text_stay_at_the_door() -> None:
    statement = change("result", {"response": "CANARY", "extensions": {"http://x.example/e": "CANARY"}})
    statement["actor"] |= {"name": "CANARY"}
    statement["object"]["definition"] = {"name": {"en": "CANARY"}, "description": {"en": "CANARY"}}
    statement["verb"]["display"] = {"en": "CANARY"}
    assert "CANARY" not in json.dumps(one(statement))


def test_a_refusal_does_not_repeat_what_it_refuses() -> None:
    _, report = taken(change("actor", {"mbox": "CANARY", "CANARY": 1}))
    assert "CANARY" not in report.reason


def test_time_is_in_utc_and_without_offset_is_taken_as_utc() -> None:
    assert one(STATEMENT)["time"] == "2026-03-02T07:00:00+00:00"
    assert one(change("timestamp", "2026-03-02T09:00:00"))["time"] == "2026-03-02T09:00:00+00:00"
    stored = {name: value for name, value in STATEMENT.items() if name != "timestamp"}
    assert one(stored)["time"] is None
    assert one(stored | {"stored": "2026-03-02T09:00:00Z"})["time"] == "2026-03-02T09:00:00+00:00"


def test_the_same_statement_without_id_has_the_same_id() -> None:
    bare = {name: value for name, value in STATEMENT.items() if name != "id"}
    assert one(bare)["id"] == one(copy.deepcopy(bare))["id"] != ""
    assert one(STATEMENT)["id"] == STATEMENT["id"]


def test_duration_class_and_attempt_number_are_kept() -> None:
    course = {"id": "https://school.example/c/7", "definition": {"type": "http://example.com/a/course"}}
    statement = change("context.contextActivities", {"grouping": [course]})
    statement["result"] = {"success": True, "duration": "PT1M30S"}
    statement["object"]["definition"] = {"extensions": {xapi.ATTEMPT_NUMBER: 3}}
    event = one(statement)
    assert (event["seconds"], event["class"], event["attempt_no"]) == (90.0, "https://school.example/c/7", 3)


@pytest.mark.parametrize(
    ("verb", "result", "kind"),
    [
        ("experienced", {}, "view"),
        ("completed", {}, "completion"),
        ("completed", {"success": True}, "attempt"),
        ("progressed", {"score": {"scaled": 0.5}}, "other"),
        ("rated", {"score": {"scaled": 0.5}}, "rating"),
        ("registered", {}, "enrol"),
        ("suspended", {"duration": "PT5S"}, "dwell"),
        ("frobbed", {}, "other"),
    ],
)
def test_verbs_become_kinds(verb: str, result: dict[str, Any], kind: str) -> None:
    statement = change("verb.id", f"http://adlnet.gov/expapi/verbs/{verb}")
    assert one(statement | {"result": result})["kind"] == kind


def test_one_bad_statement_does_not_sink_its_envelope(tmp_path: Path) -> None:
    bad = change("id", 5)
    events, report = taken({"statements": [STATEMENT, bad, STATEMENT], "more": ""})
    assert [len(events), sum(report.refused.values())] == [2, 1]
    log = tmp_path / "log.ndjson"
    log.write_text("\n".join([json.dumps(STATEMENT), "{broken", json.dumps(bad), "", json.dumps(STATEMENT)]))
    events, report = taken(log)
    assert [len(events), sum(report.refused.values())] == [2, 2]


def test_lenient_takes_what_says_who_did_what() -> None:
    odd = change("colour", "red") | {"version": "0.9", "id": "not-a-uuid"}
    assert one(odd, "lenient")["id"] == "not-a-uuid"
    assert taken(odd)[1].refused
    assert taken({"verb": {"id": "x"}}, "lenient")[1].refused


def test_what_was_not_completed_is_no_completion_and_who_failed_has_tried() -> None:
    completed = change("verb.id", "http://adlnet.gov/expapi/verbs/completed")
    assert one(completed)["kind"] == "completion"
    assert one(completed | {"result": {"completion": False}})["kind"] == "other"
    failed = one(change("verb.id", "http://adlnet.gov/expapi/verbs/failed"))
    assert (failed["kind"], failed["score"]) == ("attempt", 0.0)


@pytest.mark.parametrize("scaled", [40, 85, -40])
def test_a_percentage_in_the_place_of_a_share_is_no_score(scaled: float) -> None:
    events, report = taken(change("result", {"score": {"scaled": scaled}}), "lenient")
    assert events[0]["score"] is None
    assert sum(report.warnings.values()) == 1


@pytest.mark.parametrize(
    "wrapped",
    [
        {"statements": [STATEMENT], "more": ""},
        {"results": [{"statement": STATEMENT, "stored": "x"}]},
        {"hits": {"hits": [{"_source": {"statement": STATEMENT}}]}},
        [{"full_statement": json.dumps(STATEMENT)}],
        {"edges": [{"node": {"statement": STATEMENT}}]},
    ],
)
def test_the_exports_of_record_stores_are_unwrapped(wrapped: Any) -> None:
    assert one(wrapped, "lenient")["id"] == STATEMENT["id"]


def test_a_page_that_has_more_says_so_and_voided_exports_are_left_out() -> None:
    _, report = taken({"statements": [STATEMENT], "more": "/xapi/statements?page=2"})
    assert any("more statements" in warning for warning in report.warnings)
    assert not taken({"statement": STATEMENT, "voided": True}, "lenient")[0]
