"""Learner vectors and interest vectors as scikit-learn transformers: a frame in, a frame out.

A row is made of the rows before it (of the same learner) only, so the score of an attempt may stand in the
frame that is transformed: it never enters its own vector. Nor need it: a row without a score is a question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from segue.features.catalogue import Catalogue, Resource
from segue.features.events.event_records import Frame, as_pandas
from segue.features.history.attempts import Attempts, Floats, HistoryParameters, Ints
from segue.features.history.difficulty import EasinessMet, fit_difficulty, learner_folds, met_out_of_fold
from segue.features.vectors.interests import reveal
from segue.features.vectors.learner_vector import NAMES, design

Named = NDArray[np.object_]


class _FrameTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both share: input is a frame with given columns, which scikit-learn's arrays cannot stand for."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags

    def _read(self, X: Frame, columns: Sequence[str]) -> pd.DataFrame:
        """Return a frame, of pandas or of another library, as pandas."""
        frame = as_pandas(X) if hasattr(X, "__arrow_c_stream__") else X
        found = list(frame.columns) if isinstance(frame, pd.DataFrame) else type(frame).__name__
        if not isinstance(frame, pd.DataFrame) or any(c not in frame for c in columns):
            raise ValueError(f"X must be a frame with columns {', '.join(columns)}, got {found}")
        return frame


class LearnerVectors(_FrameTransformer):
    """The vector of every attempt: strengths and needs of the learner at the resource, just before it.

    Parameters
    ----------
    skills : mapping of resource id to skill ids, optional
        A resource that is not in it is its own skill.
    folds : int
        In `fit_transform`, each learner meets difficulties fitted without that learner's fold, as new ones
        will.
    seed : int
        Decides the folds.

    Attributes
    ----------
    resources_ : tuple of str
        What was met in `fit`.
    tries_ : DataFrame
        The attempts difficulty is fitted on: columns `learner`, `resource` and `score`.

    Examples
    --------
    >>> attempts = pd.DataFrame({"learner": ["a", "a", "b"], "resource": ["r"] * 3, "score": [1.0, 0.0, 1.0]})
    >>> vectors = LearnerVectors().fit(attempts).transform(attempts)
    >>> vectors["learner_log_successes"].round(3).tolist()
    [0.0, 0.693, 0.0]
    """

    def __init__(
        self, *, skills: Mapping[str, Sequence[str]] | None = None, folds: int = 5, seed: int = 0
    ) -> None:
        self.skills = skills
        self.folds = folds
        self.seed = seed

    def fit(self, X: Frame, y: object = None) -> Self:
        """Learn the difficulty of resources.

        Parameters
        ----------
        X : DataFrame
            Columns `learner`, `resource`, `score` in [0, 1] (NaN: not answered yet); optionally `time` and
            `seq` (else: the order of rows).
        y : array, optional
            The scores, where `X` has none.
        """
        X = self._read(X, ("learner", "resource"))
        if "score" not in X and y is None:
            raise ValueError("X must have a column 'score', or y be given: difficulty is learned from scores")
        scored = X if "score" in X else X.assign(score=np.asarray(y, dtype=np.float64))
        validate_data(self, X, skip_check_array=True)
        known = scored.loc[scored["score"].notna(), ["learner", "resource", "score"]]
        self.tries_ = known.astype({"learner": str, "resource": str}).reset_index(drop=True)
        self.resources_ = tuple(sorted(self.tries_["resource"].unique()))
        return self

    def transform(self, X: Frame) -> pd.DataFrame:
        """Return the vector of each row, columns `learner_vector.NAMES`.

        A row without a score (NaN, or no such column) is read and changes nothing that comes after it. A new
        resource is of average difficulty.
        """
        check_is_fitted(self, "tries_")
        X = self._read(X, ("learner", "resource"))
        catalogue = self._catalogue(X)
        seen = _encoded(self.tries_, catalogue)[0]
        attempts, order = _encoded(X, catalogue)
        parameters = fit_difficulty(seen, catalogue).parameters(catalogue)
        return _as_frame(_read(attempts, parameters), order, X.index)

    def fit_transform(self, X: Frame, y: object = None) -> pd.DataFrame:
        """Fit, and return vectors whose difficulties do not know the learner's own answers."""
        X = self._read(X, ("learner", "resource"))
        self.fit(X, y)
        scored = X if "score" in X else X.assign(score=np.asarray(y, dtype=np.float64))
        catalogue = self._catalogue(X)
        attempts, order = _encoded(scored, catalogue)
        n_learners = int(attempts.learner.max(initial=-1)) + 1
        n_folds = max(min(self.folds, n_learners), 1)
        fold = learner_folds(n_learners, n_folds, np.random.default_rng(self.seed))
        met, difficulty = met_out_of_fold(attempts, catalogue, fold=fold, train=~np.isnan(attempts.score))
        return _as_frame(_read(attempts, difficulty.parameters(catalogue), met), order, X.index)

    def get_feature_names_out(self, input_features: object = None) -> Named:  # noqa: ARG002
        """Return the names of the columns, whatever the input's."""
        return np.array(NAMES, dtype=object)

    def _catalogue(self, X: pd.DataFrame) -> Catalogue:
        skills = self.skills or {}
        names = sorted({*self.resources_, *X["resource"].astype(str), *skills})
        return Catalogue.build([Resource(name, skills=tuple(skills.get(name, ()))) for name in names])


