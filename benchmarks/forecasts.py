"""Do forecasts come true a day, a week, a month, two months later? Beside FSRS and half-life regression.

    python benchmarks/forecasts.py [--set algebra2005-sample] [--folds 5] [--seed 0]

A forecast is made from the state as it stood after the learner's last answer before the horizon, for the
skills of an attempt that were not practised in between, and compared with the attempt's score; learners are
held out. FSRS-5 (its formula with the published default weights; a right answer is "good", a wrong one
"again") and half-life regression (Settles and Meeder, 2016: log half-life linear in the roots of right and
wrong answers) read the same learner's answers on the same skill, and stand in a logistic regression beside
the skill's mean, fitted on the training learners' same events.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from _data import trial_of

from segue.experiments.learner_vectors.success_prediction import INNER_FOLDS, Trial, masks
from segue.features.history.difficulty import learner_folds, met_out_of_fold
from segue.features.vectors.forecast_fit import (
    CASES,
    SINCE_PRACTICE,
    ForecastRows,
    fit_forecast,
    forecast_rows,
    on_another_occasion,
)
from segue.features.vectors.success_model import ForecastWeights
from segue.models.success_probability import LogisticSuccess

DAY = 86400.0
FSRS = (0.40255, 1.18385, 3.173, 15.69105, 7.1949, 0.5345, 1.4604, 0.0046, 1.54575, 0.1192, 1.01925)
FSRS += (1.9395, 0.11, 0.29605, 2.2698, 0.2315, 2.9898, 0.51655, 0.6621)
ENOUGH = 1000
Floats = np.ndarray


def main(
    name: Annotated[str, typer.Option("--set")] = "algebra2005-sample", folds: int = 5, seed: int = 0
) -> None:
    """Print the table by horizon and what was seen last."""
    trial = trial_of(name)
    spaced = spaced_columns(trial)
    parts = [_fold(trial, spaced, test, seed) for _, test in masks(trial, folds=folds, seed=seed)]
    table = pd.concat(parts)
    print(_summary(table).round(3).to_string())


def _fold(trial: Trial, spaced: Floats, test: Floats, seed: int) -> pd.DataFrame:
    """Return one row for each forecast of a test learner: horizon, regime, score and four probabilities."""
    inner = learner_folds(trial.n_learners, INNER_FOLDS, np.random.default_rng(seed + 1))
    met, difficulty = met_out_of_fold(trial.attempts, trial.catalogue, fold=inner, train=~test)
    parameters, rng = difficulty.parameters(trial.catalogue), np.random.default_rng(seed)
    weights = fit_forecast(trial.attempts, parameters, met=met, train=~test, rng=rng)
    everyone = np.ones(len(trial.attempts), dtype=np.bool_)
    rows = on_another_occasion(
        forecast_rows(trial.attempts, parameters, met=met, chosen=everyone, share=0.5, rng=rng)
    )
    y, held_out = trial.attempts.score[rows.attempt], test[rows.attempt]
    mean = parameters.standard_logit[trial.attempts.resource[rows.attempt]]
    table = {"horizon": rows.horizon, "last": _last(rows), "score": y, "segue": _foreseen(weights, rows)}
    for name, columns in (("fsrs", [0, 1]), ("hlr", [2, 3, 4, 1])):
        X = np.column_stack([spaced[rows.attempt][:, columns], mean])
        fit = LogisticSuccess(precision=1.0).fit(X[~held_out], y[~held_out])
        table[name] = fit.predict_proba(X)[:, 1]
    table["skill mean"] = 1.0 / (1.0 + np.exp(-mean))
    return pd.DataFrame(table)[held_out]


def _foreseen(weights: ForecastWeights, rows: ForecastRows) -> Floats:
    level = rows.skill @ weights.level[0] + rows.own @ weights.level[1]
    level += weights.scalars[0] + weights.scalars[1] * rows.standard
    fading = rows.skill @ weights.fading[0] + rows.own @ weights.fading[1] + weights.scalars[2]
    return np.asarray(1.0 / (1.0 + np.exp(-(level - np.maximum(fading, 0.0) * np.log1p(rows.days)))))


def _last(rows: ForecastRows) -> Floats:
    seen, last = rows.skill[:, -1] > 0, rows.skill[:, -3]
    return np.where(~seen, "never", np.where(last > 0, "right", "wrong"))


def _summary(table: pd.DataFrame) -> pd.DataFrame:
    out = {}
    for horizon in CASES:
        name = "since practice" if horizon == SINCE_PRACTICE else f"{horizon:.0f} days"
        for last in ("all", "right", "wrong", "never"):
            part = table[(table["horizon"] == horizon) & ((table["last"] == last) | (last == "all"))]
            if len(part) < ENOUGH:
                continue
            y = part["score"].to_numpy()
            row: dict[str, float] = {"n": len(part), "seen": y.mean(), "predicted": part["segue"].mean()}
            row["gap"] = row["predicted"] - row["seen"]
            for model in ("segue", "fsrs", "hlr", "skill mean"):
                p = part[model].to_numpy()
                row[f"loss {model}"] = float(-(y * np.log(p) + (1 - y) * np.log1p(-p)).mean())
            out[(name, last)] = row
    return pd.DataFrame(out).T


def spaced_columns(trial: Trial) -> Floats:
    """Return of each attempt, averaged over its skills: logit of FSRS's recall and whether there is one; for
    half-life regression log(1 + days) and its products with the roots of right and wrong answers, (n, 5)."""
    attempts, out = trial.attempts, np.zeros((len(trial.attempts), 5))
    skills = [[k for k in row if k >= 0] for row in trial.catalogue.skill_matrix.tolist()]
    cards: dict[int, list[float]] = {}
    learner = -1
    for i, (who, resource, score, time) in enumerate(
        zip(
            attempts.learner.tolist(),
            attempts.resource.tolist(),
            attempts.score.tolist(),
            attempts.time.tolist(),
            strict=True,
        )
    ):
        if who != learner:
            learner, cards = who, {}
        for k in skills[resource]:
            card = cards.get(k)
            if card is not None:
                days = max(time - card[2], 0.0) / DAY
                recall = min(max(_recall(days, card[0]), 1e-6), 1.0 - 1e-6)
                gone = math.log1p(days)
                told = (math.log(recall / (1 - recall)), 1.0, -gone)
                out[i] += (*told, -gone * math.sqrt(1 + card[3]), -gone * math.sqrt(1 + card[4]))
            cards[k] = _reviewed(card, score, time)
        out[i] /= max(len(skills[resource]), 1)
    return out


def _recall(days: float, stability: float) -> float:
    return float((1.0 + 19.0 / 81.0 * days / stability) ** -0.5)


def _hardness(grade: int) -> float:
    return FSRS[4] - math.exp(FSRS[5] * (grade - 1)) + 1.0


def _reviewed(card: list[float] | None, score: float, time: float) -> list[float]:
    """Return stability (days), difficulty, time of the last answer, right and wrong answers."""
    right, w = score >= 0.5, FSRS
    grade = 3 if right else 1
    if card is None:
        return [w[grade - 1], min(max(_hardness(grade), 1.0), 10.0), time, float(right), float(not right)]
    stability, hard, last, good, bad = card
    days = max(time - last, 0.0) / DAY
    recall = _recall(days, stability)
    if days < 1.0:
        stability *= math.exp(w[17] * (grade - 3 + w[18]))
    elif right:
        gain = math.exp(w[8]) * (11.0 - hard) * stability ** -w[9] * (math.exp(w[10] * (1 - recall)) - 1.0)
        stability *= 1.0 + gain
    else:
        lapsed = w[11] * hard ** -w[12] * ((stability + 1.0) ** w[13] - 1.0) * math.exp(w[14] * (1 - recall))
        stability = min(lapsed, stability)
    moved = hard - w[6] * (grade - 3) * (10.0 - hard) / 9.0
    hard = min(max(w[7] * _hardness(4) + (1.0 - w[7]) * moved, 1.0), 10.0)
    return [min(max(stability, 0.01), 36500.0), hard, time, good + right, bad + (not right)]


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
