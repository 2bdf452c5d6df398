"""How Segue decides here, as versions: the JSON of drafts, their dry runs, and what is in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from segue.service.http.request_schemas import Body, Happened, Name, Time, Whole
from segue.service.http.response_schemas import AnswerBody
from segue.service.http.said.statement_bodies import Note, Week

Draft = Annotated[dict[str, Any], Field(max_length=20)]
"""What is to be otherwise, as `segue policy show` prints it: policy, weights, limits, and numbers."""


class DraftBody(Body):
    """A draft to try on the lists of some learners; what it leaves out is as in force."""

    draft: Draft
    learners: Annotated[tuple[Name, ...], Field(max_length=500)] | None = None
    """The LMS's ids; everybody, by the ids inside, when left out."""
    week: Week | None = None
    k: Annotated[Whole, Field(ge=1, le=50)] = 6
    minutes: Annotated[float, Field(gt=0, le=10_000)] | None = None
    now: Time | None = None


class InForceBody(Body):
    """What is to decide from now on: a draft, or a version that was in force before."""

    draft: Draft | None = None
    version: Annotated[str, Field(max_length=40)] | None = None
    by: Name
    """The teacher's id in the LMS; stored as a keyed digest."""
    reason: Note = ""
    now: Happened | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.draft is None) == (self.version is None):
            raise ValueError("say either draft or version")
        return self


class SavedLine(AnswerBody):
    """A version that was put in force."""

    version: str
    time: str
    by: str
    """A keyed digest, or a role."""
    reason: str


class PolicyAnswer(AnswerBody):
    """The version in force, what it says, and those that were put in force, the oldest first."""

    version: str
    policy: dict[str, Any]
    history: list[SavedLine]


class DryRunAnswer(AnswerBody):
    """What a draft would change; nothing is stored."""

    version: str
    settings: dict[str, list[Any]]
    """What it says otherwise, by dotted name: before, after."""
    lists: int
    share: float
    """Share of the lists that would change."""
    changed: dict[str, list[list[str]]]
    """The lists that would change, by learner: before, after."""


EXAMPLES: Mapping[type[BaseModel], Sequence[Mapping[str, object]]] = {
    DraftBody: ({"draft": {"weights": {"interest": 0.5}}, "learners": ["lms-user-17"]},),
    InForceBody: ({"draft": {"limits": {"per_skill": 2}}, "by": "teacher-4", "reason": "more variety"},),
}
