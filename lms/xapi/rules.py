"""The data rules of xAPI 1.0.3 and 2.0: what a statement must be before it is believed.

Source: Experience API 1.0.3, part two (data), section 2; IEEE 9274.1.1 (xAPI 2.0) for `contextAgents` and
`contextGroups`.
"""

from __future__ import annotations

from functools import partial

from segue.lms.records.source_records import Json, RecordRefusedError
from segue.lms.xapi.types import (
    Check,
    actor,
    agent,
    array,
    authority,
    boolean,
    decimal,
    duration,
    extensions,
    group,
    integer,
    iri,
    language,
    language_map,
    media,
    sha2,
    shape,
    string,
    timestamp,
    uuid,
    version,
)

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
SIGNATURE = "http://adlnet.gov/expapi/attachments/signature"
COMPONENTS = {
    "true-false": (),
    "choice": ("choices",),
    "fill-in": (),
    "long-fill-in": (),
    "matching": ("source", "target"),
    "performance": ("steps",),
    "sequencing": ("choices",),
    "likert": ("scale",),
    "numeric": (),
    "other": (),
}
"""Interaction types and the component lists each may have (section 2.4.4.1)."""


def _component(value: Json, path: str) -> None:
    checked = shape(value, path, {"id": string, "description": language_map}, ("id",))
    if not checked["id"]:
        raise RecordRefusedError(f"{path}.id must not be empty")


def _components(value: Json, path: str) -> None:
    ids = [part["id"] for part in array(value, path, _component)]
    if len(set(ids)) != len(ids):
        raise RecordRefusedError(f"{path} must not give two components one id")


_strings = partial(array, check=string)
_DEFINITION: dict[str, Check] = {
    "name": language_map,
    "description": language_map,
    "type": iri,
    "moreInfo": iri,
    "extensions": extensions,
    "interactionType": string,
    "correctResponsesPattern": _strings,
    "choices": _components,
    "scale": _components,
    "source": _components,
    "target": _components,
    "steps": _components,
}
_INTERACTIVE = ("correctResponsesPattern", "choices", "scale", "source", "target", "steps")


def _definition(value: Json, path: str) -> None:
    checked = shape(value, path, _DEFINITION)
    used = [name for name in _INTERACTIVE if name in checked]
    if "interactionType" not in checked:
        if used:
            raise RecordRefusedError(f"{path}.{used[0]} needs interactionType")
        return
    allowed = COMPONENTS.get(checked["interactionType"])
    if allowed is None:
        raise RecordRefusedError(f"{path}.interactionType must be one of {', '.join(COMPONENTS)}")
    for name in used:
        if name != "correctResponsesPattern" and name not in allowed:
            raise RecordRefusedError(f"{path}.{name} does not belong to this interactionType")


_ACTIVITY: dict[str, Check] = {"objectType": string, "id": iri, "definition": _definition}


def activity(value: Json, path: str) -> None:
    """Check an Activity."""
    checked = shape(value, path, _ACTIVITY, ("id",))
    if checked.get("objectType", "Activity") != "Activity":
        raise RecordRefusedError(f"{path}.objectType must be Activity")


def reference(value: Json, path: str) -> None:
    """Check a reference to another statement."""
    checked = shape(value, path, {"objectType": string, "id": uuid}, ("objectType", "id"))
    if checked["objectType"] != "StatementRef":
        raise RecordRefusedError(f"{path}.objectType must be StatementRef")


def _activities(value: Json, path: str) -> None:
    if isinstance(value, list):
        array(value, path, activity)
    else:
        activity(value, path)


_context_activities = partial(
    shape, properties=dict.fromkeys(("parent", "grouping", "category", "other"), _activities)
)
_verb = partial(shape, properties={"id": iri, "display": language_map}, required=("id",))


def _score(value: Json, path: str) -> None:
    checked = shape(value, path, dict.fromkeys(("scaled", "raw", "min", "max"), decimal))
    scaled, raw = checked.get("scaled"), checked.get("raw")
    low, high = checked.get("min"), checked.get("max")
    if scaled is not None and not -1 <= scaled <= 1:
        raise RecordRefusedError(f"{path}.scaled must be in [-1, 1]")
    if low is not None and high is not None and low >= high:
        raise RecordRefusedError(f"{path}.min must be less than max")
    if raw is not None and ((low is not None and raw < low) or (high is not None and raw > high)):
        raise RecordRefusedError(f"{path}.raw must lie between min and max")


