"""Caliper 1.1 and 1.2 envelopes, events and entities as events.

What teaches the engine is taken: assessments, items, assignments, grades, views, navigation, media, tool use
and feedback; the other event types and the entities are skipped and counted. Each event of an envelope stands
or falls alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from segue.lms.caliper import rules as caliper_rules
from segue.lms.caliper import vocabulary as caliper_terms
from segue.lms.records import source_records as base
from segue.lms.records.source_records import Event, Json, Mode, ReadReport, RecordRefusedError, Source
from segue.lms.records.untrusted_values import (
    add_attempt_no,
    digest,
    instant,
    learner_id,
    number,
    obj,
    score_of,
    seconds_of,
    text,
)

KINDS = {
    "AssessmentEvent": {"Submitted": "completion", "Started": "view"},
    "AssessmentItemEvent": {"Completed": "completion", "Started": "view"},
    "AssignableEvent": {
        "Completed": "completion",
        "Submitted": "completion",
        "Started": "view",
        "Reviewed": "view",
    },
    "ViewEvent": {"Viewed": "view"},
    "NavigationEvent": {"NavigatedTo": "view"},
    "MediaEvent": {"Ended": "completion", "Started": "view", "Resumed": "view", "Restarted": "view"},
    "ToolUseEvent": {"Used": "view"},
    "FeedbackEvent": {"Ranked": "rating"},
}
"""Kinds by event type and action; other actions of these types are `other`."""
GRADES = ("GradeEvent", "OutcomeEvent")
TEACHERS = ("Instructor", "Administrator", "ContentDeveloper", "Mentor")


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], ReadReport]:
    """Return the events of envelopes, events or entities (also NDJSON) and the report they fill."""
    return base.read(source, mode, translate=translate, unpack=unpack)


def unpack(document: Json) -> Iterable[Json]:
    """Return the pieces of an envelope, with the envelope itself first, or the document."""
    if isinstance(document, dict) and "type" not in document and isinstance(document.get("data"), list):
        return (document, *document["data"])
    return document if isinstance(document, list) else (document,)


def translate(document: Json, mode: Mode, report: ReadReport) -> Iterator[Event]:
    """Yield the event of one Caliper event, if it teaches something.

    Raises
    ------
    RecordRefusedError
        In strict mode when a rule is broken; in lenient mode when it does not say who did what.
    """
    if not isinstance(document, dict):
        raise RecordRefusedError("a Caliper event must be an object")
    kind = document.get("type")
    if kind is None and ("data" in document or "sensor" in document):
        if mode == "strict":
            caliper_rules.check_envelope(document)
    elif isinstance(kind, str) and kind in caliper_terms.EVENTS:
        if mode == "strict":
            caliper_rules.check_event(document)
        yield from _taken(document, report)
    elif isinstance(kind, str) and (kind == "Entity" or kind in caliper_terms.SUPERTYPE):
        if mode == "strict":
            caliper_rules.check_entity(document)
        report.skip(f"entity {kind}")
    else:
        raise RecordRefusedError("type must be a Caliper event or entity type")


def _taken(event: dict[str, Json], report: ReadReport) -> Iterator[Event]:
    kind = event["type"]
    if kind in GRADES:
        yield from _grade(event, report)
    elif kind not in KINDS:
        report.skip(kind)
    elif _is_teacher(event):
        report.skip(f"{kind} of a teacher")
    else:
        yield _interaction(event, report)


def _is_teacher(event: dict[str, Json]) -> bool:
    roles = obj(event.get("membership")).get("roles")
    roles = {text(role).partition("#")[0] for role in roles} if isinstance(roles, list) else set()
    return bool(roles & set(TEACHERS)) and "Learner" not in roles


def _id(entity: Json) -> str:
    """Return the id of an entity, whether it is spelled out or only named."""
    return entity if isinstance(entity, str) else text(obj(entity).get("id"))


def _made(event: dict[str, Json], kind: str, learner: Json, resource: Json) -> Event:
    who, what = learner_id(_id(learner)), _id(resource)
    if not who or not what:
        raise RecordRefusedError("event must say who (actor or assignee) and what (object or assignable)")
    made = base.new_event(kind, who, what, instant(event.get("eventTime")), name=text(event.get("id")))
    if not made["id"]:
        made["id"] = digest(*made.values(), event.get("action"))
    if _id(event.get("group")):
        made["class"] = _id(event.get("group"))
    return made


def _interaction(event: dict[str, Json], report: ReadReport) -> Event:
    kind, generated, target = event["type"], obj(event.get("generated")), obj(event.get("object"))
    made_kind = KINDS[kind].get(text(event.get("action")), "other")
    if target.get("type") == "Attempt":  # as Canvas sends a submission
        attempt = target
        made = _made(event, made_kind, target.get("assignee", event.get("actor")), target.get("assignable"))
    else:
        attempt = generated if generated.get("type") == "Attempt" else obj(generated.get("attempt"))
        made = _made(event, made_kind, event.get("actor"), event.get("object"))
    add_attempt_no(made, attempt.get("count"))
    seconds = seconds_of(generated.get("duration")) or _on_task(generated)
    if seconds:
        made["seconds"] = seconds
    if made["kind"] == "rating":
        made["score"] = _rating(generated, report)
    if kind == "ToolUseEvent" and seconds:
        made["kind"] = "dwell"
    return made


def _on_task(generated: dict[str, Json]) -> float | None:
    items = generated.get("items")
    for measure in items if isinstance(items, list) else ():
        if obj(measure).get("metric") == "MinutesOnTask":
            minutes = number(obj(measure).get("metricValue"))
            return None if minutes is None else 60 * minutes
    return None


def _rating(rating: dict[str, Json], report: ReadReport) -> float | None:
    """Return where the selection lies on its scale, from 0 (first value) to 1 (last value)."""
    scale = obj(obj(rating.get("question")).get("scale"))
    chosen, values = rating.get("selections"), scale.get("itemValues")
    if not (isinstance(chosen, list) and len(chosen) == 1):
        return None
    if isinstance(values, list) and chosen[0] in values and len(values) > 1:
        return values.index(chosen[0]) / (len(values) - 1)
    return score_of(report, raw=chosen[0], low=scale.get("minValue"), high=scale.get("maxValue"))


def _grade(event: dict[str, Json], report: ReadReport) -> Iterator[Event]:
    """Yield a grade: the learner is the attempt's assignee, never the actor who graded."""
    generated = obj(event.get("generated"))
    attempts = [obj(event.get("object")), obj(generated.get("attempt"))]
    learner = next((_id(a.get("assignee")) for a in attempts if _id(a.get("assignee"))), "")
    resource = next((_id(a.get("assignable")) for a in attempts if _id(a.get("assignable"))), "")
    if not learner or not resource:
        report.skip("grade that does not name its learner")
        return
    made = _made(event, "other", learner, resource)
    made["score"] = score_of(
        report,
        raw=generated.get("scoreGiven", generated.get("resultScore")),
        high=generated.get("maxScore", generated.get("maxResultScore")),
    )
    if made["score"] is not None:
        made["kind"] = "attempt"
    key = next((_id(a) for a in attempts if _id(a) and not _id(a).startswith("_:")), "")
    if key:  # a grade given anew supersedes the one before, a grade taken away voids it
        made |= {"key": key, "removed": made["score"] is None}
    for attempt in reversed(attempts):
        add_attempt_no(made, attempt.get("count"))
    seconds = seconds_of(attempts[0].get("duration"))
    if seconds:
        made["seconds"] = seconds
    yield made
