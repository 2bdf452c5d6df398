"""Is the value of another policy, read from Segue's own log, the true one?

    python benchmarks/one_step.py [--runs 300]

In each run a simulated class of 30 works three weeks with Segue's playlists: with all rules, menus for a
third of the class, and a teacher who pins easy resources for another third and swaps one step in ten for the
hardest there is. A policy that explores twice as much is then valued from the log alone. The truth branches
the simulator at every logged state: each candidate's chance of being finished and right there, weighted by
the other policy's probabilities. About two minutes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from scipy import stats

from segue.engine.policies import Softmax
from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Request
from segue.engine.sampling.randomness import generator
from segue.experiments.evaluation.estimators.single_step import Floats, Rounds, ips
from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.intervals.closed_form import normal
from segue.experiments.evaluation.logs.shadow_policy import ShadowList, shadow_lists
from segue.experiments.evaluation.logs.workspace_log import decision_log
from segue.experiments.evaluation.verdicts.evaluation_result import Evaluation
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.experiments.simulation.worlds.synthetic_course import course
from segue.features.catalogue import Catalogue
from segue.features.history.attempts import Attempt
from segue.features.history.learner_state import LearnerState
from segue.features.history.streaming_update import update

MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
WEEKS_BEFORE, WEEKS, STEPS, LEARNERS = 2, 3, 10, 30
CHALLENGER = Softmax(temperature=0.12, floor=0.1)
SWAPPED = 0.1


def school() -> tuple[Catalogue, Recommender]:
    """Return a catalogue, and a recommender fitted on a former class."""
    rng = np.random.default_rng(0)
    catalogue = course(rng, n_skills=12, n_resources=48, n_tags=6).catalogue
    former = SimulatedClass.before(MONDAY, catalogue, n_learners=60, weeks=6, rng=rng)
    return catalogue, fit(catalogue, former.events, rng=rng, now=MONDAY)


class Term:
    """Three weeks of one class, and everything that was logged and true of them."""

    def __init__(self, catalogue: Catalogue, recommender: Recommender, seed: int) -> None:
        self.rng = np.random.default_rng([77, seed])
        self.seed = seed
        self.catalogue, self.recommender = catalogue, recommender
        self.room = SimulatedClass.before(
            MONDAY, catalogue, n_learners=LEARNERS, weeks=WEEKS_BEFORE, rng=self.rng
        )
        self.states = [LearnerState.fresh(catalogue) for _ in range(LEARNERS)]
        names = {name: i for i, name in enumerate(self.room.learners["learner"])}
        for event in self.room.events[self.room.events["kind"] == "attempt"].itertuples():
            code = catalogue.resource_index[event.resource]
            self.fold(names[event.learner], code, event.score, event.time.timestamp())
        self.seq = len(self.room.events)
        self.rows: list[dict[str, object]] = []

    def fold(self, learner: int, code: int, score: float, at: float) -> None:
        """Let a learner's state take in an attempt."""
        self.seq = getattr(self, "seq", 0) + 1
        update(self.states[learner], Attempt(code, score, at, self.seq), self.recommender.kernel.parameters)

    def request(self, learner: int, now: datetime) -> Request:
        """Return a learner's request: plain, with a menu, or with two pins of what is easiest now."""
        stated = tuple(self.room.learners["interests"][learner])
        plain = Request(str(learner), now, self.states[learner], interests=stated, k=STEPS)
        if learner % 3 == 1:
            return Request(str(learner), now, self.states[learner], interests=stated, k=STEPS, menu=2)
        if learner % 3 == 2:
            easy = np.argsort(self.room.cohort.world.difficulty)[:8]
            pins = tuple(
                self.catalogue.resources[code].resource_id for code in self.rng.permutation(easy)[:2]
            )
            return Request(str(learner), now, self.states[learner], interests=stated, k=STEPS, pins=pins)
        return plain

    def week(self, week: int) -> None:
        """Draw everybody's list on Monday, then do it step by step."""
        now = MONDAY + timedelta(weeks=week)
        requests = [self.request(learner, now) for learner in range(LEARNERS)]
        rngs = [generator(str(self.seed), "playlist", str(week), str(i), 0) for i in range(LEARNERS)]
        lists = shadow_lists(self.recommender, requests, rngs=rngs, challenger=CHALLENGER)
        for step in range(STEPS):
            day, slot = divmod(step, 2)
            hours = 168.0 * (WEEKS_BEFORE + week) + 24.0 * day + 9.0 + 1.5 * slot
            self.step(week, step, lists, hours=hours)

    def chances(self, hours: float) -> Floats:
        """Return every learner's true probability of finishing and being right, for every resource, now."""
        cohort = self.room.cohort
        finish = cohort.model.engagement.completes(
            cohort.mood[:, None], cohort.match, self.catalogue.minutes[None, :]
        )
        return np.asarray(finish * cohort.chance(hours))

    def step(self, week: int, step: int, lists: list[ShadowList], *, hours: float) -> None:
        """Let all who are still there do one step, and log it."""
        cohort, chance = self.room.cohort, self.chances(hours)
        who = [i for i in range(LEARNERS) if cohort.present[i] and step < len(lists[i].steps)]
        rows = [self.row(week, step, i, lists[i], chance=chance[i]) for i in who]
        done = np.array([row["done"] for row in rows])
        slot = cohort.do(
            np.array(who),
            done,
            self.rng.random((LEARNERS, cohort.n_uniforms)),
            hours=hours,
            propensity=np.ones(len(who)),
        )
        at = (MONDAY - timedelta(weeks=WEEKS_BEFORE) + timedelta(hours=hours)).timestamp()
        for row, learner, code, score in zip(rows, slot.learners, slot.resources, slot.correct, strict=True):
            row["reward"] = 0.0 if np.isnan(score) else float(score)
            if not np.isnan(score):
                self.fold(int(learner), int(code), float(score), at)
        self.rows += rows

    def row(
        self, week: int, step: int, learner: int, given: ShadowList, *, chance: Floats
    ) -> dict[str, object]:
        """Return the decision row of one step, what is done, and what the challenger would have earned."""
        logged = given.steps[step]
        codes = [self.catalogue.resource_index[name] for name in logged.menu or (logged.resource,)]
        picked = codes[int(self.rng.random() < second(chance[codes]))] if len(codes) > 1 else codes[0]
        swapped = logged.override is None and self.rng.random() < SWAPPED
        target = float(given.target[step])
        if logged.override is not None:
            at = np.flatnonzero(given.codes == codes[0])
            target = float(given.probabilities[step, 0, at[0]]) if len(at) else 0.0
        return {
            "learner": learner,
            "playlist_id": week * LEARNERS + learner,
            "position": step,
            "propensity": logged.propensity,
            "target": target,
            "overridden": logged.override is not None or swapped,
            "done": int(chance.argmin()) if swapped else picked,
            "truth": branch(given, step, chance[given.codes]),
        }


