"""What is asked: the request, with its goal, place and dials."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from segue.features.catalogue import WeighedManner

Mode = Literal["next", "playlist", "intervene", "review"]


@dataclass(frozen=True)
class Goal:
    """What the learner works towards: skills (by id), and when it is due (UTC-aware)."""

    skills: tuple[str, ...]
    due: datetime | None = None


@dataclass(frozen=True)
class Place:
    """Where and how the work happens; empty means "no limit".

    `grade_floor` asks that at least every second step is not below that grade (a catch-up list must still
    reach it); `grade_band` ("6-8", "K-2") withholds resources of other grades.
    """

    offline: bool = False
    language: str = ""
    grade_band: str = ""
    grade_floor: float | None = None
    kinds: tuple[str, ...] = ()
    content: str = ""
    process: str = ""
    product: str = ""


@dataclass(frozen=True)
class Dials:
    """The teacher's dials, each in [-1, 1], 0 is the default.

    `pace`: how much new ground against consolidation; `match`: how much interests weigh; `autonomy`: how
    many options a step offers.
    """

    pace: float = 0.0
    match: float = 0.0
    autonomy: float = 0.0


@dataclass(frozen=True)
class Request:
    """One question: what should this learner do next?

    `learner` is a pseudonymous id. `state` is a ``LearnerState`` of
    ``segue.features.history.streaming_update`` (None: a cold start).
    `candidates` are resource ids (None: the whole catalogue). `courses` are those that the learner takes:
    what is for others only is withheld (None: nothing is; a workspace then asks its rosters). `k` is the
    number of steps; `menu` how many options each step offers. `fill` asks for exactly `k` distinct steps even
    when rules must be relaxed. `planned` are resources that stand in another list of the learner's: they come
    only where nothing else is left. `now` is UTC-aware. `manners` are the weights that a teacher has set, in
    place of what outcomes have earned.
    """

    learner: str
    now: datetime
    state: Any = None
    interests: tuple[str, ...] = ()
    candidates: tuple[str, ...] | None = None
    k: int = 10
    menu: int = 1
    mode: Mode = "playlist"
    minutes: float | None = None
    place: Place = field(default_factory=Place)
    goal: Goal | None = None
    dials: Dials = field(default_factory=Dials)
    pins: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    fill: bool = False
    courses: tuple[str, ...] | None = None
    manners: tuple[WeighedManner, ...] = ()
    planned: tuple[str, ...] = ()
