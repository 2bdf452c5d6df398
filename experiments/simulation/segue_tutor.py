"""Segue behind the classroom contract: a tutor of frames and ids, on the engine's public interface alone."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from segue.engine.pipeline import Kernel
from segue.engine.policies.base import Policy
from segue.engine.policies.softmax import Softmax
from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request
from segue.engine.requests.request_batch import RequestBlock
from segue.engine.sampling.randomness import generator
from segue.engine.settings import Settings
from segue.engine.training.fit import TrainingLog, fit_halves, fit_kernel, learned_from, replay_by_halves
from segue.engine.training.replay import ReplaySteps, joined, replay
from segue.experiments.simulation.class_events import ClassEvents
from segue.features.catalogue import Catalogue, Resource
from segue.features.history.batch_fold import fold, view
from segue.features.history.learner_state import LearnerState, StateBlock

log = logging.getLogger(__name__)
GROWTH = 1 / 3  # of the log, before difficulty and success are fitted anew
Choices = list[tuple[Any, float]]


class ClassTutor:
    """The recommender of a class, driven by frames and ids as they come.

    Ids may be of any type that can be a key; inside they are text. Learners nobody has named are cold
    starts. Prerequisites that close a cycle are left out and logged. A next step is none that still stands in
    the learner's list of the week.
    """

    def __init__(self, settings: Settings | None = None, *, policy: Policy | None = None) -> None:
        self.settings = settings or Settings()
        self.policy = policy or Softmax()
        self.recommender: Recommender | None = None
        self._former: ClassEvents | None = None
        self._n_former = 0
        self._log: list[ClassEvents] = []
        self._pending: list[ClassEvents] = []
        self._codes: dict[str, int] = {}
        self._block: StateBlock | None = None
        self._states: dict[str, LearnerState] | None = None
        self._steps: list[ReplaySteps] = []
        self._ahead: dict[str, set[str]] = {}  # what stands in each learner's list and was not come to yet
        self._asked = 0
        self._seq = 0
        self._seen = 0
        self._fitted = 0
        self._week = 0

    def start(self, catalogue: pd.DataFrame, prerequisites: pd.DataFrame, learners: pd.DataFrame) -> None:
        """Read catalogue, prerequisites and the learners' stated interests."""
        self._original: dict[str, Hashable] = {str(r): r for r in catalogue["resource_id"]}
        edges = [
            (str(a), str(b)) for a, b in prerequisites[["prerequisite", "skill"]].itertuples(index=False)
        ]
        resources = [_resource(row) for row in catalogue.to_dict("records")]
        self.catalogue = Catalogue.build(resources, prerequisites=edges, on_cycle="break")
        for before, after in self.catalogue.broken_edges:
            log.warning("prerequisite %s of %s left out: it closes a cycle", before, after)
        self.stated = {
            str(who): _texts(tags)
            for who, tags in learners[["learner_id", "interests"]].itertuples(index=False)
        }

    @property
    def states(self) -> dict[str, LearnerState]:
        """What is known of each learner of the class."""
        if self._states is None:
            self._states = dict(zip(self._codes, self._folded().states(), strict=True)) if self._codes else {}
        return self._states

    def learn(self, events: pd.DataFrame) -> None:
        """Take in events; the first call is the log of a former class, which may be empty."""
        if self.recommender is None:
            self._former = self._read(events, {})
            self._refit()
        elif len(events):
            self._tell(events)

    def recommend(
        self,
        learner_id: Hashable,
        history: pd.DataFrame,
        interests: Sequence[str],
        candidates: Sequence[Hashable],
        k: int,
        now: pd.Timestamp,
    ) -> Choices:
        """Return `k` distinct candidates, in order, each with the probability it was drawn with."""
        request = {
            "learner_id": learner_id,
            "history": history,
            "interests": interests,
            "candidates": candidates,
            "k": k,
            "now": now,
        }
        return self.recommend_batch([request])[0]

    def recommend_batch(self, requests: list[dict[str, Any]]) -> list[Choices]:
        """Return the lists of many requests; each is drawn with its own generator."""
        if not requests:
            return []
        recommender, asked = self._ready(), self._requests(requests)
        rngs = []
        for request in asked:
            self._asked += 1
            rngs.append(generator(self.settings.seed, "class", str(self._week), request.learner, self._asked))
        playlists = recommender.recommend_batch(asked, rngs=rngs)
        self._ahead |= {p.learner: {s.resource for s in p.steps} for p in playlists if len(p.steps) > 1}
        return [[(self._original[s.resource], s.propensity) for s in p.steps] for p in playlists]

    def asked(self, requests: list[dict[str, Any]]) -> tuple[Kernel, RequestBlock]:
        """Return what would answer the requests, and the block that it would read."""
        recommender, own = self._ready(), self._requests(requests)
        return recommender.kernel, recommender.asked(tuple(own))

    def _requests(self, requests: list[dict[str, Any]]) -> list[Request]:
        for given in requests:
            self._meet(given)
        shared = _Shared()
        return [self._request(given, shared) for given in requests]

    def end_week(self, week: int) -> None:
        """Refit on everything so far, and fold the histories anew with the fitted difficulties."""
        self._week = int(week) + 1
        if self.recommender is not None:
            self._refit()

    def _meet(self, asked: dict[str, Any]) -> None:
        """Read the history of a learner `learn` has told nothing about: a stranger is a cold start."""
        learner = str(asked["learner_id"])
        if learner in self._codes:
            return
        self._codes[learner] = len(self._codes)
        self._states = None
        history = asked["history"]
        if history is not None and len(history):
            self._tell(history.assign(learner_id=asked["learner_id"]))

    def _request(self, asked: dict[str, Any], shared: _Shared) -> Request:
        learner, candidates = str(asked["learner_id"]), shared.candidates(asked["candidates"])
        ahead = self._ahead.get(learner, set()) if asked["k"] == 1 else set()
        return Request(
            learner=learner,
            now=shared.moment(asked["now"]),
            state=self.states[learner],
            interests=_texts(asked["interests"]) or self.stated.get(learner, ()),
            candidates=candidates,
            k=min(int(asked["k"]), len(candidates)),
            fill=True,
            planned=tuple(sorted(ahead)),
        )

    def _ready(self) -> Recommender:
        if self.recommender is None:
            self._refit()
        if self.recommender is None:
            raise RuntimeError("start must be called before recommend")
        return self.recommender

    def _read(self, events: pd.DataFrame, codes: dict[str, int]) -> ClassEvents:
        read = ClassEvents.read(events, self.catalogue, codes=codes, first=self._seq)
        self._seq += len(read)
        return read

    def _tell(self, events: pd.DataFrame) -> None:
        """Take in events of this class; they are folded when somebody asks."""
        for learner, resource in zip(events["learner_id"], events["resource_id"], strict=True):
            self._ahead.get(str(learner), set()).discard(str(resource))
        told = self._read(events, self._codes)
        self._log.append(told)
        self._pending.append(told)
        self._states = None

    def _refit(self) -> None:
        """Learn from what happened; difficulty and success anew when the log has grown by a third.

        Steps keep the forecasts of the model that decided them.
        """
        this_year = ClassEvents.joined(self._log).ordered() if self._log else None
        if self.recommender is not None and this_year is not None:
            self._observe(self.recommender.kernel, this_year)
        parts = [part for part in (self._former, this_year) if part is not None]
        events = ClassEvents.joined(parts) if parts else None
        n_events = 0 if events is None else len(events)
        again = self.recommender is None or n_events > (1.0 + GROWTH) * self._fitted
        if self.recommender is None or again:
            self._fitted = n_events
            kernel = self._fit_anew(events)
        else:
            kernel = self.recommender.kernel
        if self._steps and events is not None:
            now = datetime.fromtimestamp(float(events.time.max()), UTC)
            kernel = learned_from(kernel, joined(self._steps), now=now)
        self.recommender = Recommender(kernel)
        if again:
            self._block, self._states = None, None
            self._pending = [] if this_year is None else [this_year]

    def _fit_anew(self, events: ClassEvents | None) -> Kernel:
        """Fit difficulty and success; the first time, read the log of the former class with them."""
        rng = generator(self.settings.seed, "fit", str(self._week), "", 0)
        frame = pd.DataFrame() if events is None else events.frame(self.catalogue)
        log = TrainingLog.of(frame, self.catalogue)
        kernel = fit_kernel(self.catalogue, log, config=self.settings, policy=self.policy, rng=rng)
        if self.recommender is None and self._former is not None and self._former.scored.any():
            former = self._former.ordered()
            attempts, offered = former.attempts(), ~np.isnan(former.completed[former.scored])
            by_halves = fit_halves(attempts, self.catalogue, rng)
            self._steps = [replay_by_halves(kernel, attempts, by_halves, some=offered)]
            self._n_former = int(attempts.learner.max()) + 1
        return kernel

    def _observe(self, kernel: Kernel, ordered: ClassEvents) -> None:
        """Keep what was chosen since the last refit as steps, with what the model in charge knew of each."""
        scored = ordered.scored
        fresh = (ordered.seq >= self._seen) & ~np.isnan(ordered.completed)
        self._seen = self._seq
        if fresh[scored].any():
            kinds = ordered.offered_before(self.catalogue)[scored]
            steps = replay(kernel, ordered.attempts(), some=fresh[scored], kinds=kinds)
            own = self._n_former + steps.tries.learner
            self._steps.append(replace(steps, tries=replace(steps.tries, learner=own)))

    def _folded(self) -> StateBlock:
        """Return what is known of the class, everything told so far taken in."""
        n, kernel = len(self._codes), self._ready().kernel
        told = ClassEvents.joined(self._pending).ordered() if self._pending else None
        if self._block is None or len(self._block) < n:
            known = [] if self._block is None else self._block.states()
            fresh = [LearnerState.fresh(self.catalogue) for _ in range(n - len(known))]
            self._block = StateBlock.of([*known, *fresh])
        if told is not None:
            self._block = fold(told.attempts(), n, kernel.parameters, base=self._block)
            who, kinds, finished = told.offers(self.catalogue)
            np.add.at(self._block.kinds, (who, kinds), np.stack([np.ones(len(who)), finished], axis=1))
            view(self._block, *told.views())
            self._pending = []
        return self._block


