"""The tables that commands read: rosters, courses, plans, lists; each fault names the file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.cli.arguments import zoned

if TYPE_CHECKING:
    import pandas as pd

    from segue.batch.plan import Course
    from segue.engine.practices.slots import ListedStep


def members_in(roster: Path | None, class_id: str) -> list[str]:
    """Return the learners of a roster, of one class where it has classes; none without a file."""
    if roster is None:
        return []
    names, classes = read_roster(roster, at=datetime.now(UTC))
    mine = [name for name in names if not (class_id and classes) or class_id in classes[name]]
    if not mine:
        raise ValueError(f"{roster} has nobody in class {class_id}")
    return mine


def read_roster(
    path: Path | None,
    courses: Sequence[Course] = (),
    *,
    at: datetime | None = None,
    by: datetime | None = None,
) -> tuple[list[str], dict[str, list[str]]]:
    """Return the learners of a roster, in its order, and each one's classes as far as it names them.

    Any source that says who is in which class will do (``segue.lms.documents.rosters``); with `at`, those
    who are there then or come until `by`.
    """
    from segue.lms.documents.rosters import is_roster
    from segue.lms.documents.rosters import read_roster as roster_in

    if path is None:
        raise ValueError("--courses needs --roster, a CSV with columns learner and class")
    if is_roster(path):
        rows = roster_in(path, at=at, by=by)
    else:
        frame = rows_in(path, "learner", *(["class_id"] if courses else []))
        rows = frame[frame["learner"] != ""]
    names = rows["learner"].drop_duplicates().tolist()
    if not names:
        raise ValueError(f"{path} names no learner" + (f" who is there on {at:%Y-%m-%d}" if at else ""))
    return names, dict(rows.groupby("learner")["class_id"].agg(list)) if "class_id" in rows else {}


def roster_of_week(
    path: Path | None, courses: Sequence[Course], *, monday: datetime
) -> tuple[list[str], dict[str, list[str]]] | tuple[None, None]:
    """Return the same of who is there on a week's Monday, or comes in it; None where nobody asks for it."""
    if path is None and not courses:
        return None, None
    return read_roster(path, courses, at=monday, by=monday + timedelta(days=6))


def read_courses(path: Path, skills: Collection[str]) -> tuple[Course, ...]:
    """Return the courses of a file, in its order; they may name the `skills` of the catalogue."""
    from segue.batch.plan import Course

    out = []
    for row in rows_in(path, "class_id", "minutes").to_dict("records"):
        named = tuple(part.strip() for part in str(row.get("skills", "")).split(";") if part.strip())
        if unknown := [skill for skill in named if skill not in skills]:
            raise ValueError(
                f"{path}: {row['class_id']} names the unknown skill {unknown[0]}: the catalogue has skill ids"
            )
        minutes = float(row["minutes"]) if str(row["minutes"]).replace(".", "", 1).isdecimal() else -1.0
        if minutes < 0:
            raise ValueError(
                f"{path}: minutes of {row['class_id']} must be a number of 0 or more, got {row['minutes']}"
            )
        out.append(Course(row["class_id"], minutes, named))
    if len({course.class_id for course in out}) < len(out):
        raise ValueError(f"{path} names a class twice: one row a class")
    return tuple(out)


def slots_in(path: Path) -> list[Any]:
    """Return a plan's slots."""
    from typing import get_args

    from segue.engine.practices.slots import Role, Slot

    out: list[Slot] = []
    for row in rows_in(path, "slot", "role", "begins", "capacity").to_dict("records"):
        if row["role"] not in get_args(Role):
            raise ValueError(f"{path}: a role is one of {', '.join(get_args(Role))}, got {row['role']!r}")
        capacity = int(number_in(path, row["capacity"]))
        out.append(Slot(row["slot"], row["role"], zoned(row["begins"], f"{path}: begins"), capacity))
    return out


def steps_in(catalogue: Any, path: Path) -> list[ListedStep]:
    """Return the steps of a file of lists."""
    from segue.engine.practices.slots import ListedStep

    out = []
    for row in rows_in(path, "learner", "resource").to_dict("records"):
        at = catalogue.resource_index.get(row["resource"])
        if at is None:
            raise ValueError(f"{path}: the catalogue has no resource {row['resource']!r}")
        resource = catalogue.resources[at]
        out.append(ListedStep(row["learner"], row["resource"], resource.kind, resource.skills))
    return out


def rows_in(path: Path, *needed: str) -> pd.DataFrame:
    """Return a table of texts, which must have some columns."""
    from segue.features.events.file_readers import EVENT_ALIASES
    from segue.features.events.table_files import read_table

    frame = read_table(path, {}, aliases=EVENT_ALIASES).frame
    if "learner" not in frame:
        frame = frame.rename(columns={"student": "learner"})
    for name in needed:
        if name not in frame:
            said = name.removesuffix("_id")
            raise ValueError(f"{path} has no column {said} (found: {', '.join(map(str, frame.columns))})")
    for name in frame.columns:
        frame[name] = frame[name].fillna("").astype("str").str.strip()
    return frame


def number_in(path: Path | None, cell: str) -> float:
    """Return the number in a cell."""
    try:
        return float(cell)
    except ValueError:
        raise ValueError(f"{path or '--fix'}: {cell!r} is no number") from None
