"""What a class does together: groups, reviews, feedback, talks, places, rubrics, projects, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from segue.engine.practices.reviews import Talk
from segue.engine.practices.slots import Placed
from segue.service.http.request_schemas import Body, Happened, Name, Share, Time, Whole
from segue.service.http.response_schemas import AnswerBody
from segue.service.http.said.statement_bodies import Week
from segue.workspace.practices.group_work import FormedGroup
from segue.workspace.practices.rubric_scores import AcceptedScore

Members = Annotated[tuple[Name, ...], Field(max_length=500)]
Minutes = Annotated[float, Field(gt=0, le=10_000)]


class OfAClass(Body):
    """A question about a class."""

    learners: Members = ()
    """The class list as the LMS has it; left out, the roster that is stored, by surrogate."""
    now: Time | None = None


class GroupsBody(OfAClass):
    """Groups for a project."""

    project: Name
    """Groups kept for it are returned as they are."""
    size: Annotated[Whole, Field(ge=2, le=20)] = 4
    roles: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    skills: Annotated[tuple[Name, ...], Field(max_length=200)] = ()
    """What is to be mixed; all skills when left out."""
    keep: bool = False
    """Store them, so that later groups differ."""


class ReviewsBody(OfAClass):
    """Who reviews whose work, among those who handed in."""

    work: Name
    learners: Annotated[tuple[Name, ...], Field(min_length=2, max_length=500)]
    """Who handed in."""
    each: Annotated[Whole, Field(ge=1, le=10)] = 2
    keep: bool = False


class FeedbackDueBody(OfAClass):
    """Whose feedback is due."""

    days: Annotated[float, Field(gt=0, le=366)] = 7.0
    """Everybody is to have some within so many days."""


class GivenBody(Body):
    """Feedback or a talk that learners had."""

    learners: Annotated[tuple[Name, ...], Field(min_length=1, max_length=500)]
    kind: Literal["feedback", "talk"] = "feedback"
    by: Name
    about: Annotated[str, Field(max_length=200)] = ""
    minutes: Annotated[float, Field(ge=0, le=600)] | None = None
    now: Happened | None = None
    """Sent again with the same moment, it is kept once."""


class GivenBackBody(Body):
    """Feedback or a talk that was noted by mistake."""

    learner: Name
    by: Name
    """Who noted it."""
    at: Happened
    """The moment that it was kept under: `now` of the call that noted it."""


class TalksBody(OfAClass):
    """Whom to talk to within the minutes there are."""

    minutes: Minutes
    minutes_each: Minutes = 5.0
    asked: Members = ()
    """Who asked for one."""


class SlotBody(Body):
    """One slot of a week."""

    slot: Annotated[str, Field(min_length=1, max_length=40)]
    role: Literal["home", "station", "independent", "small group", "teacher"]
    begins: Time
    capacity: Annotated[Whole, Field(ge=0, le=5_000)]


class PlacesBody(OfAClass):
    """Who has which place of a week."""

    learners: Annotated[tuple[Name, ...], Field(min_length=1, max_length=500)]
    week: Week
    slots: Annotated[tuple[SlotBody, ...], Field(min_length=1, max_length=200)]
    flipped: bool = False
    """An objective at home before in class."""
    keep: bool = False
    """Log the draw, so that the effect of a place can be estimated later."""


class MilestoneBody(Body):
    """One part of a project."""

    name: Name
    due: Time
    minutes: Minutes
    resource: Name
    """The catalogue's resource whose completion shows that it is done."""


class ProjectBody(OfAClass):
    """Where learners stand in a project."""

    parts: Annotated[tuple[MilestoneBody, ...], Field(min_length=1, max_length=50)]
    started: Time
    minutes_a_week: Minutes = 60.0


class ScoreBody(Body):
    """What a rater gave one learner's work on one criterion."""

    learner: Name
    criterion: Name
    rater: Name
    """Stored as a keyed digest."""
    score: Share


class AxesBody(Body):
    """What is to be fixed of the manner of teaching in a class; nothing: it is only shown."""

    fixed: Annotated[Mapping[Name, Annotated[float, Field(ge=-1, le=1)] | None], Field(max_length=60)] = {}
    """Weights by axis and manner ("process:guided"), in units of a reward; null: left to outcomes again."""


