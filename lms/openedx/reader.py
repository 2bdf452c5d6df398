"""Open edX tracking logs (the raw log and the event bus's form) as events.

Each record is first put into xAPI's words (verb, type of object: ``deed_of``), then mapped as a statement is,
so that a school which switches from one to the other sees no step. A submission leaves up to three records:
the browser's (which knows no outcome, so it is no attempt), the problem's and the grade book's; of the last
two only the first is taken.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote

from segue.lms.records import source_records as base
from segue.lms.records.source_records import Event, Json, Mode, ReadReport, RecordRefusedError, Source, parse
from segue.lms.records.untrusted_values import (
    add_attempt_no,
    digest,
    instant,
    learner_id,
    number,
    obj,
    score_of,
    text,
    type_name,
)
from segue.lms.xapi.reader import kind_of

TYPES = {
    "edx.course.enrollment.activated": ("registered", "course"),
    "edx.course.enrollment.deactivated": ("unregistered", "course"),
    "edx.course.enrollment.mode_changed": ("registered", "course"),
    "edx.course.completed": ("completed", "course"),
    "edx.course.grade.passed.first_time": ("passed", "course"),
    "edx.course.grade.now_passed": ("passed", "course"),
    "edx.course.grade.now_failed": ("failed", "course"),
    "edx.grades.course.grade_calculated": ("earned", "course"),
    "edx.grades.subsection.grade_calculated": ("earned", "resource"),
    "edx.grades.problem.submitted": ("attempted", "question"),
    "edx.grades.problem.rescored": ("evaluated", "question"),
    "edx.grades.problem.score_overridden": ("evaluated", "question"),
    "edx.grades.problem.state_deleted": ("evaluated", "question"),
    "problem_rescore": ("evaluated", "cmi.interaction"),
    "problem_check": ("evaluated", "cmi.interaction"),
    "edx.problem.completed": ("completed", "cmi.interaction"),
    "edx.problem.hint.demandhint_displayed": ("interacted", "supplemental-info"),
    "showanswer": ("asked", "solution"),
    "edx.ui.lms.link_clicked": ("navigated", "link"),
    "edx.ui.lms.outline.selected": ("navigated", "module"),
    "edx.ui.lms.sequence.outline.selected": ("navigated", "module"),
    "edx.ui.lms.sequence.next_selected": ("navigated", "resource"),
    "edx.ui.lms.sequence.previous_selected": ("navigated", "resource"),
    "edx.ui.lms.sequence.tab_selected": ("navigated", "resource"),
    "edx.completion.block_completion.changed": ("progressed", "resource"),
    "edx.completion_aggregator.progress.course": ("progressed", "course"),
    "load_video": ("initialized", "video"),
    "edx.video.loaded": ("initialized", "video"),
    "play_video": ("played", "video"),
    "edx.video.played": ("played", "video"),
    "stop_video": ("terminated", "video"),
    "edx.video.stopped": ("terminated", "video"),
    "pause_video": ("paused", "video"),
    "edx.video.paused": ("paused", "video"),
    "complete_video": ("completed", "video"),
    "edx.video.completed": ("completed", "video"),
    "seek_video": ("seeked", "video"),
    "edx.video.position.changed": ("seeked", "video"),
}
"""Verb and type of object by the name of the record (after Open edX's own event routing)."""
FORUM = {"created": "posted", "edited": "edited", "viewed": "viewed", "deleted": "deleted", "voted": "voted"}
FORUM |= {"reported": "reported", "unreported": "unreported"}
EXAM = {"created": "initialized", "submitted": "terminated"}
_BLOCK = re.compile(r"(?:ccx-)?block-v1:[^/?#&\s]+|i4x://[^?#&\s]+")
_INPUT = re.compile(r"(?:^|&)input_([0-9A-Za-z_\-]+?)_\d+_\d+")
_FORUM = re.compile(r"edx\.forum\.(?:thread|response|comment)\.(\w+)")
_EXAM = re.compile(r"edx\.special_exam\.(timed|practice|proctored)\.attempt\.(\w+)")
_PROGRESS = re.compile(r"edx\.completion_aggregator\.progress\.(?:chapter|sequential|vertical)")
_VIDEO = re.compile(
    r"edx\.video\.(?:closed_captions|transcript|language_menu|cc_menu|speed)\.\w+|speed_change_video"
    r"|(?:hide|show)_transcript|video_(?:hide|show)_cc_menu"
)


@dataclass(frozen=True)
class Deed:
    """A record in xAPI's words: `verb` and `object_type` are the last parts of their IRIs."""

    verb: str
    object_type: str
    name: str
    data: dict[str, Json] = field(repr=False)
    context: dict[str, Json] = field(repr=False)


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], ReadReport]:
    """Return the events of tracking records (one, a list, NDJSON) and the report they fill."""
    submissions, tries = Submissions(), KnownAttempts()

    def translate(record: Json, _: Mode, report: ReadReport) -> Iterator[Event]:
        if not isinstance(record, dict) or not _name(record):
            raise RecordRefusedError("a tracking record must be an object with name or event_type")
        deed = deed_of(record)
        if deed is None:
            report.skip("page" if _name(record).startswith("/") else type_name(_name(record)))
            return
        event = _event(record, deed, report)
        if submissions.is_second(event, deed.name):
            report.skip("second record of a submission")
        elif deed.name in REGRADES or deed.name in RESETS:
            yield from tries.corrected(event, deed.name, report)
        else:
            yield tries.counted(event)

    return base.read(source, mode, translate=translate, trim=without_prefix)


