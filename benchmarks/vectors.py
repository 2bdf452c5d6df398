"""How good and how fast are the learner vectors? Prints the tables on every data set this machine has.

    python benchmarks/vectors.py [--models logistic boosting] [--sets statics2011 ...] [--reliability
    reliability.png] [--seed 0]

Predictions are of learners held out (5 folds, seed 0), each from the learner's past only. The anchors were
published by Gervet, Koedinger, Schneider and Mitchell (2020, "When is Deep Learning the Best Approach to
Knowledge Tracing?", JEDM 12(3)), to two digits: AUC of students held out, with folds of their own; for
Algebra on the whole set of 574 students, of which the one here is a fifth.

A set's name may bear a change: ``algebra2005-sample:untimed`` hides the times, ``:joined`` gives each item
the skills of the next two items besides its own, ``:20`` keeps the first 20 learners.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from _data import DATA, trial_of

from segue.experiments.learner_vectors.next_view_prediction import trace_interests
from segue.experiments.learner_vectors.success_prediction import (
    ModelName,
    StageClock,
    Traced,
    Trial,
    reliability,
    scored,
    trace,
)
from segue.features.catalogue import Catalogue
from segue.features.history.attempts import Attempts, HistoryParameters
from segue.features.history.difficulty import fit_difficulty
from segue.features.history.learner_state import LearnerState
from segue.features.history.streaming_update import update
from segue.features.vectors.learner_vector import design

ANCHORS = {
    "statics2011": {"PFA": 0.69, "IRT": 0.79, "SAKT": 0.81, "Best-LR": 0.82, "DKT": 0.83},
    "algebra2005-sample": {"PFA": 0.76, "IRT": 0.77, "SAKT": 0.80, "DKT": 0.82, "Best-LR": 0.83},
}
JOINED = 2  # more items whose skills an item gets
EARLIER = ((0, 0), (1, 1), (2, 5), (6, 20), (21, 10**9))
TAGS = ("Theme", "Software", "Job", "Difficulty", "type")


def main() -> None:
    """Print accuracy, cold start, calibration, speed and memory, then interests."""
    options = _options()
    whole = {}
    for name in options.sets:
        folder = DATA / name.partition(":")[0]
        if not folder.exists():
            print(f"skipped: {name} is not on this machine (set SEGUE_DATA to its folder)")
            continue
        trial = changed(trial_of(folder.name), name.partition(":")[2])
        print(f"\n## {name}: {len(trial.attempts):,} attempts of {trial.n_learners} learners")
        regimes = []
        for model in options.models:
            clock = StageClock()
            traced = trace(trial, model=model, clock=clock, seed=options.seed)
            whole[name, model] = _accuracy(name, model, traced)
            _cold_start(trial, traced)
            regimes.append(_regimes(trial, traced, model))
            _stages(trial, clock, n_folds=len(traced))
            _calibration(traced, options.reliability)
        print("\nby regime\n" + pd.concat(regimes, axis=1).round(3).to_string())
        _memory(trial)
        _updates(trial)
    print("\n## all sets\n" + pd.DataFrame(whole).T.round(4).to_string())
    if options.sets == list(ANCHORS):
        _interests()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(ANCHORS))
    parser.add_argument("--models", nargs="+", default=["logistic"], choices=get_args(ModelName))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reliability", type=Path, help="also draw it (needs segue[experiments])")
    return parser.parse_args()


def changed(trial: Trial, change: str) -> Trial:
    """Return the trial with a change: "untimed", "joined", a number of learners, or none ("")."""
    if not change:
        return trial
    if change == "untimed":
        nothing = np.full(len(trial.attempts), np.nan)
        return replace(trial, attempts=replace(trial.attempts, time=nothing))
    if change == "joined":
        own = [resource.skills for resource in trial.catalogue.resources]
        some = [own[i : i + 1 + JOINED] for i in range(len(own))]
        resources = [
            replace(resource, skills=tuple(dict.fromkeys(chain(*skills))))
            for resource, skills in zip(trial.catalogue.resources, some, strict=True)
        ]
        return replace(trial, catalogue=Catalogue.build(resources))
    few = trial.attempts.learner < int(change)
    return replace(trial, attempts=trial.attempts.take(few), n_learners=int(change))


def _accuracy(name: str, model: str, traced: list[Traced]) -> pd.Series:
    """Print and return the measures, and print what was published."""
    rows = pd.DataFrame([vars(t.score) for t in traced])[["auc", "log_loss", "ece", "brier"]]
    table = pd.DataFrame({"mean": rows.mean(), "sd of folds": rows.std()}).T
    print(f"\n{model}\n{table.round(4).to_string()}")
    published = ", ".join(f"{key} {value:.2f}" for key, value in ANCHORS.get(name, {}).items())
    print(f"published AUC (see above): {published or 'none'}")
    return rows.mean()


def _cold_start(trial: Trial, traced: list[Traced]) -> None:
    """Print log loss by how many attempts came before, beside the shrunk item mean."""
    position = np.concatenate([trial.attempts.position[t.rows] for t in traced])
    y, p, base = (
        np.concatenate([getattr(t, part) for t in traced]) for part in ("outcome", "probability", "item_mean")
    )
    rows = {}
    for low, high in EARLIER:
        of = (position >= low) & (position <= high)
        label = str(low) if low == high else f"{low}-{high}" if high < 10**9 else f"{low}+"
        rows[label] = {"n": of.sum(), "log loss": _loss(y[of], p[of]), "item mean": _loss(y[of], base[of])}
    print("\nby number of earlier attempts\n" + pd.DataFrame(rows).T.round(3).to_string())


def _regimes(trial: Trial, traced: list[Traced], model: str) -> pd.DataFrame:
    """Return how predictions do on first answers, after long gaps, and on items of several skills."""
    attempts = trial.attempts
    gap = np.diff(attempts.time, prepend=np.nan) / 86400.0
    skills = (trial.catalogue.skill_matrix >= 0).sum(axis=1)[attempts.resource]
    regimes = {
        "first answer": attempts.position == 0,
        "a day or more since the last": (attempts.position > 0) & (gap >= 1.0),
        "a week or more": (attempts.position > 0) & (gap >= 7.0),
        "two skills": skills == 2,
        "three skills or more": skills > 2,
    }
    rows = np.concatenate([t.rows for t in traced])
    y, p = (np.concatenate([getattr(t, part) for t in traced]) for part in ("outcome", "probability"))
    table = {}
    for name, regime in {"all": regimes["first answer"] | True, **regimes}.items():
        of = regime[rows]
        if of.any():
            score = scored(y[of], p[of], n_train=0)
            gap = p[of].mean() - y[of].mean()
            table[name] = [of.sum(), y[of].mean(), gap, score.auc, score.log_loss]
    columns = ["n", "seen", f"{model}: predicted - seen", "AUC", "log loss"]
    return pd.DataFrame(table, index=columns).T


def _loss(y: np.ndarray, p: np.ndarray) -> float:
    return float(-(y * np.log(p) + (1 - y) * np.log1p(-p)).mean())


def _stages(trial: Trial, clock: StageClock, *, n_folds: int) -> None:
    """Print seconds by stage; difficulty and features see all rows of a fold, the fit those to train on."""
    per = {stage: s / n_folds * 100_000 / len(trial.attempts) for stage, s in clock.seconds.items()}
    print("\nseconds per 100,000 attempts: " + ", ".join(f"{stage} {s:.2f}" for stage, s in per.items()))


def _calibration(traced: list[Traced], picture: Path | None) -> None:
    y = np.concatenate([t.outcome for t in traced])
    p = np.concatenate([t.probability for t in traced])
    table = reliability(y, p).round(3)
    print("\npredicted and observed success, bins of equal mass\n" + table.T.to_string(header=False))
    if picture is not None:
        from segue.experiments.evaluation.reports import plots  # noqa: PLC0415  # the only part that needs matplotlib

        plots.reliability(p, y).savefig(picture, dpi=120)


def _memory(trial: Trial) -> None:
    parameters = fit_difficulty(trial.attempts, trial.catalogue).parameters(trial.catalogue)
    parameters.set_of, parameters.standard_logit  # noqa: B018  # made once a catalogue, not once a row
    tracemalloc.start()
    design(trial.attempts, parameters)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"\nvectors of a batch: peak {peak / len(trial.attempts):.0f} bytes a row")


def _updates(trial: Trial) -> None:
    """Print what one attempt's update costs, early and late in the longest history there is."""
    attempts = trial.attempts
    parameters = fit_difficulty(attempts, trial.catalogue).parameters(trial.catalogue)
    longest = int(np.argmax(np.diff(attempts.starts)))
    own = attempts.take(slice(int(attempts.starts[longest]), int(attempts.starts[longest + 1])))
    cost = _update_costs(own, parameters, LearnerState.fresh(trial.catalogue)) * 1e6
    part = len(cost) // 4
    for label, some in (("all", cost), ("first quarter", cost[:part]), ("last quarter", cost[-part:])):
        median, high = np.percentile(some, [50, 99])
        print(f"update, {label} of {len(cost):,} attempts: median {median:.1f} µs, p99 {high:.1f} µs")


def _update_costs(own: Attempts, parameters: HistoryParameters, state: LearnerState) -> np.ndarray:
    rows = [own.one(i) for i in range(len(own))]
    update(state.copy(), rows[0], parameters)  # tables of the catalogue are made on first use
    cost = np.empty(len(rows))
    for i, row in enumerate(rows):
        start = time.perf_counter()
        update(state, row, parameters)
        cost[i] = time.perf_counter() - start
    return cost


def _interests() -> None:
    folder = DATA / "mars-mandarine-academy"
    if not folder.exists():
        print("skipped: mars-mandarine-academy is not on this machine")
        return
    found = trace_interests(
        folder / "page_views_en.csv.gz", folder / "items_en.csv.gz", tags=TAGS, test_from="2019-07-01"
    )
    print("\n## mars-mandarine-academy: first views from 2019-07-01 on")
    for key, value in found.items():
        print(f"{key}: {value}")


if __name__ == "__main__":
    main()