class RubricBody(Body):
    """Scores of a work by criterion; they become evidence of the criterion's skills alone."""

    work: Annotated[str, Field(min_length=1, max_length=80)]
    rubric: Annotated[dict[str, Name], Field(min_length=1, max_length=50)]
    """The catalogue's resource that stands for each criterion."""
    scores: Annotated[tuple[ScoreBody, ...], Field(min_length=1, max_length=2_000)]
    now: Happened | None = None


TWO = ["student-1", "student-2"]
EXAMPLES: Mapping[type[BaseModel], Sequence[Mapping[str, object]]] = {
    GroupsBody: ({"project": "bridge", "size": 2, "roles": ["speaker"], "learners": TWO},),
    ReviewsBody: ({"work": "essay-1", "learners": [*TWO, "student-3"], "each": 1},),
    FeedbackDueBody: ({"learners": TWO, "days": 7},),
    GivenBackBody: ({"learner": "student-1", "by": "teacher-4", "at": "2026-11-24T09:30:00Z"},),
    GivenBody: ({"learners": ["student-1"], "kind": "talk", "by": "teacher-4", "minutes": 5},),
    TalksBody: ({"learners": TWO, "minutes": 10, "asked": ["student-2"]},),
    PlacesBody: (
        {
            "learners": TWO,
            "week": "2026-W48",
            "slots": [{"slot": "mon-1", "role": "teacher", "begins": "2026-11-23T08:00:00Z", "capacity": 1}],
        },
    ),
    ProjectBody: (
        {
            "learners": TWO,
            "started": "2026-11-02T00:00:00Z",
            "parts": [
                {"name": "plan", "due": "2026-11-20T00:00:00Z", "minutes": 60, "resource": "trail-mix-talk"}
            ],
        },
    ),
    AxesBody: ({"fixed": {}},),
    RubricBody: (
        {
            "work": "poster",
            "rubric": {"reasoning": "trail-mix-talk"},
            "scores": [
                {"learner": "student-1", "criterion": "reasoning", "rater": "teacher-4", "score": 0.75}
            ],
        },
    ),
}


class GroupsAnswer(AnswerBody):
    """The groups of a class."""

    groups: list[FormedGroup]


class PairAnswer(AnswerBody):
    """Who reviews whom."""

    reviewer: str
    author: str


class PairsAnswer(AnswerBody):
    """Nobody their own, equal loads, no pair again."""

    pairs: list[PairAnswer]


class AxisLine(AnswerBody):
    """One manner of teaching beside the others of its axis."""

    axis: str
    level: str
    effect: float
    """How much better learners did after it, in scores from 0 to 1."""
    low: float | None
    high: float | None
    """The interval, null where too few learners tell."""
    learners: int
    weight: float
    """What counts in the lists of the class: fixed, or earned at the last fit; 0 before."""


class AxesAnswer(AnswerBody):
    """Content, process and product."""

    axes: list[AxisLine]


class DueLine(AnswerBody):
    """Whose feedback is due, and when the last was (null: never)."""

    learner: str
    last: str | None


class DueAnswer(AnswerBody):
    """The longest wait first."""

    due: list[DueLine]


class GivenBackAnswer(AnswerBody):
    """Said once it stands no more; said again it changes nothing."""

    undone: bool


class KeptAnswer(AnswerBody):
    """How many rows are new."""

    kept: int


class TalksAnswer(AnswerBody):
    """Who asked first, then by need and wait."""

    talks: list[Talk]


class PlacesAnswer(AnswerBody):
    """All places that were drawn for."""

    places: list[Placed]


class ProjectLine(AnswerBody):
    """Where one learner stands."""

    learner: str
    done: int
    minutes: float
    """That this week must keep for it."""
    stalled: bool
    why: str


class ProjectAnswer(AnswerBody):
    """Who stands still first."""

    learners: list[ProjectLine]


class RubricAnswer(AnswerBody):
    """The scores that are evidence now."""

    accepted: list[AcceptedScore]
