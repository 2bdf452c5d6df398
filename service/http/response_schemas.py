"""The JSON that callers get back, for the OpenAPI document and for typed clients.

The hot path writes these answers straight from the engine's objects; a test holds them against these models.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from segue.features.learner_profile import InterestProfile, NextSkill, SkillProfile
from segue.workspace.privacy.learner_rights import Certificate


def _iso(time: datetime | int | str | None) -> str | None:
    """Return a moment as ISO 8601, also one stored as microseconds."""
    if isinstance(time, int):
        time = datetime.fromtimestamp(time / 1e6, UTC)
    return time.isoformat() if isinstance(time, datetime) else time


Moment = Annotated[str, BeforeValidator(_iso)]
MomentOrNone = Annotated[str | None, BeforeValidator(_iso)]
TextOrNone = Annotated[str | None, BeforeValidator(lambda text: text or None)]


class AnswerBody(BaseModel):
    """An answer, read off what the house works with; unknown fields may be added in later versions."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True, populate_by_name=True)


class Fault(AnswerBody):
    """What went wrong."""

    code: str
    """For programs; stable."""
    message: str
    """For people: one sentence with the remedy."""


class FaultAnswer(AnswerBody):
    """The body of every answer of status 4xx or 5xx."""

    error: Fault


class StepAnswer(AnswerBody):
    """One step of a list."""

    decision_id: str
    """To be sent back with choices, overrides, ratings and as `step` of events."""
    position: int
    resource: str
    title: str
    url: str
    minutes: float
    propensity: float
    """Probability of this step, given the steps before it."""
    joint_propensity: float
    score: float
    reasons: dict[str, float]
    """Parts that sum to the score."""
    explored: bool
    relaxed: list[str]
    """Rules that had to give way."""
    student: str | None = None
    """Why, in the student's words; with `explain`."""
    teacher: str | None = None
    """Why, with the numbers; with `explain`."""
    menu: list[str]
    """Options to choose from, when a menu was asked for."""


class RecommendAnswer(AnswerBody):
    """A list of steps, already stored when it arrives."""

    playlist_id: str
    steps: list[StepAnswer]
    certificate: dict[str, str]
    """Each rule: held, or at which steps relaxed."""
    notes: list[str]
    policy: str
    model: str
    """Hash of the model that decided."""
    degraded: bool
    """True when no fitted model could be used; `notes` then says why."""


class Verdict(AnswerBody):
    """What became of one event."""

    id: str | None
    """Null when the event had no readable id."""
    verdict: Literal["accepted", "repeat", "conflict", "rejected"]
    """A repeat says what is stored already; a conflict says something else under the same id, and is not."""
    reason: str
    """Why it was rejected or is in conflict; of one accepted, what of it was not kept (else empty)."""


class EventsAnswer(AnswerBody):
    """A verdict for every event, in the order sent."""

    accepted: int
    repeats: int
    conflicts: int
    rejected: int
    verdicts: list[Verdict]


class ReadDocumentAnswer(EventsAnswer):
    """A verdict for every event found in the document."""

    refused: dict[str, int]
    """Records that break a rule of the format, by reason."""
    skipped: dict[str, int]
    """Records that teach nothing, by what they are."""


class Stored(AnswerBody):
    """Said once it is on disk."""

    stored: bool
    """False when it had been stored before."""


class RosterAnswer(AnswerBody):
    """Said once it is on disk."""

    members: int
    """How many are stored: without who was erased or opted out."""


class OptedOut(AnswerBody):
    """Said once it is on disk."""

    opted_out: bool


class ResourceLine(AnswerBody):
    """One resource of the catalogue."""

    id: str
    title: str
    url: str
    skills: list[str]
    tags: list[str]
    courses: list[str]
    difficulty: float | None
    kind: str
    minutes: float
    language: str
    grade_band: str
    available_from: str | None
    available_until: str | None
    offline: bool
    content: str
    process: str
    product: str
    source: str
    retired: bool
    """Whether it was taken out of every list."""


class ResourceAnswer(ResourceLine):
    """A resource as it stands now."""

    new: bool
    """Whether it was added."""


class ResourcesAnswer(AnswerBody):
    """Some resources, in the catalogue's order."""

    resources: list[ResourceLine]
    next: str | None
    """To be sent as `after` for the next ones; null at the end."""


class RetiredAnswer(AnswerBody):
    """Whether a resource is retired now."""

    retired: bool
    changed: bool
    """False when it was so before."""


class BatchAnswer(AnswerBody):
    """One answer a request, in order: a list, or the error that says why there is none."""

    answers: list[RecommendAnswer | FaultAnswer]


class OverrideAnswer(Stored):
    """What became of a teacher's act on a step."""

    override_id: str
    """To undo it."""


