"""A school term: a policy chooses, a simulated class does, and the outcome is what it knows in the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from segue.experiments.simulation.cohort import Cohort, TermSlot
from segue.experiments.simulation.student_models import StudentModel
from segue.experiments.simulation.worlds.synthetic_course import Pupils, World, course, pupils
from segue.experiments.simulation.worlds.teaching_worlds import WorldSetting
from segue.features.catalogue import Bools, Floats, Ints

WEEK = 168.0
_PLAYLIST, _NEXT, _PER_DAY = 10, 1, 2


@dataclass(frozen=True)
class TermPlan:
    """The shape of a term: sizes, weeks of lessons, and the week before which a holiday of one week lies."""

    n_learners: int = 150
    n_log: int = 100
    weeks: int = 12
    holiday: int = 6
    n_test: int = 24
    n_skills: int = 48
    n_resources: int = 240


@dataclass(frozen=True, eq=False)
class Stage:
    """Everything that is the same for all policies of one seed, drawn once."""

    world: World
    people: Pupils
    former: Pupils
    model: StudentModel
    plan: TermPlan
    seed: int

    @classmethod
    def build(
        cls,
        model: StudentModel,
        *,
        seed: int,
        plan: TermPlan | None = None,
        setting: WorldSetting | None = None,
    ) -> Stage:
        """Return the stage of `seed`: its course, its learners, and those of the year before.

        `setting` makes the course another one than usual.
        """
        plan, setting = plan or TermPlan(), setting or WorldSetting("usual")
        world = course(
            np.random.default_rng([seed, 1]),
            n_skills=plan.n_skills,
            n_resources=plan.n_resources,
            faults=setting.faults,
        )
        world = setting.applied(world, np.random.default_rng([seed, 7]))
        people = pupils(world, plan.n_learners, np.random.default_rng([seed, 2]))
        former = pupils(world, plan.n_log, np.random.default_rng([seed, 3]), prefix="former")
        return cls(world, people, former, model, plan, seed)

    def rng(self, purpose: int) -> np.random.Generator:
        """Return the generator of one purpose: common random numbers for every policy."""
        return np.random.default_rng([self.seed, 10 + purpose])

    def cohort(self) -> Cohort:
        """Return this year's class, fresh."""
        return Cohort(self.world, self.people, model=self.model, rng=self.rng(0))

    @property
    def exams(self) -> tuple[float, float]:
        """Hours of the end of the term and of four weeks later."""
        end = self.start_of(self.plan.weeks)
        return end, end + 4 * WEEK

    def start_of(self, week: int) -> float:
        """Hour of the Monday of `week`, the holiday counted in."""
        return WEEK * (week + (week >= self.plan.holiday))


@dataclass(frozen=True, eq=False)
class TermAsk:
    """A question to a policy: `k` resources, in order, for each of `learners` out of `candidates`."""

    learners: Ints
    candidates: Ints
    k: int
    hours: float
    rng: np.random.Generator


class TermPolicy(Protocol):
    """Chooses for a class; sees answers, never mastery (but for the clairvoyant reference)."""

    @property
    def name(self) -> str:
        """Short name for tables."""

    @property
    def replans(self) -> bool:
        """True when it is asked again before every step of a playlist."""

    def start(self, stage: Stage, cohort: Cohort) -> None:
        """Begin a term; only the clairvoyant keeps `cohort`."""

    def past(self, slots: list[TermSlot]) -> None:
        """Take in the log of the former class (rows are its own learners)."""

    def learn(self, slot: TermSlot) -> None:
        """Take in what the class did at one moment."""

    def choose(self, ask: TermAsk) -> tuple[Ints, Floats]:
        """Return resources and propensities, both (B, k)."""

    def end_week(self, week: int) -> None:
        """Do the weekly job."""


@dataclass(frozen=True, eq=False)
class Result:
    """The outcome of a term.

    `gain` (L,): mean over skills of true mastery, averaged over the two examinations, minus that before;
    `prior` (L,): true mastery before; `stayed` (L,); contract violations; requests and the seconds they took;
    `curve` (weeks + 1, L): the mean over skills of true mastery before the term and as each week ends.
    """

    gain: Floats
    prior: Floats
    stayed: Bools
    violations: int
    requests: int
    seconds: float
    curve: Floats


def run(stage: Stage, policy: TermPolicy) -> Result:
    """Return the outcome of one term under `policy`."""
    cohort = stage.cohort()
    before = cohort.mastery(0.0).mean(axis=1)
    policy.start(stage, cohort)
    policy.past(former_log(stage))
    tests = stage.rng(1)
    items = tests.choice(stage.plan.n_resources, stage.plan.n_test, replace=False)
    policy.learn(cohort.test(items, tests.random((stage.plan.n_learners, len(items))), hours=6.0))
    clerk = _Clerk(policy, stage.rng(2))
    draws = stage.rng(3)
    curve = [before]
    for week in range(stage.plan.weeks):
        _week(stage, cohort, week=week, clerk=clerk, draws=draws)
        policy.end_week(week)
        curve.append(cohort.mastery(stage.start_of(week) + 24.0 * 7).mean(axis=1))
    after = np.mean([cohort.mastery(hours).mean(axis=1) for hours in stage.exams], axis=0)
    done = (clerk.violations, clerk.requests, clerk.seconds)
    return Result(after - before, before, cohort.present, *done, np.array(curve))


