"""Predicted rewards of every action, cross-fitted: what the direct and doubly robust estimators need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge

from segue.experiments.evaluation.estimators.single_step import Floats, Ints, Rounds


class Estimator(Protocol):
    """A scikit-learn regressor, or a classifier of 0/1 rewards."""

    def fit(self, X: ArrayLike, y: ArrayLike, /) -> Self:
        """Fit to a (n, d) table."""

    def predict(self, X: ArrayLike, /) -> NDArray[np.generic]:
        """Return predictions, (n,)."""


@runtime_checkable
class Classifier(Protocol):
    """A scikit-learn classifier with probabilities."""

    classes_: NDArray[np.float64]

    def fit(self, X: ArrayLike, y: ArrayLike, /) -> Self:
        """Fit to a (n, d) table."""

    def predict_proba(self, X: ArrayLike, /) -> NDArray[np.float64]:
        """Return class probabilities, (n, classes)."""


def fit_qhat(
    estimator: Estimator,
    contexts: Floats,
    *,
    action: Ints,
    reward: Floats,
    n_actions: int,
    rng: np.random.Generator,
    folds: int = 5,
    cluster: Ints | None = None,
) -> Floats:
    """Return predicted rewards of every action in every round, (n, K), from models that never saw the round.

    Parameters
    ----------
    estimator : scikit-learn estimator
        Cloned for each fold; never fitted itself. A classifier's probability of reward 1 is used.
    contexts : (n, d)
    action : (n,) of int
    reward : (n,)
    n_actions : int
        K.
    folds : int
        Number of folds; `cluster` (n,) keeps clusters together.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> rng = np.random.default_rng(0)
    >>> action = rng.integers(3, size=300)
    >>> seen = {"action": action, "reward": 1 + action / 2.0, "n_actions": 3}
    >>> fit_qhat(LinearRegression(), np.zeros((300, 1)), **seen, rng=rng)[0].round(6).tolist()
    [1.0, 1.5, 2.0]
    """
    described = np.eye(n_actions)

    def fitted(contexts: Floats, action: Ints, reward: Floats, asked: Floats) -> Floats:
        model = clone(estimator).fit(np.hstack([contexts, described[action]]), reward)
        beside = [np.broadcast_to(row, (len(asked), n_actions)) for row in described]
        return np.column_stack([predicted_reward(model, np.hstack([asked, one])) for one in beside])

    return _cross_fitted(fitted, contexts, action, reward, n_actions, rng=rng, folds=folds, cluster=cluster)


def fit_linear_qhat(
    contexts: Floats,
    *,
    action: Ints,
    reward: Floats,
    n_actions: int,
    rng: np.random.Generator,
    folds: int = 5,
    cluster: Ints | None = None,
) -> Floats:
    """Return predicted rewards like `fit_qhat`, from a line of its own for each action.

    Each action has its own intercept and slopes, shrunk (ridge) towards slopes common to all: what is good
    for one context may be bad for another, and of an action seen rarely little is told. Rewards of 0 and 1
    are fitted by logistic regression. `contexts` (n, d) should be standardised.
    """
    binary = bool(np.isin(reward, (0.0, 1.0)).all())

    def fitted(contexts: Floats, action: Ints, reward: Floats, asked: Floats) -> Floats:
        model = LogisticRegression(max_iter=1000) if binary else Ridge()
        model.fit(_lines(contexts, action, n_actions), reward)
        common, own = np.split(np.ravel(model.coef_), [contexts.shape[1]])
        own = own.reshape(n_actions, -1)
        found = np.asarray(asked @ (common + own[:, 1:]).T + own[:, 0] + model.intercept_)
        return np.asarray(expit(found)) if binary else found

    return _cross_fitted(fitted, contexts, action, reward, n_actions, rng=rng, folds=folds, cluster=cluster)


def calibrated(prediction: Floats, rounds: Rounds) -> Floats:
    """Return predictions, (n, K), shrunk towards a constant as far as the rewards of `rounds` ask for it.

    By the slope, between 0 and 1, of rewards on predictions where each round counts by its weight. Models of
    many actions or contexts and few rounds predict noise, which doubly robust estimates would carry.

    >>> rounds = Rounds(np.ones(2), np.array([0.0, 1.0]), np.array([0.0, 2.0]), np.ones(2))
    >>> calibrated(np.array([[0.0, 1.0, 2.0]]), rounds)
    array([[0. , 0.5, 1. ]])
    """
    weight, total = rounds.weight, float(rounds.weight.sum())
    if rounds.q_logged is None or not total:
        return prediction
    centre, level = (float(weight @ column) / total for column in (rounds.q_logged, rounds.reward))
    apart = rounds.q_logged - centre
    spread = float(weight @ apart**2)
    slope = float(weight @ (apart * (rounds.reward - level))) / spread if spread > 0 else 0.0
    return np.asarray(level + min(max(slope, 0.0), 1.0) * (prediction - centre))


def _lines(contexts: Floats, action: Ints, n_actions: int) -> sparse.csr_matrix:
    """Return each round's contexts and, in its action's columns, 1 and the contexts once more."""
    n, d = contexts.shape
    cells = np.hstack([contexts, np.ones((n, 1)), contexts])
    own = d + action[:, None] * (d + 1) + np.arange(d + 1)
    columns = np.hstack([np.broadcast_to(np.arange(d), (n, d)), own])
    ends = np.arange(0, cells.size + 1, 2 * d + 1)
    return sparse.csr_matrix((cells.ravel(), columns.ravel(), ends), shape=(n, d + n_actions * (d + 1)))


def _cross_fitted(
    fitted: Callable[[Floats, Ints, Floats, Floats], Floats],
    contexts: Floats,
    action: Ints,
    reward: Floats,
    n_actions: int,
    *,
    rng: np.random.Generator,
    folds: int,
    cluster: Ints | None,
) -> Floats:
    """Return what is `fitted` on the other folds' contexts, actions and rewards for the contexts of each."""
    order = canonical_order(contexts, action, reward, cluster=cluster)
    contexts, action, reward = contexts[order], action[order], reward[order]
    fold = folds_of(len(reward), folds, rng=rng, cluster=None if cluster is None else cluster[order])
    out = np.empty((len(reward), n_actions))
    for held_out in range(folds):
        test, train = fold == held_out, fold != held_out
        if np.ptp(reward[train]) == 0:  # a classifier needs two classes
            out[order[test]] = reward[train][0]
        else:
            out[order[test]] = fitted(contexts[train], action[train], reward[train], contexts[test])
    return out


