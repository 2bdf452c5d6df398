"""A playlist as an IMS Common Cartridge 1.3: web links in order, one module."""

from __future__ import annotations

import io
import zipfile
from html import escape
from xml.etree import ElementTree as ET

from segue.lms.outgoing.lesson import Lesson

CC = "http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1"
LOM = "http://ltsc.ieee.org/xsd/imsccv1p3/LOM/manifest"
LINK = "http://www.imsglobal.org/xsd/imsccv1p3/imswl_v1p3"
OVERVIEW = "overview.html"
_STAMP = (1980, 1, 1, 0, 0, 0)  # the zip format's first moment: the same lesson gives the same bytes


def cartridge(lesson: Lesson) -> bytes:
    """Return the cartridge's bytes; the same lesson gives the same bytes.

    Raises
    ------
    ValueError
        When an item has no url: a cartridge can only carry links.
    """
    bare = next((item for item in lesson.items if not item.url), None)
    if bare is not None:
        raise ValueError(
            f"resource {bare.resource!r} has no url, a cartridge carries links only: give it one"
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _write(archive, "imsmanifest.xml", _as_bytes(_manifest(lesson)))
        _write(archive, OVERVIEW, _overview(lesson).encode())
        for i, item in enumerate(lesson.items, start=1):
            _write(archive, _path(i), _as_bytes(_link(item.title, item.url)))
    return buffer.getvalue()


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _STAMP), content, zipfile.ZIP_DEFLATED)


def _as_bytes(root: ET.Element) -> bytes:
    made: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return made


def _overview(lesson: Lesson) -> str:
    """Return the first page: what the week is for, then each step with its reason."""
    aims = "".join(f"<li>{escape(aim)}</li>" for aim in lesson.objectives)
    steps = "".join(
        f"<li>{escape(item.title)}{': ' if item.why else ''}{escape(item.why)}</li>" for item in lesson.items
    )
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(lesson.heading)}</title>'
    )
    aimed = f"<h2>What it is for</h2><ul>{aims}</ul>" if aims else ""
    return f"{head}</head><body><h1>{escape(lesson.heading)}</h1>{aimed}<ol>{steps}</ol></body></html>"


def _path(i: int) -> str:
    return f"links/step-{i:02d}.xml"


def _link(title: str, url: str) -> ET.Element:
    root = ET.Element(f"{{{LINK}}}webLink")
    ET.SubElement(root, f"{{{LINK}}}title").text = title
    ET.SubElement(root, f"{{{LINK}}}url", href=url)
    return root


def _manifest(lesson: Lesson) -> ET.Element:
    root = ET.Element(f"{{{CC}}}manifest", identifier="segue-playlist")
    root.append(_metadata(lesson.heading))
    organizations = ET.SubElement(root, f"{{{CC}}}organizations")
    tree = ET.SubElement(
        organizations, f"{{{CC}}}organization", identifier="playlist", structure="rooted-hierarchy"
    )
    module = ET.SubElement(
        ET.SubElement(tree, f"{{{CC}}}item", identifier="root"), f"{{{CC}}}item", identifier="week"
    )
    ET.SubElement(module, f"{{{CC}}}title").text = lesson.heading
    resources = ET.SubElement(root, f"{{{CC}}}resources")
    first = ET.SubElement(module, f"{{{CC}}}item", identifier="item-0", identifierref="overview")
    ET.SubElement(first, f"{{{CC}}}title").text = "What it is for, and why these steps"
    page = ET.SubElement(
        resources, f"{{{CC}}}resource", identifier="overview", type="webcontent", href=OVERVIEW
    )
    ET.SubElement(page, f"{{{CC}}}file", href=OVERVIEW)
    for i, step in enumerate(lesson.items, start=1):
        node = ET.SubElement(module, f"{{{CC}}}item", identifier=f"item-{i}", identifierref=f"step-{i}")
        ET.SubElement(node, f"{{{CC}}}title").text = step.title
        resource = ET.SubElement(resources, f"{{{CC}}}resource", identifier=f"step-{i}", type="imswl_xmlv1p3")
        ET.SubElement(resource, f"{{{CC}}}file", href=_path(i))
    return root


def _metadata(title: str) -> ET.Element:
    root = ET.Element(f"{{{CC}}}metadata")
    ET.SubElement(root, f"{{{CC}}}schema").text = "IMS Common Cartridge"
    ET.SubElement(root, f"{{{CC}}}schemaversion").text = "1.3.0"
    general = ET.SubElement(ET.SubElement(root, f"{{{LOM}}}lom"), f"{{{LOM}}}general")
    ET.SubElement(ET.SubElement(general, f"{{{LOM}}}title"), f"{{{LOM}}}string").text = title
    return root
