"""Values at the door: safe reads of untrusted JSON, and the rules of score, time and identity."""

from __future__ import annotations

import hashlib
import math
import re
from datetime import UTC, datetime, tzinfo

from segue.lms.records.source_records import Json, Report


def obj(value: Json) -> dict[str, Json]:
    """Return the value when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: Json) -> str:
    """Return a non-empty string, or an integer id as one; anything else gives ''."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int and abs(value) < 10**30 else ""


def number(value: Json) -> float | None:
    """Return a finite number as float (numeric strings too), else None.

    >>> number(3), number("2.5"), number(True), number("x"), number(float("nan"))
    (3.0, 2.5, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


# --- the mapping rules ------------------------------------------------------------------------------------


def score_of(
    report: Report,
    *,
    scaled: Json = None,
    raw: Json = None,
    low: Json = None,
    high: Json = None,
    success: Json = None,
) -> float | None:
    """Return a score in [0, 1], or None when the record does not tell one.

    `scaled` first, else (raw - low) / (high - low), else `success`; a maximum that is not above the minimum
    gives none, whatever else is said, and neither does a raw score alone. Outside the range it is clipped
    and counted.

    >>> score_of(Report(), raw=3, high=4), score_of(Report(), raw=3), score_of(Report(), scaled=0, high=0)
    (0.75, None, None)
    >>> score_of(Report(), raw=7, high=5), score_of(Report(), raw=1, success=True)
    (1.0, 1.0)
    """
    value, top, bottom = number(scaled), number(high), number(low) or 0.0
    if top is not None and top <= bottom:
        return None
    points = number(raw)
    if value is None and points is not None and top is not None:
        value = (points - bottom) / (top - bottom)
    if value is None or not math.isfinite(value):
        return float(success) if isinstance(success, bool) else None
    if not 0.0 <= value <= 1.0:
        report.clipped += 1
    return min(max(value, 0.0), 1.0)


_OFFSET = re.compile(r"([+-]\d{2})(?::?(\d{2}))?$")


def instant(value: Json, zone: tzinfo = UTC) -> str | None:
    """Return a time as ISO 8601 in UTC, or None when it is not one.

    Takes ISO 8601 text and epoch seconds (or milliseconds, from 10¹¹ on). A time without offset is taken in
    `zone`: UTC unless the caller knows the tenant's.

    >>> instant("2024-03-01T10:00:00+02:00"), instant("2024-03-01T10:00:00"), instant(1_700_000_000)
    ('2024-03-01T08:00:00+00:00', '2024-03-01T10:00:00+00:00', '2023-11-14T22:13:20+00:00')
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= 1e11 else value
            return datetime.fromtimestamp(seconds, UTC).isoformat()
        if not isinstance(value, str) or len(value) > 64:
            return None
        moment = datetime.fromisoformat(value.strip().upper().replace(":60", ":59"))  # a leap second
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


DURATION = re.compile(
    r"P(?:(?P<weeks>\d+(?:[.,]\d+)?)W|(?=.)"
    r"(?:(?P<years>\d+(?:[.,]\d+)?)Y)?(?:(?P<months>\d+(?:[.,]\d+)?)M)?(?:(?P<days>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+(?:[.,]\d+)?)H)?(?:(?P<minutes>\d+(?:[.,]\d+)?)M)?"
    r"(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?)",
    re.ASCII,
)
_UNIT = {"weeks": 604800.0, "days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}
_UNIT |= {"years": 365.25 * 86400, "months": 30.4375 * 86400}


def seconds_of(value: Json) -> float | None:
    """Return the seconds of an ISO 8601 duration, or None.

    >>> seconds_of("PT1H0M0.5S"), seconds_of("P4W1D")
    (3600.5, None)
    """
    match = DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= 100 else None
    if match is None:
        return None
    parts = ((unit, part) for unit, part in match.groupdict().items() if part)
    return sum(_UNIT[unit] * float(part.replace(",", ".")) for unit, part in parts)


_TYPE = re.compile(r"[a-z][a-z0-9]*(?:[._][a-z0-9]+)+", re.ASCII)


def type_name(name: str) -> str:
    """Return a record's type for a report, or `other` when it does not look like one: it may be anything.

    >>> type_name("edx.bi.course.upsell"), type_name("Ada Lovelace")
    ('edx.bi.course.upsell', 'other')
    """
    return name if len(name) <= 80 and _TYPE.fullmatch(name) else "other"


def digest(*parts: object) -> str:
    """Return a short stable id made from parts: the same record read twice has the same id."""
    joined = "\x1f".join(str(part) for part in parts).encode("utf-8", "replace")
    return hashlib.blake2b(joined, digest_size=16).hexdigest()


def mail_hash(address: str) -> str:
    """Return the xAPI `mbox_sha1sum` of an address: one learner, whether a source sends address or hash.

    >>> mail_hash("mailto:a@b.org") == mail_hash("a@b.org")
    True
    """
    address = address if address.startswith("mailto:") else f"mailto:{address}"
    return hashlib.sha1(address.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def learner_id(value: Json) -> str:
    """Return a source's learner id, with an address in its place hashed."""
    identifier = text(value).strip()
    return mail_hash(identifier) if "@" in identifier else identifier
