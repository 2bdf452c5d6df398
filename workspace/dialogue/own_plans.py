"""A learner's own plan: proposed, looked over, approved or returned, and served as the learner's own.

An approved plan becomes the list in force, without what was retired, is not open, or was taken out for this
learner by then: that is said of the plan and on the list. Each step is logged as put in by the learner,
beside what the engine would have drawn and how likely that was, so that no estimate takes it for the engine's
choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from segue.engine.explanations.own_plan import FindingKind, PlanCheck, PlanStep, check_plan, shut
from segue.engine.requests.request import Request
from segue.features.iso_weeks import week_of
from segue.workspace.dialogue.negotiation import known_person, statement_name
from segue.workspace.dialogue.replies import reply_to
from segue.workspace.playlists.answering import Question, answer
from segue.workspace.playlists.learner_standing import standings_in
from segue.workspace.records import learner_states as states
from segue.workspace.records.decision_log import Draw, Entry, log, rows_of
from segue.workspace.records.learners import Learner, find_learners
from segue.workspace.records.overrides import StandingActs, standing_for
from segue.workspace.records.statements import (
    Statement,
    append_statement,
    find_statement,
    standing_of,
    statements_of,
)
from segue.workspace.storage.database import Connection
from segue.workspace.storage.errors import DeclinedError
from segue.workspace.workspace import Workspace

Verdict = Literal["waiting", "approved", "returned"]
WHY_LEFT_OUT: Mapping[FindingKind, str] = {
    "taken out": "a teacher took it out",
    "retired": "it was retired from the catalogue",
    "closed": "it is not open now",
}
LONGEST, MOST_STEPS = 80, 30  # letters of an activity or a word of the teacher's; steps of a plan


class LeftOut(NamedTuple):
    """A resource of a plan that was not put on the list when the plan was approved, and why."""

    resource: str
    why: FindingKind


@dataclass(frozen=True)
class OwnPlan:
    """A plan as it stands: who made it and when, its steps, what Segue and the teacher say of it.

    `reviewed_by` is the pseudonym of the teacher who answered.
    """

    statement_id: str
    learner: str
    time: datetime
    steps: tuple[PlanStep, ...]
    check: PlanCheck
    verdict: Verdict
    note: str = ""
    review_id: str = ""
    left_out: tuple[LeftOut, ...] = ()
    reviewed_by: str = ""


def propose_plan(
    workspace: Workspace, learner: str, steps: Sequence[PlanStep], *, now: datetime
) -> Statement:
    """Keep a plan for the teacher to look at; one proposed before and not approved yet gives way to it.

    Raises
    ------
    DeclinedError
        When it has no step or too many, a step that is neither or both of resource and activity, or
        minutes that nobody has.
    """
    _check(steps)
    rows = [{"resource": s.resource, "activity": s.activity, "minutes": s.minutes} for s in steps]
    with workspace.store.write() as connection:
        person = known_person(workspace, connection, learner)
        name = statement_name(person, "plan", repr(rows), now)
        return append_statement(
            connection, Statement(name, 0, person.number, "plan", "", now, {"steps": rows})
        )


def plans_of(
    workspace: Workspace, learners: Sequence[str], *, now: datetime, minutes: float | None = None
) -> list[OwnPlan]:
    """Return the last plan of each learner who made one, with what speaks for and against it."""
    with workspace.store.read() as connection:
        people = find_learners(connection, workspace.keyring, learners)
        inside = {person.number: who for who, person in people.items() if not person.opted_out}
        said = standing_of(statements_of(connection, list(inside), ("plan", "review", "undo")))
        stands = standings_in(connection, inside, workspace.catalogue_in(connection))
    last = {s.learner: s for s in said if s.kind == "plan"}
    reviews = {s.about: s for s in said if s.kind == "review"}
    champion, asking = workspace.asking([inside[number] for number in last], now=now)
    out = []
    for number, statement in last.items():
        who = inside[number]
        goal = stands[number].goal if number in stands else None
        steps = steps_in(statement.body)
        recommender = champion.recommender
        named = [s.resource for s in steps if s.resource in recommender.catalogue.resource_index]
        request = replace(asking[who].record, candidates=tuple(dict.fromkeys(named)) or None, pins=())
        wanted = goal.skills if goal else ()
        asked = recommender.asked((request,))
        found = check_plan(recommender.kernel, asked, steps, minutes=minutes, wanted=wanted)
        review = reviews.get(statement.statement_id)
        verdict: Verdict = review.body["verdict"] if review else "waiting"
        note, name = (review.body["note"], review.statement_id) if review else ("", "")
        left = _left_out(review) if review else ()
        about = (statement.statement_id, who, statement.time, steps)
        out.append(OwnPlan(*about, found, verdict, note, name, left, review.said_by if review else ""))
    return out


def review_plan(
    workspace: Workspace, plan_id: str, *, by: str, approve: bool, note: str = "", now: datetime
) -> Statement:
    """Approve a plan, which puts what is open of it in force, or return it with a word.

    Raises
    ------
    DeclinedError
        When there is no such plan, it was answered before, or it cannot be served as it stands.
    """
    with workspace.store.write() as connection:
        plan = find_statement(connection, plan_id)
        if plan is None or plan.kind != "plan":
            raise DeclinedError("absent", "no_plan", "there is no such plan")
        body = {"verdict": "approved" if approve else "returned", "note": note[:LONGEST]}
        teacher = workspace.pseudonym_of_teacher(by)
        review = reply_to(connection, plan, "review", body, by=teacher, now=now)
        if approve and not review.number:
            entry, left = _served(workspace, connection, plan, now=now)
            log(connection, rows_of([entry]))
            more = {"left_out": left} if left else {}
            review = replace(review, playlist_id=entry.playlist_id, body={**body, **more})
        return append_statement(connection, review)


def left_out(workspace: Workspace, learner: str) -> tuple[LeftOut, ...]:
    """Return what was left out of the last plan of a learner's that was approved, and why."""
    with workspace.store.read() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        if person is None or person.opted_out:
            return ()
        said = standing_of(statements_of(connection, [person.number], ("review", "undo")))
    approved = [s for s in said if s.kind == "review" and s.playlist_id]
    return _left_out(approved[-1]) if approved else ()


