"""What a learner says of picture, list and plan, and what a teacher answers: the calls of the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from segue.engine.explanations.own_plan import PlanStep
from segue.engine.requests.request import Goal
from segue.service.admission import caller_of, received
from segue.service.http.bodies import ID, DecisionId, LearnerId, answer
from segue.service.http.openapi import asks, gives
from segue.service.http.request_schemas import UndoBody
from segue.service.http.response_schemas import Stored, Undone
from segue.service.http.said import statement_bodies as said
from segue.service.reach import ReachedRoute, reaching, reaching_class
from segue.service.routes.dialogue.first_moment import moment_of
from segue.service.tenant.work_told import Worked, told
from segue.workspace.dialogue import learner_steps, negotiation, own_plans, replies, requests
from segue.workspace.dialogue.negotiation import PictureChange
from segue.workspace.dialogue.passed_on import suggested_to
from segue.workspace.records.statements import Statement
from segue.workspace.workspace import Workspace

router = APIRouter(prefix="/v1", tags=["dialogue"], route_class=ReachedRoute)
StatementId = Annotated[
    str, Path(min_length=1, max_length=40, pattern=ID, description="`statement_id` of what was said.")
]
Skill = Annotated[str, Query(min_length=1, max_length=200, pattern=ID, description="A skill id.")]


# ------------------------------------------------------------ the picture


def _change(body: said.StatementBody) -> PictureChange:
    if body.claim is not None:
        return PictureChange(skill=body.claim.skill, says=body.claim.says)
    if body.interests is not None:
        return PictureChange(interests=tuple(body.interests))
    goal = None if body.goal is None else Goal(tuple(body.goal.skills), body.goal.due)
    return PictureChange(goal=goal, drop_goal=body.drop_goal)


@router.get("/learners/{learner:path}/statements", responses=gives(said.StandingAnswer, (404, 422)))
async def standing(request: Request, learner: LearnerId) -> Response:
    """Return what a learner has said and not taken back: goal, claims, and how far claims are believed."""
    found = await caller_of(request, "backend", "teacher").aside(negotiation.standing, learner)
    return answer(said.StandingAnswer.model_validate(found))


@router.post("/learners/{learner:path}/statements/preview", **asks(said.StatementBody, said.PreviewAnswer))
async def preview(request: Request, learner: LearnerId) -> Response:
    """Return the list that would follow from a claim, a goal or interests. Nothing is stored."""
    caller, body = await received(request, said.StatementBody, "backend", "teacher")
    now = body.now or datetime.now(UTC)
    change, k, menu = _change(body), body.k, body.menu
    found = await caller.aside(negotiation.preview, learner, change, now=now, k=k, menu=menu)
    after = {"after": list(found.after), "playlist_id": found.playlist_id, "notes": list(found.notes)}
    return answer(after | {"now": now.isoformat()})


@router.post("/learners/{learner:path}/statements", **asks(said.StatementBody, said.SaidAnswer, keyed=True))
async def say(request: Request, learner: LearnerId) -> Response:
    """Keep a claim, a goal or interests, and put the list that follows in force."""
    caller, body = await received(request, said.StatementBody, "backend")
    change, now, k, menu = _change(body), await moment_of(request, caller, body.now), body.k, body.menu
    response = _said(await caller.do(negotiation.save_change, learner, change, now=now, k=k, menu=menu))
    return told(request, caller.tenant, response, Worked([learner]))


@router.post("/learners/{learner:path}/statements/{statement}/undo", **asks(said.MomentBody, said.SaidAnswer))
async def undo(request: Request, learner: LearnerId, statement: StatementId) -> Response:
    """Take back anything that a learner said; the list before it is in force again, as it was."""
    caller, body = await received(request, said.MomentBody, "backend")
    now = body.time or datetime.now(UTC)
    response = _said(await caller.do(negotiation.take_back, learner, statement, now=now))
    return told(request, caller.tenant, response, Worked([learner]))


@router.get("/learners/{learner:path}/check", responses=gives(said.CheckAnswer, (404, 422)))
async def check(request: Request, learner: LearnerId, skill: Skill) -> Response:
    """Return what settles "I know this" about a skill, and what came of it."""
    caller = caller_of(request, "backend", "teacher")
    found = await caller.aside(learner_steps.skill_check, learner, skill, now=datetime.now(UTC))
    tasks = [one.resource_id for one in found.tasks]
    claim = found.claim and said.ClaimAnswer.model_validate(found.claim)
    return answer({"skill": found.skill, "statement": found.aim, "tasks": tasks, "claim": claim})


# ------------------------------------------------------------ one step


@router.post("/decisions/{decision}/another", **asks(said.MomentBody, said.AnotherAnswer))
async def another(request: Request, decision: DecisionId) -> Response:
    """Put the next option of a step's menu in its place."""
    caller, body = await received(request, said.MomentBody, "backend")
    now = body.time or datetime.now(UTC)
    return answer({"resource": await caller.do(learner_steps.another, decision, now=now)})


@router.post("/decisions/{decision}/done", **asks(said.DoneBody, Stored))
async def done(request: Request, decision: DecisionId) -> Response:
    """Keep that the learner is done with a step."""
    caller, body = await received(request, said.DoneBody, "backend")
    now = body.time or datetime.now(UTC)
    response = answer({"stored": await caller.do(Workspace.finish, decision, seen=body.resource, now=now)})
    return told(request, caller.tenant, response, Worked(decision=decision))


