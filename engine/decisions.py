"""What is asked, what is answered, and the row that is logged of each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Mode = Literal["next", "playlist", "intervene", "review"]


@dataclass(frozen=True)
class Goal:
    """What the learner works towards: skills (by id), and when it is due (UTC-aware)."""

    skills: tuple[str, ...]
    due: datetime | None = None


@dataclass(frozen=True)
class Place:
    """Where the work happens; empty means "no limit"."""

    offline: bool = False
    language: str = ""
    grade_band: str = ""
    kinds: tuple[str, ...] = ()
    content: str = ""
    process: str = ""
    product: str = ""


@dataclass(frozen=True)
class Dials:
    """The teacher's dials, each in [-1, 1], 0 is the default.

    `pace`: how much new ground against consolidation; `match`: how much interests weigh; `autonomy`: how
    widely the choice is spread (menus, exploration).
    """

    pace: float = 0.0
    match: float = 0.0
    autonomy: float = 0.0


@dataclass(frozen=True)
class Request:
    """One question: what should this learner do next?

    `learner` is a pseudonymous id. `state` is a ``segue.features.history.LearnerState`` (None: a cold start).
    `candidates` are resource ids (None: the whole catalogue). `k` is the number of steps; `menu` how many
    options each step offers. `fill` asks for exactly `k` distinct steps even when rules must be relaxed.
    `now` is UTC-aware.
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


@dataclass(frozen=True)
class Step:
    """One step of a playlist, with the probability it was drawn with and why.

    `reasons` maps each log-factor (and the learned part) to its share; they sum to `score` (1e-9).
    """

    position: int
    resource: str
    propensity: float
    joint_propensity: float
    score: float
    reasons: Mapping[str, float]
    context: Mapping[str, float]
    relaxed: tuple[str, ...] = ()
    explored: bool = False
    override: Mapping[str, Any] | None = None
    menu: tuple[str, ...] = ()


@dataclass(frozen=True)
class Playlist:
    """An ordered list of steps for one learner, with a certificate of the rules."""

    learner: str
    steps: tuple[Step, ...]
    certificate: Mapping[str, str]
    policy: str
    model_hash: str
    schema_hash: str
    candidates_hash: str
    seed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