def without_prefix(line: str) -> str:
    """Return a line of the log without what a logger wrote before its record.

    >>> without_prefix('Aug 1 10:00:00 lms [tracking] INFO - {"name": "play_video"}')
    '{"name": "play_video"}'
    """
    start = line.find('{"')
    return line[start:] if (start > 0 and line[0] not in "[{") or line[:2] in ("[2", "[I") else line


def _name(record: dict[str, Json]) -> str:
    return text(record.get("name")) or text(record.get("event_type"))


def deed_of(record: dict[str, Json]) -> Deed | None:
    """Return what a record says in xAPI's words, or None for a record that says nothing of learning."""
    name = _name(record)
    context = obj(record.get("context"))
    known = TYPES.get(name) or _patterned(name)
    if known is None:
        return None
    source = text(record.get("event_source")) or text(context.get("event_source"))
    verb = "attempted" if name == "problem_check" and source == "browser" else known[0]
    return Deed(verb, known[1], name, _data(record), context)


def _patterned(name: str) -> tuple[str, str] | None:
    forum, exam = _FORUM.fullmatch(name), _EXAM.fullmatch(name)
    if forum and forum[1] in FORUM:
        return FORUM[forum[1]], "discussion"
    if exam and exam[2] in EXAM:
        return EXAM[exam[2]], f"{exam[1]}-assessment"
    if _PROGRESS.fullmatch(name):
        return "progressed", "module"
    return ("interacted", "video") if _VIDEO.fullmatch(name) else None


def _data(record: dict[str, Json]) -> dict[str, Json]:
    """Return the payload: an object, or the browser's JSON text of one; form data is kept as `form`."""
    data = record.get("data") if record.get("data") is not None else record.get("event")
    if isinstance(data, str):
        try:
            return obj(parse(data)) or {"form": data}
        except RecordRefusedError:
            return {"form": data}
    return obj(data)


def _event(record: dict[str, Json], deed: Deed, report: ReadReport) -> Event:
    learner, resource = _learner(record, deed), _resource(record, deed)
    if not learner or not resource:
        raise RecordRefusedError("record must say who (user_id) and on what (block or course)")
    score, completed = _score(deed, report), _completed(deed)
    kind = "hint" if "hint" in deed.name else kind_of(deed.verb, score, completed=completed or None)
    time = instant(record.get("timestamp")) or instant(record.get("time"))
    event = base.new_event(kind, learner, resource, time, score)
    event["id"] = digest(*event.values(), deed.name, text(deed.data.get("event_transaction_id")))
    if course := text(deed.context.get("course_id")):
        event["class"] = course
    if score is not None:
        add_attempt_no(event, deed.data.get("attempts"))
    return event


def _learner(record: dict[str, Json], deed: Deed) -> str:
    """Return the id of whom the record is about; staff may act for a learner, whom `data` then names."""
    for value in (deed.data.get("user_id"), deed.context.get("user_id")):
        if text(value):
            return learner_id(value)
    for place in (deed.data, deed.context, record):
        if text(place.get("username")):
            return digest("login", text(place.get("username")))
    return ""


def _resource(record: dict[str, Json], deed: Deed) -> str:
    data, context = deed.data, deed.context
    course = text(data.get("course_id")) or text(context.get("course_id"))
    if deed.object_type == "course":
        return course
    if deed.object_type == "video":
        return course_block(course, "video", text(data.get("id")))
    if deed.object_type in ("link", "module"):
        return block_in(data.get("target_url")) or text(data.get("block_id")) or course
    for name in ("problem_id", "module_id", "block_id", "exam_content_id", "id"):
        if text(data.get(name)):
            return text(data[name])
    return (
        text(obj(context.get("module")).get("usage_key"))
        or problem_of_browser(course, text(data.get("form")))
        or block_in(context.get("referer") or record.get("referer"))
        or course
    )


POINTS = {
    "edx.grades.problem.submitted": ("weighted_earned", "weighted_possible"),
    "edx.grades.subsection.grade_calculated": ("weighted_total_earned", "weighted_total_possible"),
    "edx.grades.problem.rescored": ("new_weighted_earned", "new_weighted_possible"),
    "edx.grades.problem.score_overridden": ("weighted_earned", "weighted_possible"),
    "problem_rescore": ("new_score", "new_total"),
}
"""Names of points earned and possible, by record."""


