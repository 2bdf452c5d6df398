"""What goes out: one learner's steps of one week, under the ids of the LMS that shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Change = Literal["added", "updated", "unchanged"]
WEEK = re.compile(r"\d{4}-W\d{2}")


@dataclass(frozen=True)
class LessonItem:
    """One step as the learner sees it; `why` is the sentence that goes with it."""

    resource: str
    title: str
    url: str = ""
    minutes: float = 10.0
    why: str = ""


@dataclass(frozen=True)
class Lesson:
    """The playlist of one learner (the LMS's own id) for one ISO week, in order.

    Examples
    --------
    >>> Lesson("u1", "2026-W48", (LessonItem("r1", "Ratios"),)).key
    'segue:2026-W48:u1'
    """

    learner: str
    week: str
    items: tuple[LessonItem, ...]
    title: str = ""

    def __post_init__(self) -> None:
        if not WEEK.fullmatch(self.week):
            raise ValueError(f"week must be an ISO week such as 2026-W48, got {self.week!r}")
        resources = [item.resource for item in self.items]
        twice = next((r for r in resources if resources.count(r) > 1), None)
        if twice is not None:
            raise ValueError(f"items must be distinct, found {twice!r} twice in the lesson of {self.week}")

    @property
    def key(self) -> str:
        """What a second push finds the lesson by."""
        return f"segue:{self.week}:{self.learner}"

    @property
    def heading(self) -> str:
        """The title a learner reads."""
        return self.title or f"Your playlist, week {self.week}"
