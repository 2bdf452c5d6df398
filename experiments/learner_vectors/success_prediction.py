"""How good are the learner vectors? Each attempt predicted from the learner's past, on learners held out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from segue.experiments.learner_vectors.attempt_files import TraceError, Trial, read_trial
from segue.features.catalogue import Bools
from segue.features.history.attempts import Floats, Ints
from segue.features.history.difficulty import learner_folds
from segue.features.vectors.learner_vector import prior_weights
from segue.features.vectors.success_fit import TrainingRows, fit_model, training_rows
from segue.models.success_probability import BoostedSuccess

__all__ = ["Score", "StageClock", "TraceError", "Traced", "Trial", "read_trial", "summary", "trace"]

ModelName = Literal["logistic", "boosting"]
INNER_FOLDS = 5  # difficulty of training rows is fitted without their learner's fold
BINS = 15
FEWEST_BOOSTED = 10  # learners below which trees are not fitted


@dataclass(frozen=True)
class Score:
    """How well probabilities predict outcomes: all but `auc` are better when lower."""

    auc: float
    log_loss: float
    ece: float
    brier: float
    n_train: int
    n_test: int


@dataclass
class StageClock:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def masks(
    trial: Trial, *, folds: int, seed: int, test_value: str | None = None
) -> Iterator[tuple[Ints, Bools]]:
    """Yield for each fold the rows to train on, and a mask of the rows to test on.

    Folds are by learner: with the n distinct ids sorted, ``fold[default_rng(seed).permutation(n)] =
    arange(n) % folds``. With a split column there is one fold, whose test rows bear `test_value`.
    """
    if trial.split is not None:
        test = np.asarray(trial.split == test_value)
        if test.all() or not test.any():
            found = ", ".join(map(repr, np.unique(trial.split)[:8].tolist()))
            raise TraceError(
                f"the split column must mark some rows and not others by {test_value!r} (found: {found})"
            )
        yield np.flatnonzero(~test), test
        return
    fold = learner_folds(trial.n_learners, folds, np.random.default_rng(seed))
    if trial.n_learners < 2:
        raise TraceError(f"two learners are needed at least, to hold one out: found {trial.n_learners}")
    for number in range(min(folds, trial.n_learners)):  # with fewer learners than folds, one learner a fold
        test = fold[trial.attempts.learner] == number
        yield np.flatnonzero(~test), test


@dataclass(frozen=True, eq=False)
class Traced:
    """One fold's outcomes and probabilities on the test rows, the rows themselves, and the score.

    `item_mean` is what the shrunk easiness of the item alone would have said.
    """

    outcome: Floats
    probability: Floats
    item_mean: Floats
    rows: Ints
    score: Score


def trace(
    trial: Trial,
    *,
    folds: int = 5,
    seed: int = 0,
    test_value: str | None = None,
    model: ModelName = "logistic",
    clock: StageClock | None = None,
) -> list[Traced]:
    """Return each fold's predictions: from the past only, difficulty and model from training rows only."""
    clock = clock or StageClock()
    out = []
    for train, test in masks(trial, folds=folds, seed=seed, test_value=test_value):
        inner = learner_folds(trial.n_learners, INNER_FOLDS, np.random.default_rng(seed + 1))
        with clock.stage("features"):
            rows = training_rows(trial.attempts, trial.catalogue, fold=inner, train=~test)
        score = trial.attempts.score
        with clock.stage("fit"):
            predict = _fitted(model, rows, train, seed)
        with clock.stage("predict"):
            p = predict(np.flatnonzero(test))
        found = scored(score[test], p, n_train=len(train))
        item_mean = 1.0 / (1.0 + np.exp(-rows.met.item[test]))
        out.append(Traced(score[test], p, item_mean, np.flatnonzero(test), found))
    return out


def _fitted(name: ModelName, rows: TrainingRows, train: Ints, seed: int) -> Callable[[Ints], Floats]:
    """Return the probabilities of rows by a fitted model."""
    if name == "logistic":
        served = fit_model(rows, rng=np.random.default_rng(seed))
        return lambda at: _sigmoid(
            served.logit(
                rows.X[at],
                resource=rows.attempts.resource[at],
                combination=rows.combination[at],
                carried=rows.carried[at],
            )
        )
    n_learners = len(np.unique(rows.attempts.learner[train]))
    if n_learners < FEWEST_BOOSTED:
        raise TraceError(
            f"boosting needs {FEWEST_BOOSTED} learners to train on, found {n_learners}: use --model logistic"
        )
    X = np.column_stack([rows.X, rows.carried])
    boosted = BoostedSuccess(prior=np.append(prior_weights(), 0.0), seed=seed)
    fitted = boosted.fit(X[train], rows.attempts.score[train])
    return lambda at: fitted.predict_proba(X[at])[:, 1]


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def scored(outcome: Floats, probability: Floats, *, n_train: int) -> Score:
    """Return the measures of `probability` against `outcome`; for the AUC, a score of 1/2 is a success."""
    p = np.clip(probability, 1e-15, 1.0 - 1e-15)
    loss = -(outcome * np.log(p) + (1.0 - outcome) * np.log1p(-p)).mean()
    right = outcome >= 0.5
    auc = float(roc_auc_score(right, p)) if 0 < right.sum() < len(right) else float("nan")
    return Score(
        auc,
        float(loss),
        calibration_error(outcome, p),
        float(((outcome - p) ** 2).mean()),
        n_train,
        len(outcome),
    )


def calibration_error(outcome: Floats, probability: Floats, *, bins: int = BINS) -> float:
    """Return the expected calibration error over bins of equal mass."""
    table = reliability(outcome, probability, bins=bins)
    return float((table["n"] * (table["observed"] - table["predicted"]).abs()).sum() / table["n"].sum())


def reliability(outcome: Floats, probability: Floats, *, bins: int = BINS) -> pd.DataFrame:
    """Return predicted and observed success by bins of equal mass: columns predicted, observed, n."""
    parts = np.array_split(np.argsort(probability, kind="stable"), bins)
    rows = [(probability[i].mean(), outcome[i].mean(), len(i)) for i in parts if len(i)]
    return pd.DataFrame(rows, columns=["predicted", "observed", "n"])


def summary(traced: list[Traced], clock: StageClock) -> dict[str, object]:
    """Return what `segue trace --json` prints: means over folds, the folds, and seconds by stage."""
    rows = [asdict(t.score) for t in traced]
    means = {name: _mean_known([row[name] for row in rows]) for name in rows[0]}
    counts = {name: round(float(np.mean([row[name] for row in rows]))) for name in ("n_train", "n_test")}
    seconds = {name: round(value, 4) for name, value in clock.seconds.items()}
    plain = [{name: value if np.isfinite(value) else None for name, value in row.items()} for row in rows]
    return {**means, **counts, "folds": plain, "mean": {**means, **counts}, "seconds": seconds}


def _mean_known(values: list[float]) -> float | None:
    """Return the mean of the values that are known; a fold of one class has no AUC."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else None
