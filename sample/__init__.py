"""Bundled catalogues: mathematics of grades 6 to 8 (159 resources), and teachers' own learning (26).

Three CSV files of each lie beside this module, those of the staff in `staff`, in the columns that
``segue import`` reads without any option.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segue.features.catalogue import Catalogue, Resource, Skill

HERE = Path(__file__).resolve().parent
Sample = Literal["class", "staff"]


@dataclass(frozen=True)
class Paths:
    """Where the three files of the catalogue lie."""

    resources: Path
    skills: Path
    prerequisites: Path


def paths(name: Sample = "class") -> Paths:
    """Return the paths of the CSV files, for commands and programs that read files.

    Examples
    --------
    >>> paths().resources.name
    'resources.csv'
    """
    folder = HERE / "staff" if name == "staff" else HERE
    return Paths(folder / "resources.csv", folder / "skills.csv", folder / "prerequisites.csv")


def load(name: Sample = "class") -> Catalogue:
    """Return a bundled catalogue: the class's, or that of teachers' own learning.

    Examples
    --------
    >>> catalogue = load()
    >>> len(catalogue.resources), len(catalogue.skills), len(catalogue.prerequisites)
    (159, 42, 64)
    >>> catalogue.resources[catalogue.resource_index["pizza-fairly"]].title
    'Sharing pizza fairly: unit rates in the kitchen'
    >>> len(load("staff").resources), len(load("staff").skills)
    (26, 12)
    """
    files = paths(name)
    return Catalogue.build(
        [_resource(row) for row in _rows(files.resources)],
        [Skill(r["skill_id"], r["code"], r["statement"], r["i_can"]) for r in _rows(files.skills)],
        [(row["prerequisite"], row["skill"]) for row in _rows(files.prerequisites)],
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _resource(row: dict[str, str]) -> Resource:
    return Resource(
        resource_id=row["resource_id"],
        title=row["title"],
        url=row["url"],
        skills=_names(row["skills"]),
        tags=_names(row["tags"]),
        difficulty=float(row["difficulty"]),
        kind=row["kind"],
        minutes=float(row["minutes"]),
        language=row["language"],
        grade_band=row["grade_band"],
        offline=row["offline"] == "true",
        content=row["content"],
        process=row["process"],
        product=row["product"],
    )


def _names(cell: str) -> tuple[str, ...]:
    return tuple(name for name in cell.split("|") if name)
