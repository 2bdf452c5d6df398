"""The JSON that callers send, checked once at the door."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)

from segue.features.events.event_records import (
    AHEAD,
    EARLIEST,
    LATEST,
    LONGEST_ID,
    MOST_ATTEMPTS,
    MOST_SECONDS,
    MOST_TAGS,
)

MAX_CANDIDATES, MAX_EVENTS, MAX_NAMES, MAX_REQUESTS = 20_000, 1_000, MOST_TAGS, 500
STEPS = {"next": 1, "menu": 1}  # of a request that does not say how many


def within_years(time: datetime) -> datetime:
    """Return `time` in UTC; times of other centuries are slips of a clock or a unit."""
    if not EARLIEST <= time <= LATEST:
        raise ValueError(
            f"time must lie between {EARLIEST.year} and {LATEST.year} (milliseconds for seconds?)"
        )
    return time.astimezone(UTC)


# Control characters are refused: PostgreSQL cannot store NUL, and no LMS puts them into ids.
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", strict=True),
]


def happened(time: datetime) -> datetime:
    """Return the time of something that is said to have happened: it lies in the past, as clocks go."""
    if time > datetime.now(UTC) + AHEAD:
        raise ValueError(f"time lies in the future, got {time.isoformat()}")
    return time


def _whole(said: object) -> object:
    """Return what may be a whole number, also where it was written as 3.0; text and true are none."""
    if isinstance(said, bool | str):
        raise ValueError("must be a whole number, without quotes")
    return said


Time = Annotated[AwareDatetime, Field(strict=False), AfterValidator(within_years)]
Whole = Annotated[int, Field(strict=False), BeforeValidator(_whole)]
Happened = Annotated[Time, AfterValidator(happened)]
Share = Annotated[float, Field(ge=0, le=1)]
Dial = Annotated[float, Field(ge=-1, le=1)]
Names = Annotated[tuple[Name, ...], Field(max_length=MAX_NAMES)]


RANGE = re.compile(r"^(?:\*|[A-Za-z]{1,8})(?:-(?:\*|[A-Za-z0-9]{1,8}))*$")


def language_range(said: str) -> str:
    """Return a range of BCP 47, also where it was written as locales are (en_US).

    One of another form would match nothing, and nobody would know.
    """
    said = said.replace("_", "-")
    if said and not RANGE.match(said):
        raise ValueError("must be a language as BCP 47 writes it, such as en or en-US")
    return said


Language = Annotated[str, StringConstraints(max_length=35, strict=True), AfterValidator(language_range)]


class Body(BaseModel):
    """A body without unknown fields, infinities or NaN; text is no number, and neither is true."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class GoalBody(Body):
    """What the learner works towards."""

    skills: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_NAMES)]
    """Skill ids of the catalogue."""
    due: Time | None = None
    """When it is due."""


class PlaceBody(Body):
    """Where the work happens; what is left out is not limited."""

    offline: bool = False
    """Only what works without a connection."""
    language: Language = ""
    """Range of BCP 47 such as "en": it finds "en-US" too."""
    grade_band: Annotated[str, Field(max_length=20)] = ""
    grade_floor: Annotated[float, Field(ge=0, le=13)] | None = None
    """At least every second step is not below this grade."""
    kinds: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """Only these kinds of resource."""
    content: Annotated[str, Field(max_length=60)] = ""
    process: Annotated[str, Field(max_length=60)] = ""
    product: Annotated[str, Field(max_length=60)] = ""


class DialsBody(Body):
    """The teacher's dials, each from -1 to 1."""

    pace: Dial = 0.0
    """New ground (1) against consolidation (-1)."""
    match: Dial = 0.0
    """How much interests weigh."""
    autonomy: Dial = 0.0
    """How many options a step offers: up to two more than `menu`, or two fewer."""


