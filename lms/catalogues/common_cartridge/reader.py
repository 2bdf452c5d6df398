"""Common Cartridge 1.0 to 1.4 (a folder, an .imscc or a .zip) as resources in the course's order.

Files that the manifest names but the cartridge lacks are counted, not fatal: a cartridge is often exported
without its videos. Nothing outside the cartridge is read and no XML entity is expanded.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from segue.features.catalogue import Resource
from segue.lms.catalogues.common_cartridge.qti import first_text, local, named, read_assessment
from segue.lms.records.safe_archive import Files, is_inside, open_files, parse_xml
from segue.lms.records.source_records import Event, Mode, RefusedError, Report, Source
from segue.lms.records.untrusted_values import number

KINDS = {
    "imsqti": "quiz",
    "imsdt": "discussion",
    "assignment": "exercise",
    "imsbasiclti": "exercise",
    "imswl": "text",
    "webcontent": "text",
    "associatedcontent": "text",
}
"""Kinds of resource by how their type in the manifest begins."""
VIDEO = re.compile(r"\.(?:mp4|m4v|webm|mov|ogv)$|//(?:www\.)?(?:youtube\.com|youtu\.be|vimeo\.com)/", re.I)
HOST = re.compile(r"[a-z0-9.\-]{1,200}\.[a-z]{2,20}/", re.I | re.ASCII)
_TAG = re.compile(r"<[^<>]{0,2000}>")
LONGEST = 4000


@dataclass(frozen=True)
class Cartridge:
    """What a cartridge holds.

    Attributes
    ----------
    title : of the course
    resources : those that the course's outline shows, each once, in the order first shown
    order : (module title, resource id) for every place in the outline
    points : points possible, where the cartridge says
    descriptions : plain text of pages, tasks and questions, for suggesting standards
    """

    title: str = ""
    resources: tuple[Resource, ...] = ()
    order: tuple[tuple[str, str], ...] = ()
    points: Mapping[str, float] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], Report]:
    """Return no events (a cartridge says nothing of learners) and the report with the cartridge's counts."""
    report = Report()
    open_cartridge(source, mode, report)
    return iter(()), report


def open_cartridge(source: Source, _: Mode, report: Report) -> Cartridge:
    """Return what a cartridge holds; what is missing goes to the report as warnings."""
    if not isinstance(source, str | Path):
        report.refuse(RefusedError("a cartridge is given by the path of its folder or archive"))
        return Cartridge()
    try:
        files = open_files(Path(source))
        manifest = next((name for name in files.names if name.rpartition("/")[2] == "imsmanifest.xml"), "")
        if not manifest:
            raise RefusedError("cartridge needs imsmanifest.xml")
        root = parse_xml(files.read(manifest))
        return _read_manifest(root, _Shelf(files, manifest.rpartition("imsmanifest.xml")[0], report))
    except RefusedError as refusal:
        report.refuse(refusal)
    except (OSError, RecursionError):
        report.refuse(RefusedError("cartridge cannot be read, or is nested too deeply"))
    return Cartridge()


def plain(markup: str) -> str:
    """Return the text of HTML, at most `LONGEST` characters.

    >>> plain("<p>Area &amp; volume</p>")
    'Area & volume'
    """
    return " ".join(html.unescape(_TAG.sub(" ", markup[:200_000])).split())[:LONGEST]


# --- the outline ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """One place in the outline: the module it is in, its title, the resource it shows."""

    module: str
    title: str
    target: str


def _outline(manifest: Element) -> Iterator[_Place]:
    for organization in named(manifest, "organization"):
        yield from _places(organization, "")


def _places(parent: Element, module: str) -> Iterator[_Place]:
    for item in parent:
        if local(item) != "item":
            continue
        title = next(
            (" ".join("".join(part.itertext()).split()) for part in item if local(part) == "title"), ""
        )
        target = item.get("identifierref", "")
        if target:
            yield _Place(module, title, target)
        yield from _places(item, title or module)


# --- the resources ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """A resource with what else is known of it."""

    resource: Resource
    points: float | None = None
    text: str = ""


