"""How a table of text is written: its encoding, its delimiter, the spelling of columns and labels."""

from __future__ import annotations

import gzip
import re
import zlib

import numpy as np
import pandas as pd

DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error)
"""What a gzip file raises that was cut off, or holds other bytes than were written."""
DELIMITERS = ",;\t|"
DECIMAL_COMMA = r"[+-]?\d+,\d+"
THOUSANDS = r"[+-]?[1-9]\d{0,2}(?:,\d{3})+"  # or three decimals: nobody can tell
_WHOLE = re.compile(r"([+-]?\d+)\.0+")


def encoding_of(head: bytes) -> str:
    """Return the encoding that the first bytes of a text speak of; UTF-8 when they say nothing."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if len(head) > 1 and 0 in head[:2]:
        return "utf-16-be" if head[0] == 0 else "utf-16-le"
    return "utf-8-sig"


def delimiter_of(text: str) -> str:
    """Return the delimiter that the first line has most of, a comma when it has none.

    >>> delimiter_of("learner;class" + chr(10) + "a,b;c")
    ';'
    """
    line = next((line for line in text[:100_000].splitlines() if line.strip()), "")
    outside = re.sub(r'"[^"]*"', "", line)
    return max(DELIMITERS, key=lambda mark: (outside.count(mark), mark == ","))


def is_json(text: str) -> bool:
    """Return whether a text begins as JSON does, whose first line is no header, and tells of a person.

    >>> is_json('{"actor": 1}'), is_json('[{"actor": 1}]'), is_json("actor,verb")
    (True, True, False)
    """
    return re.match(r"\s*(\[\s*)?\{", text) is not None


def decimal_point(text: str) -> str:
    """Return a number with a decimal comma with a point; any other text, and 1,000, as it is.

    >>> decimal_point("0,75"), decimal_point("87,5"), decimal_point("1,000"), decimal_point("half, or so")
    ('0.75', '87.5', '1,000', 'half, or so')
    """
    known = re.fullmatch(DECIMAL_COMMA, text) and not re.fullmatch(THOUSANDS, text)
    return text.replace(",", ".") if known else text


def snake_case(name: str) -> str:
    """Return a column's name in small letters with underscores.

    >>> snake_case("userId"), snake_case("Learner ID"), snake_case("max_score")
    ('user_id', 'learner_id', 'max_score')
    """
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")


def label_of(value: object) -> str:
    """Return a label as text, empty when there is none: 1, 1.0 and "1.0" are "1"; "None" and "NA" are names.

    >>> [label_of(value) for value in (1.0, " 1.00 ", "None", "NA", True, None, float("nan"), "")]
    ['1', '1', 'None', 'NA', 'True', '', '', '']
    """
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text