class AskBody(Body):
    """What is asked for; what is left out is not limited."""

    mode: Literal["next", "playlist", "intervene", "review", "menu"] = "playlist"
    """One step, a list, help where the learner is stuck, what is due again, or one step to choose."""
    k: Annotated[Whole, Field(ge=1, le=50)] | None = None
    """Steps asked for; 1 for next and menu, else 10."""
    menu: Annotated[Whole, Field(ge=1, le=10)] | None = None
    """Options of each step; 3 for mode menu, else 1."""
    interests: Names = ()
    """Stated interest tags."""
    candidates: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_CANDIDATES)] | None = None
    """Resource ids to choose among; the whole catalogue when left out."""
    courses: Annotated[tuple[Name, ...], Field(max_length=MAX_NAMES)] | None = None
    """The learner's courses; when left out, the classes of the rosters, or else of the events."""
    minutes: Annotated[float, Field(gt=0, le=100_000)] | None = None
    """Time that the list may take in all."""
    place: PlaceBody = PlaceBody()
    goal: GoalBody | None = None
    dials: DialsBody = DialsBody()
    pins: Names = ()
    """Resources that the teacher wants in the list."""
    excluded: Names = ()
    planned: Names = ()
    """Resources in another list of the learner's: drawn only where nothing else is left. One next step leaves
    out what stands in the list of the week, said or not."""
    fill: bool = False
    """Return exactly k steps, relaxing rules if need be."""
    now: Time | None = None
    """Time of the request, also one to come; the server's clock when left out."""

    @model_validator(mode="after")
    def _room_for_pins(self) -> Self:
        k = self.k or STEPS.get(self.mode, 10)
        if len(set(self.pins)) > k:
            raise ValueError(f"k must be at least the number of pins ({len(set(self.pins))}), got {k}")
        return self


class RecommendBody(AskBody):
    """What should this learner do next?"""

    learner: Name
    """The LMS's own id; it is stored only as a keyed digest. A learner never seen gets a cold start."""
    fresh: bool = False
    """Draw a new list, also where the one that stands answers the same question."""
    explain: bool = False
    """Add why to each step, in a sentence for the student and one for the teacher."""


class BatchBody(Body):
    """Many questions; each gets its own answer, in order, refusals among them."""

    requests: Annotated[tuple[JsonValue, ...], Field(min_length=1, max_length=MAX_REQUESTS)]
    """Each as for one recommendation."""


class WhyNotBody(AskBody):
    """Why is this resource not the first step of what is asked for? `menu` and `fill` do not change that."""

    resource: Name


class EventBody(Body):
    """One thing that a learner did."""

    id: Name
    """Unique id; sending an event again is a no-op."""
    kind: Literal["attempt", "view", "completion", "rating", "dwell", "hint", "choice", "enrol", "other"] = (
        "attempt"
    )
    learner: Name
    resource: Name | None = None
    """Resource id of the catalogue; needed for an attempt."""
    score: Share | None = None
    """0 to 1; needed for an attempt."""
    time: Happened | None = None
    """When it happened; may be left out where `seq` orders a learner's events."""
    seq: Annotated[Whole, Field(ge=0, lt=2**52)] | None = None
    """Orders a learner's events of one time, or without any."""
    seconds: Annotated[float, Field(ge=0, le=MOST_SECONDS)] | None = None
    """Time it took; of attempts, it tells how fast the learner works."""
    class_id: Name | None = None
    attempt_no: Annotated[Whole, Field(ge=1, le=MOST_ATTEMPTS)] | None = None
    """Kept for the record: attempts are counted anew."""
    step: Name | None = None
    """Decision id of the learner's playlist step that led here; of any other, the verdict says so."""
    completed: bool | None = None
    tags: Names = ()
    """Interest tags, for events that state them."""
    supersedes: Name | None = None
    """Id of the event that this one corrects."""
    voids: Name | None = None
    """Id of the event that this one takes back."""


class EventsBody(Body):
    """A batch of events; each gets its own verdict."""

    events: Annotated[tuple[EventBody, ...], Field(min_length=1, max_length=MAX_EVENTS), FailFast()]


class AnyEventsBody(Body):
    """A batch of what should be events: what each lacks is found one by one."""

    events: Annotated[tuple[JsonValue, ...], Field(min_length=1, max_length=MAX_EVENTS)]


