"""Names of the grades of one key: the first has the key as its event id, the nth `key#n`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GradeVersion:
    """The last grade known of a key: `number` counts from 1, `time` is ISO 8601 in UTC."""

    number: int
    score: float | None
    time: str | None
    removed: bool = False


def name_of(key: str, number: int) -> str:
    """Return the event id of the nth grade of a key.

    >>> name_of("r1", 1), name_of("r1", 3)
    ('r1', 'r1#3')
    """
    return key if number == 1 else f"{key}#{number}"


def void_of(key: str, number: int) -> str:
    """Return the event id of what takes the nth grade of a key back."""
    return f"{name_of(key, number)}:removed"
