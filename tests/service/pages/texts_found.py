"""Every text of the pages that wants a translation, from templates and code.

Run: ``python -m tests.service.pages.texts_found`` prints those that the Spanish catalogue lacks.
"""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po

from segue.engine.explanations import why, why_not
from segue.engine.rules.rule_book import SENTENCES
from segue.service.pages.texts import FOLDER
from segue.workspace.playlists import published_playlists

PAGES = FOLDER.parent
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
OPTIONS = {"templates/**.html": {"newstyle_gettext": "true", "trimmed": "false"}}


def wanted() -> set[str | tuple[str, ...]]:
    """Return the texts that stand in templates and code, those of reasons too; a counted one is a pair."""
    pages = [message for _, _, message, _, _ in extract_from_dir(PAGES, METHODS, OPTIONS)]
    worded = [
        message
        for room in (why, why_not, published_playlists)
        for _, message, _, _ in extract_from_file("python", str(room.__file__))
    ]
    named = [*SENTENCES.values(), *why_not.COSTS.values(), *why.POINTS.values()]
    found = [*pages, *worded, *named]
    return {message if isinstance(message, str) else tuple(message[:2]) for message in found}


def translated(locale: str) -> Catalog:
    """Return the catalogue of a language."""
    with (Path(FOLDER) / locale / "pages.po").open("rb") as file:
        return read_po(file, locale=locale)


if __name__ == "__main__":
    have = {m.id for m in translated("es") if m.id and m.string}
    for text in sorted(wanted() - have, key=str):
        print(repr(text))
