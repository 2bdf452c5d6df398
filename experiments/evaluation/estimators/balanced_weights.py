"""Balanced weights: a classifier tells the target's choices from the log's (Sondhi, Arbour & Dimmery 2020).

Importance weights are odds: with C = 1 for (context, action drawn from the target) and C = 0 for (context,
logged action), w = P(C = 1 | x, a) / P(C = 0 | x, a). No propensity is needed, so a log with doubtful
propensities can be checked, and the weights are as smooth as the classifier.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import clone

from segue.experiments.evaluation.estimators.reward_predictions import Classifier, canonical_order, folds_of
from segue.experiments.evaluation.estimators.single_step import Floats, Ints

CLIP = 1e-4


def balanced_weights(
    classifier: Classifier,
    contexts: Floats,
    *,
    action: Ints,
    policy: Floats,
    rng: np.random.Generator,
    folds: int = 5,
    cluster: Ints | None = None,
) -> Floats:
    """Return cross-fitted weights (n,) of the logged actions; put them in `Rounds` in place of w.

    The order in which rounds arrived changes none of them.

    Parameters
    ----------
    classifier : scikit-learn classifier
        Cloned for each fold. Sees contexts, one-hot actions and their products.
    contexts : (n, d)
    action : (n,) of int
    policy : (n, K)
        The target's probabilities.
    """
    n, n_actions = policy.shape
    order = canonical_order(contexts, action, policy, cluster=cluster)
    contexts, action, policy = contexts[order], action[order], policy[order]
    edges = np.cumsum(policy, axis=1)
    drawn = np.minimum((edges < rng.random((n, 1)) * edges[:, -1:]).sum(axis=1), n_actions - 1)
    logged, imagined = _features(contexts, action, n_actions), _features(contexts, drawn, n_actions)
    fold = folds_of(n, folds, rng=rng, cluster=None if cluster is None else cluster[order])
    weight = np.empty(n)
    for held_out in range(folds):
        test, train = fold == held_out, fold != held_out
        labels = np.repeat([0.0, 1.0], train.sum())
        model = clone(classifier).fit(np.vstack([logged[train], imagined[train]]), labels)
        chance = np.clip(model.predict_proba(logged[test])[:, 1], CLIP, 1 - CLIP)
        weight[order[test]] = chance / (1 - chance)
    return weight


def _features(contexts: Floats, action: Ints, n_actions: int) -> Floats:
    """Return contexts, one-hot actions, and their products."""
    onehot = np.eye(n_actions)[action]
    products = (contexts[:, :, None] * onehot[:, None, :]).reshape(len(contexts), -1)
    return np.hstack([contexts, onehot, products])
