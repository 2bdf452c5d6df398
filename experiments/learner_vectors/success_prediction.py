"""How good are the learner vectors? Each attempt predicted from the learner's past, on learners held out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from segue.features.catalogue import Catalogue, Resource
from segue.features.history.attempts import Attempts, Floats, Ints
from segue.features.history.difficulty import learner_folds
from segue.features.vectors.learner_vector import prior_weights
from segue.features.vectors.success_fit import TrainingRows, fit_model, training_rows
from segue.models.success_probability import BoostedSuccess

Bools = NDArray[np.bool_]
ModelName = Literal["logistic", "boosting"]
INNER_FOLDS = 5  # difficulty of training rows is fitted without their learner's fold
BINS = 15


class TraceError(ValueError):
    """A file cannot be traced as it stands; the message says what to change."""


@dataclass(frozen=True)
class Score:
    """How well probabilities predict outcomes: all but `auc` are better when lower."""

    auc: float
    log_loss: float
    ece: float
    brier: float
    n_train: int
    n_test: int


@dataclass(frozen=True, eq=False)
class Trial:
    """Attempts to trace, with the raw row of each (for a split column)."""

    catalogue: Catalogue
    attempts: Attempts
    n_learners: int
    split: NDArray[np.str_] | None = None


@dataclass
class Clock:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def read_trial(attempts: Path, item_skills: Path | None, *, split: str = "") -> Trial:
    """Return the attempts of a file, with the catalogue that they and the item-skill table make.

    Parameters
    ----------
    attempts : path
        CSV with `user_id, seq, item_id, correct`, optionally `t` (seconds). Without `item_id` the column
        `skill_id` is item and skill.
    item_skills : path or None
        CSV with `item_id, skill_id`; without it, these columns of the attempts. An item without a skill is
        its own.
    split : str
        Column that says which rows are the test.
    """
    frame = pd.read_csv(attempts, low_memory=False)
    item = "item_id" if "item_id" in frame else "skill_id"
    missing = [c for c in ("user_id", item, "correct", *([split] if split else [])) if c not in frame]
    if missing:
        raise TraceError(f"{attempts} must have a column {missing[0]!r}, found {', '.join(frame.columns)}")
    correct = frame["correct"].to_numpy(np.float64)
    if not ((correct >= 0.0) & (correct <= 1.0)).all():
        bad = correct[~((correct >= 0.0) & (correct <= 1.0))][0]
        raise TraceError(f"correct must be in [0, 1], got {bad} in {attempts} (percent? divide by 100)")
    items, resource = np.unique(frame[item].to_numpy(), return_inverse=True)
    learners, learner = np.unique(frame["user_id"].to_numpy(), return_inverse=True)
    seconds = frame["t"].to_numpy(np.float64) if "t" in frame else np.full(len(frame), np.nan)
    seq = frame["seq"].to_numpy(np.int64) if "seq" in frame else np.arange(len(frame), dtype=np.int64)
    order = Attempts.order(learner, resource, seconds, seq)
    encoded = Attempts(learner, resource, correct, seconds, seq).take(order)
    marks = frame[split].astype(str).to_numpy(np.str_)[order] if split else None
    table = pd.read_csv(item_skills) if item_skills is not None else frame
    return Trial(_catalogue(items, table), encoded, len(learners), marks)


def _catalogue(items: NDArray[np.generic], table: pd.DataFrame) -> Catalogue:
    skills: dict[object, list[str]] = {}
    if {"item_id", "skill_id"} <= set(table.columns):
        pairs = table[["item_id", "skill_id"]].dropna().drop_duplicates()
        for item, skill in zip(pairs["item_id"].tolist(), pairs["skill_id"].astype(str), strict=True):
            skills.setdefault(item, []).append(skill)
    return Catalogue.build([Resource(str(i), skills=tuple(skills.get(i, ()))) for i in items.tolist()])


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
            raise TraceError(f"the split column must mark some rows and not others by {test_value!r}")
        yield np.flatnonzero(~test), test
        return
    fold = learner_folds(trial.n_learners, folds, np.random.default_rng(seed))
    for number in range(folds):
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
    clock: Clock | None = None,
) -> list[Traced]:
    """Return each fold's predictions: from the past only, difficulty and model from training rows only."""
    clock = clock or Clock()
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
        item_mean = 1.0 / (1.0 + np.exp(-rows.logit[test]))
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


def summary(traced: list[Traced], clock: Clock) -> dict[str, object]:
    """Return what `segue trace --json` prints: means over folds, the folds, and seconds by stage."""
    rows = [asdict(t.score) for t in traced]
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    counts = {name: round(means[name]) for name in ("n_train", "n_test")}
    seconds = {name: round(value, 4) for name, value in clock.seconds.items()}
    return {**means, **counts, "folds": rows, "mean": {**means, **counts}, "seconds": seconds}