class MemberBody(Body):
    """One member of a class."""

    id: Name
    """The LMS's own id of the learner."""
    role: Literal["student", "teacher", "aide", "mentor"] = "student"
    begins: Annotated[Time | None, Field(alias="from")] = None
    until: Time | None = None
    """The first moment that no longer counts."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.begins is not None and self.until is not None and self.until <= self.begins:
            raise ValueError("until must lie after from: it would never hold")
        return self


class RosterBody(Body):
    """The members of a class."""

    learners: Annotated[tuple[MemberBody, ...], Field(max_length=5_000)]

    @model_validator(mode="after")
    def _each_has_one_place(self) -> Self:
        if len({member.id for member in self.learners}) < len(self.learners):
            raise ValueError("an id stands here twice: a class has one place for each")
        return self


Tag = Annotated[
    str,
    StringConstraints(max_length=LONGEST_ID, pattern=r"^[^;\x00-\x1f\x7f-\x9f]+$", strict=True),
]
Label = Annotated[str, StringConstraints(max_length=60, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", strict=True)]
Text = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", strict=True)]


class ResourceBody(Body):
    """One thing a student can do; what is left out fits everyone, or is not known."""

    title: Text = ""
    url: Text = ""
    """A web address."""
    skills: Names = ()
    """Ids; new ones are added to the catalogue. Without any, the resource is a skill of its own."""
    tags: Annotated[tuple[Tag, ...], Field(max_length=MAX_NAMES)] = ()
    """Interest tags, without semicolons: these stand between tags in tables."""
    courses: Names = ()
    """Ids of the classes it is for, as rosters name them; without any it is for all."""
    difficulty: Annotated[float, Field(ge=-1e6, le=1e6)] | None = None
    """The catalogue's own label, on any scale; higher is harder."""
    kind: Annotated[Name, Field(max_length=60)] = "exercise"
    minutes: Annotated[float, Field(gt=0, le=100_000)] = 10.0
    """Expected working time."""
    language: Language = ""
    """BCP 47 tag such as "en"."""
    grade_band: Annotated[Label, Field(max_length=20)] = ""
    """Such as "6-8" or "K-2"."""
    available_from: Time | None = None
    available_until: Time | None = None
    offline: bool = True
    """Whether it works without a connection."""
    content: Label = ""
    process: Label = ""
    product: Label = ""
    source: Label = ""
    """Who made it, or the collection it is from: what its others taught is expected of it too."""


class OptOutBody(Body):
    """Whether a learner is out of profiling."""

    opted_out: bool


class InterestsBody(Body):
    """What a learner says to like."""

    interests: Names
    """Tags of the catalogue; an empty list takes back what was stated."""


class ChoiceBody(Body):
    """What the learner picked from the menu of a step."""

    resource: Name
    """One of the step's options."""
    time: Happened | None = None


class OverrideBody(Body):
    """What a teacher did with a step, kept beside what the engine had drawn."""

    by: Name
    """The teacher's id in the LMS; stored as a keyed digest."""
    action: Literal["pin", "remove", "swap", "approve"]
    resource: Name | None = None
    """The resource put in instead; needed for swap. A pin without one pins the step's own."""
    seen: Name | None = None
    """What the teacher saw at the step, to be done; refused when it is done or gone by now."""
    reason: Literal["too_easy", "too_hard", "done_in_class", "not_suitable", "priority", "other"] = "other"
    """A list, not free text, which would invite names."""
    until: Time | None = None
    """When it ends for later lists; without it a removal holds until it is undone."""
    time: Happened | None = None


class UndoBody(Body):
    """Who takes an override back."""

    by: Name
    """The teacher's id in the LMS; stored as a keyed digest."""
    time: Happened | None = None


class RatingBody(Body):
    """How the learner liked a step."""

    rating: Share
    """0 (not at all) to 1 (very much)."""
    resource: Name | None = None
    """What the learner saw at the step; refused when something else stands there by now."""
    time: Happened | None = None


class TrialBody(Body):
    """One imagined attempt."""

    resource: Name
    score: Share


class InsteadBody(Body):
    """What would be otherwise; what is left out stays."""

    interests: Names | None = None
    goal: GoalBody | None = None
    place: PlaceBody | None = None
    minutes: Annotated[float, Field(gt=0, le=100_000)] | None = None
    dials: DialsBody | None = None


class WhatIfBody(AskBody):
    """A whole request, and what to imagine: attempts, other interests, goal, place. Nothing is stored.

    The lists name the first option of each step, however many `menu` or `autonomy` would offer.
    """

    attempts: Annotated[tuple[TrialBody, ...], Field(max_length=50)] = ()
    instead: InsteadBody = InsteadBody()
    k: Annotated[Whole, Field(ge=1, le=50)] = 5
