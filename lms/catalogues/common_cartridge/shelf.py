"""The files of a cartridge by what its manifest calls them: escapes, another case, a base of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from segue.lms.records.safe_archive import Files, is_inside, parse_xml
from segue.lms.records.source_records import ReadReport, RecordRefusedError

BASE = "{http://www.w3.org/XML/1998/namespace}base"


@dataclass
class CartridgeFiles:
    """The files of a cartridge, below the folder that its manifest lies in."""

    files: Files
    root: str
    report: ReadReport

    @cached_property
    def _by_case(self) -> dict[str, str]:
        return {name.lower(): name for name in self.files.names}

    def path(self, href: str) -> str:
        """Return the name of a file that the manifest points to; in another case where only that is there."""
        name = self.root + unquote(href.partition("?")[0]).replace("\\", "/").removeprefix("./")
        return name if self.files.has(name) else self._by_case.get(name.lower(), name)

    def is_inside(self, href: str) -> bool:
        """Whether a name stays inside the cartridge."""
        return is_inside(self.path(href))

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
        except RecordRefusedError:
            self.report.warnings["file that is not well-formed XML"] += 1
            return None


def with_bases(manifest: Element) -> Element:
    """Write every `xml:base` into the hrefs below it, and return the manifest."""
    _with_base(manifest, "", 12)
    return manifest


def _with_base(element: Element, base: str, depth: int) -> None:
    base += element.get(BASE, "")
    href = element.get("href")
    if base and href and "://" not in href:
        element.set("href", base + href)
    if depth:
        for child in element:
            _with_base(child, base, depth - 1)