class Undone(AnswerBody):
    """Said once it is on disk."""

    undone: bool
    """False when it had been undone before."""


class ListedStepAnswer(AnswerBody):
    """One step of a list as it stands now."""

    decision_id: str
    resource: str
    """What is shown: drawn, picked from the menu, or put in by a teacher."""
    title: str
    url: str
    minutes: float
    kind: str
    state: Literal["open", "done", "removed", "swapped", "pinned"]
    why: str
    instead_of: str | None
    """What had been drawn, where a teacher put in something else."""
    override_id: str | None
    """The act that holds on it."""
    approved: bool
    menu: list[str]
    picked: str | None
    rating: float | None
    left_out: Literal["teacher", "retired", "closed", "course"] | None
    """Why a step is "removed": a teacher took it out, it was retired or has closed, or its course ended."""


class ListAnswer(AnswerBody):
    """One list of a learner."""

    id: str
    surface: str
    """Where it was asked for: service, weekly, lti, pages, ..."""
    week: str
    time: str
    current: bool
    """Whether it is the one that counts for its week and surface."""
    steps: list[ListedStepAnswer]
    certificate: dict[str, str]
    notes: list[str]


class ListsAnswer(AnswerBody):
    """The lists of a learner, the newest first."""

    lists: list[ListAnswer]
    next: str | None = None
    """Cursor of the next page, to be sent as `after`; null when there are no more."""


class OverrideLine(AnswerBody):
    """What a teacher did with a step."""

    override_id: str
    decision_id: str
    by: str = Field(validation_alias="teacher")
    """A pseudonym: the same for the same teacher."""
    action: Literal["pin", "remove", "swap", "approve"]
    resource: TextOrNone
    instead_of: str = Field(validation_alias="taken")
    reason: str
    time: MomentOrNone
    until: MomentOrNone
    undone: MomentOrNone
    undone_by: str | None


class DecisionAnswer(ListedStepAnswer):
    """A logged decision as it was drawn, and as it stands."""

    list: str
    surface: str
    week: str
    time: str
    position: int
    drawn: str
    propensity: float
    joint_propensity: float
    score: float
    reasons: dict[str, float]
    context: dict[str, float]
    relaxed: tuple[str, ...]
    explored: bool
    policy: str
    model: str
    overrides: tuple[OverrideLine, ...]


class ProfileAnswer(AnswerBody):
    """Strengths, needs and interests of one learner."""

    now: str
    attempts: int
    strengths: list[SkillProfile]
    needs: list[SkillProfile]
    others: list[SkillProfile]
    interests: list[InterestProfile]
    next_steps: list[NextSkill]
    degraded: bool


class WhyNotAnswer(AnswerBody):
    """Why a resource is not the first step."""

    rules: list[str]
    """Rules that withhold it, the firmest first; empty when it may be drawn."""
    sentence: str
    missing: float
    """Points that it scores less than the best allowed one."""
    points: dict[str, float] | None
    """The same by part of the score."""
    degraded: bool


class WhatIfAnswer(AnswerBody):
    """What would be proposed now, and after the attempts imagined, by the same random numbers."""

    before: list[str]
    after: list[str]
    degraded: bool


class ClassSkill(AnswerBody):
    """Where a class stands with one skill; null where a group is too small to be reported."""

    skill: str
    statement: str
    mean_chance: float | None
    tried: int | None
    n_stuck: int | None
    """Learners with four attempts or more and a chance below one half."""
    stuck: list[str]
    """Those of the class list sent along, most in need first."""


class ClassAnswer(AnswerBody):
    """Who is stuck where, most stuck skill first."""

    learners: int
    skills: list[ClassSkill]
    degraded: bool


class ExportAnswer(AnswerBody):
    """All that is kept of one learner."""

    learner: str
    opted_out: bool
    events: list[dict[str, object]]
    playlists: list[dict[str, object]]
    decisions: list[dict[str, object]]
    rewards: list[dict[str, object]]


class ErasedAnswer(AnswerBody):
    """The certificate of an erasure."""

    erased: bool
    certificate: Certificate


class Health(AnswerBody):
    """Whether the process runs."""

    status: Literal["ok", "degraded", "unavailable"]


class TenantHealth(AnswerBody):
    """One tenant, as `/readyz` finds it."""

    tenant: str
    status: Literal["ok", "degraded", "unavailable"]
    why: str
    """Empty when all is well; with status ok, what a start would miss."""
    waiting: int
    """Requests that wait for its store."""
    model_days: float | None
    """Age of the model in charge; null before the first."""


class Readiness(Health):
    """Whether requests can be answered: the worst of the tenants, and each of them."""

    waiting: int
    """Requests that wait to be worked on, of all tenants of the process."""
    tenants: list[TenantHealth]