@dataclass(frozen=True)
class _Shelf:
    """The files of a cartridge, below the folder that its manifest lies in."""

    files: Files
    root: str
    report: Report

    def path(self, href: str) -> str:
        """Return the name of a file that the manifest points to."""
        return self.root + unquote(href.partition("?")[0]).removeprefix("./")

    def has(self, href: str) -> bool:
        """Whether a file is there."""
        return self.files.has(self.path(href))

    def text(self, href: str) -> str:
        """Return a file as text, '' when it is not there."""
        return self.files.read(self.path(href)).decode("utf-8", "replace") if self.has(href) else ""

    def xml(self, href: str) -> Element | None:
        """Return the root of an XML file; None when it is not there or not well-formed, which is counted."""
        if not self.has(href):
            return None
        try:
            return parse_xml(self.files.read(self.path(href)))
        except RefusedError:
            self.report.warnings["file that is not well-formed XML"] += 1
            return None


def _read_manifest(manifest: Element, shelf: _Shelf) -> Cartridge:
    entries = {entry.get("identifier", ""): entry for entry in named(manifest, "resource")}
    _count_missing(manifest, shelf)
    places = [place for place in _outline(manifest) if place.target in entries]
    lost = sum(place.target not in entries for place in _outline(manifest))
    if lost:
        shelf.report.warnings["item that points to no resource"] += lost
    shown: dict[str, str] = {}
    for place in places:
        shown.setdefault(place.target, place.title)
    found = [_found(entries[name], title, shelf) for name, title in shown.items()]
    shelf.report.counts.update({"resources": len(entries), "items": len(places), "shown": len(found)})
    general = named(manifest, "general")
    return Cartridge(
        first_text(general[0], "title") if general else "",
        tuple(one.resource for one in found),
        tuple((place.module, place.target) for place in places),
        {one.resource.resource_id: one.points for one in found if one.points is not None},
        {one.resource.resource_id: one.text for one in found if one.text},
    )


def _count_missing(manifest: Element, shelf: _Shelf) -> None:
    hrefs = {part.get("href", "") for part in named(manifest, "file")}
    outside = {href for href in hrefs if not is_inside(shelf.path(href))}
    missing = sum(not shelf.has(href) for href in hrefs - outside)
    shelf.report.counts["missing files"] += missing
    if missing:
        shelf.report.warnings["file that the manifest names is not there"] += missing
    if outside:
        shelf.report.warnings["file that lies outside the cartridge"] += len(outside)


def _found(entry: Element, title: str, shelf: _Shelf) -> _Found:
    name, kind = entry.get("identifier", ""), entry.get("type", "")
    href = entry.get("href") or next((part.get("href", "") for part in named(entry, "file")), "")
    prefix = next((prefix for prefix in KINDS if kind.startswith(prefix)), "webcontent")
    skills = tuple(dict.fromkeys("".join(guid.itertext()).strip() for guid in _standards(entry)))
    url, points, text = _contents(prefix, href, shelf)
    is_video = VIDEO.search(url) or VIDEO.search(PurePosixPath(href).name)
    resource = Resource(
        name,
        title or PurePosixPath(href).stem,
        url=url,
        skills=tuple(skill for skill in skills if skill),
        kind="video" if is_video else KINDS[prefix],
        offline=prefix not in ("imswl", "imsbasiclti"),
    )
    return _Found(resource, points, text)


def _standards(entry: Element) -> list[Element]:
    return named(entry, "GUID") + named(entry, "caseItemGUID")


def _contents(prefix: str, href: str, shelf: _Shelf) -> tuple[str, float | None, str]:
    """Return the address, the points and the text of what a resource points to."""
    if prefix in ("webcontent", "associatedcontent"):
        is_page = href.lower().endswith((".html", ".htm", ".xhtml"))
        return "", None, plain(shelf.text(href)) if is_page else ""
    root = shelf.xml(href)
    if root is None:
        return "", None, ""
    if prefix == "imsqti":
        assessment = read_assessment(root)
        if not assessment.n_items:
            shelf.report.warnings["assessment without questions"] += 1
        return "", assessment.points, plain(assessment.questions)
    if prefix == "imswl":
        links = named(root, "url")
        return _address(links[0].get("href", "") if links else ""), None, ""
    if prefix == "imsbasiclti":
        return _address(first_text(root, "secure_launch_url", "launch_url")), None, ""
    gradable = named(root, "gradable")
    points = number(gradable[0].get("points_possible")) if gradable else None
    return "", points, plain(first_text(root, "text"))


def _address(url: str) -> str:
    """Return a web address; one without scheme gets https, anything else is no address."""
    if HOST.match(url):
        return f"https://{url}"
    return url if url.startswith(("https://", "http://")) else ""
