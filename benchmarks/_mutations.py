"""Documents made wrong at random: what a reader must survive."""

from __future__ import annotations

import copy
import random
from typing import Any

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    10**400,
    "",
    " ",
    "\x00",
    "\ud800",
    "x" * 20_000,
    "a-" * 3000,
    "-" * 5000 + "!",
    "http://" + "a" * 6000 + " ",
    "P" + "1" * 3000 + "Y",
    "mailto:" + "@" * 2000,
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "{" * 3000,
    [],
    {},
    [[]] * 50,
    {"type": [], "id": {}},
    ["a", 1, None, {"b": []}],
)


def places(document: Any, limit: int = 400) -> list[tuple[Any, Any]]:
    """Return (container, key) of every place in a document, at most `limit`."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting and len(found) < limit:
        part = waiting.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ()
        found += [(part, key) for key in keys]
        waiting += [part[key] for key in keys]
    return found


def mutate(document: Any, rng: random.Random) -> Any:
    """Return a copy of a document with one to four places replaced, removed, repeated or moved."""
    changed = copy.deepcopy(document)
    for _ in range(rng.randint(1, 4)):
        found = places(changed)
        if not found:
            return rng.choice(ODD)
        container, key = rng.choice(found)
        how = rng.random()
        if how < 0.6:
            container[key] = copy.deepcopy(rng.choice(ODD))
        elif how < 0.75:
            del container[key]
        elif isinstance(container, dict):
            container[str(rng.choice(ODD))[:50] or "extra"] = container[key]
        else:
            container.insert(0, deep(rng.randint(1, 300)))
    return changed


def deep(levels: int) -> Any:
    """Return lists inside lists."""
    nested: Any = []
    for _ in range(levels):
        nested = [nested]
    return nested


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """Return bytes with a few spans changed, cut, doubled or replaced by markup and quotes."""
    out = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        start = rng.randrange(len(out) + 1)
        end = min(len(out), start + rng.choice((1, 2, 8, 64, 512)))
        piece = bytes(out[start:end])
        odd = (
            b'"',
            b",",
            b"\n",
            b"\x00",
            b"\xff\xfe",
            b"<",
            b"&x;",
            b"]]>",
            b"<!DOCTYPE a [<!ENTITY x 'y'>]>",
        )
        out[start:end] = rng.choice((b"", piece * 3, rng.randbytes(len(piece)), rng.choice(odd)))
    return bytes(out)