_result = partial(
    shape,
    properties={
        "score": _score,
        "success": boolean,
        "completion": boolean,
        "response": string,
        "duration": duration,
        "extensions": extensions,
    },
)
_types = partial(array, check=iri)


def _context_actor(kind: str, check: Check) -> Check:
    """Return the check of one of xAPI 2.0's typed context actors."""
    name = kind.removeprefix("context").lower()
    properties: dict[str, Check] = {"objectType": string, name: check, "relevantTypes": _types}

    def one(value: Json, path: str) -> None:
        checked = shape(value, path, properties, ("objectType", name))
        if checked["objectType"] != kind:
            raise RecordRefusedError(f"{path}.objectType must be {kind}")

    return partial(array, check=one)


_context = partial(
    shape,
    properties={
        "registration": uuid,
        "instructor": actor,
        "team": group,
        "contextActivities": _context_activities,
        "contextAgents": _context_actor("contextAgent", agent),
        "contextGroups": _context_actor("contextGroup", group),
        "revision": string,
        "platform": string,
        "language": language,
        "statement": reference,
        "extensions": extensions,
    },
)
_ATTACHMENT: dict[str, Check] = {
    "usageType": iri,
    "display": language_map,
    "description": language_map,
    "contentType": media,
    "length": integer,
    "sha2": sha2,
    "fileUrl": iri,
}


def _attachment(value: Json, path: str) -> None:
    needed = ("usageType", "display", "contentType", "length", "sha2")
    checked = shape(value, path, _ATTACHMENT, needed)
    if checked["usageType"] == SIGNATURE and checked["contentType"] != "application/octet-stream":
        raise RecordRefusedError(f"{path}: a signature must have contentType application/octet-stream")


_attachments = partial(array, check=_attachment)


def _object(value: Json, path: str, others: dict[str, Check]) -> None:
    if not isinstance(value, dict):
        raise RecordRefusedError(f"{path} must be an object")
    kind = value.get("objectType", "Activity")
    check = others.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise RecordRefusedError(f"{path}.objectType must be one of {', '.join(others)}")
    check(value, path)


_OF_SUBSTATEMENT: dict[str, Check] = {
    "Activity": activity,
    "Agent": agent,
    "Group": group,
    "StatementRef": reference,
}


def _substatement(value: Json, path: str) -> None:
    checked = shape(value, path, _SUBSTATEMENT, ("actor", "verb", "object"))
    _consistent(checked, path)


_COMMON: dict[str, Check] = {
    "actor": actor,
    "verb": _verb,
    "result": _result,
    "context": _context,
    "timestamp": timestamp,
    "attachments": _attachments,
}
_SUBSTATEMENT: dict[str, Check] = _COMMON | {
    "objectType": string,
    "object": lambda value, path: _object(value, path, _OF_SUBSTATEMENT),
}
_OF_STATEMENT: dict[str, Check] = _OF_SUBSTATEMENT | {"SubStatement": _substatement}
_STATEMENT: dict[str, Check] = _COMMON | {
    "id": uuid,
    "object": lambda value, path: _object(value, path, _OF_STATEMENT),
    "stored": timestamp,
    "authority": authority,
    "version": version,
}


def _consistent(statement: dict[str, Json], path: str) -> None:
    """Check what holds between properties: revision, platform and voiding depend on the object."""
    kind = statement["object"].get("objectType", "Activity")
    context = statement.get("context", {})
    if kind != "Activity" and ("revision" in context or "platform" in context):
        raise RecordRefusedError(
            f"{path}.context has revision or platform, so the object must be an Activity"
        )
    if statement["verb"]["id"] == VOIDED and kind != "StatementRef":
        raise RecordRefusedError(f"{path} voids, so its object must be a StatementRef")


def check(statement: Json) -> None:
    """Check a statement against the data rules.

    Raises
    ------
    RecordRefusedError
        With the path of the first property that breaks a rule, and the rule.
    """
    _consistent(shape(statement, "statement", _STATEMENT, ("actor", "verb", "object")), "statement")
