"""What learners say of themselves and their lists, and what teachers answer: the JSON sent and got back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AliasPath, BaseModel, Field, model_validator

from segue.engine.explanations.own_plan import PlanFinding, PlanStep
from segue.features.iso_weeks import near
from segue.service.http.request_schemas import Body, GoalBody, Happened, Name, Names, Whole
from segue.service.http.response_schemas import AnswerBody, Moment, MomentOrNone

Week = Annotated[
    str,
    Field(pattern=r"^20\d{2}-W(0[1-9]|[1-4]\d|5[0-3])$"),
    AfterValidator(lambda week: near(week, datetime.now(UTC))),
]
Note = Annotated[str, Field(max_length=80)]
Roster = Annotated[tuple[Name, ...], Field(min_length=1, max_length=500)]


class ClaimBody(Body):
    """That the learner knows a skill, or needs help with it: evidence of limited weight."""

    skill: Name
    says: Literal["know", "help"]


class StatementBody(Body):
    """One thing that a learner says of the own picture, and the list that follows from it."""

    claim: ClaimBody | None = None
    goal: GoalBody | None = None
    drop_goal: bool = False
    """No goal any more."""
    interests: Names | None = None
    """In place of those stated before; an empty list takes them back."""
    k: Annotated[Whole, Field(ge=1, le=50)] = 6
    menu: Annotated[Whole, Field(ge=1, le=10)] = 3
    now: Happened | None = None
    """The moment of a preview: sent along, what is kept is byte for byte what was shown, and is kept once."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        said = (self.claim is not None, self.goal is not None or self.drop_goal, self.interests is not None)
        if sum(said) != 1 or (self.goal is not None and self.drop_goal):
            raise ValueError("say one thing at a time: claim, goal, drop_goal or interests")
        return self


class OwnStepBody(Body):
    """One step of an own plan: a resource of the catalogue, or an activity of the learner's own."""

    resource: Annotated[str, Field(max_length=200)] = ""
    activity: Annotated[str, Field(max_length=80)] = ""
    minutes: Annotated[float, Field(gt=0, le=600)] | None = None


class OwnPlanBody(Body):
    """A plan that a learner makes."""

    steps: Annotated[tuple[OwnStepBody, ...], Field(min_length=1, max_length=30)]
    now: Happened | None = None
    """Sent again with the same moment, the same plan is kept once."""


class VerdictBody(Body):
    """What a teacher says to a plan or a request; said again by the same teacher, it changes nothing."""

    by: Name
    """The teacher's id in the LMS; stored as a keyed digest."""
    accept: bool
    note: Note = ""
    now: Happened | None = None


class RequestVerdictBody(VerdictBody):
    """What a teacher says to a request; a suggestion that is accepted is passed on to the class named."""

    class_id: Annotated[str, Field(max_length=200)] = ""
    learners: Annotated[tuple[Name, ...], Field(max_length=500)] = ()
    """The class list as the LMS has it: who sees the suggestion, for two weeks and without a name."""


class AskedBody(Body):
    """What a learner asks of the teacher; the same thing waits once."""

    kind: Literal["talk", "contest", "suggestion"]
    about: Name
    """A skill to talk about or look at again, or a resource to suggest to the class."""
    now: Happened | None = None


class MomentBody(Body):
    """When it happened; the server's clock when left out."""

    time: Happened | None = None


class DoneBody(Body):
    """That a step is finished."""

    resource: Name | None = None
    """What the learner saw at the step; refused when something else stands there by now."""
    time: Happened | None = None


class TakeBackBody(Body):
    """Which of the things said of a step is taken back."""

    said: Literal["choice", "rating", "completion"]
    time: Happened | None = None


class ClassWeekBody(Body):
    """A class's week."""

    learners: Roster
    """The class list as the LMS has it."""
    week: Week
    by: Name
    """The teacher's id in the LMS; stored as a keyed digest."""
    now: Happened | None = None


class ApproveBody(ClassWeekBody):
    """What a teacher approves in a class's week."""

    seen: Annotated[dict[Name, Name], Field(max_length=25_000)] | None = None
    """What the teacher saw, resources by decision: other steps are declined. Left out: all as they stand."""


class MustDoBody(ClassWeekBody):
    """A resource for every list of a class's week."""

    resource: Name


