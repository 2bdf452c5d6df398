"""Files of a bundle, in a folder or a ZIP: nothing outside it is read, and no more than a limit.

A path may not leave the bundle, a compressed file may not grow beyond bounds (the sizes it declares are not
believed), and XML is parsed without entities or external references.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from segue.lms.records.source_records import RecordRefusedError

MAX_FILES = 20_000
MAX_TOTAL = 512_000_000  # bytes, all files of a bundle together
MAX_RATIO = 200  # of a compressed file that grows beyond SMALL
SMALL = 1_000_000
MAX_XML = 32_000_000
ZIP_FAULTS = (
    *(OSError, EOFError, ValueError, LookupError, RuntimeError, OverflowError),  # NotImplementedError too
    *(struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile, zipfile.LargeZipFile),
)
"""What `zipfile` raises on archives that are damaged, encrypted, or of a kind it does not know."""


def is_inside(name: str) -> bool:
    """Whether a path stays inside its bundle.

    >>> is_inside("a/b.xml"), is_inside("../b.xml"), is_inside("/etc/passwd"), is_inside("C:/x")
    (True, False, False, False)
    """
    path = PurePosixPath(name.replace("\\", "/"))
    plain = bool(name) and ":" not in name and "\0" not in name
    return plain and not path.is_absolute() and ".." not in path.parts


@dataclass
class Files:
    """The files of a bundle by name; `read` counts what it gives against the bundle's limit."""

    names: tuple[str, ...]
    root: Path
    zipped: bool
    left: int = MAX_TOTAL

    def read(self, name: str) -> bytes:
        """Return the bytes of a file.

        Raises
        ------
        RecordRefusedError
            When it lies outside the bundle, is not there, or is larger than the bundle's limits.
        """
        if not is_inside(name) or not self.has(name):
            raise RecordRefusedError("file is not in the bundle", "package.file_missing")
        content = self._unzipped(name) if self.zipped else self._from_folder(name)
        self.left -= len(content)
        if self.left < 0:
            raise RecordRefusedError(f"bundle holds more than {MAX_TOTAL} bytes", "package.too_large")
        return content

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return name in self._known

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)

    def _from_folder(self, name: str) -> bytes:
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise RecordRefusedError("file lies outside the bundle", "package.path_outside")
        try:
            with path.open("rb") as handle:
                return handle.read(self.left + 1)
        except OSError:
            raise RecordRefusedError("file cannot be read", "package.unreadable_file") from None

    def _unzipped(self, name: str) -> bytes:
        try:
            with zipfile.ZipFile(self.root) as archive, archive.open(name) as member:
                most = min(self.left, max(SMALL, MAX_RATIO * archive.getinfo(name).compress_size))
                content = member.read(most + 1)
        except ZIP_FAULTS:
            raise RecordRefusedError("file in the ZIP cannot be read", "package.unreadable_file") from None
        if len(content) > most:
            raise RecordRefusedError(
                f"file in the ZIP grows more than {MAX_RATIO} times", "package.too_large"
            )
        return content


def open_files(path: Path) -> Files:
    """Return the files of a folder or a ZIP.

    Raises
    ------
    RecordRefusedError
        When it is neither, a name leaves it, or it has too many files.
    """
    if path.is_dir():
        found = islice((entry for entry in path.rglob("*") if entry.is_file()), MAX_FILES + 1)
        names = tuple(sorted(entry.relative_to(path).as_posix() for entry in found))
    else:
        names = _zip_names(path)
    if len(names) > MAX_FILES:
        raise RecordRefusedError(f"bundle has more than {MAX_FILES} files", "package.too_many_files")
    if not all(map(is_inside, names)):
        raise RecordRefusedError("a file of the bundle lies outside it", "package.path_outside")
    return Files(names, path, zipped=not path.is_dir())


def _zip_names(path: Path) -> tuple[str, ...]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries if not entry.is_dir()]
    except ZIP_FAULTS:
        raise RecordRefusedError(
            "bundle is neither a folder nor a readable ZIP", "package.unreadable"
        ) from None
    if any((entry.external_attr >> 28) == 0o12 for entry in entries):
        raise RecordRefusedError("bundle holds a symbolic link", "package.path_outside")
    if len(set(names)) != len(names):
        raise RecordRefusedError("bundle has two files of one name", "package.duplicate_file")
    return tuple(names)


def parse_xml(content: bytes) -> Element:
    """Return the root of an XML document.

    Raises
    ------
    RecordRefusedError
        When it is not well-formed, declares entities or a DTD with content, or is too large.
    """
    if len(content) > MAX_XML:
        raise RecordRefusedError(f"XML is larger than {MAX_XML} bytes")
    try:
        root: Element = defusedxml.ElementTree.fromstring(content, forbid_dtd=False)
    except DefusedXmlException:
        raise RecordRefusedError("XML declares entities or external references") from None
    except (ParseError, ValueError, LookupError, RecursionError):
        raise RecordRefusedError("XML is not well-formed") from None
    return root
