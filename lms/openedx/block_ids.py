"""Ids of Open edX blocks: made from a course and a name, or found in an address."""

from __future__ import annotations

import re
from urllib.parse import unquote

from segue.lms.records.source_records import Json

_BLOCK = re.compile(r"(?:ccx-)?block-v1:[^/?#&\s]+|i4x://[^?#&\s]+")
_INPUT = re.compile(r"(?:^|&)input_([0-9A-Za-z_\-]+?)_\d+_\d+")


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