def second(chance: Floats) -> float:
    """Return the probability that a learner picks the second option of a menu: rather the easier one."""
    return float(1 / (1 + np.exp(4 * (chance[0] - chance[1]))))


def branch(given: ShadowList, step: int, chance: Floats) -> float:
    """Return what the challenger would earn here, over all it could draw."""
    first = given.probabilities[step, 0]
    if given.probabilities.shape[1] == 1 or np.isfinite(given.scores[step, 0]).sum() == 1:
        return float(first @ chance)
    scores = np.repeat(given.scores[step, :1], len(chance), axis=0)
    np.fill_diagonal(scores, -np.inf)
    allowed = np.isfinite(scores)
    then = CHALLENGER.probabilities(np.where(allowed, scores, 0.0), np.zeros(1), allowed=allowed)
    picks = 1 / (1 + np.exp(4 * (chance[:, None] - chance[None, :])))
    value = (1 - picks) * chance[:, None] + picks * chance[None, :]
    return float((first[:, None] * then * value).sum())


@dataclass(frozen=True)
class Answer:
    """One run's answers: the evaluation, its truth, and the naive interval."""

    evaluation: Evaluation
    truth: float
    naive: tuple[float, float]


def answer(catalogue: Catalogue, recommender: Recommender, seed: int) -> Answer:
    """Return a run's answer."""
    term = Term(catalogue, recommender, seed)
    for week in range(WEEKS):
        term.week(week)
    frame = pd.DataFrame(term.rows)
    log = decision_log(frame, frame["target"].to_numpy())
    truth = float(frame.loc[~frame["overridden"], "truth"].mean())
    everything = Rounds((frame["target"] / frame["propensity"]).to_numpy(), frame["reward"].to_numpy())
    naive = normal(ips(everything))
    return Answer(evaluate(log), truth, (naive.low, naive.high))


def share(hits: list[bool]) -> str:
    """Return a share with its 95 % binomial interval."""
    if not hits:
        return "no answer"
    exact = stats.binomtest(sum(hits), len(hits)).proportion_ci(method="exact")
    return f"{sum(hits) / len(hits):.1%} ({exact.low:.1%} to {exact.high:.1%}) of {len(hits)}"


def main(runs: int = 300) -> None:
    """Print the coverage."""
    start = time.perf_counter()
    answers = [answer(*place, seed) for place in [school()] for seed in range(runs)]
    given = [a for a in answers if a.evaluation.verdict == "enough evidence"]
    print(f"answered {len(given)} of {runs}")
    for refused in [a.evaluation.reason for a in answers if a.evaluation.verdict != "enough evidence"][:3]:
        print(f"  refused: {refused}")
    for name in ("IPS", "SNIPS"):
        found = [(a.evaluation.estimates[name], a.truth) for a in given]
        print(f"{name:24s} covers {share([e.low <= truth <= e.high for e, truth in found])}")
        print(f"{'':24s} median width {np.median([e.high - e.low for e, _ in found]):.3f}")
    naive = share([a.naive[0] <= a.truth <= a.naive[1] for a in answers])
    print(f"{'IPS, overrides ignored':24s} covers {naive}")
    print(f"first run (truth {answers[0].truth:.3f}): {answers[0].evaluation.headline}")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
