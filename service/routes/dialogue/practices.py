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
from segue.service.admission import Caller, caller_of
from segue.service.http.bodies import ClassId, answer, read
from segue.service.http.openapi import OF_A_BODY, gives, takes
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
from segue.workspace.storage.errors import WorkspaceError

T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)
router = APIRouter(prefix="/v1/classes", tags=["practices"], route_class=ReachedRoute)
OF_A_CLASS = (*OF_A_BODY, 404, 409)


async def _asked(request: Request, model: type[B]) -> tuple[Caller, B]:
    """Return who asks what, once it is known that the key reaches everyone whom the body names."""
    caller = caller_of(request, "teacher")
    body = await read(request, model)
    named = {*getattr(body, "learners", ()), *getattr(body, "asked", ())}
    if isinstance(body, practice.RubricBody):
        named |= {one.learner for one in body.scores}
    await reaching(request, named)
    return caller, body


async def _practised(caller: Caller, work: Callable[[], T], *, keep: bool = False) -> T:
    """Return what a practice answers; one that keeps something goes where everything is written.

    Raises
    ------
    RefusedError
        404 when nobody is known in the class, 422 for what does not fit.
    """

    def told() -> T:
        try:
            return work()
        except WorkspaceError as error:
            raise RefusedError(404, "no_class", str(error)) from None
        except ValueError as error:
            raise RefusedError(422, "not_valid", str(error)) from None

    return await (caller.tenant.do(told) if keep else caller.tenant.aside(told))


@router.post(
    "/{class_id:path}/groups",
    openapi_extra=takes(practice.GroupsBody, keyed=True),
    responses=gives(practice.GroupsAnswer, OF_A_CLASS),
)
async def groups(request: Request, class_id: ClassId) -> Response:
    """Suggest groups for a project: skills mixed, every role filled, not the same groups again."""
    caller, body = await _asked(request, practice.GroupsBody)
    work = partial(
        group_work.form_groups,
        caller.tenant.workspace,
        class_id,
        body.project,
        size=body.size,
        now=await moment_of(request, caller, body.now),
        names=body.learners,
        roles=body.roles,
        skills=body.skills,
        keep=body.keep,
    )
    found = await _practised(caller, work, keep=body.keep)
    return answer({"groups": [{"members": list(g.members), "roles": list(g.roles)} for g in found]})


@router.post(
    "/{class_id:path}/reviews",
    openapi_extra=takes(practice.ReviewsBody, keyed=True),
    responses=gives(practice.PairsAnswer, OF_A_CLASS),
)
async def reviews(request: Request, class_id: ClassId) -> Response:
    """Say who reviews whom: nobody their own, equal loads, no pair again."""
    caller, body = await _asked(request, practice.ReviewsBody)
    work = partial(
        group_work.pair_reviews,
        caller.tenant.workspace,
        class_id,
        body.work,
        body.learners,
        each=body.each,
        now=await moment_of(request, caller, body.now),
        keep=body.keep,
    )
    pairs = await _practised(caller, work, keep=body.keep)
    return answer({"pairs": [{"reviewer": one, "author": other} for one, other in pairs]})


@router.post(
    "/{class_id:path}/feedback-due",
    openapi_extra=takes(practice.FeedbackDueBody),
    responses=gives(practice.DueAnswer, OF_A_CLASS),
)
async def feedback_due(request: Request, class_id: ClassId) -> Response:
    """Return whose feedback is due, the longest wait first."""
    caller, body = await _asked(request, practice.FeedbackDueBody)
    work = partial(
        feedback_given.feedback_waiting,
        caller.tenant.workspace,
        class_id,
        now=body.now or datetime.now(UTC),
        names=body.learners,
        period=timedelta(days=body.days),
    )
    due = await _practised(caller, work)
    return answer({"due": [{"learner": who, "last": last and last.isoformat()} for who, last in due]})


@router.post(
    "/{class_id:path}/feedback",
    openapi_extra=takes(practice.GivenBody, keyed=True),
    responses=gives(practice.KeptAnswer, OF_A_CLASS),
)
async def feedback(request: Request, class_id: ClassId) -> Response:
    """Remember feedback or a talk that learners had."""
    caller, body = await _asked(request, practice.GivenBody)
    work = partial(
        feedback_given.note_given,
        caller.tenant.workspace,
        class_id,
        body.kind,
        body.learners,
        by=body.by,
        now=await moment_of(request, caller, body.now),
        about=body.about,
        minutes=body.minutes,
    )
    return answer({"kept": await _practised(caller, work, keep=True)})


