"""PHP's serialised values, as old Moodle sites keep the payload of an event: scalars and arrays of them."""

from __future__ import annotations

import re

from segue.lms.records.source_records import Json

_NUMBER = re.compile(r"([ibd]):(-?[0-9.eE+\-]{1,40});", re.ASCII)
_LENGTH = re.compile(r"([sa]):(\d{1,7}):", re.ASCII)
DEEPEST = 8


def unserialised(text: str) -> Json:
    """Return a serialised value: an array as an object, a number, a text; None for what is none.

    Objects of PHP classes are not made: they are never part of an event's payload.

    >>> unserialised('a:2:{s:6:"itemid";s:2:"12";s:10:"finalgrade";d:7.5;}')
    {'itemid': '12', 'finalgrade': 7.5}
    >>> unserialised("O:8:stdClass")
    """
    try:
        value, _ = _value(text.encode(), 0, DEEPEST)
    except (ValueError, IndexError):
        return None
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[Json, int]:
    if data[at : at + 2] == b"N;":
        return None, at + 2
    head = data[at : at + 60].decode("ascii", "replace")
    number = _NUMBER.match(head)
    if number:
        return _scalar(number[1], number[2]), at + number.end()
    length = _LENGTH.match(head)
    if not length or depth == 0:
        raise ValueError("not a serialised value")
    start, size = at + length.end(), int(length[2])
    if length[1] == "s":
        return data[start + 1 : start + 1 + size].decode("utf-8", "replace"), start + size + 3
    found: dict[str, Json] = {}
    at = start + 1
    for _ in range(size):
        key, at = _value(data, at, 1)
        found[str(key)], at = _value(data, at, depth - 1)
    return found, at + 1


def _scalar(kind: str, digits: str) -> Json:
    if kind == "b":
        return digits == "1"
    return int(digits) if kind == "i" else float(digits)