def former_log(stage: Stage) -> list[TermSlot]:
    """Return what the former class did in its term, half of it by the course, half of it by chance.

    Propensities are exact: ½ / n + ½ softmax of a walk along the course.
    """
    cohort = Cohort(stage.world, stage.former, model=stage.model, rng=stage.rng(4))
    rng = stage.rng(5)
    n_learners, n = cohort.match.shape
    items = rng.choice(n, stage.plan.n_test, replace=False)
    slots = [cohort.test(items, rng.random((n_learners, len(items))), hours=6.0)]
    place = stage.world.level[stage.world.catalogue.skill_matrix[:, 0]]
    for week, _, hours, kind in _timetable(stage):
        walk = np.exp(-(((place - (week + 0.5) / stage.plan.weeks) / 0.06) ** 2))
        chance = 0.5 / n + 0.5 * walk / walk.sum()
        who = np.flatnonzero(cohort.present)
        chosen = rng.choice(n, len(who), p=chance / chance.sum())
        draws = rng.random((n_learners, cohort.n_uniforms))
        slots.append(cohort.do(who, chosen, draws, hours=hours, propensity=chance[chosen], kind=kind))
    return slots


def _timetable(stage: Stage) -> Iterator[tuple[int, int, float, str]]:
    """Yield (week, position in the playlist or -1, hours, kind) of every slot of the term."""
    for week in range(stage.plan.weeks):
        for day in range(5):
            morning = stage.start_of(week) + 24.0 * day + 9.0
            for lesson in range(_PER_DAY):
                yield week, _PER_DAY * day + lesson, morning + lesson, "playlist"
            yield week, -1, morning + 5.0, "next"


def _week(stage: Stage, cohort: Cohort, *, week: int, clerk: _Clerk, draws: np.random.Generator) -> None:
    """Playlist on Monday, two steps of it a weekday, and a next step every afternoon."""
    n_learners, n = cohort.match.shape
    candidates = np.flatnonzero(draws.random(n) < 0.9)
    lists, chances = clerk.ask(cohort, candidates, k=_PLAYLIST, hours=stage.start_of(week) + 8.0)
    for own, position, hours, kind in _timetable(stage):
        if own != week:
            continue
        uniforms = draws.random((n_learners, cohort.n_uniforms))
        if kind == "next" or clerk.policy.replans:
            chosen, chance = clerk.ask(cohort, candidates, k=_NEXT, hours=hours)
            chosen, chance = chosen[:, 0], chance[:, 0]
        else:
            chosen, chance = lists[:, position], chances[:, position]
        who = np.flatnonzero(cohort.present & (chosen >= 0))
        slot = cohort.do(who, chosen[who], uniforms, hours=hours, propensity=chance[who], kind=kind)
        clerk.policy.learn(slot)


class _Clerk:
    """Asks the policy, keeps time, and counts answers that break the contract."""

    def __init__(self, policy: TermPolicy, rng: np.random.Generator) -> None:
        self.policy = policy
        self.rng = rng
        self.violations = 0
        self.requests = 0
        self.seconds = 0.0

    def ask(self, cohort: Cohort, candidates: Ints, *, k: int, hours: float) -> tuple[Ints, Floats]:
        """Return choices and propensities (L, k) of everybody, -1 where a learner has left."""
        who = np.flatnonzero(cohort.present)
        began = time.perf_counter()
        chosen, chance = self.policy.choose(TermAsk(who, candidates, k, hours, self.rng))
        self.seconds += time.perf_counter() - began
        self.requests += len(who)
        self.violations += int(_broken(chosen, chance, candidates=candidates, shape=(len(who), k)))
        full = np.full((len(cohort.present), k), -1, dtype=np.int64)
        full[who] = chosen
        chances = np.ones((len(cohort.present), k))
        chances[who] = chance
        return full, chances


def _broken(chosen: Ints, chance: Floats, *, candidates: Ints, shape: tuple[int, int]) -> int:
    """Count rows that are not `k` distinct candidates with propensities in (0, 1]."""
    if chosen.shape != shape or chance.shape != shape:
        return shape[0]
    ordered = np.sort(chosen, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    strange = ~np.isin(chosen, candidates).all(axis=1)
    improper = ~((chance > 0) & (chance <= 1)).all(axis=1)
    return int((twice | strange | improper).sum())
