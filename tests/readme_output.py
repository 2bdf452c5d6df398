"""The printed output that README shows: `make readme` makes it, a test says when it is stale."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
SHOWN = re.compile(r"(?<=What `make demo` prints, in part:\n\n```text\n).*?(?=\n```)", re.DOTALL)
PARTS = (("The week of", 4), ("5. The teacher's view", 4), ("6. The class together", 4))
CUT = "…"


def excerpt(printed: str) -> str:
    """Return what README shows of the demo: four steps of a week, four skills of a class, its groups."""
    lines = printed.splitlines()
    found: list[str] = []
    for heading, items in PARTS:
        at = next(n for n, line in enumerate(lines) if line.startswith(heading))
        start = at + 2 if heading[0].isdigit() else at + 1
        block = [lines[at].lstrip("0123456789. "), *_first(lines[start:], items)]
        found += [CUT, "", *block] if found else block
    return "\n".join(found)


def _first(lines: list[str], items: int) -> list[str]:
    """Return the header of a table and its first rows, each with the sentences below it."""
    kept = [lines[0]]
    for line in lines[1:]:
        sentence = line.startswith("      ")
        items -= not sentence
        if items < 0 or not line:
            break
        kept.append(line)
    return kept


def main() -> None:
    """Put the output of the demo, read from standard input, into README."""
    shown = excerpt(sys.stdin.read())
    README.write_text(SHOWN.sub(lambda _: shown, README.read_text("utf-8"), count=1), encoding="utf-8")


if __name__ == "__main__":
    main()
