"""What is lost in predictions where the success model is fitted on a share of the attempts.

Run: OMP_NUM_THREADS=1 python benchmarks/capped_fit.py [--sets statics2011 algebra2005-sample]
     [--shares .5 .25 .125] [--seeds 0 1]

A fit makes vectors for at most ``MOST_ROWS`` attempts, those of whole learners drawn by lot; difficulty rests
on all. Here the cap is a share of the training attempts. AUC and log loss are of learners held out (5 folds,
as in ``benchmarks/vectors.py``), beside those of the fit on all.
"""

from __future__ import annotations

import argparse

import numpy as np
from _data import trial_of

from segue.experiments.learner_vectors.success_prediction import INNER_FOLDS, Trial, masks, scored
from segue.features.catalogue import Bools, Ints
from segue.features.history.difficulty import learner_folds
from segue.features.vectors.success_fit import drawn_learners, fit_model, training_rows


def predicted(trial: Trial, test: Bools, inner: Ints, share: float, seed: int) -> tuple[float, float]:
    """Return AUC and log loss on the test rows by a model of that share of the other attempts."""
    some = np.ones(len(test), dtype=np.bool_)
    if share < 1.0:
        most = round(share * int((~test).sum()))
        drawn = drawn_learners(trial.attempts.take(~test), most, np.random.default_rng(seed))
        assert drawn is not None
        some[~test] = drawn
    rows = training_rows(trial.attempts, trial.catalogue, fold=inner, train=~test, some=some)
    model = fit_model(rows, rng=np.random.default_rng(seed))
    held = ~rows.train
    logit = model.logit(
        rows.X[held],
        resource=rows.attempts.resource[held],
        combination=rows.combination[held],
        carried=rows.carried[held],
    )
    found = scored(rows.attempts.score[held], 1.0 / (1.0 + np.exp(-logit)), n_train=int(rows.train.sum()))
    return found.auc, found.log_loss


def main() -> None:
    """Print the table of each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=["statics2011", "algebra2005-sample"])
    parser.add_argument("--shares", nargs="+", type=float, default=[0.5, 0.25, 0.125])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    options = parser.parse_args()
    for name in options.sets:
        trial = trial_of(name)
        inner = learner_folds(trial.n_learners, INNER_FOLDS, np.random.default_rng(1))
        print(f"\n## {name}: {len(trial.attempts):,} attempts of {trial.n_learners} learners", flush=True)
        folds = [test for _, test in masks(trial, folds=5, seed=0, test_value=None)]
        for share in (1.0, *options.shares):
            seeds = options.seeds if share < 1.0 else options.seeds[:1]
            found = np.array([[predicted(trial, t, inner, share, seed) for t in folds] for seed in seeds])
            of_seeds = found.mean(axis=1)  # (seeds, 2)
            spread = (
                f" (draws {of_seeds[:, 0].min():.4f} to {of_seeds[:, 0].max():.4f})" if len(seeds) > 1 else ""
            )
            auc, loss = of_seeds.mean(axis=0)
            print(f"{share:6.3f} of the attempts: AUC {auc:.4f}{spread}, log loss {loss:.4f}", flush=True)


if __name__ == "__main__":
    main()