class InterestVectors(_FrameTransformer):
    """What a learner's earlier views reveal, just before each view: one number a tag, each view half of the
    next.

    Parameters
    ----------
    tags : mapping of item id to tags, optional
        An item that is not in it reveals nothing.

    Attributes
    ----------
    tag_ids_ : tuple of str
        The tags of the items met in `fit`, sorted.

    Examples
    --------
    >>> views = pd.DataFrame({"learner": ["a", "a", "a"], "item": ["x", "y", "x"]})
    >>> InterestVectors(tags={"x": ["music"], "y": ["art"]}).fit_transform(views)["music"].tolist()
    [0.0, 1.0, 0.5]
    """

    def __init__(self, *, tags: Mapping[str, Sequence[str]] | None = None) -> None:
        self.tags = tags

    def fit(self, X: Frame, y: object = None) -> Self:  # noqa: ARG002
        """Learn which tags there are; `X` has columns `learner`, `item`, and optionally `time` and `seq`."""
        X = self._read(X, ("learner", "item"))
        validate_data(self, X, skip_check_array=True)
        tags = self.tags or {}
        items = X["item"].astype(str).unique()
        self.tag_ids_ = tuple(sorted({tag for item in items for tag in tags.get(item, ())}))
        return self

    def transform(self, X: Frame) -> pd.DataFrame:
        """Return the revealed interests before each row, one column a tag."""
        check_is_fitted(self, "tag_ids_")
        X = self._read(X, ("learner", "item"))
        tags, index = self.tags or {}, {tag: i for i, tag in enumerate(self.tag_ids_)}
        learner, order = _ordered(X, np.zeros(len(X), dtype=np.int64))
        out, revealed = np.zeros((len(X), len(index))), np.zeros(len(index))
        items = X["item"].astype(str).to_numpy()
        for before, row in zip([-1, *order[:-1].tolist()], order.tolist(), strict=False):
            if before < 0 or learner[before] != learner[row]:
                revealed[:] = 0.0
            out[row] = revealed
            known = [index[tag] for tag in dict.fromkeys(tags.get(items[row], ())) if tag in index]
            reveal(revealed, np.array(known, dtype=np.int64))
        return pd.DataFrame(out, index=X.index, columns=list(self.tag_ids_))

    def get_feature_names_out(self, input_features: object = None) -> Named:  # noqa: ARG002
        """Return the tags."""
        check_is_fitted(self, "tag_ids_")
        return np.array(self.tag_ids_, dtype=object)


