"""What is asked, what is answered, and the row that is logged of each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    `propensity` is conditional on the steps before; 1 where a teacher's pin left no choice (`override` then
    names what the engine would have drawn, and with which propensity). With a menu the *menu* is the action:
    `propensity` is the product of `menu_propensities`, one an option, each conditional on those before;
    `score`, `reasons` and `context` are those of the first option, `resource`. Where rules gave way
    (`relaxed`), `conflict` is the smallest set of rules that left nothing, given the steps before.
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
    menu_propensities: tuple[float, ...] = ()
    conflict: tuple[str, ...] = ()


@dataclass(frozen=True)
class Playlist:
    """An ordered list of steps for one learner, with a certificate of the rules.

    `certificate` says of each rule "held", or at which steps it was relaxed. `notes` says what the list
    does not (why it is short, what a teacher may want to know). `conflict` is the smallest set of rules that
    ended a list early; empty when it is complete, or every candidate was used.
    """

    learner: str
    steps: Sequence[Step]
    certificate: Mapping[str, str]
    policy: str
    model_hash: str
    schema_hash: str
    candidates_hash: str
    seed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    conflict: tuple[str, ...] = ()
