"""Values at the door: safe reads of untrusted JSON, and the rules of score, time and identity."""

from __future__ import annotations

import hashlib
import math
import re
from datetime import UTC, datetime, tzinfo

from segue.features.events.event_records import LONGEST_ID
from segue.features.events.text_dialects import decimal_point
from segue.lms.records.source_records import Event, Json, ReadReport

NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters, halves of a pair


def obj(value: Json) -> dict[str, Json]:
    """Return the value when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: Json) -> list[Json]:
    """Return the value when it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Json) -> str:
    """Return a non-empty string, or an integer id as one; anything else gives ''."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int and abs(value) < 10**30 else ""


def is_id(value: object) -> bool:
    """Tell whether a value can be an id: a text of 1 to 200 characters that can be stored and sent.

    >>> is_id("s-17"), is_id(""), is_id("a\\x00"), is_id("\\ud800"), is_id(17)
    (True, False, False, False, False)
    """
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and not NO_TEXT.search(value)


def number(value: Json) -> float | None:
    """Return a finite number as float (numeric strings too, also with a decimal comma), else None.

    >>> number(3), number("2.5"), number("2,5"), number(True), number("x"), number(float("nan"))
    (3.0, 2.5, 2.5, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(decimal_point(value) if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


# --- the mapping rules ------------------------------------------------------------------------------------


def score_of(
    report: ReadReport,
    *,
    scaled: Json = None,
    raw: Json = None,
    low: Json = None,
    high: Json = None,
    success: Json = None,
) -> float | None:
    """Return a score in [0, 1], or None when the record does not tell one.

    With raw, minimum and maximum all three, (raw - low) / (high - low): beside them `scaled` may run from -1
    to 1, as Moodle's plug-in writes it. Else `scaled` within [0, 1], or within the minimum and maximum that
    are stated with it when it is negative; else (raw - low) / (high - low) with a minimum of 0; else
    `success`. A maximum that is not above the minimum gives none, whatever else is said, and neither does a
    raw score alone, or a `scaled` outside its range. Points outside their range are clipped and counted.

    >>> score_of(ReadReport(), scaled=0.0, raw=5, low=0, high=10), score_of(ReadReport(), scaled=85)
    (0.5, None)
    >>> report = ReadReport()
    >>> score_of(report, raw=3, high=4), score_of(report, raw=3), score_of(report, scaled=0, high=0)
    (0.75, None, None)
    >>> score_of(ReadReport(), scaled=-0.5), score_of(ReadReport(), scaled=-0.5, low=-1, high=1)
    (None, 0.25)
    >>> score_of(ReadReport(), raw=7, high=5), score_of(ReadReport(), raw=1, success=True)
    (1.0, 1.0)
    """
    share, points, top, bottom = number(scaled), number(raw), number(high), number(low)
    if top is not None and top <= (bottom or 0.0):
        return None
    value = None
    if points is not None and top is not None and (bottom is not None or not _is_share(share)):
        value = (points - (bottom or 0.0)) / (top - (bottom or 0.0))
    elif share is not None:
        value = _within(share, bottom, top)
        if value is None:
            report.warnings["scaled score outside its range, which is not stated"] += 1
    if value is None or not math.isfinite(value):
        if isinstance(success, bool):
            return float(success)
        if share is None and not (scaled is None and raw is None):
            report.warnings["score left out: neither a share nor points with their highest"] += 1
        return None
    if not 0.0 <= value <= 1.0:
        report.clipped += 1
    return min(max(value, 0.0), 1.0)


_NEARLY = 1e-6  # what rounding may add to a share of 1


def _is_share(scaled: float | None) -> bool:
    return scaled is not None and 0.0 <= scaled <= 1.0 + _NEARLY


def _within(scaled: float, low: float | None, high: float | None) -> float | None:
    """Return a scaled score by itself, or where it lies in the range stated with it when it is negative."""
    if _is_share(scaled):
        return min(scaled, 1.0)
    if scaled < 0 and low is not None and high is not None and low <= scaled <= high:
        return (scaled - low) / (high - low)
    return None


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


def add_attempt_no(event: Event, value: Json) -> None:
    """Put down which try at the resource it was, where the source says so."""
    count = number(value)
    if count is not None and 0 < count < 1e9:
        event["attempt_no"] = int(count)


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

    Upper and lower case are one: systems disagree about them, mail servers don't.

    >>> mail_hash("mailto:a@b.org") == mail_hash("a@b.org")
    True
    >>> mail_hash("Ada@School.org") == mail_hash("mailto:ada@school.org")
    True
    """
    address = address.strip().lower()
    address = address if address.startswith("mailto:") else f"mailto:{address}"
    return hashlib.sha1(address.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def learner_id(value: Json) -> str:
    """Return a source's learner id, with an address in its place hashed."""
    identifier = text(value).strip()
    return mail_hash(identifier) if "@" in identifier else identifier
