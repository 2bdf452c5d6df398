"""Canvas live events, in both payload formats (Caliper envelopes, and metadata with body), as events.

Ids: Canvas names one user by a local id (48) in some payloads and by a global one (21070000000000048: shard
2107, local 48) in others. Both become the global id, by the shard of the root account or of the course.
Logins, SIS ids, names, addresses and texts of submissions are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from segue.lms.caliper import reader as caliper
from segue.lms.records import source_records as base
from segue.lms.records.source_records import Event, Json, Mode, ReadReport, RecordRefusedError, Source
from segue.lms.records.untrusted_values import (
    add_attempt_no,
    digest,
    instant,
    number,
    obj,
    score_of,
    text,
    type_name,
)

SHARD = 10**13
URN = "urn:instructure:canvas:"
Body = dict[str, Json]


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], ReadReport]:
    """Return the events of live events (one, a list, NDJSON) and the report they fill."""
    seen = LogMemory()

    def taught(document: Json, mode: Mode, report: ReadReport) -> Iterator[Event]:
        for event in translate(document, mode, report):
            if seen.is_nothing(event, document):
                report.skip("test student, or work never handed in")
            else:
                yield event

    return base.read(source, mode, translate=taught, unpack=unpack)


class LogMemory:
    """What earlier records of a log say of later ones: who is a test student, which work is missing."""

    def __init__(self) -> None:
        self._testers: set[str] = set()
        self._missing: set[str] = set()

    def is_nothing(self, event: Event, document: Json) -> bool:
        """Whether an event teaches nothing: a test student's, or a score that Canvas filled in."""
        body = _facts(document)
        if text(body.get("type")) == TESTER or text(body.get("role")) == TESTER:
            self._testers.add(event["learner"])
        if event["learner"] in self._testers:
            return True
        work = event.get("key") or _work(document, body)
        if work and event["kind"] != "attempt":  # what is said of the work itself
            (self._missing.add if _never_handed_in(body) else self._missing.discard)(work)
        filled_in = event["kind"] == "attempt" and not event["score"]
        return filled_in and (work in self._missing or _never_handed_in(body))


TESTER = "StudentViewEnrollment"
"""Canvas's kind of enrolment for the test student of a course."""


def _facts(document: Json) -> Body:
    """Return what a live event says in its own words, in either format."""
    if isinstance(obj(document).get("body"), dict):
        return obj(document["body"])
    target, generated = obj(obj(document).get("object")), obj(obj(document).get("generated"))
    found: Body = {}
    for part in (target, generated, obj(generated.get("attempt"))):
        found |= obj(obj(part.get("extensions")).get("com.instructure.canvas"))
    return found


def _work(document: Json, body: Body) -> str:
    """Return the name of the submission that a live event is about; '' when it is about none."""
    home = obj(obj(document).get("metadata")).get("root_account_id")
    name = global_id(body.get("submission_id"), home) or text(obj(obj(document).get("object")).get("id"))
    return name if not name or name.startswith(URN) else f"{URN}submission:{name}"


def _never_handed_in(body: Body) -> bool:
    return (
        body.get("missing") is True
        or body.get("late_policy_status") == "missing"
        or body.get("workflow_state") == "unsubmitted"
    )


def unpack(document: Json) -> Iterable[Json]:
    """Return the events of an envelope, or the document."""
    if isinstance(document, dict) and "metadata" not in document and isinstance(document.get("data"), list):
        events: list[Json] = document["data"]
        return events
    return document if isinstance(document, list) else (document,)


