"""The bundled class: a catalogue of grade 6 to 8 mathematics, 159 resources over 42 skills.

Three CSV files lie beside this module, in the columns that ``segue import`` reads without any option.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from segue.features.catalogue import Catalogue, Resource, Skill

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Paths:
    """Where the three files of the catalogue lie."""

    resources: Path
    skills: Path
    prerequisites: Path


def paths() -> Paths:
    """Return the paths of the CSV files, for commands and programs that read files.

    Examples
    --------
    >>> paths().resources.name
    'resources.csv'
    """
    return Paths(HERE / "resources.csv", HERE / "skills.csv", HERE / "prerequisites.csv")


def load() -> Catalogue:
    """Return the bundled catalogue.

    Examples
    --------
    >>> catalogue = load()
    >>> len(catalogue.resources), len(catalogue.skills), len(catalogue.prerequisites)
    (159, 42, 64)
    >>> catalogue.resources[catalogue.resource_index["pizza-fairly"]].title
    'Sharing pizza fairly: unit rates in the kitchen'
    """
    files = paths()
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