@router.post("/decisions/{decision}/take-back", **asks(said.TakeBackBody, Undone))
async def take_back(request: Request, decision: DecisionId) -> Response:
    """Take back what the learner said of a step: the choice, the rating, or that it is done."""
    caller, body = await received(request, said.TakeBackBody, "backend")
    now = body.time or datetime.now(UTC)
    response = answer({"undone": await caller.do(Workspace.take_back, decision, body.said, now=now)})
    return told(request, caller.tenant, response, Worked(decision=decision))


# ------------------------------------------------------------ own plans


@router.get("/learners/{learner:path}/plans", responses=gives(said.OwnPlansAnswer, (404, 422)))
async def plans(request: Request, learner: LearnerId) -> Response:
    """Return the last plan of a learner, what Segue finds in it, and the teacher's answer."""
    caller = caller_of(request, "backend", "teacher")
    found = await caller.aside(own_plans.plans_of, [learner], now=datetime.now(UTC))
    return answer(said.OwnPlansAnswer.model_validate({"plans": found}))


@router.post("/learners/{learner:path}/plans", **asks(said.OwnPlanBody, said.SaidAnswer, keyed=True))
async def propose(request: Request, learner: LearnerId) -> Response:
    """Keep a plan of the learner's own for the teacher to look at."""
    caller, body = await received(request, said.OwnPlanBody, "backend")
    steps = [PlanStep(step.resource, step.activity, step.minutes) for step in body.steps]
    now = await moment_of(request, caller, body.now)
    return _said(await caller.do(own_plans.propose_plan, learner, steps, now=now))


@router.post("/plans/{statement}/review", **asks(said.VerdictBody, said.SaidAnswer, keyed=True))
async def review(request: Request, statement: StatementId) -> Response:
    """Approve a plan, which puts it in force as the learner's own, or return it with a word."""
    caller, body = await received(request, said.VerdictBody, "teacher")
    now = await moment_of(request, caller, body.now)
    work = partial(own_plans.review_plan, by=body.by, approve=body.accept, note=body.note)
    response = _said(await caller.do(work, statement, now=now))
    return told(request, caller.tenant, response, Worked(statement=statement))


@router.post("/reviews/{statement}/undo", **asks(UndoBody, said.SaidAnswer))
async def undo_review(request: Request, statement: StatementId) -> Response:
    """Take the answer to a plan back; the list before it is in force again."""
    caller, body = await received(request, UndoBody, "teacher")
    now = body.time or datetime.now(UTC)
    response = _said(await caller.do(replies.undo_reply, statement, kind="review", by=body.by, now=now))
    return told(request, caller.tenant, response, Worked(statement=statement))


# ------------------------------------------------------------ requests


@router.get("/learners/{learner:path}/requests", responses=gives(said.AskedListAnswer, (404, 422)))
async def asked(request: Request, learner: LearnerId) -> Response:
    """Return what a learner asked of the teacher, and what came back."""
    found = await caller_of(request, "backend", "teacher").aside(requests.requests_of, [learner])
    return answer(said.AskedListAnswer.model_validate({"requests": found}))


@router.post("/learners/{learner:path}/requests", **asks(said.AskedBody, said.SaidAnswer, keyed=True))
async def ask(request: Request, learner: LearnerId) -> Response:
    """Keep what a learner asks: a talk, another look at a record, a resource for the class."""
    caller, body = await received(request, said.AskedBody, "backend")
    now = await moment_of(request, caller, body.now)
    return _said(await caller.do(requests.ask_teacher, learner, body.kind, body.about, now=now))


@router.post("/requests/{statement}/answer", **asks(said.RequestVerdictBody, said.SaidAnswer, keyed=True))
async def answer_to(request: Request, statement: StatementId) -> Response:
    """Keep a teacher's answer to what a learner asked; a suggestion goes on to the class that is named."""
    caller, body = await received(request, said.RequestVerdictBody, "teacher")
    await reaching(request, body.learners)
    if body.class_id:
        reaching_class(request, body.class_id)
    now = await moment_of(request, caller, body.now)
    work = partial(requests.answer_request, class_id=body.class_id, classmates=body.learners)
    made = await caller.do(work, statement, by=body.by, accept=body.accept, note=body.note, now=now)
    return _said(made)


@router.get("/learners/{learner:path}/suggestions", responses=gives(said.PassedOnAnswer, (404, 422)))
async def suggestions(request: Request, learner: LearnerId) -> Response:
    """Return what classmates suggest to a learner and the teacher passed on."""
    caller = caller_of(request, "backend", "teacher")
    found = await caller.aside(suggested_to, learner, now=datetime.now(UTC))
    catalogue = caller.space.catalogue()
    titles = {one.resource_id: one.title for one in catalogue.resources}
    lines = [
        {"resource": one.resource, "title": titles[one.resource], "time": one.time.isoformat()}
        for one in found
    ]
    return answer({"suggestions": lines})


@router.post("/answers/{statement}/undo", **asks(UndoBody, said.SaidAnswer))
async def undo_answer(request: Request, statement: StatementId) -> Response:
    """Take the answer to a request back; it waits again."""
    caller, body = await received(request, UndoBody, "teacher")
    now = body.time or datetime.now(UTC)
    return _said(await caller.do(replies.undo_reply, statement, kind="answer", by=body.by, now=now))


def _said(statement: Statement) -> Response:
    return answer({"statement_id": statement.statement_id, "playlist_id": statement.playlist_id})