def global_id(value: Json, home: Json) -> str:
    """Return a Canvas id as a global one, by the shard of another global id (`home`) where it is local.

    >>> global_id("48", "21070000000000001"), global_id("urn:instructure:canvas:user:21070000000000048", "")
    ('21070000000000048', '21070000000000048')
    >>> global_id("48", ""), global_id("elXwFPr6uKGa", "21070000000000001")
    ('48', 'elXwFPr6uKGa')
    """
    bare = text(value)
    if bare.startswith(URN):
        bare = bare.removeprefix(URN).partition(":")[2]
    place = text(home).rpartition(":")[2]
    digits = bare.isascii() and bare.isdigit() and len(bare) <= 13 and place.isascii() and place.isdigit()
    if not digits or len(place) > 20 or int(place) < SHARD or int(bare) >= SHARD:
        return bare
    return str(int(place) // SHARD * SHARD + int(bare))


def translate(document: Json, _: Mode, report: ReadReport) -> Iterator[Event]:
    """Yield the event of one live event, if it teaches something.

    Raises
    ------
    RecordRefusedError
        When it is of neither format, or does not say who did what.
    """
    if not isinstance(document, dict):
        raise RecordRefusedError("a Canvas live event must be an object")
    if isinstance(document.get("metadata"), dict):
        yield from _plain(document, report)
    elif isinstance(document.get("type"), str):
        yield from _caliper(document, report)
    else:
        raise RecordRefusedError("a Canvas live event needs metadata and body, or a Caliper type")


# --- metadata and body ------------------------------------------------------------------------------------


def _plain(document: Body, report: ReadReport) -> Iterator[Event]:
    metadata, body = document["metadata"], document.get("body")
    name = text(metadata.get("event_name"))
    if not name or not isinstance(body, dict):
        raise RecordRefusedError("a Canvas live event needs metadata.event_name and body")
    maker = _MAKERS.get(name)
    made = None if maker is None else maker(metadata, body, report)
    if made is None:
        report.skip(type_name(name))
        return
    if not made["learner"] or not made["resource"]:
        raise RecordRefusedError(f"{name} must say which learner and which resource")
    yield made


def _event(metadata: Body, body: Body, kind: str, *, learner: Json, resource: tuple[str, Json]) -> Event:
    home = metadata.get("root_account_id") or metadata.get("context_id")
    kind_of_resource, number_of_resource = resource
    name = global_id(number_of_resource, home)
    what = f"{kind_of_resource.lower()}:{name}" if name else ""
    in_course = metadata.get("context_id") if metadata.get("context_type") == "Course" else None
    course = global_id(body.get("course_id") or in_course, home)
    time = instant(metadata.get("event_time"))
    made = base.new_event(kind, global_id(learner, home), what, time, place=course or None)
    made["id"] = digest(*made.values(), text(metadata.get("event_name")), text(body.get("submission_id")))
    return made


def _grade(metadata: Body, body: Body, report: ReadReport) -> Event:
    learner = body.get("student_id") or body.get("user_id")  # never metadata.user_id: that is the teacher
    made = _event(
        metadata, body, "other", learner=learner, resource=("assignment", body.get("assignment_id"))
    )
    made["score"] = score_of(report, raw=body.get("score"), high=body.get("points_possible"))
    made["kind"] = "other" if made["score"] is None else "attempt"
    made["id"] = digest(made["id"], made["score"])
    submission = global_id(body.get("submission_id"), metadata.get("root_account_id"))
    if submission:
        taken_back = made["score"] is None or body.get("excused") is True
        made |= {"key": f"{URN}submission:{submission}", "removed": taken_back}
    return made


def _outcome(metadata: Body, body: Body, report: ReadReport) -> Event:
    asset = text(body.get("associated_asset_type")) or text(body.get("artifact_type")) or "outcome"
    asset_id = body.get("associated_asset_id") or body.get("artifact_id") or body.get("learning_outcome_id")
    learner = body.get("user_id") or body.get("user_uuid")
    made = _event(metadata, body, "other", learner=learner, resource=(asset, asset_id))
    share = number(body.get("percent"))  # may exceed 1
    points = (body.get("score"), body.get("possible")) if share is None else (share, 1)
    made["score"] = score_of(report, raw=points[0], high=points[1])
    made["kind"] = "other" if made["score"] is None else "attempt"
    if outcome := text(body.get("learning_outcome_id")):
        key = digest("outcome", made["learner"], made["resource"], outcome, text(body.get("attempt")))
        made |= {"key": key, "removed": made["score"] is None}
    made["id"] = digest(made["id"], outcome, made["score"])
    add_attempt_no(made, body.get("attempt"))
    return made


def _submission(metadata: Body, body: Body, _: ReadReport) -> Event:
    kind = "assignment" if body.get("assignment_id") else "quiz"
    task = (kind, body.get(f"{kind}_id"))
    made = _event(metadata, body, "completion", learner=body.get("user_id"), resource=task)
    add_attempt_no(made, body.get("attempt"))
    return made


def _changed(metadata: Body, body: Body, report: ReadReport) -> Event | None:
    """Return what became of a submission: handed in again, or taken out; of anything else only a note."""
    made = _submission(metadata, body, report)
    submission = global_id(body.get("submission_id"), metadata.get("root_account_id"))
    out = body.get("workflow_state") == "deleted" or body.get("excused") is True
    if out or _never_handed_in(body):
        return made | {"kind": "other", "key": f"{URN}submission:{submission}", "removed": True}
    return made if text(body.get("submitted_at")) else None


def _access(metadata: Body, body: Body, _: ReadReport) -> Event | None:
    learner = metadata.get("user_id") or body.get("user_id")
    role = text(body.get("role")) or text(metadata.get("context_role"))
    if not learner or role not in ("", "StudentEnrollment"):
        return None
    kind = text(body.get("asset_type")) or "asset"
    return _event(metadata, body, "view", learner=learner, resource=(kind, body.get("asset_id")))


def _enrolment(metadata: Body, body: Body, _: ReadReport) -> Event | None:
    if body.get("type") not in ("StudentEnrollment", TESTER):
        return None
    course = ("course", body.get("course_id"))
    made = _event(metadata, body, "enrol", learner=body.get("user_id"), resource=course)
    made["role"] = "student"
    if text(body.get("workflow_state")) in LEFT:
        made |= {"removed": True, "until": instant(body.get("updated_at")) or made["time"]}
    elif text(body.get("end_at")):
        made["until"] = instant(body.get("end_at"))
    return made


LEFT = ("deleted", "completed", "inactive", "rejected")
"""States of an enrolment that has ended."""


def _progress(metadata: Body, body: Body, _: ReadReport) -> Event:
    course, progress = obj(body.get("course")), obj(body.get("progress"))
    kind = "completion" if progress.get("completed_at") else "other"
    learner = obj(body.get("user")).get("id")
    return _event(metadata, body, kind, learner=learner, resource=("course", course.get("id")))


_MAKERS: dict[str, Callable[[Body, Body, ReadReport], Event | None]] = {
    "grade_change": _grade,
    "learning_outcome_result_created": _outcome,
    "learning_outcome_result_updated": _outcome,
    "submission_created": _submission,
    "submission_updated": _changed,
    "plagiarism_resubmit": _submission,
    "quiz_submitted": _submission,
    "discussion_entry_submitted": _submission,
    "asset_accessed": _access,
    "enrollment_created": _enrolment,
    "enrollment_updated": _enrolment,
    "enrollment_state_created": _enrolment,
    "enrollment_state_updated": _enrolment,
    "course_progress": _progress,
    "course_completed": _progress,
}


# --- Caliper envelopes ------------------------------------------------------------------------------------


def _caliper(event: Body, report: ReadReport) -> Iterator[Event]:
    home = obj(event.get("group")).get("id") or obj(event.get("actor")).get("id")
    target = obj(event.get("object"))
    extension = obj(obj(target.get("extensions")).get("com.instructure.canvas"))
    if target.get("type") == "Membership":
        learner, course = target.get("member"), target.get("organization")
        roles = target.get("roles")
        yield from _enrolled(event, learner, course, isinstance(roles, list) and "Learner" in roles, report)
        return
    if text(target.get("id")).startswith(f"{URN}enrollment:"):
        course = f"{URN}course:{global_id(extension.get('course_id'), home)}"
        is_student = extension.get("type") in ("StudentEnrollment", TESTER)
        yield from _enrolled(event, extension.get("user_id"), course, is_student, report)
        return
    for made in caliper.translate(event, "lenient", report):
        made["learner"] = global_id(made["learner"], home)
        made["resource"] = _named(made["resource"])
        if "class" in made:
            made["class"] = global_id(made["class"], home)
        yield made


def _named(urn: str) -> str:
    """Return `type:id` of a Canvas URN, the form that the other payloads' resources have."""
    kind, _, name = urn.removeprefix(URN).partition(":")
    return f"{kind.lower()}:{name}" if urn.startswith(URN) and name else urn


def _enrolled(
    event: Body, learner: Json, course: Json, is_student: bool, report: ReadReport
) -> Iterator[Event]:
    course_id = text(course) or text(obj(course).get("id"))
    name = global_id(text(learner) or obj(learner).get("id"), course_id)
    if not is_student or not name or not global_id(course_id, ""):
        report.skip("enrolment that is not a student's")
        return
    event_id = text(event.get("id")) or digest("enrol", name, course_id)
    time, place = instant(event.get("eventTime")), global_id(course_id, "")
    yield base.new_event("enrol", name, _named(course_id), time, name=event_id, place=place)
