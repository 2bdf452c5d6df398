"""Events and catalogues from CSV and Parquet files."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from segue.features.catalogue import Catalogue, Resource, Skill
from segue.features.events.event_records import (
    AS_WRITTEN,
    PERCENT,
    Checked,
    Clock,
    RecordsError,
    Repeats,
    UnknownLearners,
    check,
    identify,
)
from segue.features.events.table_files import PART_ROWS, Table, read_table, table_parts
from segue.features.events.text_dialects import decimal_point

EVENT_ALIASES = {
    "learner_id": "learner",
    "user_id": "learner",
    "resource_id": "resource",
    "timestamp": "time",
    "class": "class_id",
    "id": "event_id",
    "decision_id": "step",  # as playlists.csv calls the step that an event answers
}
RESOURCE_ALIASES = {
    "resource": "resource_id",
    "skill": "skills",
    "skill_id": "skills",
    "name": "title",
    "course": "courses",
}
NO_NAMES: Mapping[Path, Mapping[str, str]] = MappingProxyType({})
NOTHING = ("", "nan", "n/a", "none", "null", "[]")
RESOURCE_TEXTS = ("title", "kind", "language", "grade_band", "content", "process", "product", "source")
LONGEST_ADDRESS = 2_000  # characters
LINKED = re.compile(r"https?://|/(?!/)", re.IGNORECASE)
RESOURCE_COLUMNS = (
    "resource_id",
    "url",
    *RESOURCE_TEXTS,
    "skills",
    "tags",
    "courses",
    "difficulty",
    "minutes",
    "available_from",
    "available_until",
    "offline",
)
SKILL_COLUMNS = ("skill_id", "code", "statement", "i_can")


@dataclass(frozen=True)
class Source:
    """How a file of events is laid out.

    Parameters
    ----------
    names : mapping of str to str
        Column of the file → our name (``{"item_id": "resource"}``).
    clock : Clock
        Zone of naive times, unit of numeric ones.
    order_by : str
        Column that orders the rows where there is no time, or "line" for the order of the file.
    kind : str
        The kind of rows that do not say theirs.
    max_score : float
        The highest score (100 for percentages).
    """

    names: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = AS_WRITTEN
    order_by: str = ""
    kind: str = "attempt"
    max_score: float = 1.0


@dataclass(frozen=True)
class CatalogueRead:
    """A catalogue, the rows left out of it, and the columns not kept."""

    catalogue: Catalogue
    rejects: pd.DataFrame
    dropped: tuple[str, ...] = ()


def read_events(
    path: Path,
    source: Source,
    *,
    resources: Collection[str] | None = None,
    now: datetime | None = None,
    unknown: UnknownLearners | None = None,
) -> Checked:
    """Return the events of a file at once, see :func:`event_parts`."""
    (checked,) = event_parts(path, source, resources=resources, now=now, unknown=unknown, rows=None)
    return checked


def event_parts(
    path: Path,
    source: Source,
    *,
    resources: Collection[str] | None = None,
    now: datetime | None = None,
    unknown: UnknownLearners | None = None,
    rows: int | None = PART_ROWS,
) -> Iterator[Checked]:
    """Yield the events of a file, checked, so many `rows` of it at a time (None: all at once).

    Unreadable lines and bad rows are both in `rejects`. Rows without an event id get one from what they say
    (``identify``), the same however the file is cut; `resources`, `now` and `unknown` set rows aside as
    ``check`` says. Where most scores of the first part are above the highest, those of the whole file are of
    another scale (1 would be one per cent): that part is set aside, and the others are not read.

    Raises
    ------
    RecordsError
        When nothing can be read: no file, no header, a required column missing.
    """
    order = {} if source.order_by in ("", "line", "seq") else {source.order_by: "seq"}
    before = Repeats()
    tables = table_parts(path, {**source.names, **order}, aliases=EVENT_ALIASES, rows=rows)
    for number, table in enumerate(tables):
        frame = table.frame.assign(seq=table.lines) if source.order_by == "line" else table.frame
        done = check(
            frame,
            table.lines,
            resources=resources,
            clock=source.clock,
            kind=source.kind,
            max_score=source.max_score,
            now=now,
            unknown=unknown,
        )
        strange = "" if number else _other_scale(done)
        if strange:
            aside = done.set_aside(range(len(done.events)), strange)
            done = replace(done, events=done.events[:0], rejects=aside, lines=())
        by_seq = "seq" in table.frame.columns
        rejects = pd.concat([table.rejects, done.rejects]).sort_values("line", ignore_index=True)
        yield replace(done, events=identify(done.events, by_seq=by_seq, before=before), rejects=rejects)
        if strange:
            return


def too_many(bad: int, rows: int) -> bool:
    """Return whether so many rows are bad that the file, or how it was read, is in doubt.

    >>> too_many(3, 3), too_many(2, 3), too_many(11, 100), too_many(11, 1_000)
    (True, False, True, False)
    """
    return bad > max(10, rows / 10) or 0 < rows == bad


def _other_scale(done: Checked) -> str:
    """Return why no score of a file can be trusted, "" unless most that are not 0 are above the highest."""
    reasons = done.rejects["reason"]
    above = int((reasons.str.endswith(PERCENT) & ~reasons.str.contains("got -", regex=False)).sum())
    within = int((done.events["score"] > 0.0).sum())
    return f"{above} scores beside it are above the highest{PERCENT}" if above > within else ""


def read_catalogue(
    resources: Path,
    *,
    skills: Path | None = None,
    prerequisites: Path | None = None,
    names: Mapping[Path, Mapping[str, str]] = NO_NAMES,
    on_cycle: Literal["refuse", "break"] = "refuse",
) -> CatalogueRead:
    """Return the catalogue of a resources file, with statements and prerequisites from two others.

    A resource may stand on several lines, one a skill: skills, tags and courses are joined. Lists in a cell
    are separated by ";" or "|", or written as JSON. Titles are cleaned (Unicode form, control characters,
    spaces) and the number changed is noted. The prerequisites file has columns prerequisite and skill.
    `names` gives the columns of each file our names.

    Raises
    ------
    RecordsError
        When a file cannot be read or lacks its id column.
    CatalogueError
        For a cycle of prerequisites, unless ``on_cycle="break"``.
    """
    table = read_table(resources, names.get(resources, {}), aliases=RESOURCE_ALIASES)
    _need(table, ("resource_id",), resources)
    kept, rejects, notes = _resources(table)
    if not kept:
        raise RecordsError(f"{resources} holds no usable resource: {len(rejects)} rows rejected")
    edges = _prerequisites(prerequisites, names)
    catalogue = Catalogue.build(kept, _skills(skills, names), edges, on_cycle=on_cycle)
    dropped = tuple(c for c in table.frame.columns if c not in RESOURCE_COLUMNS)
    return CatalogueRead(replace(catalogue, notes=(*notes, *catalogue.notes)), rejects, dropped)


def listed(cell: object) -> tuple[str, ...]:
    """Return the items of a cell: a list, JSON text, or text separated by ";" or "|".

    >>> listed("fractions; ratios|fractions"), listed("['Share', 'Produce']"), listed("N/A")
    (('fractions', 'ratios'), ('Share', 'Produce'), ())
    """
    if isinstance(cell, (list, tuple, np.ndarray)):
        items = [str(item) for item in cell]
    else:
        text = "" if cell is None else str(cell)
        items = [item for part in re.split(r"[;|]", text) for item in _items(part.strip())]
    return tuple(dict.fromkeys(item.strip() for item in items if item.strip().lower() not in NOTHING))


def _items(text: str) -> list[str]:
    if not (text.startswith("[") and text.endswith("]")):
        return [text]
    try:
        return [str(item) for item in ast.literal_eval(text)]
    except (ValueError, SyntaxError):
        return [item.strip("'\" ") for item in text[1:-1].split(",")]


def cleaned(text: str, *, most: int = 300) -> str:
    r"""Return text in one Unicode form, without control characters or runs of spaces, the first characters.

    >>> cleaned("  Frac\u0327tions\x07 \n and  ratios ")
    'Fraçtions and ratios'
    """
    shown = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text))
    return " ".join(shown.split())[:most]


def _need(table: Table, columns: Sequence[str], path: Path) -> None:
    for name in columns:
        if name not in table.frame.columns:
            found = ", ".join(map(str, table.frame.columns))
            raise RecordsError(
                f"{path.name} has no column {name} (found: {found}): name it, as in --map id={name}"
            )


def _resources(table: Table) -> tuple[list[Resource], pd.DataFrame, tuple[str, ...]]:
    made: dict[str, Resource] = {}
    rejects = list(table.rejects.itertuples(index=False, name=None))
    joined: set[str] = set()
    unlinked: dict[str, None] = {}
    n_cleaned = 0
    for line, row in zip(table.lines.tolist(), table.frame.to_dict("records"), strict=True):
        try:
            resource = _resource({str(k): v for k, v in row.items()})
        except ValueError as error:
            rejects.append((line, str(error)))
            continue
        n_cleaned += resource.title != str(row.get("title") or "")
        if _cell({"url": row.get("url")}, "url") and not LINKED.match(resource.url):
            unlinked[resource.resource_id] = None
        before = made.get(resource.resource_id)
        if before is not None:
            joined.add(resource.resource_id)
            resource = _merged(before, resource)
        made[resource.resource_id] = resource
    notes = [f"{n_cleaned} titles were cleaned"] if n_cleaned else []
    notes += [f"{len(joined)} resources stand on several lines: their skills were joined"] if joined else []
    if unlinked:
        first, more = next(iter(unlinked)), len(unlinked) - 1
        whose = f"{first!r}" + (f" and {more} more" if more else "")
        notes.append(f"no page links to the address of {whose}: it must begin with https://, http:// or /")
    return list(made.values()), pd.DataFrame(rejects, columns=["line", "reason"]), tuple(notes)


def _merged(first: Resource, more: Resource) -> Resource:
    return replace(
        first,
        skills=tuple(dict.fromkeys(first.skills + more.skills)),
        tags=tuple(dict.fromkeys(first.tags + more.tags)),
        courses=tuple(dict.fromkeys(first.courses + more.courses)),
    )


def _resource(row: Mapping[str, object]) -> Resource:
    """Return one resource; a ValueError is its reason for rejection."""
    texts: dict[str, Any] = {name: cleaned(_cell(row, name)) for name in RESOURCE_TEXTS}
    resource_id = _cell(row, "resource_id")
    if not resource_id:
        raise ValueError("resource_id is empty")
    url = cleaned(_cell(row, "url"), most=LONGEST_ADDRESS + 1)
    if len(url) > LONGEST_ADDRESS:
        raise ValueError(f"url must have at most {LONGEST_ADDRESS} characters: cut, it would lead nowhere")
    minutes = _amount(row, "minutes", 10.0)
    if not 0 < minutes < 10_000:
        raise ValueError(f"minutes must be above 0, got {minutes:g}")
    return Resource(
        resource_id=resource_id,
        url=url,
        skills=listed(row.get("skills")),
        tags=listed(row.get("tags")),
        courses=listed(row.get("courses")),
        difficulty=_amount(row, "difficulty", float("nan")),
        minutes=minutes,
        available_from=_moment(row, "available_from"),
        available_until=_moment(row, "available_until"),
        offline=_cell(row, "offline").lower() not in ("0", "false", "no"),
        **texts | {"kind": texts["kind"].lower() or "exercise"},
    )


def _cell(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    text = "" if value is None else str(value).strip()
    return "" if text.lower() in NOTHING else text


def _amount(row: Mapping[str, object], name: str, default: float) -> float:
    text = decimal_point(_cell(row, name))
    try:
        return float(text) if text else default
    except ValueError:
        raise ValueError(f"{name} must be a number, got {text[:40]}") from None


def _moment(row: Mapping[str, object], name: str) -> pd.Timestamp | None:
    text = _cell(row, name)
    if not text:
        return None
    stamp = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce")
    if pd.isna(stamp):
        raise ValueError(f"{name} must be an ISO 8601 date, got {text[:40]}")
    return stamp


def _skills(path: Path | None, names: Mapping[Path, Mapping[str, str]]) -> list[Skill]:
    if path is None:
        return []
    table = read_table(path, names.get(path, {}), aliases={"id": "skill_id", "i_can_statement": "i_can"})
    _need(table, ("skill_id",), path)
    rows = [{str(k): v for k, v in row.items()} for row in table.frame.to_dict("records")]
    return [Skill(*(cleaned(_cell(row, name)) for name in SKILL_COLUMNS)) for row in rows]


def _prerequisites(path: Path | None, names: Mapping[Path, Mapping[str, str]]) -> list[tuple[str, str]]:
    if path is None:
        return []
    table = read_table(path, names.get(path, {}), aliases={"before": "prerequisite", "after": "skill"})
    _need(table, ("prerequisite", "skill"), path)
    pairs = zip(table.frame["prerequisite"].astype("str"), table.frame["skill"].astype("str"), strict=True)
    return [(before.strip(), after.strip()) for before, after in pairs if before.strip() and after.strip()]
