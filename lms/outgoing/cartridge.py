"""A playlist as an IMS Common Cartridge 1.3: web links in order, one module."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree as ET

from segue.lms.outgoing.lesson import Lesson

CC = "http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1"
LOM = "http://ltsc.ieee.org/xsd/imsccv1p3/LOM/manifest"
LINK = "http://www.imsglobal.org/xsd/imsccv1p3/imswl_v1p3"
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
        _write(archive, "imsmanifest.xml", _manifest(lesson))
        for i, item in enumerate(lesson.items, start=1):
            _write(archive, _path(i), _link(item.title, item.url))
    return buffer.getvalue()


def _write(archive: zipfile.ZipFile, name: str, root: ET.Element) -> None:
    info = zipfile.ZipInfo(name, _STAMP)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, ET.tostring(root, encoding="utf-8", xml_declaration=True))


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
