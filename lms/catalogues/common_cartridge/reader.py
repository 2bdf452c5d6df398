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
from segue.lms.catalogues.common_cartridge.audience import withheld
from segue.lms.catalogues.common_cartridge.outline import places_of
from segue.lms.catalogues.common_cartridge.qti import first_text, named, read_assessment
from segue.lms.catalogues.common_cartridge.shelf import CartridgeFiles, with_bases
from segue.lms.records.safe_archive import open_files, parse_xml
from segue.lms.records.source_records import Event, Mode, ReadReport, RecordRefusedError, Source

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
_PAGE_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,300})</title>", re.I)
_TAG = re.compile(r"<[^<>]{0,2000}>")
LONGEST = 4000


@dataclass(frozen=True)
class Cartridge:
    """What a cartridge holds.

    Attributes
    ----------
    resources : those that the course's outline shows, each once, in the order first shown
    descriptions : plain text of pages, tasks and questions, for suggesting standards
    """

    resources: tuple[Resource, ...] = ()
    descriptions: Mapping[str, str] = field(default_factory=dict)


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], ReadReport]:
    """Return no events (a cartridge says nothing of learners) and the report with the cartridge's counts."""
    report = ReadReport()
    open_cartridge(source, mode, report)
    return iter(()), report


def open_cartridge(source: Source, _: Mode, report: ReadReport) -> Cartridge:
    """Return what a cartridge holds; what is missing goes to the report as warnings."""
    if not isinstance(source, str | Path):
        report.refuse(RecordRefusedError("a cartridge is given by the path of its folder or archive"))
        return Cartridge()
    try:
        files = open_files(Path(source))
        manifests = (name for name in files.names if name.lower().rpartition("/")[2] == "imsmanifest.xml")
        manifest = min(manifests, key=lambda name: name.count("/"), default="")
        if not manifest:
            raise RecordRefusedError("cartridge needs imsmanifest.xml")
        root = parse_xml(files.read(manifest))
        return _read_manifest(root, CartridgeFiles(files, manifest[: -len("imsmanifest.xml")], report))
    except RecordRefusedError as refusal:
        report.refuse(refusal)
    except (OSError, RecursionError):
        report.refuse(RecordRefusedError("cartridge cannot be read, or is nested too deeply"))
    return Cartridge()


def plain(markup: str) -> str:
    """Return the text of HTML, at most `LONGEST` characters.

    >>> plain("<p>Area &amp; volume</p>")
    'Area & volume'
    """
    return " ".join(html.unescape(_TAG.sub(" ", markup[:200_000])).split())[:LONGEST]


# --- the resources ----------------------------------------------------------------------------------------


def _read_manifest(manifest: Element, shelf: CartridgeFiles) -> Cartridge:
    manifest = with_bases(manifest)
    entries = {entry.get("identifier", ""): entry for entry in named(manifest, "resource")}
    _count_missing(manifest, shelf)
    outline = places_of(manifest, entries, shelf)
    shown: dict[str, tuple[Resource, str]] = {}
    hidden: set[str] = set()
    for place in outline:
        reason = "" if place.published else "unpublished resource"
        reason = reason or withheld(entries[place.target], place.title, entries, shelf)
        if reason:
            hidden.add(place.target)
            shelf.report.skip(f"{reason}, left out")
            continue
        if place.target not in shown:
            shown[place.target] = _found(entries[place.target], place.title, shelf)
    found = [one for name, one in shown.items() if name not in hidden]
    n_shown = len({place.target for place in outline})
    shelf.report.counts.update({"resources": len(entries), "items": len(outline), "shown": n_shown})
    shelf.report.counts["for learners"] = len(found)
    if not found:
        shelf.report.warnings["nothing to do was found in this cartridge"] += 1
    texts = {resource.resource_id: text for resource, text in found if text}
    return Cartridge(tuple(resource for resource, _ in found), texts)


def _count_missing(manifest: Element, shelf: CartridgeFiles) -> None:
    hrefs = {part.get("href", "") for part in named(manifest, "file")}
    outside = {href for href in hrefs if not shelf.is_inside(href)}
    missing = sum(not shelf.has(href) for href in hrefs - outside)
    shelf.report.counts["missing files"] += missing
    if missing:
        shelf.report.warnings["file that the manifest names is not there"] += missing
    if outside:
        shelf.report.warnings["file that lies outside the cartridge"] += len(outside)


def _found(entry: Element, title: str, shelf: CartridgeFiles) -> tuple[Resource, str]:
    """Return a resource, and the text of what it points to."""
    name, kind = entry.get("identifier", ""), entry.get("type", "")
    files = [part.get("href", "") for part in named(entry, "file")]
    href = entry.get("href") or (files[0] if files else "")
    prefix = next((prefix for prefix in KINDS if kind.startswith(prefix)), "webcontent")
    skills = tuple(dict.fromkeys("".join(guid.itertext()).strip() for guid in _standards(entry)))
    settings = next((name for name in files if name.endswith("assignment_settings.xml")), "")
    url, text = _contents(prefix, href, entry, shelf)
    if settings and (task := shelf.xml(settings)) is not None:
        title = title or first_text(task, "title")
    is_video = VIDEO.search(url) or VIDEO.search(PurePosixPath(href).name)
    resource = Resource(
        name,
        title or _own_title(href, entry, shelf) or PurePosixPath(unquote(href)).stem,
        url=url,
        skills=tuple(skill for skill in skills if skill),
        kind="video" if is_video else "exercise" if settings else KINDS[prefix],
        offline=prefix not in ("imswl", "imsbasiclti"),
    )
    return resource, text


def _standards(entry: Element) -> list[Element]:
    return named(entry, "GUID") + named(entry, "caseItemGUID")


def _own_title(href: str, entry: Element, shelf: CartridgeFiles) -> str:
    """Return the title that a page, a link, a topic or an assessment gives itself."""
    if href.lower().endswith((".html", ".htm", ".xhtml")):
        found = _PAGE_TITLE.search(shelf.text(href)[:20_000])
        return plain(found[1]) if found else ""
    root = shelf.xml(href) if href.lower().endswith(".xml") else None
    if root is None:
        return first_text(entry, "title")
    titled = next((part.get("title", "") for part in root.iter() if part.get("title")), "")
    return first_text(root, "title") or " ".join(titled.split())


def _contents(prefix: str, href: str, entry: Element, shelf: CartridgeFiles) -> tuple[str, str]:
    """Return the address and the text of what a resource points to."""
    if prefix in ("webcontent", "associatedcontent"):
        is_page = href.lower().endswith((".html", ".htm", ".xhtml"))
        return "", plain(shelf.text(href)) if is_page else ""
    root = shelf.xml(href)
    if root is None and prefix == "imswl":
        root = entry  # thin cartridges write the link into the manifest
    if root is None:
        return "", ""
    if prefix == "imsqti":
        assessment = read_assessment(root)
        if not assessment.n_items:
            shelf.report.warnings["assessment without questions"] += 1
        return "", plain(assessment.questions)
    if prefix == "imswl":
        links = named(root, "url")
        return _address(links[0].get("href", "") if links else ""), ""
    if prefix == "imsbasiclti":
        return _address(first_text(root, "secure_launch_url", "launch_url")), ""
    return "", plain(first_text(root, "text"))


def _address(url: str) -> str:
    """Return a web address; one without scheme gets https, anything else is no address."""
    if HOST.match(url):
        return f"https://{url}"
    return url if url.startswith(("https://", "http://")) else ""
