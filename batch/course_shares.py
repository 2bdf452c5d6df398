"""A week shared among a learner's courses: what each gets of the minutes, and one list for each.

A course gives some minutes a week to the list, and a learner has minutes of the week in all. Where the
courses give more than there is, it is divided by minutes × need, so that the course with more to learn and to
review gets more, and none more than it gives. Lists are drawn one course after the other, in the order of the
plan: a later one repeats nothing of an earlier one, and may use what an earlier one left over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from segue.batch.plan import WeeklyPlan
from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue, Floats, WeighedManner
from segue.features.contexts.context_columns import due
from segue.features.contexts.context_facts import skill_facts
from segue.features.history.learner_state import StateBlock
from segue.workspace.playlists.answering import Question, answer
from segue.workspace.playlists.learner_standing import LearnerStanding
from segue.workspace.records.decision_log import Draw, Entry
from segue.workspace.records.learner_states import Kept
from segue.workspace.records.learners import Learner
from segue.workspace.records.overrides import StandingActs
from segue.workspace.sources.model_registry import Champion

UNSHOWN = 2.0  # attempts at a skill at which half of its mastery counts as shown
LEAST_NEED = 0.1  # a course all of whose skills are mastered still gets something


@dataclass
class Purse:
    """What a learner has left of the week (minutes, steps), was given and promised; what courses are due."""

    learner: Learner
    due: dict[int, float]
    steps: int
    spare: float = 0.0
    drawn: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    said: LearnerStanding | None = None
    pace: float = 1.0
    manners: tuple[WeighedManner, ...] = ()


def shares(minutes: Floats, needs: Floats, total: float) -> Floats:
    """Divide `total` minutes among courses by minutes × need, none getting more than its own.

    >>> shares(np.array([60.0, 60.0, 60.0]), np.array([0.9, 0.3, 0.3]), 100.0).tolist()
    [60.0, 20.0, 20.0]
    >>> shares(np.array([60.0, 30.0]), np.array([0.2, 0.9]), 500.0).tolist()
    [60.0, 30.0]
    """
    given = np.zeros(len(minutes))
    open_ = minutes * needs > 0.0
    while open_.any():
        left = max(total - given.sum(), 0.0)
        weight = np.where(open_, minutes * needs, 0.0)
        offer = left * weight / weight.sum()
        full = open_ & (offer >= minutes)
        if not full.any():
            return np.where(open_, offer, given)
        given[full] = minutes[full]
        open_ &= ~full
    return given


def needs(champion: Champion, known: Sequence[Kept], plan: WeeklyPlan) -> Floats:
    """Return what each learner has to do in each course, (B, C), in [0.1, 1].

    The mean over the course's skills of what is not mastered, or what is due for review where that is more.
    Mastery that was never shown, only inferred from other skills, counts little.
    """
    kernel = champion.fitted.kernel
    block, now = StateBlock.of([kept.state for kept in known]), np.full(len(known), plan.now.timestamp())
    facts = skill_facts(block, kernel.reader.reading(block, now), span=kernel.span)
    shown = facts.mastery * facts.attempts / (facts.attempts + UNSHOWN)
    need = np.maximum(1.0 - shown, due(facts.attempts, facts.days))
    index = kernel.catalogue.skill_index
    columns = [[index[s] for s in c.skills if s in index] or slice(None) for c in plan.courses]
    means = np.stack([need[:, which].mean(axis=1) for which in columns], axis=1)
    return np.asarray(np.maximum(means, LEAST_NEED))


def lists(
    champion: Champion,
    people: Sequence[Learner],
    known: Mapping[int, Kept],
    *,
    plan: WeeklyPlan,
    taken: Sequence[tuple[int, ...]],
    held: Mapping[int, StandingActs] | None = None,
    said: Mapping[int, LearnerStanding] | None = None,
    manners: Mapping[int, tuple[WeighedManner, ...]] | None = None,
) -> Iterator[Entry]:
    """Yield the lists of learners, one for each course that they take (`taken`: places in `plan.courses`).

    `held` is what teachers took out of and pinned into the lists of some learners, `said` what these said of
    themselves, `manners` what is fixed for their classes, all by their number. A pin goes into the first
    course that has the resource.

    ``draw.request_no`` of an entry is the place of its course, from 1.
    """
    nobody = champion.fold.fresh()
    need = needs(champion, [nobody if p.opted_out else known[p.number] for p in people], plan)
    purses = [_purse(*mine, plan=plan) for mine in zip(people, need, taken, strict=True)]
    index = champion.fitted.catalogue.resource_index
    for purse in purses:
        purse.said = (said or {}).get(purse.learner.number)
        purse.manners = () if purse.learner.opted_out else (manners or {}).get(purse.learner.number, ())
        if acts := (held or {}).get(purse.learner.number):
            purse.drawn = tuple(r for r in acts.out if r in index)
            purse.pinned = tuple(r for r in acts.pinned if r in index and r not in purse.drawn)
    for place, course in enumerate(plan.courses):
        candidates = course.resources(champion.fitted.catalogue)
        asking = [purse for purse in purses if place in purse.due and purse.steps > 0]
        questions = [_question(purse, place, plan, candidates) for purse in asking]
        entries = answer(champion, questions, known) if questions else []
        for purse, entry in zip(asking, entries, strict=True):
            _close(purse, entry, champion.fitted.catalogue)
        yield from entries


def _purse(person: Learner, need: Floats, taken: tuple[int, ...], *, plan: WeeklyPlan) -> Purse:
    pace = plan.pace_of(person.surrogate)
    minutes = np.array([plan.courses[place].minutes for place in taken]) / pace
    total = float(minutes.sum()) if plan.minutes is None else plan.minutes / pace
    given = shares(minutes, need[list(taken)], total)
    return Purse(person, dict(zip(taken, given.tolist(), strict=True)), plan.k, pace=pace)


def _question(purse: Purse, place: int, plan: WeeklyPlan, candidates: tuple[str, ...] | None) -> Question:
    mine, later = purse.due[place], sum(m for other, m in purse.due.items() if other > place)
    minutes = min(mine + purse.spare, plan.courses[place].minutes / purse.pace)
    steps = purse.steps if not later else round(purse.steps * mine / (mine + later))
    request = Request(
        purse.learner.surrogate,
        plan.now,
        candidates=candidates,
        excluded=purse.drawn,
        k=max(steps, 1),
        minutes=minutes,
        courses=(plan.courses[place].class_id,),
        manners=purse.manners,
    )
    draw = Draw(plan.seed, "playlist", plan.week, purse.learner.number, place + 1)
    purse.spare += mine
    pins = [r for r in purse.pinned if candidates is None or r in candidates][: request.k]
    purse.pinned = tuple(r for r in purse.pinned if r not in pins)
    under = replace(request, pins=tuple(pins)) if pins else None
    return Question(request, purse.learner, draw, "weekly", said=purse.said, under=under)


def _close(purse: Purse, entry: Entry, catalogue: Catalogue) -> None:
    """Take what a list uses from what there is."""
    drawn = [step.resource for step in entry.playlist.steps]
    purse.spare -= sum(catalogue.resource(r).minutes for r in drawn)
    purse.steps -= len(drawn)
    purse.drawn += tuple(drawn)
