"""The tables that commands read: rosters, courses, plans, lists; each fault names the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.cli.arguments import zoned

if TYPE_CHECKING:
    import pandas as pd

    from segue.engine.practices.slots import ListedStep


def members_in(roster: Path | None, class_id: str) -> list[str]:
    """Return the learners of a roster file, of one class where it has classes; none without a file."""
    if roster is None:
        return []
    frame = rows_in(roster, "learner")
    if class_id and "class_id" in frame:
        frame = frame[frame["class_id"] == class_id]
    names: list[str] = frame["learner"][frame["learner"] != ""].drop_duplicates().tolist()
    if not names:
        raise ValueError(f"{roster} has nobody in class {class_id}")
    return names


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