def canonical_order(*columns: Floats | Ints, cluster: Ints | None = None) -> Ints:
    """Return rows in an order that depends on what they hold, (n,), not on how they arrived.

    A cluster enters by its size: what it is called is no fact.

    >>> canonical_order(np.array([[0.2], [0.1], [0.1]]), np.array([0, 1, 0])).tolist()
    [2, 1, 0]
    """
    keys = [column for table in columns for column in np.atleast_2d(np.asarray(table, dtype=np.float64).T)]
    if cluster is not None:
        code = np.unique(cluster, return_inverse=True)[1]
        keys.append(np.bincount(code)[code])
    first = np.argsort(keys[0], kind="stable")
    if (np.diff(keys[0][first]) > 0).all():  # no ties: what a lexical sort finds, in a fifth of its time
        return first.astype(np.int64)
    return np.lexsort(keys[::-1]).astype(np.int64)


def predicted_reward(model: Estimator, X: Floats) -> Floats:
    """Return a fitted model's expected reward of each row."""
    if isinstance(model, Classifier):
        return np.asarray(model.predict_proba(X) @ model.classes_, dtype=np.float64)
    return np.asarray(model.predict(X), dtype=np.float64)


def folds_of(n: int, folds: int, *, rng: np.random.Generator, cluster: Ints | None = None) -> Ints:
    """Return a fold for each of n rounds, (n,); rounds of a cluster share theirs.

    Give rounds in an order that does not depend on how they arrived (`canonical_order`), and neither will
    their folds.

    Raises
    ------
    ValueError
        If there are fewer than two folds, or fewer units than folds.

    Examples
    --------
    >>> folds_of(4, 2, rng=np.random.default_rng(0), cluster=np.array([7, 7, 9, 9])).tolist()
    [0, 0, 1, 1]
    """
    unit = np.arange(n) if cluster is None else pd.factorize(cluster)[0]
    n_units = int(unit.max(initial=-1)) + 1
    if not 2 <= folds <= n_units:
        raise ValueError(f"folds must be between 2 and the {n_units} rounds or clusters, got {folds}")
    return np.asarray((rng.permutation(n_units) % folds)[unit], dtype=np.int64)
