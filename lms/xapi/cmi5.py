"""cmi5 statements: xAPI statements of an assignable unit, with what the cmi5 profile adds.

Written from the specification (cmi5 1.0, "Quartz"); not yet tried on statements of a real system.
"""

from __future__ import annotations

from collections.abc import Iterator

from segue.lms.records import source_records as base
from segue.lms.records.source_records import Event, Json, Mode, ReadReport, RecordRefusedError, Source
from segue.lms.records.untrusted_values import obj, text
from segue.lms.xapi import reader as xapi
from segue.lms.xapi import rules as xapi_rules

CATEGORY = "https://w3id.org/xapi/cmi5/context/categories/cmi5"
MOVE_ON = "https://w3id.org/xapi/cmi5/context/categories/moveon"
SESSION = "https://w3id.org/xapi/cmi5/context/extensions/sessionid"
ADL, CMI5 = "http://adlnet.gov/expapi/verbs/", "https://w3id.org/xapi/adl/verbs/"
VERBS = {
    ADL + verb: verb for verb in ("launched", "initialized", "completed", "passed", "failed", "terminated")
}
VERBS |= {CMI5 + verb: verb for verb in ("abandoned", "waived", "satisfied")}
TEACHES = ("completed", "passed", "failed", "initialized", "launched", "terminated", "abandoned")
"""Verbs of what the learner did; waived and satisfied are decisions of the system."""


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], ReadReport]:
    """Return the events of cmi5 statements and the report; other xAPI statements are read as xAPI."""
    return base.read(source, mode, translate=translate, unpack=xapi.unpack)


def translate(statement: Json, mode: Mode, report: ReadReport) -> Iterator[Event]:
    """Yield the event of one statement; its resource is the publisher's id, the same in every session.

    Raises
    ------
    RecordRefusedError
        When a rule of xAPI or (strict) of cmi5 is broken.
    """
    verb = VERBS.get(text(obj(obj(statement).get("verb")).get("id")), "")
    if not verb or not _has_category(statement, CATEGORY):
        yield from xapi.translate(statement, mode, report)
        return
    if mode == "strict":
        xapi_rules.check(statement)
        _check(statement, verb)
    if verb not in TEACHES:
        report.skip(verb)
        return
    for event in xapi.translate(statement, mode, report):
        around = xapi.activities(statement.get("context"), "grouping")
        publishers = (text(activity.get("id")) for activity in around)
        yield event | {"resource": next(filter(None, publishers), event["resource"])}


def _has_category(statement: Json, name: str) -> bool:
    context = obj(statement).get("context")
    return any(activity.get("id") == name for activity in xapi.activities(context, "category"))


def _check(statement: dict[str, Json], verb: str) -> None:
    """Check the rules of cmi5 section 9 that a single statement can show."""
    context, result = obj(statement.get("context")), obj(statement.get("result"))
    if "account" not in obj(statement.get("actor")):
        raise RecordRefusedError("actor of a cmi5 statement must be identified by account")
    if "registration" not in context or not statement.get("timestamp") or not statement.get("id"):
        raise RecordRefusedError("a cmi5 statement needs id, timestamp and context.registration")
    if SESSION not in obj(context.get("extensions")):
        raise RecordRefusedError("a cmi5 statement needs the session id extension")
    if "score" in result and verb not in ("passed", "failed"):
        raise RecordRefusedError("only passed and failed may have a score")
    if verb in ("passed", "failed") and result.get("success") is not (verb == "passed"):
        raise RecordRefusedError("result.success must be true for passed and false for failed")
    if verb == "completed" and result.get("completion") is not True:
        raise RecordRefusedError("result.completion must be true for completed")
    if verb in ("completed", "passed", "failed", "terminated") and "duration" not in result:
        raise RecordRefusedError(f"{verb} needs result.duration")
    if _has_category(statement, MOVE_ON) != ("success" in result or "completion" in result):
        raise RecordRefusedError("the moveOn category goes with success or completion, and only with them")
