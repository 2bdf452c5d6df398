"""From events to a recommender: difficulty, success model, what the crowd did, and the reward model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd

from segue.engine.pipeline import UNTRIED, Kernel
from segue.engine.policies.base import Policy
from segue.engine.policies.softmax import Softmax
from segue.engine.settings import Settings
from segue.engine.training.replay import ReplaySteps, joined, replay
from segue.engine.training.resource_effects import effect_sums
from segue.engine.training.reward_model import learn_rewards, reward_model
from segue.engine.training.trust import trusted
from segue.features.catalogue import Bools, Catalogue, Floats, Ints
from segue.features.contexts.population import crowd_of, kind_rates, offers
from segue.features.history.attempts import Attempts, HistoryParameters, encode
from segue.features.history.difficulty import learner_folds
from segue.features.reward import learning
from segue.features.vectors.range_width import extra_precision
from segue.features.vectors.success_fit import (
    MOST_ROWS,
    TrainingRows,
    drawn_learners,
    fit_model,
    training_rows,
)
from segue.features.vectors.success_model import SuccessModel
from segue.models.liking import liking
from segue.models.next_answers import next_answers

FOLDS = 4
MOST_OFFERS = 200_000  # about, that tell how much interests matter
REPLAY_ATTEMPTS = 250_000
LEAST_SPAN = 0.3


@dataclass(frozen=True, eq=False)
class TrainingLog:
    """What a fit reads of events: the attempts, whose they are by code, how gladly work was finished by kind.

    `liking` says how far finishing depends on what a learner likes (``segue.models.liking``), by some of the
    learners where the log is long. All this takes a third of their frame's memory, which may be let go before
    the fit.
    """

    attempts: Attempts
    learners: tuple[str, ...]
    kind_rate: Floats
    liking: float = 0.0

    @classmethod
    def of(cls, events: pd.DataFrame, catalogue: Catalogue) -> TrainingLog:
        """Return what a fit reads of a frame of events, which may be empty."""
        attempts, learners = encode(events, catalogue) if len(events) else (no_attempts(), ())
        who, what, finished = offers(events, catalogue)
        some = who % (len(who) // MOST_OFFERS + 1) == 0
        likes = liking(who[some], catalogue.tag_matrix[what[some]], finished[some])
        return cls(attempts, learners, kind_rates(what, finished, catalogue), likes)


def fit_kernel(
    catalogue: Catalogue,
    log: TrainingLog,
    *,
    rng: np.random.Generator,
    config: Settings | None = None,
    policy: Policy | None = None,
    prior: SuccessModel | None = None,
) -> Kernel:
    """Return what decides before any reward is learned from."""
    attempts = log.attempts
    parameters, success, span = fit_success(attempts, catalogue, rng, prior=prior)
    crowd = crowd_of(attempts, log.kind_rate, catalogue)
    settings, policy = config or Settings(), policy or Softmax()
    skill = catalogue.skill_matrix[attempts.resource, 0]
    answers = next_answers(attempts.learner, skill, attempts.score, attempts.time)
    return Kernel(
        catalogue,
        parameters,
        success,
        crowd,
        settings,
        policy,
        span=span,
        answers=answers,
        liking=log.liking,
    )


@dataclass(frozen=True, eq=False)
class HalfFit:
    """What is fitted without some learners, and what it says of their n attempts.

    Attributes
    ----------
    without : bool array, of all attempts
        Those of these learners.
    parameters, success, span : as of ``Kernel``
    logit, easiness : arrays of shape (n,)
        Predicted before each of their attempts, and of the resource met.
    """

    without: Bools
    parameters: HistoryParameters
    success: SuccessModel
    span: tuple[float, float]
    logit: Floats
    easiness: Floats


def fit_halves(
    attempts: Attempts, catalogue: Catalogue, rng: np.random.Generator, *, prior: SuccessModel | None = None
) -> tuple[HalfFit, HalfFit]:
    """Return a fit without the learners of even codes, and one without the others.

    A model knows the answers that it was fitted on: what is to be learned from how answers differ from what
    was foreseen is read with a model of other learners.
    """
    n_learners = int(attempts.learner.max(initial=-1)) + 1
    fold = learner_folds(n_learners, max(min(FOLDS, n_learners), 1), rng)
    even = attempts.learner % 2 == 0

    def without(half: Bools) -> HalfFit:
        rows = training_rows(attempts, catalogue, fold=fold, train=~half)
        model = fit_model(rows, rng=rng, prior=prior)
        logit = _predicted(model, rows)
        return HalfFit(
            half, rows.parameters, model, span_of(_chance(logit[~half])), logit[half], rows.met.item[half]
        )

    return without(even), without(~even)


def replay_by_halves(
    kernel: Kernel, attempts: Attempts, halves: tuple[HalfFit, HalfFit], *, some: Bools | None = None
) -> ReplaySteps:
    """Return the steps of a log, each as a model of the other half of the learners would have met it.

    A kernel that was fitted on these answers foresees them too well, and where a resource was tried a few
    times its context tells the step's own answer: of a new learner neither holds. `some` as in ``replay``.
    """
    chosen = np.ones(len(attempts), dtype=np.bool_) if some is None else some
    parts = []
    for half in halves:
        other = replace(kernel, parameters=half.parameters, success=half.success, span=half.span)
        parts.append(replay(other, attempts.take(half.without), some=chosen[half.without]))
    return joined(parts)


def with_ranges(kernel: Kernel, attempts: Attempts, halves: tuple[HalfFit, HalfFit]) -> Kernel:
    """Return the kernel with ranges as wide as its learners differ from what is foreseen of them."""
    logit, easiness = np.zeros((2, len(attempts)))
    for half in halves:
        logit[half.without], easiness[half.without] = half.logit, half.easiness
    extra = extra_precision(logit, easiness, attempts, kernel.parameters)
    return replace(kernel, success=replace(kernel.success, extra_precision=extra))


def learned_from(
    kernel: Kernel,
    steps: ReplaySteps,
    *,
    now: datetime,
    time_zone: str = "UTC",
    followed: ReplaySteps | None = None,
    halves: Ints | None = None,
    rewarded: Bools | None = None,
) -> Kernel:
    """Return the kernel with what decided steps taught: every attempt of a log, or those observed.

    `followed` are the steps that tell which resource teaches (None: the same), `halves` as in
    ``effect_sums``; `rewarded` marks the steps that the reward model learns from (None: all).
    """
    settings, when = kernel.settings, now.timestamp()
    outcomes = learning(steps.tries, steps.tries, forecasts=steps.forecasts, now=when, time_zone=time_zone)
    trust = trusted(steps, outcomes, settings)
    if rewarded is None:
        learned = reward_model(steps.contexts, outcomes, settings=settings, trust=trust)
    else:
        paid = steps.take(rewarded)
        learned = learn_rewards(paid, settings=settings, now=when, time_zone=time_zone, trust=trust)
    sums = effect_sums(followed or steps, kernel.catalogue, halves=halves)
    return kernel.with_learned(learned).with_effects(sums if sums.count.any() else None)


def no_attempts() -> Attempts:
    """Return the attempts of nobody."""
    none, numbers = np.zeros(0, dtype=np.int64), np.zeros(0)
    return Attempts(none, none, numbers, numbers, none)


def latest_learners(attempts: Attempts, most: int) -> Attempts:
    """Return whole learners, the last by code, with at most `most` attempts together (one at least)."""
    if len(attempts) <= most:
        return attempts
    starts = attempts.starts
    first = min(int(np.searchsorted(starts, len(attempts) - most)), len(starts) - 2)
    return attempts.take(slice(int(starts[first]), len(attempts)))


def fit_success(
    attempts: Attempts, catalogue: Catalogue, rng: np.random.Generator, *, prior: SuccessModel | None = None
) -> tuple[HistoryParameters, SuccessModel, tuple[float, float]]:
    """Return the difficulty of every resource, the success model that reads it, and its span.

    Each learner's vectors are made with a difficulty fitted without that learner, as they will be for
    learners yet to come. Of a long log the model is fitted on `MOST_ROWS` attempts, the difficulty on all.
    `prior` is the success model of another school (``fit_model``).
    """
    n_learners = int(attempts.learner.max(initial=-1)) + 1
    fold = learner_folds(n_learners, max(min(FOLDS, n_learners), 1), rng)
    some = drawn_learners(attempts, MOST_ROWS, rng)
    rows = training_rows(attempts, catalogue, fold=fold, some=some)
    model = fit_model(rows, rng=rng, prior=prior)
    return rows.parameters, model, span_of(_chance(_predicted(model, rows)))


def _predicted(model: SuccessModel, rows: TrainingRows) -> Floats:
    """Return the logit of each row."""
    resource = rows.attempts.resource
    return model.logit(rows.X, resource=resource, combination=rows.combination, carried=rows.carried)


def _chance(logit: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def span_of(chances: Floats) -> tuple[float, float]:
    """Return the chances that stand for no mastery and for full mastery: the outer tenths, shrunk to a guess.

    A hundred answers count as much as the guess, and the two stay `LEAST_SPAN` apart: answers that are alike
    say little of mastery.
    """
    if not len(chances):
        return UNTRIED
    share = len(chances) / (len(chances) + 100.0)
    low, high = np.quantile(chances, [0.1, 0.9]).tolist()
    short = max(LEAST_SPAN - (high - low), 0.0) / 2
    low, high = low - short, high + short
    return UNTRIED[0] + share * (low - UNTRIED[0]), UNTRIED[1] + share * (high - UNTRIED[1])
