"""What stands on a student's pages, as values: the templates only lay it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segue.features.catalogue import Catalogue, Resource
from segue.service.http.refusals import RefusedError
from segue.service.pages.sessions.visits import Visit
from segue.service.pages.standing_list import OPTIONS, STEPS, PageStep, shown, standing
from segue.service.pages.texts import translations
from segue.workspace.dialogue import learner_steps, negotiation, own_plans
from segue.workspace.dialogue.negotiation import PictureChange
from segue.workspace.dialogue.passed_on import suggested_to
from segue.workspace.playlists.step_feedback import FACTS
from segue.workspace.records.statements import Statement
from segue.workspace.storage.errors import opted_out_learner


@dataclass(frozen=True)
class WeekView:
    """My week: objectives first, then the steps; `out` of profiling, it is the list that everybody has."""

    week: str
    aims: tuple[str, ...]
    steps: tuple[PageStep, ...]
    done: int
    minutes_left: int
    may_edit: bool
    out: bool = False
    suggested: tuple[Resource, ...] = ()
    left_out: tuple[tuple[Resource, str], ...] = ()


def week_view(visit: Visit) -> WeekView:
    """Return the learner's list of this week as a page shows it."""
    out = visit.opted_out(visit.ticket.who)
    own = out or visit.ticket.role == "learner"
    read = standing if own else shown  # only its learner has a list drawn that is kept
    words = translations(visit.locale)
    week, every = read(visit.space, visit.ticket.who, now=visit.now, words=words)
    steps = tuple(step for step in every if step.state != "removed")
    left = [step.resource.minutes for step in steps if step.state != "done"]
    catalogue, there = visit.space.catalogue(), {step.resource.resource_id for step in steps}
    passed = suggested_to(visit.space, visit.ticket.who, now=visit.now)
    names = [one.resource for one in passed if one.resource not in there]
    gone: list[tuple[str, str]] = [
        (step.resource.resource_id, step.shown.left_out) for step in every if step.state == "removed"
    ]
    if any(step.by_learner for step in every):
        gone += own_plans.left_out(visit.space, visit.ticket.who)
    why = {name: said for name, said in gone if name not in there}
    return WeekView(
        week=week,
        aims=aims_of([step.resource for step in steps], catalogue),
        steps=steps,
        done=sum(step.state == "done" for step in steps),
        minutes_left=round(sum(left)),
        may_edit=visit.ticket.role == "learner" and all(step.kept for step in steps),
        out=out,
        suggested=tuple(map(catalogue.resource, names)),
        left_out=tuple((catalogue.resource(name), said) for name, said in why.items()),
    )


def check_profiled(visit: Visit) -> None:
    """Refuse the pages about a learner to who opted out: they would have nothing to show, and keep nothing.

    Raises
    ------
    DeclinedError
        When the learner opted out.
    """
    if visit.opted_out(visit.ticket.who):
        raise opted_out_learner()


def aims_of(resources: Sequence[Resource], catalogue: Catalogue) -> tuple[str, ...]:
    """Return what the steps are for, in "I can" words, each once and in order."""
    skills = dict.fromkeys(skill for resource in resources for skill in resource.skills)
    lines = [catalogue.skills[catalogue.skill_index[name]] for name in skills]
    return tuple(dict.fromkeys(s.i_can or s.statement or s.skill_id for s in lines))


def _step(visit: Visit, decision_id: str, *, seen: str = "") -> PageStep:
    _, steps = standing(visit.space, visit.ticket.who, now=visit.now)
    for step in steps:
        if step.decision_id == decision_id and seen in ("", step.resource.resource_id):
            return step
        if step.decision_id == decision_id:
            raise RefusedError(409, "changed", "not what the page showed stands at this step by now")
    check_profiled(visit)
    raise RefusedError(404, "no_step", "this step is not on the learner's list")


def another(visit: Visit, decision_id: str) -> bool:
    """Put the next option of a step's menu in its place; False when there is none left."""
    _step(visit, decision_id)
    return learner_steps.another(visit.space, decision_id, now=visit.now) is not None


def choose(visit: Visit, decision_id: str, resource: str) -> None:
    """Take one of the options of a step of the learner's own list."""
    _step(visit, decision_id)
    visit.space.choose(decision_id, resource, now=visit.now)


RATINGS = {"easy": 0.25, "hard": 0.0, "liked": 1.0}


def rate(visit: Visit, decision_id: str, word: str, *, seen: str = "") -> str:
    """Say how a step of the learner's own list was; return what was said before, "" for nothing else."""
    step, rating, space = _step(visit, decision_id, seen=seen), RATINGS[word], visit.space
    was = step.shown.rating
    if was not in (None, rating):
        space.take_back(decision_id, "rating", now=visit.now)
    space.rate(decision_id, rating, now=visit.now)
    return next((name for name, value in RATINGS.items() if was == value != rating), "")


def finish(visit: Visit, decision_id: str, *, seen: str = "") -> None:
    """Keep that a step of the learner's own list was finished; pressed twice, it is kept once."""
    _step(visit, decision_id, seen=seen)
    visit.space.finish(decision_id, now=visit.now)


def claim_step(visit: Visit, decision_id: str, *, seen: str = "") -> Statement:
    """Keep the claim that the learner knows what a step practises."""
    skill = _step(visit, decision_id, seen=seen).resource.skills[0]
    change = PictureChange(skill=skill, says="know")
    space, who = visit.space, visit.ticket.who
    return negotiation.save_change(space, who, change, now=visit.now, k=STEPS, menu=OPTIONS)


def take_back(visit: Visit, what: str) -> None:
    """Take back a statement ("statement:ID"), or what was said of a step ("choice:ID", "rating:ID" ...).

    A rating gives way to the one before it ("easy:ID").
    """
    kind, _, name = what.partition(":")
    space = visit.space
    if kind in RATINGS:
        rate(visit, name, kind)
        return
    for fact in FACTS:
        if kind == fact:
            _step(visit, name)
            space.take_back(name, fact, now=visit.now)
            return
    if kind != "statement":
        raise RefusedError(422, "undo", "there is nothing of this kind to take back")
    negotiation.take_back(space, visit.ticket.who, name, now=visit.now)
