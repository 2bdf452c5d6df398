"""Worlds made to strain the rules: a varied catalogue, learners with histories, and requests of every kind.

Audits of the engine (rules, propensities, reasons) run over these, in tests with hundreds of requests and in
benchmarks with a hundred thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from segue.engine.policies.base import Policy
from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Dials, Goal, Mode, Place, Request
from segue.features.catalogue import Catalogue, Resource
from segue.features.history.attempts import encode
from segue.features.history.batch_fold import fold
from segue.features.history.learner_state import LearnerState

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
BANDS = ("", "K-5", "6", "6-8", "7-8", "9-12")
KINDS = ("lesson", "video", "exercise", "exercise", "quiz", "game")
COURSES = (None, None, ("c0",), ("c1", "c2"), ())
MODES: tuple[Mode, ...] = ("playlist", "playlist", "playlist", "next", "review", "intervene")


@dataclass(frozen=True, eq=False)
class StressWorld:
    """A fitted recommender and the states of its learners."""

    recommender: Recommender
    states: tuple[LearnerState, ...]

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of the recommender."""
        return self.recommender.catalogue


def catalogue(rng: np.random.Generator, *, n: int = 120, n_skills: int = 20) -> Catalogue:
    """Return resources that differ in everything the rules read, over a chain of skills with branches."""
    resources = [_resource(rng, i, n_skills) for i in range(n)]
    links = [(f"s{int(rng.integers(0, k))}", f"s{k}") for k in range(1, n_skills) if rng.random() < 0.8]
    return Catalogue.build(resources, prerequisites=links)


def _resource(rng: np.random.Generator, i: int, n_skills: int) -> Resource:
    opens, closes = rng.integers(-20, 3), rng.integers(-2, 40)
    return Resource(
        resource_id=f"r{i:03d}",
        skills=tuple(f"s{k}" for k in rng.choice(n_skills, size=rng.integers(1, 4), replace=False)),
        tags=tuple(f"t{t}" for t in rng.choice(8, size=rng.integers(0, 3), replace=False)),
        difficulty=float(rng.integers(1, 6)),
        kind=str(rng.choice(KINDS)),
        minutes=float(rng.integers(1, 8) * 5),
        language=str(rng.choice(["", "", "en-GB", "es"])),
        grade_band=str(rng.choice(BANDS)),
        available_from=pd.Timestamp(NOW) + pd.Timedelta(days=int(opens)) if rng.random() < 0.3 else None,
        available_until=pd.Timestamp(NOW) + pd.Timedelta(days=int(closes)) if rng.random() < 0.3 else None,
        offline=bool(rng.random() < 0.7),
        content=str(rng.choice(["", "words", "pictures"])),
        process=str(rng.choice(["", "alone", "together"])),
        product=str(rng.choice(["", "text", "talk"])),
        courses=() if i % 4 else (f"c{i % 3}",),
    )


def events(rng: np.random.Generator, made: Catalogue, *, n_learners: int = 40) -> pd.DataFrame:
    """Return the attempts of learners who differ in ability and in how much they did, up to an hour ago."""
    rows: list[dict[str, Any]] = []
    for learner in range(n_learners):
        ability = rng.normal(0.8, 1.2)
        hours = np.sort(rng.uniform(1, 24 * 60, int(rng.integers(0, 120))))[::-1]
        favourites = rng.permutation(len(made.resources))[: rng.integers(5, len(made.resources))]
        for ago in hours:
            item = int(rng.choice(favourites))
            chance = 1 / (1 + np.exp(-(ability - 0.5 * (made.difficulty[item] - 3))))
            when = pd.Timestamp(NOW) - pd.Timedelta(hours=float(ago))
            rows.append(_event(len(rows), f"l{learner:03d}", made.resources[item].resource_id, when))
            rows[-1]["score"] = float(rng.random() < chance)
    return pd.DataFrame(rows)


def _event(seq: int, learner: str, resource: str, when: pd.Timestamp) -> dict[str, Any]:
    return {
        "event_id": f"e{seq}",
        "kind": "attempt",
        "learner": learner,
        "resource": resource,
        "time": when,
        "seq": seq,
        "completed": 1.0,
    }


def world(seed: int, *, policy: Policy | None = None, n: int = 120) -> StressWorld:
    """Return a world of its own for each seed."""
    rng = np.random.default_rng(seed)
    made = catalogue(rng, n=n)
    log = events(rng, made)
    recommender = fit(made, log, rng=rng, now=NOW, policy=policy)
    attempts, learners = encode(log, made)
    block = fold(attempts, len(learners), recommender.kernel.parameters)
    return StressWorld(recommender, (LearnerState.fresh(made), *block.states()))


def requests(rng: np.random.Generator, of: StressWorld, n: int) -> list[Request]:
    """Return `n` requests that mix every wish, limit and mode; some cannot be met."""
    return [_request(rng, of, i) for i in range(n)]


def _request(rng: np.random.Generator, of: StressWorld, i: int) -> Request:
    ids = [r.resource_id for r in of.catalogue.resources]
    some = rng.permutation(ids).tolist()
    maybe = rng.random(8)
    pinned = int(rng.integers(1, 3)) if maybe[0] < 0.1 else 0
    return Request(
        learner=f"q{i}",
        now=NOW + timedelta(hours=int(rng.integers(0, 72))),
        state=of.states[int(rng.integers(len(of.states)))],
        interests=tuple(f"t{t}" for t in rng.choice(8, size=2, replace=False)),
        candidates=tuple(some[: rng.integers(3, len(some))]) if maybe[1] < 0.5 else None,
        k=max(int(rng.integers(1, 11)), pinned),
        menu=int(rng.integers(2, 4)) if maybe[2] < 0.15 else 1,
        mode=MODES[int(rng.integers(len(MODES)))],
        minutes=float(rng.integers(1, 20) * 5) if maybe[3] < 0.4 else None,
        place=_place(rng),
        goal=Goal((f"s{int(rng.integers(20))}",), NOW + timedelta(days=9)) if maybe[4] < 0.2 else None,
        dials=Dials(*rng.uniform(-1, 1, 3)) if maybe[5] < 0.2 else Dials(),
        pins=tuple(some[-pinned:]) if pinned else (),
        excluded=tuple(some[:4]) if maybe[6] < 0.2 else (),
        fill=bool(maybe[7] < 0.3),
        courses=COURSES[i % len(COURSES)],
        planned=tuple(some[4:9]) if i % 5 == 0 else (),
    )


def _place(rng: np.random.Generator) -> Place:
    maybe = rng.random(6) < 0.2
    return Place(
        offline=bool(maybe[0]),
        language="en" if maybe[1] else "",
        grade_band=str(rng.choice(BANDS)) if maybe[2] else "",
        grade_floor=float(rng.integers(5, 10)) if maybe[3] else None,
        kinds=("exercise", "game") if maybe[4] else (),
        content="words" if maybe[5] else "",
        process="alone" if rng.random() < 0.1 else "",
        product="text" if rng.random() < 0.1 else "",
    )
