"""Tables of text as real systems write them: four delimiters, UTF-8 or UTF-16, any spelling of names."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from segue.features.events.text_dialects import DAMAGED, delimiter_of, encoding_of
from segue.lms.records.source_records import RecordRefusedError

_TELLING = re.compile(
    r"id|name|class|section|course|group|school|org|student|user|learner|teacher|role|status|date|time|"
    r"score|grade|event|title|type|code|term|begin|start|end|mail|login|item|max|min|kind|module|descr"
)


def decoded(content: bytes) -> str:
    """Return the text of a file, by its first bytes in UTF-16 or UTF-8."""
    return content.decode(encoding_of(content[:4]), "replace").lstrip("\ufeff")


def plain_name(name: str) -> str:
    """Return a column's name in small letters and digits: one name, however it is spelled.

    >>> plain_name("User_Sourced ID"), plain_name("userSourcedId")
    ('usersourcedid', 'usersourcedid')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def rows_of(source: bytes | Path) -> Iterator[list[str]]:
    """Yield the rows of a delimited text, the header first and blank lines left out; a file is streamed.

    Raises
    ------
    RecordRefusedError
        When it cannot be read as such a text.
    """
    try:
        if isinstance(source, bytes):
            text = decoded(source)
            yield from _rows(io.StringIO(text, newline=""), delimiter_of(text))
            return
        opened = gzip.open if source.suffix.lower() == ".gz" else open
        with opened(source, "rb") as file:
            head = file.read(100_000)
        encoding = encoding_of(head[:4])
        with opened(source, "rt", encoding=encoding, errors="replace", newline="") as handle:
            yield from _rows(handle, delimiter_of(head.decode(encoding, "replace")))
    except (csv.Error, UnicodeError, *DAMAGED):
        raise RecordRefusedError("file is not CSV", "csv.malformed") from None


def _rows(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    first = True
    for row in csv.reader(lines, delimiter=delimiter):
        if first and row:
            row[0] = row[0].removeprefix("\ufeff")
        first = False
        if row:
            yield row


def named_rows(
    header: Iterable[str], rows: Iterable[list[str]], names: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """Yield rows as cells by our names; `names` are theirs, made plain, to ours."""
    ours = [names.get(plain_name(name), "") for name in header]
    for row in rows:
        yield {name: cell.strip() for name, cell in zip(ours, row, strict=False) if name}


def columns_said(header: Iterable[str], sought: Collection[str]) -> str:
    """Return which columns were sought and found, in words; a name that may be a person's is only counted.

    >>> columns_said(["Pupil name", "Ada Lovelace"], ["learner", "class"])
    "columns sought: learner, class; found: 'Pupil name' and 1 more"
    """
    listed = [name.strip() for name in header]
    shown = [
        repr(name) for name in listed if len(name) <= 40 and "@" not in name and _TELLING.search(name.lower())
    ]
    more = f"{len(listed) - len(shown)} more" if len(shown) < len(listed) else ""
    found = " and ".join(part for part in (", ".join(shown[:12]), more) if part) or "none"
    return f"columns sought: {', '.join(sought)}; found: {found}"
