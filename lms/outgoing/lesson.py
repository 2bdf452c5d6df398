"""What goes out: one learner's steps of one week, under the ids of the LMS that shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from segue.features.catalogue import web_address
from segue.features.events.outward_text import one_line

Change = Literal["added", "updated", "unchanged", "closed"]
WEEK = re.compile(r"\d{4}-W\d{2}")
UNKNOWN = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LessonItem:
    """One step as the learner sees it; `why` is the sentence that goes with it.

    Texts become one line, and an address that is none of the web is left out.
    """

    resource: str
    title: str
    url: str = ""
    minutes: float = 10.0
    why: str = ""

    def __post_init__(self) -> None:
        for name in ("title", "why"):
            object.__setattr__(self, name, one_line(getattr(self, name)))
        object.__setattr__(self, "url", web_address(self.url))


@dataclass(frozen=True)
class Lesson:
    """The playlist of one learner (the LMS's own id) for one ISO week, in order.

    Attributes
    ----------
    objectives : tuple of str
        What the steps are for, in "I can" words; they come first at every door.
    withdrawn : tuple of LessonItem
        Steps that stood in the week's list before and do not any more.
    changed : datetime
        When the list was made or changed last (UTC-aware): the same list leaves as the same bytes.

    Examples
    --------
    >>> Lesson("u1", "2026-W48", (LessonItem("r1", "Ratios"),)).key
    'segue:2026-W48:u1'
    """

    learner: str
    week: str
    items: tuple[LessonItem, ...]
    objectives: tuple[str, ...] = ()
    withdrawn: tuple[LessonItem, ...] = ()
    changed: datetime = UNKNOWN

    def __post_init__(self) -> None:
        object.__setattr__(self, "objectives", tuple(one_line(text) for text in self.objectives))
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
    def week_in_words(self) -> str:
        """The week as people say it.

        >>> Lesson("u1", "2026-W08", ()).week_in_words
        'week 8 of 2026'
        """
        return f"week {int(self.week[-2:])} of {self.week[:4]}"

    @property
    def heading(self) -> str:
        """The title a learner reads."""
        return f"Your playlist, {self.week_in_words}"

    @property
    def note(self) -> str:
        """The objectives, then each step with its reason: plain text, a line each."""
        aims = [f"This week: {' '.join(self.objectives)}"] if self.objectives else []
        steps = [f"{i}. {item.title}: {item.why}" for i, item in enumerate(self.items, 1) if item.why]
        return "\n".join([*aims, *steps])

    def note_within(self, longest: int) -> str:
        """Return the note in at most `longest` characters, by whole lines; steps of one reason share a line.

        >>> steps = (LessonItem("a", "A", why="New. Try it."), LessonItem("b", "B", why="New. Go on."))
        >>> Lesson("u1", "2026-W08", steps).note_within(24)
        '1, 2: New.'
        """
        if len(self.note) <= longest:
            return self.note
        aims = [f"This week: {' '.join(self.objectives)}"] if self.objectives else []
        steps: dict[str, list[str]] = {}
        for number, item in enumerate(self.items, 1):
            if item.why:
                steps.setdefault(_first_sentence(item.why), []).append(str(number))
        lines = [*aims, *(f"{', '.join(numbers)}: {why}" for why, numbers in steps.items())]
        text = ""
        for line in lines:
            longer = f"{text}\n{line}" if text else line
            if len(longer) <= longest:
                text = longer
        return text


def _first_sentence(text: str) -> str:
    first, stop, _ = text.partition(". ")
    return first + stop.strip()
