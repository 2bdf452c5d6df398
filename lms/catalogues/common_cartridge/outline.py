"""The order of a course: the manifest's outline, else Canvas's modules, else the resources as listed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from segue.lms.catalogues.common_cartridge.qti import first_text, local, named
from segue.lms.catalogues.common_cartridge.shelf import CartridgeFiles

MODULES = "course_settings/module_meta.xml"
PIECES = re.compile(
    r"\.(?:css|js|json|xml|xsd|dtd|png|jpe?g|gif|svg|ico|webp|bmp|woff2?|ttf|eot|map|vtt|srt)$"
)
"""Ends of files that belong to a page and are nothing to do by themselves."""


@dataclass(frozen=True)
class CoursePlace:
    """One place in the outline: its title, the resource it shows, and whether learners see it."""

    title: str
    target: str
    published: bool = True


def places_of(manifest: Element, entries: Mapping[str, Element], shelf: CartridgeFiles) -> list[CoursePlace]:
    """Return the places of a course in order; the first of three ways that gives any."""
    outlined = [place for part in named(manifest, "organization") for place in _items(part)]
    known = [place for place in outlined if place.target in entries]
    if lost := len(outlined) - len(known):
        shelf.report.warnings["item that points to no resource"] += lost
    modules = list(_modules(shelf))
    hidden = {place.target for place in modules if not place.published}
    if known:
        return [replace(place, published=place.published and place.target not in hidden) for place in known]
    listed = [place for place in modules if place.target in entries]
    if not listed:
        shelf.report.warnings["no outline: resources in the order of the manifest"] += 1
        listed = list(_listed(manifest, entries))
    return listed


def _items(parent: Element) -> Iterator[CoursePlace]:
    for item in parent:
        if local(item) != "item":
            continue
        title = next(
            (" ".join("".join(part.itertext()).split()) for part in item if local(part) == "title"), ""
        )
        target = item.get("identifierref", "")
        if target:
            yield CoursePlace(title, target, item.get("isvisible", "true").lower() != "false")
        yield from _items(item)


def _modules(shelf: CartridgeFiles) -> Iterator[CoursePlace]:
    """Yield the items of Canvas's modules."""
    root = shelf.xml(MODULES)
    for module in () if root is None else named(root, "module"):
        open_ = first_text(module, "workflow_state") != "unpublished"
        for item in named(module, "item"):
            state = first_text(item, "workflow_state")
            target = first_text(item, "identifierref")
            if target:
                yield CoursePlace(first_text(item, "title"), target, open_ and state in ("", "active"))


def _listed(manifest: Element, entries: Mapping[str, Element]) -> Iterator[CoursePlace]:
    """Yield the resources that are something to do: no part of another, no piece of a page."""
    parts = {part.get("identifierref", "") for part in named(manifest, "dependency")}
    tests = any("imsqti_test" in entry.get("type", "") for entry in entries.values())
    for name, entry in entries.items():
        kind, files = entry.get("type", ""), [part.get("href", "") for part in named(entry, "file")]
        href = (entry.get("href") or (files[0] if files else "")).lower()
        own_part = name in parts and not kind.startswith(("imsqti", "imswl", "imsdt", "imsbasiclti"))
        is_task = any(file.endswith("assignment_settings.xml") for file in files)
        is_bank = "question-bank" in kind or (tests and "imsqti_item" in kind)
        is_piece = kind == "webcontent" and PIECES.search(href) is not None
        settings = kind.startswith("associatedcontent") and not is_task
        if not (own_part or is_bank or is_piece or settings or href.startswith("course_settings/")):
            yield CoursePlace("", name)