class _Shared:
    """What the requests of a class mostly share: one list of candidates, one moment."""

    def __init__(self) -> None:
        self._pools: dict[int, tuple[str, ...]] = {}
        self._moments: dict[Any, datetime] = {}

    def candidates(self, ids: Sequence[Hashable]) -> tuple[str, ...]:
        """Return ids as text, each once."""
        if id(ids) not in self._pools:
            self._pools[id(ids)] = tuple(dict.fromkeys(str(one) for one in ids))
        return self._pools[id(ids)]

    def moment(self, now: Any) -> datetime:
        """Return a naive UTC time as an aware one."""
        if now not in self._moments:
            stamp = pd.Timestamp(now)
            aware = stamp.tz_localize(UTC) if stamp.tzinfo is None else stamp.tz_convert(UTC)
            self._moments[now] = aware.to_pydatetime()
        return self._moments[now]


def _resource(row: Mapping[Hashable, Any]) -> Resource:
    return Resource(
        resource_id=str(row["resource_id"]),
        skills=tuple(dict.fromkeys(_texts(row["skills"]))),
        tags=tuple(dict.fromkeys(_texts(row["tags"]))),
        difficulty=float(row["difficulty"]),
        kind=str(row["format"]),
        minutes=float(row["minutes"]),
    )


def _texts(values: object) -> tuple[str, ...]:
    """Return ids as text; a missing list (None, NaN) is empty."""
    return tuple(str(v) for v in values) if isinstance(values, (list, tuple, set, np.ndarray)) else ()