def _left_out(review: Statement) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(*one) for one in review.body.get("left_out", ()))


def steps_in(body: Mapping[str, Any]) -> tuple[PlanStep, ...]:
    """Return the steps of a plan's statement."""
    return tuple(PlanStep(row["resource"], row["activity"], row["minutes"]) for row in body["steps"])


def _served(
    workspace: Workspace, connection: Connection, plan: Statement, *, now: datetime
) -> tuple[Entry, list[tuple[str, FindingKind]]]:
    """Return the list of an approved plan, each step put in by the learner, and what is left out of it."""
    champion = workspace.champion(connection)
    catalogue = champion.fitted.catalogue
    names = tuple(dict.fromkeys(step.resource for step in steps_in(plan.body) if step.resource))
    unknown = [name for name in names if name not in catalogue.resource_index]
    if unknown or not names:
        what = f"{unknown[0]!r} is not in the catalogue" if unknown else "it names no resource"
        raise DeclinedError("invalid", "not_servable", f"this plan cannot be served: {what}")
    acts = standing_for(connection, [plan.learner], round(now.timestamp() * 1e6))
    out = acts.get(plan.learner, StandingActs()).out
    found = {name: shut(catalogue, name, now.timestamp(), out=out) for name in names}
    left = [(name, kind) for name, kind in found.items() if kind]
    notes = tuple(f"{name!r} of the plan is left out: {WHY_LEFT_OUT[kind]}" for name, kind in left)
    names = tuple(name for name, kind in found.items() if not kind)
    if not names:
        raise DeclinedError("invalid", "not_servable", f"this plan cannot be served: {'; '.join(notes)}")
    kept, newer = states.current(connection, [plan.learner], champion.fold)
    states.save(connection, newer, champion.fold)
    person = Learner(plan.learner, str(plan.learner))
    request = Request(person.surrogate, now, k=len(names), pins=names)
    seed = f"{workspace.configuration.seed}/own/{plan.number}"
    draw = Draw(seed, request.mode, week_of(now, workspace.time_zone), plan.learner, 0)
    (entry,) = answer(champion, [Question(request, person, draw, "weekly")], kept)
    said = {"by": "learner", "reason": "own plan"}
    own = [replace(step, override={**(step.override or {}), **said}) for step in entry.playlist.steps]
    playlist = replace(entry.playlist, steps=tuple(own), notes=(*notes, *entry.playlist.notes))
    return replace(entry, playlist=playlist), left


def _check(steps: Sequence[PlanStep]) -> None:
    if not 1 <= len(steps) <= MOST_STEPS:
        raise _invalid(f"a plan has 1 to {MOST_STEPS} steps, got {len(steps)}")
    for step in steps:
        if bool(step.resource) == bool(step.activity):
            raise _invalid("each step of a plan is a resource or an activity of your own")
        if len(step.activity) > LONGEST:
            raise _invalid(f"an activity is named in at most {LONGEST} letters")
        if step.minutes is not None and not 0 < step.minutes <= 600:
            raise _invalid("minutes of a step must lie between 1 and 600")


def _invalid(message: str) -> DeclinedError:
    return DeclinedError("invalid", "not_a_plan", message)