@router.post(
    "/{class_id:path}/talks",
    openapi_extra=takes(practice.TalksBody),
    responses=gives(practice.TalksAnswer, OF_A_CLASS),
)
async def talks(request: Request, class_id: ClassId) -> Response:
    """Return whom to talk to within the minutes there are, and why."""
    caller, body = await _asked(request, practice.TalksBody)
    work = partial(
        feedback_given.talks_due,
        caller.tenant.workspace,
        class_id,
        minutes=body.minutes,
        minutes_each=body.minutes_each,
        now=body.now or datetime.now(UTC),
        names=body.learners,
        asked=body.asked,
    )
    return answer({"talks": [asdict(one) for one in await _practised(caller, work)]})


@router.post(
    "/{class_id:path}/places",
    openapi_extra=takes(practice.PlacesBody, keyed=True),
    responses=gives(practice.PlacesAnswer, OF_A_CLASS),
)
async def places(request: Request, class_id: ClassId) -> Response:
    """Draw who has which place of a week: by need, at random, never above capacity; with probabilities."""
    caller, body = await _asked(request, practice.PlacesBody)
    now, space = await moment_of(request, caller, body.now), caller.tenant.workspace
    slots = [Slot(one.slot, one.role, one.begins, one.capacity) for one in body.slots]

    def drawn() -> list[Placed]:
        steps = placements.listed_steps(space, body.learners, body.week, now=now)
        if not steps:
            raise WorkspaceError("nobody named has an open step in this week: draw the lists first")
        return placements.place_week(
            space, class_id, steps, slots, week=body.week, now=now, flipped=body.flipped, keep=body.keep
        )

    return answer({"places": [asdict(one) for one in await _practised(caller, drawn, keep=body.keep)]})


@router.post(
    "/{class_id:path}/project",
    openapi_extra=takes(practice.ProjectBody),
    responses=gives(practice.ProjectAnswer, OF_A_CLASS),
)
async def project(request: Request, class_id: ClassId) -> Response:
    """Return where learners stand in a project: parts done, minutes to reserve, who stands still and why."""
    caller, body = await _asked(request, practice.ProjectBody)
    parts = [
        project_work.ProjectPart(Milestone(one.name, one.due, one.minutes), one.resource)
        for one in body.parts
    ]
    work = partial(
        project_work.project_states,
        caller.tenant.workspace,
        class_id,
        parts,
        started=body.started,
        minutes_a_week=body.minutes_a_week,
        now=body.now or datetime.now(UTC),
        names=body.learners,
    )
    found = await _practised(caller, work)
    lines = [
        {"learner": one.learner, "done": one.done, "minutes": one.minutes}
        | {"stalled": one.stall.stalled, "why": one.stall.sentence}
        for one in found
    ]
    return answer({"learners": lines})


@router.post(
    "/{class_id:path}/rubric",
    openapi_extra=takes(practice.RubricBody, keyed=True),
    responses=gives(practice.RubricAnswer, OF_A_CLASS),
)
async def rubric(request: Request, class_id: ClassId) -> Response:
    """Keep scores by criterion, free them of raters' severity, and make them evidence of its skills."""
    caller, body = await _asked(request, practice.RubricBody)
    now, space = await moment_of(request, caller, body.now), caller.tenant.workspace
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


@router.post(
    "/{class_id:path}/axes",
    openapi_extra=takes(practice.AxesBody, keyed=True),
    responses=gives(practice.AxesAnswer, OF_A_CLASS),
)
async def axes(request: Request, class_id: ClassId) -> Response:
    """Return what each manner of teaching has brought and weighs in a class, after fixing some."""
    caller, body = await _asked(request, practice.AxesBody)
    space = caller.tenant.workspace

    def told() -> list[AxisLevel]:
        if body.fixed:
            teaching_manners.fix_manners(space, class_id, body.fixed)
        return teaching_manners.axes_of(space, class_id)

    found = await _practised(caller, told, keep=bool(body.fixed))
    open_ = {"low": None, "high": None}
    return answer({"axes": [asdict(one) | (open_ if isinf(one.low) else {}) for one in found]})
