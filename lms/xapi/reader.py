"""xAPI statements (1.0.3 and 2.0) as events.

Strict mode keeps to the data rules (``segue.lms.xapi.rules``); lenient mode takes every statement that says
who did what, and refuses the rest. Groups, sub-statements and statements about agents teach nothing; a
voiding statement becomes an event that `voids` another, which may arrive later.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from segue.lms.records import source_records as base
from segue.lms.records.source_records import Event, Json, Mode, ReadReport, RecordRefusedError, Source
from segue.lms.records.untrusted_values import (
    add_attempt_no,
    digest,
    instant,
    learner_id,
    mail_hash,
    obj,
    score_of,
    seconds_of,
    text,
)
from segue.lms.xapi import rules as xapi_rules

KINDS = {
    "enrol": "registered enrolled",
    "completion": "completed submitted finished passed failed mastered satisfied",
    "view": "experienced viewed launched initialized played opened accessed read watched navigated",
    "rating": "rated",
    "hint": "hinted requested-hint asked",
    "choice": "chose selected",
    "dwell": "exited suspended paused terminated abandoned",
}
"""Kinds of event by the last part of a verb's IRI; what is not listed is `other`."""
KIND_OF = {verb: kind for kind, verbs in KINDS.items() for verb in verbs.split()}
AGGREGATES = frozenset({"earned", "progressed"})  # sums over many attempts: their score is no attempt
ATTEMPT_NUMBER = "http://id.tincanapi.com/extension/attempt-id"


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], ReadReport]:
    """Return the events of statements (a statement, a list, a statement result, NDJSON) and the report."""
    return base.read(source, mode, translate=translate, unpack=unpack)


WRAPPERS = ("statement", "fullStatement", "full_statement", "_source", "payload", "node", "message")
"""Names under which exports of record stores put a statement."""
LISTS = ("statements", "results", "data", "hits", "edges", "items")
"""Names under which they put many."""
DEEPEST = 6


def unpack(document: Json, depth: int = DEEPEST) -> Iterator[Json]:
    """Yield the statements of a document: itself, those of a statement result, or those of an export.

    A statement result that says where `more` are is yielded too, as {"more": address}, to be told of.
    """
    if isinstance(document, list):
        for part in document:
            yield from unpack(part, depth - 1) if depth else (part,)
        return
    inner = None if not isinstance(document, dict) or "verb" in document else _wrapped(document)
    if inner is None or not depth:
        yield document
        return
    if document.get("voided") is True:
        yield {"voided": True}
        return
    yield from unpack(inner, depth - 1)
    if text(document.get("more")):
        yield {"more": text(document["more"])}


def _wrapped(document: dict[str, Json]) -> Json:
    """Return what an export wraps: a list, a statement, or the JSON text of one; None when nothing."""
    for name in LISTS:
        inner = document.get(name)
        if isinstance(inner, list) or (name == "hits" and isinstance(inner, dict)):
            return inner["hits"] if isinstance(inner, dict) and isinstance(inner.get("hits"), list) else inner
    for name in WRAPPERS:
        inner = document.get(name)
        if isinstance(inner, dict):
            return inner
        if isinstance(inner, str) and inner.lstrip().startswith("{"):
            try:
                return base.parse(inner)
            except RecordRefusedError:
                return None
    return None


def translate(statement: Json, mode: Mode, report: ReadReport) -> Iterator[Event]:
    """Yield the event of one statement, if it teaches something.

    Raises
    ------
    RecordRefusedError
        In strict mode when a data rule is broken; in lenient mode when it does not say who did what.
    """
    if isinstance(statement, dict) and set(statement) in ({"more"}, {"voided"}):
        _told(statement, report)
        return
    if mode == "strict":
        xapi_rules.check(statement)
    elif not isinstance(statement, dict):
        raise RecordRefusedError("statement must be an object")
    target = obj(statement.get("object"))
    kind = target.get("objectType", "Activity")
    voids = text(obj(statement.get("verb")).get("id")) == xapi_rules.VOIDED
    if obj(statement.get("actor")).get("objectType") == "Group":
        report.skip("group")
    elif _same_agent(statement.get("actor"), obj(statement.get("context")).get("instructor")):
        report.skip("statement of an instructor")
    elif voids and kind == "StatementRef":
        yield _voiding(statement, text(target.get("id")))
    elif kind in ("Agent", "Group", "SubStatement", "StatementRef"):
        report.skip(f"statement about a {kind}")
    else:
        yield event_of(statement, report)


def _told(note: dict[str, Json], report: ReadReport) -> None:
    """Count what an export says of its statements."""
    if "more" in note:
        report.warnings["the store has more statements than this page (segue pull lrs follows them)"] += 1
    else:
        report.skip("statement that the export marks as voided")