EXAMPLES: Mapping[type[BaseModel], Sequence[Mapping[str, object]]] = {
    StatementBody: (
        {"claim": {"skill": "unit-rates", "says": "know"}},
        {"goal": {"skills": ["unit-rates"], "due": "2030-06-30T00:00:00Z"}},
        {"interests": ["sports", "music"]},
    ),
    OwnPlanBody: (
        {"steps": [{"resource": "trail-mix-talk"}, {"activity": "Draw a ratio table", "minutes": 15}]},
    ),
    VerdictBody: ({"by": "teacher-4", "accept": True, "note": "Good plan"},),
    RequestVerdictBody: (
        {"by": "teacher-4", "accept": True, "class_id": "maths-7b", "learners": ["lms-user-17"]},
    ),
    AskedBody: ({"kind": "talk", "about": "unit-rates"}, {"kind": "suggestion", "about": "rate-race"}),
    MomentBody: ({},),
    DoneBody: ({"resource": "trail-mix-talk"},),
    TakeBackBody: ({"said": "completion"},),
    ClassWeekBody: ({"learners": ["lms-user-17", "lms-user-18"], "week": "2026-W48", "by": "teacher-4"},),
    ApproveBody: ({"learners": ["lms-user-17"], "week": "2026-W48", "by": "teacher-4", "seen": {}},),
    MustDoBody: (
        {"learners": ["lms-user-17"], "week": "2026-W48", "by": "teacher-4", "resource": "trail-mix-talk"},
    ),
}


class PreviewAnswer(AnswerBody):
    """The list that would follow; nothing is stored."""

    after: list[str]
    playlist_id: str
    notes: list[str]
    now: str
    """To be sent with what is kept, so that the same list follows."""


class SaidAnswer(AnswerBody):
    """Said once it is on disk."""

    statement_id: str
    """To take it back."""
    playlist_id: str
    """The list that is in force on account of it, "" when none is."""


class ClaimAnswer(AnswerBody):
    """A claim that stands, and what the work since says of it."""

    statement_id: str
    skill: str
    says: Literal["know", "help"]
    time: Moment
    status: Literal["open", "confirmed", "failed"]


class GoalAnswer(AnswerBody):
    """The goal that stands."""

    skills: list[str]
    due: MomentOrNone


class StandingAnswer(AnswerBody):
    """What a learner has said and not taken back."""

    goal: GoalAnswer | None
    claims: list[ClaimAnswer]
    trust: float
    """How far claims are believed, in (0, 1]; checks that failed lower it."""
    last: str
    """Id of the last statement, "" when there is none."""


class CheckAnswer(AnswerBody):
    """What settles a claim about a skill, and what came of it."""

    skill: str
    statement: str
    tasks: list[str]
    """Resources, what asks most first."""
    claim: ClaimAnswer | None


class LeftOutAnswer(AnswerBody):
    """A resource of a plan that was not put on the list when the plan was approved, and why."""

    resource: str
    why: Literal["taken out", "retired", "closed"]


class OwnPlanAnswer(AnswerBody):
    """A plan as it stands, with what Segue and the teacher say of it."""

    plan_id: str = Field(validation_alias="statement_id")
    time: Moment
    steps: list[PlanStep]
    verdict: Literal["waiting", "approved", "returned"]
    note: str
    review_id: str
    left_out: list[LeftOutAnswer]
    minutes: float = Field(validation_alias=AliasPath("check", "minutes"))
    findings: list[PlanFinding] = Field(validation_alias=AliasPath("check", "findings"))
    covers: list[str] = Field(validation_alias=AliasPath("check", "covers"))
    gaps: list[str] = Field(validation_alias=AliasPath("check", "gaps"))


class OwnPlansAnswer(AnswerBody):
    """The last plan of a learner; none when none was made."""

    plans: list[OwnPlanAnswer]


class AskedAnswer(AnswerBody):
    """What a learner asked, and what came back."""

    request_id: str = Field(validation_alias="statement_id")
    kind: Literal["talk", "contest", "suggestion"]
    about: str
    time: Moment
    answer: Literal["accepted", "declined", ""]
    note: str
    answer_id: str


class AskedListAnswer(AnswerBody):
    """What a learner asked and did not take back, oldest first."""

    requests: list[AskedAnswer]


class AnotherAnswer(AnswerBody):
    """What stands at the step now; null when there was no other option."""

    resource: str | None


class CountAnswer(AnswerBody):
    """How many it was done for, and how many could not take it."""

    done: int
    declined: int


class MustDoAnswer(CountAnswer):
    """The same, and whose lists could not take it."""

    without: tuple[str, ...]


class PassedOnLine(AnswerBody):
    """A resource that a classmate suggested and the teacher passed on."""

    resource: str
    title: str
    time: str


class PassedOnAnswer(AnswerBody):
    """What classmates suggest to a learner now, the newest first; nobody is named."""

    suggestions: list[PassedOnLine]