def _score(deed: Deed, report: ReadReport) -> float | None:
    data = deed.data
    if deed.name == "problem_check" and deed.verb == "evaluated":
        correct = data.get("success") == "correct"  # as Open edX itself reads a verdict that is not there
        return score_of(report, raw=data.get("grade"), high=data.get("max_grade"), success=correct)
    if deed.name in POINTS:
        earned, possible = POINTS[deed.name]
        return score_of(report, raw=data.get(earned), high=data.get(possible))
    if deed.name == "edx.grades.course.grade_calculated":
        return score_of(report, scaled=data.get("percent_grade"))
    return score_of(report, scaled=data.get("percent")) if "completion_aggregator" in deed.name else None


def _completed(deed: Deed) -> bool:
    share = deed.data.get("completion", deed.data.get("percent"))
    return deed.verb == "completed" or (deed.verb == "progressed" and number(share) == 1.0)


def block_in(address: Json) -> str:
    """Return the id of the first block in an address, or ''.

    >>> block_in("https://lms.example/jump_to/block-v1:edX+D+1+type@sequential+block@ab12")
    'block-v1:edX+D+1+type@sequential+block@ab12'
    """
    if not isinstance(address, str) or len(address) > 8192:
        return ""
    found = _BLOCK.search(unquote(address))
    return found[0] if found else ""


def course_block(course: str, kind: str, name: str) -> str:
    """Return the id of a block of a course; a name that already is an id stays.

    >>> course_block("course-v1:edX+D+1", "video", "0b9e")
    'block-v1:edX+D+1+type@video+block@0b9e'
    """
    if not name or ":" in name:
        return name
    for prefix in ("course-v1:", "ccx-v1:"):
        if course.startswith(prefix):
            before = "ccx-block-v1:" if prefix == "ccx-v1:" else "block-v1:"
            return f"{before}{course.removeprefix(prefix)}+type@{kind}+block@{name}"
    return name


def problem_of_browser(course: str, form: str) -> str:
    """Return the id of the problem whose form a browser sent, or ''.

    >>> problem_of_browser("course-v1:edX+D+1", "input_3fc5_2_1%5B%5D=choice_0")
    'block-v1:edX+D+1+type@problem+block@3fc5'
    """
    found = _INPUT.search(form[:8192])
    return course_block(course, "problem", found[1]) if found else ""


REGRADES = frozenset(
    {"edx.grades.problem.rescored", "edx.grades.problem.score_overridden", "problem_rescore"}
)
"""Records that give an attempt another score."""
RESETS = frozenset({"edx.grades.problem.state_deleted"})
"""Records that take all attempts at a problem back."""
CAPACITY = 200_000  # pairs of learner and problem that are remembered


class KnownAttempts:
    """The attempts of each learner at each problem, by the key that a regrade finds them with."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[str, str], list[str]] = OrderedDict()

    def counted(self, event: Event) -> Event:
        """Return an attempt with its key; other events as they are."""
        if event["kind"] != "attempt":
            return event
        place = (event["learner"], event["resource"])
        key = _key(*place, event["attempt_no"]) if "attempt_no" in event else event["id"]
        keys = self._keys.setdefault(place, [])
        if key not in keys:
            keys.append(key)
        if len(self._keys) > CAPACITY:
            self._keys.popitem(last=False)
        return event | {"key": key}

    def corrected(self, event: Event, name: str, report: ReadReport) -> Iterator[Event]:
        """Yield the attempt of a regrade, or the removal of all attempts at a problem."""
        place = (event["learner"], event["resource"])
        keys = self._keys.get(place, [])
        if name in RESETS:
            if not keys:
                report.skip("state deleted of attempts that this log does not hold")
            for key in keys:
                yield event | {"kind": "other", "score": None, "key": key, "removed": True}
            return
        if event["score"] is None:
            report.skip("regrade without a score")
            return
        if "attempt_no" in event:
            key = _key(*place, event["attempt_no"])
            yield event | {"key": key}
        elif keys:
            yield event | {"key": keys[-1]}
        elif event["score"] > 0:  # credit for work that this log does not hold
            yield event
        else:
            report.skip("score of 0 for work never handed in")


def _key(learner: str, problem: str, number: int) -> str:
    return digest("attempt", learner, problem, number)


class Submissions:
    """Remembers the last scored records, a bounded number, to know the second record of one submission."""

    def __init__(self, capacity: int = 20_000, seconds: float = 10.0) -> None:
        self._last: OrderedDict[tuple[str, str], tuple[str, float | None, datetime]] = OrderedDict()
        self._capacity, self._seconds = capacity, seconds

    def is_second(self, event: Event, name: str) -> bool:
        """Whether another kind of record said the same of this learner and problem moments before."""
        if event["kind"] != "attempt" or event["time"] is None:
            return False
        key, now = (event["learner"], event["resource"]), datetime.fromisoformat(event["time"])
        before = self._last.pop(key, None)
        if before is not None and before[0] != name and before[1] == event["score"]:
            apart = abs((now - before[2]).total_seconds())
            if apart <= self._seconds:
                return True
        self._last[key] = (name, event["score"], now)
        if len(self._last) > self._capacity:
            self._last.popitem(last=False)
        return False
