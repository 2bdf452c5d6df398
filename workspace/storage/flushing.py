"""Waiting for the disk: what a commit points to must outlive a power cut, as the commit does."""

from __future__ import annotations

import os
from pathlib import Path


def flush(path: Path) -> None:
    """Wait until a file, or a folder with all that it holds, is on the disk."""
    inside = path.rglob("*") if path.is_dir() else ()
    for one in (*inside, path):
        flush_one(one)


def flush_one(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
