"""What a batch decides: the week, the shape of a list, the courses that share it; and a machine's part."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from segue.engine.practices.pace import paced_minutes
from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue
from segue.features.iso_weeks import near


@dataclass(frozen=True)
class Course:
    """A class as the week sees it: minutes a week that it gives to the list, and the skills it teaches.

    Without `skills`, everything in the catalogue belongs to it but what is for other courses only.
    """

    class_id: str
    minutes: float
    skills: tuple[str, ...] = ()

    def resources(self, catalogue: Catalogue) -> tuple[str, ...] | None:
        """Return the resources that train one of its skills; None for all."""
        if not self.skills:
            return None
        mine = set(self.skills)
        return tuple(r.resource_id for r in catalogue.resources if not mine.isdisjoint(r.skills))


@dataclass(frozen=True)
class WeeklyPlan:
    """What the batch decides: the week, its first moment, the shape of a playlist, courses that share it.

    With `paced`, minutes are each learner's own: who takes longer gets fewer steps, towards the same goals.
    `paces` then says how many times the catalogue's minutes each takes, by surrogate (1 where none is known).
    """

    week: str
    now: datetime
    seed: str
    k: int = 10
    minutes: float | None = None
    courses: tuple[Course, ...] = ()
    paced: bool = False
    paces: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        near(self.week, self.now)

    @property
    def last(self) -> datetime:
        """The last day of the week: who has come by then gets a list."""
        return self.now + timedelta(days=6)

    def request(self, learner: str, *, courses: tuple[str, ...] | None = None) -> Request:
        """Return the question asked for one learner, who takes `courses` (None: not known)."""
        minutes = None if self.minutes is None else paced_minutes(self.minutes, self.pace_of(learner))
        return Request(learner, self.now, k=self.k, minutes=minutes, courses=courses)

    def pace_of(self, learner: str) -> float:
        """Return how many times the catalogue's minutes a learner (by surrogate) takes."""
        return self.paces.get(learner, 1.0)

    def named(self) -> dict[str, Any]:
        """Return what tells this plan from another, as plain values."""
        said = asdict(replace(self, paces={})) | {"now": self.now.isoformat()}
        del said["paces"], said["paced"]
        if not self.paced:
            return said
        paces = repr(sorted(self.paces.items())).encode()
        return said | {"paces": hashlib.blake2b(paces, digest_size=8).hexdigest()}


@dataclass(frozen=True)
class Share:
    """Which parts this run does: those whose number leaves `index` when divided by `of`."""

    index: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Share:
        """Return the share that a text names.

        >>> Share.parse("2/8")
        Share(index=1, of=8)
        """
        index, _, of = text.partition("/")
        if not (index.isdigit() and of.isdigit() and 1 <= int(index) <= int(of)):
            raise ValueError(f"--part must be like 2/8, got {text}")
        return cls(int(index) - 1, int(of))

    def has(self, number: int) -> bool:
        """Return whether part `number` belongs to it."""
        return number % self.of == self.index