def _ordered(X: pd.DataFrame, resource: Ints) -> tuple[Ints, Ints]:
    """Return learner codes by sorted id, and the rows in canonical order."""
    learner = np.unique(X["learner"].astype(str).to_numpy(), return_inverse=True)[1]
    return learner, Attempts.order(learner, resource, _times(X), _sequence(X))


def _encoded(X: pd.DataFrame, catalogue: Catalogue) -> tuple[Attempts, Ints]:
    resource = catalogue.resource_codes(X["resource"].astype(str).tolist())
    learner, order = _ordered(X, resource)
    score = X["score"].to_numpy(np.float64) if "score" in X else np.full(len(X), np.nan)
    wrong = (score < 0.0) | (score > 1.0)
    if wrong.any():
        bad = score[wrong][0]
        raise ValueError(f"score must be in [0, 1], got {bad} (percent? divide by 100)")
    return Attempts(learner, resource, score, _times(X), _sequence(X)).take(order), order


def _read(attempts: Attempts, parameters: HistoryParameters, met: EasinessMet | None = None) -> Floats:
    """Return the vector of each attempt, (n, len(NAMES)); those without a score are read, never folded."""
    asked = np.isnan(attempts.score)
    out = np.zeros((len(attempts), len(NAMES)))
    met = met or EasinessMet.by(parameters, attempts.resource)
    known = np.flatnonzero(~asked)
    out[known] = design(attempts.take(known), parameters, met=met.take(known))
    rows = np.flatnonzero(asked)
    number = np.arange(len(rows)) - np.searchsorted(attempts.learner[rows], attempts.learner[rows])
    for turn in range(int(number.max(initial=-1)) + 1):  # one question a learner at a time
        question = rows[number == turn]
        until = np.zeros(int(attempts.learner.max()) + 1, dtype=np.int64)
        until[attempts.learner[question]] = question
        here = (~asked & (np.arange(len(asked)) < until[attempts.learner])) | np.isin(
            np.arange(len(asked)), question
        )
        at = np.flatnonzero(here)
        some = attempts.take(at)
        filled = replace(some, score=np.where(np.isnan(some.score), 0.0, some.score))
        last = np.searchsorted(at, question)
        out[question] = design(filled, parameters, met=met.take(at))[last]
    return out


def learner_vectors(history: Frame, *, skills: Mapping[str, Sequence[str]] | None = None) -> pd.DataFrame:
    """Return the named vector of every row of a history, made of the rows before it.

    Parameters
    ----------
    history : DataFrame
        Of pandas, polars or Arrow. Columns `learner`, `resource`, `score` in [0, 1] (NaN: not answered yet),
        optionally `time`, `seq`.
    skills : mapping of resource id to skill ids, optional
        A resource that is not in it is its own skill.

    Examples
    --------
    >>> history = pd.DataFrame({"learner": ["a", "a"], "resource": ["r", "r"], "score": [1.0, None]})
    >>> learner_vectors(history)["learner_last_score"].tolist()
    [0.0, 1.0]
    """
    return LearnerVectors(skills=skills).fit_transform(history)


def _times(X: pd.DataFrame) -> Floats:
    """Return seconds: of `time` as UTC times or as numbers; NaN without."""
    if "time" not in X:
        return np.full(len(X), np.nan)
    time = X["time"]
    if pd.api.types.is_numeric_dtype(time):
        return time.to_numpy(np.float64)
    stamps = pd.to_datetime(time, utc=True).dt.as_unit("ns")
    return np.where(stamps.isna().to_numpy(), np.nan, stamps.astype("int64").to_numpy(np.int64) / 1e9)


def _sequence(X: pd.DataFrame) -> Ints:
    return X["seq"].to_numpy(np.int64) if "seq" in X else np.arange(len(X), dtype=np.int64)


def _as_frame(vectors: Floats, order: Ints, index: pd.Index) -> pd.DataFrame:
    out = np.empty_like(vectors)
    out[order] = vectors
    return pd.DataFrame(out, index=index, columns=list(NAMES))
