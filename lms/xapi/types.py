"""The types that xAPI statements are made of: strings of a form, objects, language maps, actors.

Source: Experience API 1.0.3, part two (data), sections 2.4.2 and 4; RFC 3339, 3987, 4122, 5646. Every
check raises :class:`RecordRefusedError` with the path of the property and what is allowed, never with what
was found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial

from segue.lms.records.source_records import Json, RecordRefusedError
from segue.lms.records.untrusted_values import DURATION, number

Check = Callable[[Json, str], object]

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I | re.ASCII)
IRI = re.compile(r"[a-z][a-z0-9+.\-]*:[^\s<>\"{}|\\^`\x00-\x20]+", re.I)
MAIL = re.compile(r"mailto:[^\s@:<>]+@[^\s@<>]+", re.ASCII)
SHA1 = re.compile(r"[0-9a-f]{40}", re.I | re.ASCII)
SHA2 = re.compile(r"[0-9a-f]{56,128}|[A-Za-z0-9+/]{38,86}={0,2}", re.I | re.ASCII)
MEDIA = re.compile(
    r"[\w!#$&^.+\-]+/[\w!#$&^.+\-]+(\s*;\s*[\w!#$&^.+\-]+=(\"[^\"]*\"|[\w!#$&^.+\-/:]+))*", re.ASCII
)
VERSION = re.compile(r"(1\.0|2\.0)(\.\d+)?", re.ASCII)
# RFC 5646 (langtag, private use, grandfathered by shape)
LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+|i-[a-z0-9]{2,8}|en-gb-oed|sgn-(?:be-(?:fr|nl)|ch-de)",
    re.I | re.ASCII,
)
# RFC 3339; the minutes of the offset may be left out, and -00:00 is refused
TIMESTAMP = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt ]"
    r"(?:[01]\d|2[0-3]):?[0-5]\d(?::?(?:[0-5]\d|60)(?:[.,]\d+)?)?"
    r"(?:[Zz]|\+(?:[01]\d|2[0-3])(?::?[0-5]\d)?|-(?!00(?::?00)?$)(?:[01]\d|2[0-3])(?::?[0-5]\d)?)?",
    re.ASCII,
)
IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")


def _fail(path: str, allowed: str) -> RecordRefusedError:
    return RecordRefusedError(f"{path} must be {allowed}")


@lru_cache(maxsize=65536)
def _is(pattern: re.Pattern[str], value: str) -> bool:
    return pattern.fullmatch(value) is not None


def fits(pattern: re.Pattern[str], value: str) -> bool:
    """Whether a string is of a form; the verdict on short ones is remembered."""
    if len(value) <= 200:
        return _is(pattern, value)
    return len(value) <= 4096 and pattern.fullmatch(value) is not None


def matching(pattern: re.Pattern[str], allowed: str) -> Check:
    """Return a check that a value is a string of a form."""

    def check(value: Json, path: str) -> None:
        if not isinstance(value, str) or not fits(pattern, value):
            raise _fail(path, allowed)

    return check


uuid = matching(UUID, "a UUID")
iri = matching(IRI, "an IRI with a scheme")
timestamp = matching(TIMESTAMP, "an RFC 3339 timestamp (not with offset -00:00)")
duration = matching(DURATION, "an ISO 8601 duration")
language = matching(LANGUAGE, "an RFC 5646 language tag")
mail = matching(MAIL, "of the form mailto:name@host")
sha1 = matching(SHA1, "the 40 hexadecimal digits of a SHA-1")
sha2 = matching(SHA2, "a SHA-2 in hexadecimal or base64")
media = matching(MEDIA, "an internet media type")
version = matching(VERSION, "1.0, 1.0.x, 2.0 or 2.0.x")


def string(value: Json, path: str) -> None:
    """Check a string."""
    if not isinstance(value, str):
        raise _fail(path, "a string")


def boolean(value: Json, path: str) -> None:
    """Check true or false."""
    if not isinstance(value, bool):
        raise _fail(path, "true or false")


def integer(value: Json, path: str) -> None:
    """Check a whole number, zero or more."""
    if type(value) is not int or value < 0:
        raise _fail(path, "a whole number, zero or more")


def decimal(value: Json, path: str) -> None:
    """Check a finite number."""
    if isinstance(value, str) or number(value) is None:
        raise _fail(path, "a number")


def shape(
    value: Json, path: str, properties: dict[str, Check], required: tuple[str, ...] = ()
) -> dict[str, Json]:
    """Check an object: only known properties (case matters), none null, all required ones there."""
    if not isinstance(value, dict):
        raise _fail(path, "an object")
    for name in required:
        if name not in value:
            raise RecordRefusedError(f"{path} needs {name}")
    for name, part in value.items():
        check = properties.get(name)
        if check is None:
            raise RecordRefusedError(f"{path} may only have {', '.join(properties)}")
        if part is None:
            raise RecordRefusedError(f"{path}.{name} is null, which only extensions may be")
        check(part, f"{path}.{name}")
    return value


def array(value: Json, path: str, check: Check) -> list[Json]:
    """Check a list and each of its elements."""
    if not isinstance(value, list):
        raise _fail(path, "an array")
    for element in value:
        check(element, path)
    return value


def language_map(value: Json, path: str) -> None:
    """Check texts by language."""
    if not isinstance(value, dict):
        raise _fail(path, "a language map")
    for tag, part in value.items():
        language(tag, f"{path} key")
        string(part, path)


def extensions(value: Json, path: str) -> None:
    """Check extensions: any values, under IRIs."""
    if not isinstance(value, dict):
        raise _fail(path, "an object")
    for key in value:
        iri(key, f"{path} key")


# --- actors -----------------------------------------------------------------------------------------------


_account = partial(shape, properties={"homePage": iri, "name": string}, required=("homePage", "name"))


def _one_identifier(value: dict[str, Json], path: str, least: int) -> int:
    found = sum(name in value for name in IDENTIFIERS)
    if not least <= found <= 1:
        raise RecordRefusedError(
            f"{path} needs exactly one of mbox, mbox_sha1sum, openid, account, found {found}"
        )
    return found


_AGENT: dict[str, Check] = {
    "objectType": string,
    "name": string,
    "mbox": mail,
    "mbox_sha1sum": sha1,
    "openid": iri,
    "account": _account,
}
_GROUP: dict[str, Check] = _AGENT | {"member": lambda value, path: array(value, path, agent)}


def agent(value: Json, path: str) -> None:
    """Check an Agent: one identifier, no members."""
    checked = shape(value, path, _AGENT)
    if checked.get("objectType", "Agent") != "Agent":
        raise _fail(f"{path}.objectType", "Agent")
    _one_identifier(checked, path, 1)


def group(value: Json, path: str) -> None:
    """Check a Group: identified, or anonymous with members."""
    checked = shape(value, path, _GROUP, ("objectType",))
    if checked["objectType"] != "Group":
        raise _fail(f"{path}.objectType", "Group")
    if not _one_identifier(checked, path, 0) and "member" not in checked:
        raise RecordRefusedError(f"{path} is an anonymous group and needs member")


def actor(value: Json, path: str) -> None:
    """Check an Agent or a Group."""
    is_group = isinstance(value, dict) and value.get("objectType") == "Group"
    (group if is_group else agent)(value, path)


def authority(value: Json, path: str) -> None:
    """Check who vouches: an Agent, or an anonymous Group of two (an application and a user)."""
    actor(value, path)
    if value.get("objectType") == "Group" and (
        len(value.get("member", ())) != 2 or any(name in value for name in IDENTIFIERS)
    ):
        raise _fail(path, "an agent, or an anonymous group of exactly two")
