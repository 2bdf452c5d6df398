"""The rules of Caliper 1.1 and 1.2: what an event, an entity or an envelope must be before it is believed."""

from __future__ import annotations

import re
from collections.abc import Callable

from segue.lms.caliper import vocabulary as terms
from segue.lms.records.source_records import Json, RecordRefusedError
from segue.lms.records.untrusted_values import DURATION, number

IRI = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*|_):[^\s<>\"{}|\\^`]+")
EVENT_ID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TIME = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?Z",
    re.ASCII,
)
DEEPEST = 40


def check_envelope(envelope: dict[str, Json]) -> None:
    """Check an envelope's own properties (what is in `data` is checked piece by piece)."""
    for name in ("sensor", "sendTime", "dataVersion", "data"):
        if name not in envelope:
            raise RecordRefusedError(f"envelope needs {name}")
    if not isinstance(envelope["sensor"], str) or not envelope["sensor"]:
        raise RecordRefusedError("envelope.sensor must be an IRI")
    _value(envelope["sendTime"], "time", "envelope.sendTime")
    if not isinstance(envelope["dataVersion"], str) or not IRI.fullmatch(envelope["dataVersion"]):
        raise RecordRefusedError("envelope.dataVersion must be the IRI of a Caliper context")
    if not isinstance(envelope["data"], list) or not envelope["data"]:
        raise RecordRefusedError("envelope.data must be an array with at least one event or entity")


def check_event(event: dict[str, Json]) -> None:
    """Check an event: required properties, its action, and the types of what it joins.

    Raises
    ------
    RecordRefusedError
        With the path of the property and what is allowed.
    """
    for name in ("id", "actor", "action", "object", "eventTime"):
        if event.get(name) is None:
            raise RecordRefusedError(f"event needs {name}")
    if not isinstance(event["id"], str) or not EVENT_ID.fullmatch(event["id"]):
        raise RecordRefusedError("event.id must be a UUID as urn:uuid:...")
    shape = terms.EVENTS[event["type"]]
    _check_action(event, shape)
    parts = {
        "actor": shape.actor,
        "object": shape.object,
        "generated": shape.generated,
        "target": shape.target,
    } | terms.BY_ACTION.get((event["type"], event["action"]), {})
    for name, allowed in parts.items():
        if name in event:
            _entity(event[name], allowed, f"event.{name}", DEEPEST)
    for name, value in event.items():
        if name not in parts:
            _property(name, value, "event", DEEPEST, kind=event["type"])


def _check_action(event: dict[str, Json], shape: terms.Shape) -> None:
    action = event["action"]
    allowed = shape.actions.split() or terms.ACTIONS
    if not isinstance(action, str) or action not in allowed:
        raise RecordRefusedError(f"event.action must be one of {', '.join(sorted(allowed))}")
    needed = terms.NEEDED.get((event["type"], action), "")
    if needed and needed not in event:
        raise RecordRefusedError(f"event needs {needed} when the action is {action}")


def check_entity(entity: dict[str, Json]) -> None:
    """Check an entity that stands on its own.

    Raises
    ------
    RecordRefusedError
        With the path of the property and what is allowed.
    """
    _entity(entity, ("Entity",), "entity", DEEPEST)


def _entity(value: Json, allowed: tuple[str, ...], path: str, depth: int) -> None:
    if isinstance(value, str):
        if not IRI.fullmatch(value):
            raise RecordRefusedError(f"{path} must be an object or an IRI")
        return
    if not isinstance(value, dict) or depth == 0:
        raise RecordRefusedError(f"{path} must be an object or an IRI")
    kind = value.get("type")
    if not isinstance(kind, str) or not (kind == "Entity" or kind in terms.SUPERTYPE):
        raise RecordRefusedError(f"{path}.type must be a Caliper entity type")
    if not terms.is_a(kind, allowed) and kind != "Entity":
        raise RecordRefusedError(f"{path} must be of type {' or '.join(allowed)}")
    if not terms.is_a(kind, terms.WITHOUT_ID) and not (isinstance(value.get("id"), str) and value["id"]):
        raise RecordRefusedError(f"{path} needs id")
    for name in terms.REQUIRED.get(kind, ()):
        if name not in value:
            raise RecordRefusedError(f"{path} needs {name}")
    for name, part in value.items():
        _property(name, part, path, depth - 1, kind=kind)


def _property(name: str, value: Json, path: str, depth: int, *, kind: str) -> None:
    if value is None:
        raise RecordRefusedError(f"{path} has a property that is null")
    path = f"{path}.{name}" if name in _KNOWN else path
    if name == "id" and (not isinstance(value, str) or not IRI.fullmatch(value)):
        raise RecordRefusedError(f"{path} must be an IRI")
    if name in terms.ENTITIES:
        _entity(value, tuple(terms.ENTITIES[name].split()), path, depth)
    elif name in terms.LISTS:
        _list(value, terms.ITEMS.get(kind, "Entity") if name == "items" else terms.LISTS[name], path, depth)
    elif name in terms.WORDS:
        _word(value, terms.WORDS[name], path)
    elif name in terms.DATATYPE:
        _value(value, terms.DATATYPE[name], path)
    if name == "roles":
        for role in value:
            _word(role.partition("#")[0], terms.ROLES, path)


_KNOWN = frozenset(("id", *terms.ENTITIES, *terms.LISTS, *terms.WORDS, *terms.DATATYPE))


def _list(value: Json, kind: str, path: str, depth: int) -> None:
    if not isinstance(value, list):
        raise RecordRefusedError(f"{path} must be an array")
    for part in value:
        _entity(part, (kind,), path, depth)


def _word(value: Json, allowed: frozenset[str], path: str) -> None:
    if not isinstance(value, str) or not (value in allowed or value.startswith(("http://", "https://"))):
        raise RecordRefusedError(f"{path} must be one of {', '.join(sorted(allowed))}")


def _value(value: Json, kind: str, path: str) -> None:
    named, holds = _KINDS[kind]
    if not holds(value):
        raise RecordRefusedError(f"{path} must be {named}")


def _strings(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _integer(value: Json) -> bool:
    return not isinstance(value, str) and (found := number(value)) is not None and found == int(found)


_KINDS: dict[str, tuple[str, Callable[[Json], bool]]] = {
    "string": ("a string", lambda value: isinstance(value, str)),
    "strings": ("an array of strings", _strings),
    "time": (
        "a time as YYYY-MM-DDThh:mm:ss.SSSZ",
        lambda value: isinstance(value, str) and bool(TIME.fullmatch(value)),
    ),
    "duration": (
        "an ISO 8601 duration",
        lambda value: isinstance(value, str) and len(value) < 100 and bool(DURATION.fullmatch(value)),
    ),
    "integer": ("a whole number", _integer),
    "decimal": ("a number", lambda value: not isinstance(value, str) and number(value) is not None),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "map": ("an object", lambda value: isinstance(value, dict)),
}
