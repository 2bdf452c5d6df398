"""What stands on a teacher's pages, as values: the templates only lay it out."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from segue.service.pages.visits import Visit
from segue.workspace.class_map import ClassMap, class_map

MINUTES = 30  # what a teacher has for talks, unless she says otherwise
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def class_of(visit: Visit, *, minutes: int = MINUTES) -> ClassMap:
    """Return the map of the class of a visit."""
    champion, known = visit.tenant.workspace.known(visit.ticket.roster)
    return class_map(champion, known, visit.now.timestamp(), minutes=minutes)


def class_csv(found: ClassMap, names: Mapping[str, str]) -> str:
    """Return the map as CSV, a row a learner; a cell that a spreadsheet would run as a formula is text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["learner", *(plain(row.skill.skill_id) for row in found.rows)])
    for column, learner in enumerate(found.learners):
        bands = [row.bands[column] for row in found.rows]
        writer.writerow([plain(names.get(learner, learner)), *bands])
    return out.getvalue()


def plain(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    >>> plain("=1+1"), plain("ada")
    ("'=1+1", 'ada')
    """
    return f"'{cell}" if cell.startswith(FORMULA) else cell