def _same_agent(actor: Json, instructor: Json) -> bool:
    return isinstance(instructor, dict) and learner_of(actor) == learner_of(instructor) != ""


def learner_of(actor: Json) -> str:
    """Return the source's id of an agent: account name, or the hash of mailbox or OpenID; '' without any."""
    agent = obj(actor)
    if isinstance(agent.get("mbox"), str):
        return mail_hash(agent["mbox"])
    if isinstance(agent.get("openid"), str):
        return mail_hash(agent["openid"])
    return text(agent.get("mbox_sha1sum")).lower() or learner_id(obj(agent.get("account")).get("name"))


def event_of(statement: dict[str, Json], report: ReadReport) -> Event:
    """Return the event of a statement about an activity.

    Raises
    ------
    RecordRefusedError
        When the learner, the verb or the activity is not said.
    """
    result, target = obj(statement.get("result")), obj(statement.get("object"))
    learner, resource = learner_of(statement.get("actor")), text(target.get("id"))
    verb = text(obj(statement.get("verb")).get("id")).rstrip("/").rpartition("/")[2].lower()
    if not (learner and resource and verb):
        raise RecordRefusedError("statement must say who (actor), did (verb.id) and what (object.id)")
    points = obj(result.get("score"))
    success = result.get("success")
    if verb == "failed" and not points and not isinstance(success, bool):
        success = False  # to have failed is to have tried
    score = score_of(
        report,
        scaled=points.get("scaled"),
        raw=points.get("raw"),
        low=points.get("min"),
        high=points.get("max"),
        success=success,
    )
    kind = kind_of(verb, score, completed=result.get("completion"))
    event = base.new_event(kind, learner, resource, _time(statement), score)
    event["id"] = text(statement.get("id")) or digest(*event.values(), verb)
    _add_optional(event, statement)
    return event


def kind_of(verb: str, score: float | None, *, completed: Json) -> str:
    """Return the kind of event: a scored verb is an attempt unless it rates or sums up others.

    >>> kind_of("answered", 1.0, completed=False), kind_of("earned", 0.5, completed=False)
    ('attempt', 'other')
    >>> kind_of("answered", None, completed=None), kind_of("interacted", None, completed=True)
    ('other', 'completion')
    >>> kind_of("completed", None, completed=False), kind_of("completed", None, completed=None)
    ('other', 'completion')
    """
    if completed is True and (score is None or verb in AGGREGATES):
        return "completion"
    kind = KIND_OF.get(verb, "other")
    if kind == "completion" and completed is False:
        kind = "other"
    return "attempt" if score is not None and verb not in AGGREGATES and kind != "rating" else kind


def _add_optional(event: Event, statement: dict[str, Json]) -> None:
    context, result = obj(statement.get("context")), obj(statement.get("result"))
    seconds = seconds_of(result.get("duration"))
    if seconds is not None:
        event["seconds"] = seconds
    course = course_of(context)
    if course:
        event["class"] = course
    definition = obj(obj(statement.get("object")).get("definition"))
    add_attempt_no(event, obj(definition.get("extensions")).get(ATTEMPT_NUMBER))
    around = _around(context)
    if around:
        event["within"] = around


def activities(context: Json, *places: str) -> Iterator[dict[str, Json]]:
    """Yield the activities that a context names in some places; one may stand without a list."""
    for place in places:
        found = obj(obj(context).get("contextActivities")).get(place)
        yield from map(obj, found if isinstance(found, list) else (found,))


def _around(context: Json) -> tuple[str, ...]:
    """Return the ids of the activities around the object, parents first, at most ten."""
    names = (text(activity.get("id")) for activity in activities(context, "parent", "grouping"))
    return tuple(islice(filter(None, names), 10))


def course_of(context: Json) -> str:
    """Return the id of the first context activity whose type is a course; '' without one."""
    for activity in activities(context, "parent", "grouping", "category", "other"):
        if text(obj(activity.get("definition")).get("type")).rstrip("/").endswith("/course"):
            return text(activity.get("id"))
    return ""


def _voiding(statement: dict[str, Json], target: str) -> Event:
    learner = learner_of(statement.get("actor"))
    if not target:
        raise RecordRefusedError("a voiding statement must name the statement that it voids")
    name = text(statement.get("id")) or digest("void", target)
    return base.new_event("other", learner, "", _time(statement), name=name) | {"voids": target}


def _time(statement: dict[str, Json]) -> str | None:
    return instant(statement.get("timestamp")) or instant(statement.get("stored"))
