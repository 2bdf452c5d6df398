"""The JSON of models and of stored rows by the page."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BeforeValidator

from segue.service.http.response_schemas import AnswerBody, Moment, MomentOrNone, TextOrNone


class ModelLine(AnswerBody):
    """A fitted model that is kept."""

    version: str
    """Hash of the fit."""
    current: bool
    """Whether it decides."""
    readable: bool
    """Whether its files can be read, and it could be activated."""
    made: str
    fitted: dict[str, str]
    """What is known of the fit: rows, dates, scores."""
    resources: int
    skills: int


class ModelsAnswer(AnswerBody):
    """The models that are kept, the newest first."""

    models: list[ModelLine]


class Activated(AnswerBody):
    """What became of a model's activation."""

    version: str
    activated: bool
    """False when it decided already."""


class PageOfRows(AnswerBody):
    """A page of rows."""

    next: str | None
    """Cursor of the next page, to be sent as `after`; null when there are no more rows."""


class EventLine(AnswerBody):
    """A stored event."""

    number: int
    kind: str
    learner: str
    """Id inside, which no LMS knows."""
    resource: TextOrNone
    score: float | None
    time: MomentOrNone
    seconds: float | None
    class_id: TextOrNone
    """Id inside."""
    step: TextOrNone


class DecisionLine(AnswerBody):
    """A logged decision."""

    number: int
    decision_id: str
    list: str
    learner: str
    """Id inside, which no LMS knows."""
    position: int
    resource: str
    propensity: float
    joint_propensity: float
    score: float
    explored: bool
    relaxed: Annotated[tuple[str, ...], BeforeValidator(json.loads)]
    overridden: bool
    """Whether a teacher, or a pin, stands in for the engine's choice."""
    received: bool
    week: str
    time: Moment
    surface: str
    policy: str
    model: str


class LearnerLine(AnswerBody):
    """A learner of the store."""

    number: int
    learner: str
    """Id inside, which no LMS knows."""
    opted_out: bool


class EventsPage(PageOfRows):
    """Events in the order they came."""

    events: list[EventLine]


class DecisionsPage(PageOfRows):
    """Decisions in the order they were made."""

    decisions: list[DecisionLine]


class LearnersPage(PageOfRows):
    """Learners in the order of their arrival."""

    learners: list[LearnerLine]
