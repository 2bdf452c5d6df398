"""The classroom contract: a tutor that knows frames and ids only, asked as a policy of a simulated term."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache as cached
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import pandas as pd

from segue.experiments.simulation.cohort import Cohort, TermSlot
from segue.experiments.simulation.school_term import Stage, TermAsk
from segue.features.catalogue import Floats, Ints

_TERM, _FORMER = pd.Timestamp("2026-09-07"), pd.Timestamp("2025-09-08")
_COLUMNS = ("learner_id", "resource_id", "timestamp", "kind", "completed", "correct", "propensity")
Choices = list[tuple[str, float]]


class Tutor(Protocol):
    """What the contract asks of a recommender; see ``benchmarks/classroom.py``."""

    def start(self, catalogue: pd.DataFrame, prerequisites: pd.DataFrame, learners: pd.DataFrame) -> None:
        """Begin, once, before the term."""

    def learn(self, events: pd.DataFrame) -> None:
        """Take in events, in time order."""

    def recommend_batch(self, requests: list[dict[str, Any]]) -> list[Choices]:
        """Return, for each request, k distinct candidates with their propensities."""

    def end_week(self, week: int) -> None:
        """Do the weekly job."""


class _Request(dict[str, Any]):
    """A request of the contract whose history is made when somebody reads it."""

    def __init__(self, histories: Callable[[], list[pd.DataFrame]], learner: int, **given: Any) -> None:
        super().__init__(given)
        self._histories, self._learner = histories, learner

    def __missing__(self, key: str) -> Any:
        if key != "history":
            raise KeyError(key)
        self[key] = self._histories()[self._learner]
        return self[key]


class Contract:
    """A policy that asks a tutor.

    Attributes
    ----------
    taught : list of (TermSlot, int)
        What was done of what the tutor chose, and out of how many candidates.

    Examples
    --------
    ``run(stage, Contract(Segue()))``
    """

    replans = False

    def __init__(self, tutor: Tutor, *, name: str = "segue") -> None:
        self.tutor = tutor
        self.name = name

    def start(self, stage: Stage, cohort: Cohort) -> None:
        """Hand over catalogue, prerequisites and learners."""
        del cohort
        self._resources = [r.resource_id for r in stage.world.catalogue.resources]
        self._index = {name: i for i, name in enumerate(self._resources)}
        self._names = np.array(self._resources, dtype=object)
        self._people = np.array(stage.people.ids, dtype=object)
        self._former = np.array(stage.former.ids, dtype=object)
        self._stated = [list(tags) for tags in stage.people.stated]
        self._frames: list[pd.DataFrame] = []
        self.taught: list[tuple[TermSlot, int]] = []
        self._offered = 0
        resources, prerequisites = stage.world.frames()
        shuffled = resources.iloc[np.random.default_rng([stage.seed, 4]).permutation(len(resources))]
        self.tutor.start(shuffled.reset_index(drop=True), prerequisites, stage.people.frame())

    def past(self, slots: list[TermSlot]) -> None:
        """Hand over the log of the former class in one call."""
        log = [self._frame(slot, self._former, began=_FORMER) for slot in slots]
        self.tutor.learn(pd.concat(log, ignore_index=True))

    def learn(self, slot: TermSlot) -> None:
        """Hand over what the class did."""
        if self._offered:
            self.taught.append((slot, self._offered))
        frame = self._frame(slot, self._people, began=_TERM)
        self._frames.append(frame)
        self.tutor.learn(frame)

    def end_week(self, week: int) -> None:
        """Pass on."""
        self.tutor.end_week(week)

    def choose(self, ask: TermAsk) -> tuple[Ints, Floats]:
        """TermAsk for everybody at once; a resource nobody knows becomes -1, which breaks the contract."""
        self._offered = len(ask.candidates)
        answers = self.tutor.recommend_batch(self._requests(ask))
        if [len(answer) for answer in answers] != [ask.k] * len(ask.learners):
            return np.full((len(ask.learners), ask.k), -1, dtype=np.int64), np.ones(
                (len(ask.learners), ask.k)
            )
        chosen = [[self._index.get(resource, -1) for resource, _ in answer] for answer in answers]
        chance = [[float(propensity) for _, propensity in answer] for answer in answers]
        return np.array(chosen, dtype=np.int64), np.array(chance)

    def _requests(self, ask: TermAsk) -> list[dict[str, Any]]:
        candidates = self._names[ask.candidates].tolist()
        histories = cached(self._histories)
        now = _TERM + pd.Timedelta(hours=ask.hours)
        return [
            _Request(
                histories,
                int(i),
                learner_id=self._people[i],
                interests=self._stated[i],
                candidates=candidates,
                k=ask.k,
                now=now,
            )
            for i in ask.learners
        ]

    def _histories(self) -> list[pd.DataFrame]:
        """Return each learner's events of the term, oldest first."""
        everything = pd.concat(self._frames, ignore_index=True)
        self._frames = [everything]
        code = pd.Categorical(everything["learner_id"], categories=self._people).codes
        order = np.argsort(code, kind="stable")
        ends = np.searchsorted(code[order], np.arange(len(self._people) + 1))
        ordered = everything.iloc[order].reset_index(drop=True)
        return [ordered.iloc[a:b] for a, b in pairwise(ends)]

    def _frame(self, slot: TermSlot, people: np.ndarray[Any, Any], *, began: pd.Timestamp) -> pd.DataFrame:
        values = (
            people[slot.learners],
            self._names[slot.resources],
            began + pd.Timedelta(hours=slot.hours),
            slot.kind,
            slot.completed,
            slot.correct,
            slot.propensity,
        )
        return pd.DataFrame(dict(zip(_COLUMNS, values, strict=True)))
