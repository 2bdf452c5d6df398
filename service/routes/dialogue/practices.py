"""What a class does together: groups, peer reviews, feedback, talks, places, projects, rubrics, manners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from math import isinf
from typing import TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from segue.engine.practices.projects import Milestone
from segue.engine.practices.slots import Placed, Slot
from segue.engine.practices.teaching_axes import AxisLevel
from segue.service.admission import Caller, received
from segue.service.http.bodies import ClassId, answer
from segue.service.http.openapi import asks
from segue.service.http.refusals import RefusedError
from segue.service.http.said import practice_bodies as practice
from segue.service.reach import ReachedRoute, reaching
from segue.service.routes.dialogue.first_moment import moment_of
from segue.workspace.practices import (
    feedback_given,
    group_work,
    placements,
    project_work,
    rubric_scores,
    teaching_manners,
)
from segue.workspace.storage.errors import DeclinedError

T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)
router = APIRouter(prefix="/v1/classes", tags=["practices"], route_class=ReachedRoute)


async def _named(request: Request, model: type[B]) -> tuple[Caller, B]:
    """Return who asks what, once it is known that the key reaches everyone whom the body names."""
    caller, body = await received(request, model, "teacher")
    named = {*getattr(body, "learners", ()), *getattr(body, "asked", ())}
    if isinstance(body, practice.GivenBackBody):
        named |= {body.learner}
    if isinstance(body, practice.RubricBody):
        named |= {one.learner for one in body.scores}
    await reaching(request, named)
    return caller, body


async def _practised(caller: Caller, work: Callable[[], T], *, keep: bool = False) -> T:
    """Return what a practice answers; one that keeps something goes where everything is written.

    Raises
    ------
    RefusedError
        422 for what does not fit.
    """

    def told() -> T:
        try:
            return work()
        except ValueError as error:
            raise RefusedError(422, "not_valid", str(error)) from None

    return await (caller.tenant.do(told) if keep else caller.tenant.aside(told))


@router.post("/{class_id:path}/groups", **asks(practice.GroupsBody, practice.GroupsAnswer, keyed=True))
async def groups(request: Request, class_id: ClassId) -> Response:
    """Suggest groups for a project: skills mixed, every role filled, not the same groups again."""
    caller, body = await _named(request, practice.GroupsBody)
    now = await moment_of(request, caller, body.now)
    work = partial(group_work.form_groups, caller.space, class_id, body.project, size=body.size, now=now)
    work = partial(work, names=body.learners, roles=body.roles, skills=body.skills, keep=body.keep)
    return answer({"groups": [asdict(one) for one in await _practised(caller, work, keep=body.keep)]})


@router.post("/{class_id:path}/reviews", **asks(practice.ReviewsBody, practice.PairsAnswer, keyed=True))
async def reviews(request: Request, class_id: ClassId) -> Response:
    """Say who reviews whom: nobody their own, equal loads, no pair again."""
    caller, body = await _named(request, practice.ReviewsBody)
    now = await moment_of(request, caller, body.now)
    work = partial(group_work.pair_reviews, caller.space, class_id, body.work, body.learners)
    work = partial(work, each=body.each, now=now, keep=body.keep)
    pairs = await _practised(caller, work, keep=body.keep)
    return answer({"pairs": [{"reviewer": one, "author": other} for one, other in pairs]})


@router.post("/{class_id:path}/feedback-due", **asks(practice.FeedbackDueBody, practice.DueAnswer))
async def feedback_due(request: Request, class_id: ClassId) -> Response:
    """Return whose feedback is due, the longest wait first."""
    caller, body = await _named(request, practice.FeedbackDueBody)
    now, period = body.now or datetime.now(UTC), timedelta(days=body.days)
    work = partial(feedback_given.feedback_waiting, caller.space, class_id, now=now, period=period)
    work = partial(work, names=body.learners)
    due = await _practised(caller, work)
    return answer({"due": [{"learner": who, "last": last and last.isoformat()} for who, last in due]})


@router.post("/{class_id:path}/feedback", **asks(practice.GivenBody, practice.KeptAnswer, keyed=True))
async def feedback(request: Request, class_id: ClassId) -> Response:
    """Remember feedback or a talk that learners had."""
    caller, body = await _named(request, practice.GivenBody)
    now = await moment_of(request, caller, body.now)
    work = partial(feedback_given.note_given, caller.space, class_id, body.kind, body.learners)
    work = partial(work, by=body.by, now=now, about=body.about, minutes=body.minutes)
    return answer({"kept": await _practised(caller, work, keep=True)})


@router.post("/{class_id:path}/feedback-undo", **asks(practice.GivenBackBody, practice.GivenBackAnswer))
async def feedback_undo(request: Request, class_id: ClassId) -> Response:
    """Take back the feedback or the talk that a teacher noted of a learner at a moment."""
    caller, body = await _named(request, practice.GivenBackBody)
    work = partial(feedback_given.take_back_given, caller.space, class_id, body.learner)
    await _practised(caller, partial(work, at=body.at, by=body.by, now=datetime.now(UTC)), keep=True)
    return answer({"undone": True})


@router.post("/{class_id:path}/talks", **asks(practice.TalksBody, practice.TalksAnswer))
async def talks(request: Request, class_id: ClassId) -> Response:
    """Return whom to talk to within the minutes there are, and why."""
    caller, body = await _named(request, practice.TalksBody)
    now, minutes = body.now or datetime.now(UTC), body.minutes
    work = partial(feedback_given.talks_due, caller.space, class_id, minutes=minutes, now=now)
    work = partial(work, minutes_each=body.minutes_each, names=body.learners, asked=body.asked)
    return answer({"talks": [asdict(one) for one in await _practised(caller, work)]})


@router.post("/{class_id:path}/places", **asks(practice.PlacesBody, practice.PlacesAnswer, keyed=True))
async def places(request: Request, class_id: ClassId) -> Response:
    """Draw who has which place of a week: by need, at random, never above capacity; with probabilities."""
    caller, body = await _named(request, practice.PlacesBody)
    now, space = await moment_of(request, caller, body.now), caller.space
    slots = [Slot(one.slot, one.role, one.begins, one.capacity) for one in body.slots]

    def drawn() -> list[Placed]:
        steps = placements.listed_steps(space, body.learners, body.week, now=now)
        if not steps:
            message = "nobody named has an open step in this week: draw the lists first"
            raise DeclinedError("absent", "no_class", message)
        return placements.place_week(
            space, class_id, steps, slots, week=body.week, now=now, flipped=body.flipped, keep=body.keep
        )

    return answer({"places": [asdict(one) for one in await _practised(caller, drawn, keep=body.keep)]})


@router.post("/{class_id:path}/project", **asks(practice.ProjectBody, practice.ProjectAnswer))
async def project(request: Request, class_id: ClassId) -> Response:
    """Return where learners stand in a project: parts done, minutes to reserve, who stands still and why."""
    caller, body = await _named(request, practice.ProjectBody)
    parts = [
        project_work.ProjectPart(Milestone(one.name, one.due, one.minutes), one.resource)
        for one in body.parts
    ]
    now = body.now or datetime.now(UTC)
    work = partial(project_work.project_states, caller.space, class_id, parts, started=body.started, now=now)
    work = partial(work, minutes_a_week=body.minutes_a_week, names=body.learners)
    found = await _practised(caller, work)
    lines = [
        {"learner": one.learner, "done": one.done, "minutes": one.minutes}
        | {"stalled": one.stall.stalled, "why": one.stall.sentence}
        for one in found
    ]
    return answer({"learners": lines})


@router.post("/{class_id:path}/rubric", **asks(practice.RubricBody, practice.RubricAnswer, keyed=True))
async def rubric(request: Request, class_id: ClassId) -> Response:
    """Keep scores by criterion, free them of raters' severity, and make them evidence of its skills."""
    caller, body = await _named(request, practice.RubricBody)
    now, space = await moment_of(request, caller, body.now), caller.space
    scores = [
        rubric_scores.RubricScore(one.learner, body.work, one.criterion, one.rater, one.score)
        for one in body.scores
    ]
    names = list(dict.fromkeys(one.learner for one in scores))

    def kept() -> list[rubric_scores.AcceptedScore]:
        known = space.catalogue().resource_index
        if missing := [name for name in body.rubric.values() if name not in known]:
            raise ValueError(f"the catalogue has no resource {missing[0]!r}")
        rubric_scores.keep_scores(space, class_id, scores, now=now, rubric=body.rubric)
        return rubric_scores.accept_scores(space, class_id, body.work, body.rubric, names=names, now=now)

    return answer({"accepted": [asdict(one) for one in await _practised(caller, kept, keep=True)]})


@router.post("/{class_id:path}/axes", **asks(practice.AxesBody, practice.AxesAnswer, keyed=True))
async def axes(request: Request, class_id: ClassId) -> Response:
    """Return what each manner of teaching has brought and weighs in a class, after fixing some."""
    caller, body = await _named(request, practice.AxesBody)
    space = caller.space

    def told() -> list[AxisLevel]:
        if body.fixed:
            teaching_manners.fix_manners(space, class_id, body.fixed)
        return teaching_manners.axes_of(space, class_id)

    found = await _practised(caller, told, keep=bool(body.fixed))
    open_ = {"low": None, "high": None}
    return answer({"axes": [asdict(one) | (open_ if isinf(one.low) else {}) for one in found]})
