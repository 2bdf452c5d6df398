"""Labels of groups, clusters, actions and learners: text in one spelling; only an empty cell is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segue.experiments.evaluation.estimators.single_step import Floats, Ints
from segue.features.events.text_dialects import label_of


def coded(values: ArrayLike | pd.Series) -> tuple[Ints, tuple[str, ...]]:
    """Return the code of each label, -1 where it is missing, and the labels in order of text.

    The order in which they arrive changes nothing.
    """
    codes, found = pd.factorize(pd.Series(values, dtype=getattr(values, "dtype", object)))
    names = [label_of(value) for value in found]
    labels = tuple(sorted(set(names) - {""}))
    place = {name: at for at, name in enumerate(labels)}
    table = np.array([*(place.get(name, -1) for name in names), -1], dtype=np.int64)
    return table[codes], labels


def labels_of(values: ArrayLike | pd.Series) -> NDArray[np.object_]:
    """Return labels as text, empty where missing."""
    codes, labels = coded(values)
    return np.asarray(np.array([*labels, ""], dtype=object)[codes])


def clusters_of(values: ArrayLike | pd.Series) -> Ints:
    """Return cluster codes; a row without a label stands alone."""
    codes, labels = coded(values)
    alone = codes < 0
    codes[alone] = len(labels) + np.arange(int(alone.sum()))
    return codes


def numbers_of(column: pd.Series) -> Floats:
    """Return a column as floats, NaN where it is not a number."""
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
