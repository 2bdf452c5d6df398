"""A folder of output that is asked for again and again: whose it is, and which of its files are whole.

`claim` makes a folder the place of one run. What another run left there moves to ``earlier/<its name>``, and
an earlier run that is asked for again moves back; so nothing old is taken for new, and nothing is lost.
`seal` gives a file its name when it is on the disk, with its length and digest beside it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from segue.workspace.storage.flushing import flush_one

MANIFEST, RECORD = "manifest.json", "week.json"
EARLIER = "earlier"
TABLE, PARTS, REJECTS = "playlists.csv", "playlists", "rejects"
_PLAYLISTS = (TABLE, "_playlists.json", PARTS)
ITEMS = {MANIFEST: _PLAYLISTS, RECORD: (*_PLAYLISTS, MANIFEST, REJECTS)}
PIECE = 1 << 20


class BusyError(RuntimeError):
    """Another run holds what this one needs; the command line ends with exit code 3."""

    exit_code = 3


class OutputError(RuntimeError):
    """The folder cannot take this output; the message says what to do."""


@contextmanager
def at_work(out: Path, part: int) -> Iterator[None]:
    """Hold a folder of output while a part of it is written; other parts may be, by other machines.

    Raises
    ------
    BusyError
        When another process writes the same part.
    """
    _make(out)
    with holding(out / f".part-{part}", said=f"another run is at work in {out}: wait until it has ended"):
        yield


def _make(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file: --out must be a folder")
    out.mkdir(parents=True, exist_ok=True)


def claim(out: Path, week: str, said: Mapping[str, Any], *, record: str = MANIFEST) -> dict[str, Any]:
    """Make `out` the place of the run that `said` describes; return its record, as it was left.

    Raises
    ------
    OutputError
        When `out` is a file, or holds playlists that no run has left there.
    """
    name = run_name(week, said)
    _make(out)
    with holding(out / ".claim", wait=True):
        there = read_record(out / record)
        if there is None and any((out / item).exists() for item in ITEMS[record]):
            raise OutputError(f"{out} holds playlists of unknown origin: choose another folder")
        if there is not None and there.get("name") != name:
            _move(out, out / EARLIER / str(there.get("name", "before")), record)
        if (back := out / EARLIER / name).exists():
            _move(back, out, record)
            with suppress(OSError):  # where somebody has put something of their own
                back.rmdir()
        mine = read_record(out / record)
        if mine is None:
            mine = {"name": name, **said}
            write_record(out / record, mine)
        return mine


def run_name(week: str, said: Mapping[str, Any]) -> str:
    """Return what a run is called."""
    return f"{week}-{digest_of(said)}"


def refuse_if_taken(out: Path, mine: Mapping[str, Any]) -> None:
    """Raise `OutputError` where another run has made `out` its own since `claim` returned `mine`."""
    if read_record(out / MANIFEST) != mine:
        raise OutputError(f"another run has taken {out} over meanwhile: run the same again")


def _move(source: Path, target: Path, record: str) -> None:
    """Move a run's items; its record goes last when it leaves, and first when it comes back.

    So the record stays where the run is looked for until all of it has moved, and a move that was cut off is
    finished by the next one.
    """
    target.mkdir(parents=True, exist_ok=True)
    items = (*ITEMS[record], record) if target.parent.name == EARLIER else (record, *ITEMS[record])
    for item in items:
        if (source / item).exists():
            (source / item).rename(target / item)
    flush_one(target)
    flush_one(source)


def read_record(path: Path) -> dict[str, Any] | None:
    """Return a record, None where there is none; one that cannot be read is another run's."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"name": "unreadable"}


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record so that it is there whole, or as it was before."""
    _name({_drafted(path, record): path})


def seal(draft: Path, path: Path, **more: int | str) -> None:
    """Give a finished draft its name, and note its length, its digest and `more` beside it."""
    note = {"bytes": draft.stat().st_size, "digest": digest_of_file(draft), **more}
    said = _drafted(_note(path), note)
    _note(path).unlink(missing_ok=True)  # a file without its note is not there whole
    _name({draft: path, said: _note(path)})


def _drafted(path: Path, record: Mapping[str, Any]) -> Path:
    draft = draft_of(path)
    draft.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    return draft


def sealed(path: Path) -> dict[str, Any] | None:
    """Return what was noted of a file when it was sealed; None when it is not there whole."""
    note = read_record(_note(path))
    try:
        if note is None or path.stat().st_size != note.get("bytes"):
            return None
    except FileNotFoundError:
        return None
    return note if digest_of_file(path) == note.get("digest") else None


def _note(path: Path) -> Path:
    """Return where a file's note lies; readers of Parquet folders skip names that begin so."""
    return path.with_name(f"_{path.stem}.json")


def part_path(folder: Path, number: int) -> Path:
    """Return where a part of the playlists lies."""
    return folder / f"part-{number:05d}.parquet"


def draft_of(path: Path) -> Path:
    """Return where a file is written before it is sealed."""
    return path.with_name(f"_{path.name}.new")


def _name(names: Mapping[Path, Path]) -> None:
    """Give drafts in one folder their names, in order, and wait until all of it is on the disk."""
    for draft in names:
        flush_one(draft)
    for draft, path in names.items():
        draft.rename(path)
    flush_one(path.parent)


def digest_of(said: Mapping[str, Any]) -> str:
    """Return a short digest of plain values."""
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def digest_of_file(path: Path) -> str:
    """Return the digest of a file's bytes, read in pieces."""
    made = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            made.update(piece)
    return made.hexdigest()


def described(path: Path) -> list[dict[str, Any]]:
    """Return name, length and digest of a file, or of each Parquet file of a folder."""
    files = parquet_in(path) if path.is_dir() else [path]
    return [{"name": f.name, "bytes": f.stat().st_size, "digest": digest_of_file(f)} for f in files]


def parquet_in(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder, those of its partitions (``school=1/``) among them."""
    return sorted([*folder.glob("*.parquet"), *folder.glob("*=*/**/*.parquet")])


@contextmanager
def holding(path: Path, *, wait: bool = False, said: str = "") -> Iterator[None]:
    """Hold a lock file, which the system lets go of however this process ends.

    Raises
    ------
    BusyError
        When another process holds it and we do not `wait`; the message is `said`.
    OutputError
        When the folder knows no locks.
    """
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(said) from None
        except OSError as error:
            raise OutputError(
                f"{path} cannot be locked ({error.strerror}): its folder must be on a disk that knows locks, "
                "as a local one does"
            ) from None
        yield
