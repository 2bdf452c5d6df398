"""`segue lms`: what learning management systems send, read and linked; what `segue import --format` does."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segue.cli.arguments import Folder, opened
from segue.cli.text_output import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segue.lms.records.source_records import Event, ReadReport
    from segue.workspace.records.rosters.enrolments import Enrolment
    from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class DocumentImport:
    """What became of a document, as sentences.

    Events `taken` are stored, or known; `reasons` are why other records were refused or rejected; `catalogue`
    says whether resources or skills were read.
    """

    said: list[str]
    taken: int
    reasons: Sequence[str] = ()
    catalogue: bool = False

    @property
    def doubt(self) -> str:
        """Why the document, or how it was read, is in doubt; "" where few records were set aside."""
        import pandas as pd

        from segue.workspace.operations.file_import import doubt_of

        return doubt_of(pd.Series(self.reasons, dtype="str"), self.taken + len(self.reasons))


NO_NAMES: Mapping[str, str] = MappingProxyType({})
app = typer.Typer(name="lms", help="Read what learning management systems send.", no_args_is_help=True)


@app.command("read")
def read(
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help="One JSON request a line in, one JSON answer a line out.")
    ] = False,
) -> None:
    """Read documents of any format and print the events in them; nothing is stored.

    A request is {"n": 1, "format": "xapi", "doc": {...} or "path": "...", "mode": "strict" or "lenient"}.

    Example: segue lms read < requests.jsonl > answers.jsonl
    """
    from segue.lms.documents.read_document import answer_line

    if not json_lines:
        raise typer.BadParameter("requests are read as JSON lines: add --json-lines")
    for line in sys.stdin.buffer:
        if line.strip():
            sys.stdout.write(json.dumps(answer_line(line.decode("utf-8", "replace"))) + "\n")
            sys.stdout.flush()


@app.command("link")
def link(
    workspace: Folder,
    table: Annotated[
        Path, typer.Argument(help="CSV: a learner's id in the first column, other ids of the same after it.")
    ],
) -> None:
    """Say which ids at different doors are one learner; histories that were apart become one.

    Example: segue lms link school ids.csv
    """
    from segue.lms.records.delimited import rows_of
    from segue.lms.records.untrusted_values import learner_id

    header, *rows = list(rows_of(table)) or [[]]
    if len(header) < 2:
        raise ValueError(f"{table} needs a header and at least two columns of ids, found {len(header)}")
    pairs = [
        (learner_id(row[0].strip()), learner_id(cell.strip()))
        for row in rows
        for cell in row[1:]
        if row[0].strip() and cell.strip()
    ]
    tell(_linked(opened(workspace), pairs))


def _linked(space: Workspace, pairs: list[tuple[str, str]]) -> str:
    from segue.workspace.records.rosters.identities import link_ids

    done = link_ids(space.store, space.keyring, pairs)
    more = f", {done.refused} refused (erased, or older events were purged)" if done.refused else ""
    return f"ids: {done.linked} linked ({done.merged} had a history), {done.known} were known{more}"


def import_document(
    space: Workspace,
    path: Path,
    format_name: str,
    mode: Literal["strict", "lenient"],
    *,
    names: Mapping[str, str] = NO_NAMES,
    learner_claim: str = "",
) -> DocumentImport:
    """Put what a document says into a workspace; return what became of it.

    `names` says which of our resources is meant by an id of theirs; an address that is a resource's `url`
    means that resource.
    """
    from segue.lms.documents.import_document import catalogue_in
    from segue.lms.documents.read_document import READERS
    from segue.lms.oneroster.reader import has_all_enrolments
    from segue.lms.records.source_records import ReadReport

    if format_name not in READERS:
        raise ValueError(f"--format must be one of {', '.join(READERS)}, got {format_name}")
    if not path.exists():
        raise ValueError(f"file {path} does not exist")
    if path.stat().st_size == 0:
        raise ValueError(f"file {path} is empty")
    said = []
    found = catalogue_in(format_name, path, mode, ReadReport())
    if found is not None:
        whole = space.set_catalogue(found)
        said.append(
            f"{path.name}: catalogue has {len(whole.resources)} resources, {len(whole.skills)} skills"
        )
    if learner_claim:
        said.append(_linked(space, _claims(path, format_name, learner_claim)))
    events, report = READERS[format_name](path, mode)
    every = format_name == "oneroster" and has_all_enrolments(path)
    stored = store_events(space, path.name, events, names=names, whole=every)
    listed = found is not None and bool(found.resources or found.skills)
    reasons = [*stored.reasons, *report.refused.elements()]
    told = stored.said if report.taken or found is None else []
    return DocumentImport([*said, *told, *_told(report)], stored.taken, reasons, listed)


def store_events(
    space: Workspace,
    name: str,
    events: Iterator[Event],
    *,
    names: Mapping[str, str] = NO_NAMES,
    whole: bool = False,
) -> DocumentImport:
    """Put events into a workspace block by block; return what became of them.

    With `whole`, students of a class that they name, whom they do not name in it, have left.
    """
    from segue.features.events.event_records import check
    from segue.lms.documents.import_document import frames, named
    from segue.lms.documents.resource_names import ResourceNames
    from segue.lms.records.grade_versions import versioned
    from segue.workspace.records.corrections import last_grades
    from segue.workspace.records.events import CONFLICT, Appended
    from segue.workspace.records.rosters.enrolments import add_enrolments, end_others

    catalogue = space.catalogue()
    known, ours = catalogue.resource_index, ResourceNames(catalogue, names)
    undated, total = 0, Appended(0, 0, 0, 0)
    reasons: list[str] = []
    placed: list[Enrolment] = []
    graded = versioned(_enrolling(events, placed), last_grades(space.store, space.keyring))
    for frame in frames(named(graded, ours)):
        checked = check(frame, range(1, len(frame) + 1), resources=known, now=datetime.now(UTC))
        done = space.add_events(checked.events)
        total += done
        undated += int((checked.events["time"].isna() & (checked.events["kind"] == "attempt")).sum())
        reasons += checked.set_aside(done.conflicts, CONFLICT)["reason"].tolist()
    left = 0
    if placed:
        with space.store.write() as connection:
            add_enrolments(connection, space.keyring, placed)
            left = end_others(connection, space.keyring, placed, now=datetime.now(UTC)) if whole else 0
    lines = [f"{name}: {total.added} events stored, {total.repeats} repeats, {len(reasons)} rejected"]
    lines += [f"  note: {note}" for note in total.said]
    lines += [f"  note: {left} left a class: its enrolments here are all there are"] if left else []
    lines += [f"  the first rejected: {reasons[0]}"] if reasons else []
    lines += (
        [f"  {undated} attempts have no time that can be read: nothing is learned of when"] if undated else []
    )
    return DocumentImport(lines, total.added + total.repeats + len(placed), reasons)


def _enrolling(events: Iterator[Event], placed: list[Enrolment]) -> Iterator[Event]:
    """Yield events as they are, and keep what they say of who is in which class."""
    from segue.lms.documents.rosters import enrolled
    from segue.workspace.records.rosters.enrolments import Enrolment

    for event in events:
        for row in enrolled([event]):
            begins, ends = (
                datetime.fromisoformat(row[name] or "") if row[name] else None for name in ("from", "until")
            )
            role = str(row["role"]).lower()
            placed.append(Enrolment(str(row["learner"]), str(row["class_id"]), role, begins, ends))
        yield event


def _claims(path: Path, format_name: str, claim: str) -> list[tuple[str, str]]:
    from segue.lms.documents.rosters import claims_of

    if format_name != "oneroster":
        raise ValueError("--learner-claim names a column of OneRoster users: give --format oneroster")
    pairs = claims_of(path, claim)
    if not pairs:
        raise ValueError(f"{path.name} has no user with {claim}: is it email, username, userIds:TYPE?")
    return pairs


def _told(report: ReadReport) -> list[str]:
    clipped = Counter({"score outside its range: taken as its end": report.clipped} if report.clipped else {})
    noticed = report.warnings + clipped
    parts = {"skipped": report.skipped, "refused": report.refused, "noticed": noticed}
    return [
        f"  {what} {times}: {reason}"
        for what, found in parts.items()
        for reason, times in found.most_common(5)
    ]


def enrolled(space: Workspace, classroom: str, members: tuple[str, ...]) -> None:
    """Make the members of a class its roster: who is not among them has left."""
    from segue.workspace.records.rosters.enrolments import Enrolment, put_roster

    rows = [Enrolment(who, classroom) for who in members]
    with space.store.write() as connection:
        put_roster(connection, space.keyring, classroom, rows, now=datetime.now(UTC))
