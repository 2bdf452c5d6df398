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
from segue.engine.randomness import generator
from segue.engine.recommender import Recommender
from segue.engine.request import Request
from segue.engine.settings import Settings
from segue.engine.training.fit import fit_kernel, learned_from
from segue.engine.training.replay import ReplaySteps, joined, replay
from segue.features.catalogue import Catalogue, Floats, Resource
from segue.features.history.streaming_update import Attempt, LearnerState, encode, fold, update

log = logging.getLogger(__name__)
GROWTH = 0.1  # of the log, before difficulty and success are fitted anew
Choices = list[tuple[Any, float]]


class ClassTutor:
    """The recommender of a class, driven by frames and ids as they come.

    Ids may be of any type that can be a key; inside they are text. Learners nobody has named are cold
    starts. Prerequisites that close a cycle are left out and logged.
    """

    def __init__(self, settings: Settings | None = None, *, policy: Policy | None = None) -> None:
        self.settings = settings or Settings()
        self.policy = policy or Softmax()
        self.recommender: Recommender | None = None
        self.states: dict[str, LearnerState] = {}
        self._log: list[pd.DataFrame] = []
        self._steps: list[ReplaySteps] = []
        self._codes: dict[str, int] = {}
        self._former: set[str] = set()
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

    def learn(self, events: pd.DataFrame) -> None:
        """Take in events; the first call is the log of a former class and makes the recommender."""
        frame = self._checked(events)
        if not len(frame):
            return
        self._log.append(frame)
        if self.recommender is None:
            self._former = set(frame["learner"])
            self._seen = self._seq
            self._refit()
        else:
            self._take_in(frame)

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
        pools: dict[int, tuple[str, ...]] = {}
        asked = [self._request(request, pools) for request in requests]
        rngs = []
        for request in asked:
            self._asked += 1
            rngs.append(generator(self.settings.seed, "class", str(self._week), request.learner, self._asked))
        playlists = self._ready().recommend_batch(asked, rngs=rngs)
        return [[(self._original[s.resource], s.propensity) for s in p.steps] for p in playlists]

    def end_week(self, week: int) -> None:
        """Refit on everything so far, and fold the histories anew with the fitted difficulties."""
        self._week = int(week) + 1
        if self._log:
            self._refit()

    def _request(self, asked: dict[str, Any], pools: dict[int, tuple[str, ...]]) -> Request:
        candidates = asked["candidates"]
        if id(candidates) not in pools:  # a class mostly shares one list
            pools[id(candidates)] = tuple(dict.fromkeys(str(c) for c in candidates))
        learner = str(asked["learner_id"])
        state = self.states.get(learner)
        if state is None:
            state = self._stranger(learner, asked["history"])
        return Request(
            learner=learner,
            now=_utc(asked["now"]).to_pydatetime(),
            state=state,
            interests=_texts(asked["interests"]) or self.stated.get(learner, ()),
            candidates=pools[id(candidates)],
            k=min(int(asked["k"]), len(pools[id(candidates)])),
            fill=True,
        )

    def _stranger(self, learner: str, history: pd.DataFrame | None) -> LearnerState:
        """Return the state of a learner `learn` has told nothing about, from the history that came along."""
        self.states[learner] = LearnerState.fresh(self.catalogue)
        if history is not None and len(history):
            self._take_in(self._checked(history).assign(learner=learner))
        return self.states[learner]

    def _ready(self) -> Recommender:
        if self.recommender is None:
            self._refit()
        if self.recommender is None:
            raise RuntimeError("start must be called before recommend")
        return self.recommender

    def _refit(self) -> None:
        """Learn from what happened; difficulty and success anew when the log has grown by a tenth.

        ReplaySteps keep the forecasts of the model that decided them.
        """
        events = pd.concat(self._log, ignore_index=True) if self._log else self._checked(pd.DataFrame())
        now = events["time"].max().to_pydatetime() if len(events) else datetime(2000, 1, 1, tzinfo=UTC)
        this_year = events[~events["learner"].isin(self._former)]
        if self.recommender is not None:
            self._observe(self.recommender.kernel, this_year)
        if self.recommender is None or len(events) > (1.0 + GROWTH) * self._fitted:
            self._fitted = len(events)
            kernel = self._fit_anew(events)
            again = True
        else:
            kernel, again = self.recommender.kernel, False
        kernel = learned_from(kernel, joined(self._steps), now=now) if self._steps else kernel
        self.recommender = Recommender(kernel)
        if again:
            self._fold_again(this_year)

    def _fit_anew(self, events: pd.DataFrame) -> Kernel:
        """Fit difficulty and success; the first time, read the log of the former class with them."""
        rng = generator(self.settings.seed, "fit", str(self._week), "", 0)
        kernel, attempts = fit_kernel(
            self.catalogue, events, config=self.settings, policy=self.policy, rng=rng
        )
        if self.recommender is None and len(attempts):
            self._steps = [replay(kernel, attempts)]
        return kernel

    def _observe(self, kernel: Kernel, events: pd.DataFrame) -> None:
        """Keep what was chosen since the last refit as steps, with what the model in charge knew of each."""
        ordered = events.sort_values(["learner", "time", "seq"], kind="stable")
        attempts, learners = encode(ordered, self.catalogue)
        scored = (ordered["kind"] == "attempt").to_numpy()
        fresh = (ordered["seq"].to_numpy() >= self._seen) & ordered["completed"].notna().to_numpy()
        self._seen = self._seq
        if fresh[scored].any():
            steps = replay(kernel, attempts, some=fresh[scored], kinds=self._offers(ordered)[scored])
            first = len(self._former)
            codes = [self._codes.setdefault(who, first + len(self._codes)) for who in learners]
            own = np.array(codes, dtype=np.int64)[steps.tries.learner]
            self._steps.append(replace(steps, tries=replace(steps.tries, learner=own)))

    def _offers(self, ordered: pd.DataFrame) -> Floats:
        """Return the work offered and finished before each event, by kind, shape (n, n_kinds, 2)."""
        kinds = self.catalogue.kind_code[self.catalogue.resource_codes(ordered["resource"].tolist())]
        offered = ordered["completed"].notna().to_numpy()
        each = np.zeros((len(ordered), len(self.catalogue.kind_ids), 2))
        rows = np.arange(len(ordered))
        each[rows, kinds, 0] = offered
        each[rows, kinds, 1] = ordered["completed"].fillna(0.0).to_numpy(np.float64)
        before = np.cumsum(each, axis=0) - each
        _, first, who = np.unique(ordered["learner"], return_index=True, return_inverse=True)
        return before - before[first][who]

    def _fold_again(self, events: pd.DataFrame) -> None:
        """Fold the histories of this class with the difficulties just fitted."""
        attempts, learners = encode(events, self.catalogue)
        block = fold(attempts, len(learners), self._ready().kernel.parameters)
        self.states = dict(zip(learners, block.states(), strict=True)) if learners else {}
        self._offer(events)

    def _take_in(self, frame: pd.DataFrame) -> None:
        """Fold events into the states, in order."""
        for learner in dict.fromkeys(frame["learner"]):
            self.states.setdefault(learner, LearnerState.fresh(self.catalogue))
        parameters, index = self._ready().kernel.parameters, self.catalogue.resource_index
        scored = frame[frame["kind"] == "attempt"]
        times = scored["time"].dt.as_unit("ns").astype("int64").to_numpy(np.float64) / 1e9
        rows = zip(
            scored["learner"].tolist(),
            scored["resource"].tolist(),
            scored["score"].tolist(),
            times.tolist(),
            scored["seq"].tolist(),
            strict=True,
        )
        for who, resource, score, time, seq in sorted(rows, key=lambda row: (row[3], row[4])):
            update(self.states[who], Attempt(index[resource], score, time, seq), parameters)
        self._offer(frame)

    def _offer(self, events: pd.DataFrame) -> None:
        """Count which kinds of work were offered, and finished."""
        offered = events[events["completed"].notna()]
        kinds = self.catalogue.kind_code[self.catalogue.resource_codes(offered["resource"].tolist())]
        done = offered["completed"].to_numpy(np.float64)
        for who, kind, finished in zip(offered["learner"], kinds, done, strict=True):
            self.states[who].kinds[kind] += (1.0, finished)

    def _checked(self, events: pd.DataFrame) -> pd.DataFrame:
        """Return contract events as Segue's: not completed is a view; a test offers nothing."""
        events = events.reindex(columns=list(_EVENTS))
        completed = events["completed"].fillna(False).astype(bool).to_numpy()
        score = pd.to_numeric(events["correct"]).to_numpy(np.float64)
        scored = completed & np.isfinite(score)
        test = (events["kind"] == "pretest").to_numpy()
        seq = np.arange(self._seq, self._seq + len(events))
        self._seq += len(events)
        return pd.DataFrame(
            {
                "event_id": [f"e{n}" for n in seq],
                "kind": np.where(scored, "attempt", "view"),
                "learner": events["learner_id"].astype(str).to_numpy(),
                "resource": events["resource_id"].astype(str).to_numpy(),
                "score": np.where(scored, np.clip(score, 0.0, 1.0), np.nan),
                "time": _utc(pd.to_datetime(events["timestamp"])),
                "seq": seq,
                "completed": np.where(test, np.nan, completed.astype(np.float64)),
                "propensity": pd.to_numeric(events["propensity"]).fillna(1.0).to_numpy(np.float64),
            }
        )


_EVENTS = ("learner_id", "resource_id", "timestamp", "kind", "completed", "correct", "propensity")


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


def _utc(time: Any) -> Any:
    """Return naive UTC times as aware ones (a series or one timestamp)."""
    if isinstance(time, pd.Series):
        return time.dt.tz_localize("UTC") if time.dt.tz is None else time.dt.tz_convert("UTC")
    stamp = pd.Timestamp(time)
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
