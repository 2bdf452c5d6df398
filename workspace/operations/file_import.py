"""A file of events on its way into the store, a part at a time: memory stays flat however long it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pandas as pd

from segue.features.events.event_records import Checked, UnknownLearners
from segue.features.events.file_readers import Source, event_parts, too_many
from segue.workspace.records.events import CONFLICT, Appended, conflicting
from segue.workspace.records.learners import Learner
from segue.workspace.records.rosters.unknown_learners import STRANGERS, mistyped_learners
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class FileImport:
    """What became of a file's rows.

    `events` is how many of the `rows` hold; `done` is None where nothing was stored for the sake of the bad
    ones; `mistyped` are new learners that are spelled almost like others, where that was asked.
    """

    rows: int
    events: int
    done: Appended | None
    rejects: pd.DataFrame
    dropped: tuple[str, ...]
    mistyped: tuple[str, ...] = ()

    @property
    def doubt(self) -> str:
        """Why the file, or how it was read, is in doubt; "" where few rows were set aside.

        Rows of resources and learners that nobody knows are many only where they are most: an LMS may export
        more than the catalogue holds.
        """
        return doubt_of(self.rejects["reason"], self.rows)


def doubt_of(reasons: pd.Series, rows: int) -> str:
    """Return what is wrong with many of so many `rows`, the commonest reason with it; "" for few."""
    strange = reasons.str.startswith("unknown resource") | reasons.isin(STRANGERS)
    written = reasons[~strange]
    if too_many(len(written), rows):
        worst = written
    elif len(reasons) > max(10, rows / 2) or 0 < rows == len(reasons):
        worst = reasons
    else:
        return ""
    rules = worst.str.partition(", got")[0]
    alike = worst[rules == rules.mode()[0]]
    part = f", {len(alike)} of them" if len(alike) < len(reasons) else ""
    return f"{len(reasons)} of {rows} rows were rejected{part}: {alike.iloc[0]}"


def import_file(
    workspace: Workspace,
    path: Path,
    source: Source,
    *,
    now: datetime | None = None,
    unknown: UnknownLearners | None = None,
    strict: bool = False,
    mistyped: bool = False,
    tick: Callable[[int, int], object] = lambda _, __: None,
) -> FileImport:
    """Store the events of a file; with `strict`, all of them or none.

    Parts are committed one by one: a second call goes on where a first was cut off. `now` and `unknown` set
    rows aside as ``check`` says. `tick` is told how many rows each part had, and 0: how many there are is not
    known.

    Raises
    ------
    RecordsError
        When nothing can be read: no file, no header, a required column missing.
    """

    def parts() -> Iterator[Checked]:
        known = workspace.catalogue().resource_index
        return event_parts(path, source, resources=known, now=now, unknown=unknown)

    if strict:  # looked through once before anything is stored
        whole = _together([_unstored(workspace, part) for part in parts()])
        if len(whole.rejects):
            return replace(whole, done=None)
    stored, people = [], dict[str, Learner]()
    for checked in parts():
        stored.append(_stored(workspace, checked, people, mistyped))
        tick(checked.rows, 0)
    return _together(stored)


def _together(parts: Sequence[FileImport]) -> FileImport:
    return FileImport(
        sum(part.rows for part in parts),
        sum(part.events for part in parts),
        sum((part.done for part in parts if part.done), Appended(0, 0, 0, 0)),
        pd.concat([part.rejects for part in parts], ignore_index=True),
        parts[-1].dropped,
        tuple(dict.fromkeys(name for part in parts for name in part.mistyped)),
    )


def _unstored(workspace: Workspace, part: Checked) -> FileImport:
    """Return what would become of a part."""
    places: tuple[int, ...] = ()
    if len(part.events):
        with workspace.store.read() as connection:
            tags = workspace.catalogue_in(connection).tag_ids
            places = conflicting(connection, workspace.keyring, part.events, tags=tags)
    rejects = part.set_aside(places, CONFLICT)
    return FileImport(part.rows, len(part.events), None, rejects, part.dropped)


def _stored(workspace: Workspace, part: Checked, people: dict[str, Learner], mistyped: bool) -> FileImport:
    """Store the events of a part, and return what became of them."""
    like: list[str] = []
    if mistyped:
        with workspace.store.read() as connection:
            learners = part.events["learner"].unique().tolist()
            like = mistyped_learners(connection, workspace.keyring, learners)
    done = workspace.add_events(part.events, people=people)
    rejects = part.set_aside(done.conflicts, CONFLICT)
    return FileImport(part.rows, len(part.events), done, rejects, part.dropped, tuple(like))
