"""The tables that give Moodle's log its meaning: grade items, course modules, and who has which role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from segue.lms.records.source_records import Json
from segue.lms.records.untrusted_values import number, obj, text

STAFF = frozenset({"manager", "coursecreator", "editingteacher", "teacher", "admin", "1", "2", "3", "4"})
"""Short names, and the numbers that a fresh Moodle gives them, of roles that teach."""


@dataclass(frozen=True)
class GradeItem:
    """What a grade is of: its resource, and the least and most that can be had."""

    resource: str
    low: float
    high: float


@dataclass
class Companions:
    """What is known beside the log.

    Attributes
    ----------
    items : grade items by their id
    staff : (user, course) for everybody who teaches; course "" means everywhere
    """

    items: dict[str, GradeItem] = field(default_factory=dict)
    staff: set[tuple[str, str]] = field(default_factory=set)

    def teaches(self, user: str, course: str) -> bool:
        """Whether a user is staff in a course."""
        return (user, course) in self.staff or (user, "") in self.staff

    def add(self, table: str, rows: Iterable[Mapping[str, Json]]) -> bool:
        """Take in a table by its name; return whether it is one of ours."""
        kept = list(rows)
        if "grade_item" in table:
            self._add_items(kept)
        elif "course_module" in table:
            for row in map(obj, kept):
                kind = text(row.get("modname")) or text(row.get("modulename"))
                self._modules[kind, text(row.get("instance"))] = text(row.get("id")) or text(row.get("cmid"))
            self._add_items(self._raw)
        elif "role" in table or "participant" in table:
            for row in map(obj, kept):
                role = text(row.get("shortname")) or text(row.get("role")) or text(row.get("roleid"))
                if role.strip().lower().replace(" ", "") in STAFF:
                    self.staff.add((text(row.get("userid")), text(row.get("courseid"))))
        else:
            return False
        return True

    def __post_init__(self) -> None:
        self._modules: dict[tuple[str, str], str] = {}
        self._raw: list[Mapping[str, Json]] = []

    def _add_items(self, rows: Iterable[Mapping[str, Json]]) -> None:
        self._raw = list(rows)
        for row in map(obj, self._raw):
            high, low = number(row.get("grademax")), number(row.get("grademin")) or 0.0
            kind = text(row.get("itemtype"))
            if high is None or kind in ("course", "category"):
                continue
            place = (text(row.get("itemmodule")), text(row.get("iteminstance")))
            module = text(row.get("cmid")) or self._modules.get(place, "")
            resource = f"cm:{module}" if module else f"{place[0]}:{place[1]}" if all(place) else ""
            self.items[text(row.get("id"))] = GradeItem(resource or f"item:{text(row.get('id'))}", low, high)
