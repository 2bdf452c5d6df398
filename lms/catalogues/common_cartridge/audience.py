"""Whom a resource is for: what is not published, for teachers, or an answer key never reaches learners."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from segue.lms.catalogues.common_cartridge.qti import first_text, named
from segue.lms.catalogues.common_cartridge.shelf import CartridgeFiles

KEY = re.compile(
    r"\b(?:answers?|solutions?)[ _\-]*(?:key|keys|sheet|guide|manual)\b|\bmark(?:ing)?[ _\-]*scheme\b"
    r"|\b(?:teacher|instructor)(?:'?s)?[ _\-]*(?:guide|notes?|edition|manual|copy|key|only|resources?)\b"
    r"|\blesson[ _\-]*plans?\b|\bkey\.(?:pdf|docx?|html?)$|^(?:answers|solutions)(?:\.\w{2,5})?$",
    re.I,
)
"""Titles and names of files that are for teachers."""
HIDDEN = frozenset({"unpublished", "deleted", "hidden"})
_STATE = re.compile(r'<meta[^>]{0,200}name="workflow_state"[^>]{0,200}content="(\w{1,30})"', re.I)
_TEACHES = frozenset({"instructor", "teacher", "mentor", "administrator", "contentdeveloper", "manager"})


def withheld(entry: Element, title: str, entries: dict[str, Element], shelf: CartridgeFiles) -> str:
    """Return why a resource is not for learners; '' when it is.

    `entries` are the resources by identifier: Canvas keeps the settings of a quiz or a topic in another one.
    """
    files = [part.get("href", "") for part in named(entry, "file")]
    href = entry.get("href") or (files[0] if files else "")
    if entry.get("intendeduse", "").lower() in ("lessonplan", "syllabus"):
        return "lesson plan"
    roles = {
        re.sub(r"[^a-z]", "", first_text(role, "value").lower())
        for role in named(entry, "intendedEndUserRole")
    } - {""}
    if roles and roles <= _TEACHES:
        return "resource for teachers"
    if KEY.search(title) or any(KEY.search(name.rpartition("/")[2]) for name in (href, *files)):
        return "answer key or guide for teachers"
    beside = [
        part.get("href", "")
        for need in named(entry, "dependency")
        for part in named(entries.get(need.get("identifierref", ""), entry), "file")
    ]
    return "unpublished resource" if any(_is_hidden(name, shelf) for name in {href, *files, *beside}) else ""


def _is_hidden(href: str, shelf: CartridgeFiles) -> bool:
    name = href.lower()
    if name.endswith((".html", ".htm")):
        found = _STATE.search(shelf.text(href)[:20_000])
        return bool(found and found[1].lower() in HIDDEN)
    if not name.endswith((".xml",)) or name.endswith(("assessment_qti.xml", "module_meta.xml")):
        return False
    root = shelf.xml(href)
    if root is None:
        return False
    return first_text(root, "workflow_state") in HIDDEN or (
        name.endswith("assessment_meta.xml") and first_text(root, "available") == "false"
    )
