"""What a frame says of every action: target probabilities and predicted rewards, one column an action."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segue.experiments.evaluation.estimators.single_step import SINGLE, Floats, Ints
from segue.experiments.evaluation.logs.columns import Columns
from segue.experiments.evaluation.logs.labels import coded, numbers_of
from segue.features.events.row_faults import RowFaults
from segue.features.events.text_dialects import label_of

SUM_TOLERANCE = 1e-3  # printed probabilities are often rounded
YES = {"true": "1", "false": "0", "1": "true", "0": "false"}


def tables(
    frame: pd.DataFrame, columns: Columns, faults: RowFaults
) -> tuple[tuple[str, ...], Ints | None, Floats | None, Floats | None]:
    """Return action names, logged action, target probabilities and predictions; note their faults."""
    if not columns.target_prefix:
        return (), None, None, None
    taken = _named(frame, columns, columns.target_prefix)
    if not taken:
        raise ValueError(f"no column starts with target_prefix {columns.target_prefix!r}")
    if len(set(taken.values())) < len(taken):
        raise ValueError(
            f"two columns of {columns.target_prefix}<action> name the same action: {list(taken)}"
        )
    names = tuple(taken.values())
    action = _action(frame[columns.action], names, faults, columns)
    policy = _policy(np.column_stack([numbers_of(frame[column]) for column in taken]), faults)
    if not columns.qhat_prefix:
        return names, action, policy, None
    predicted = {name: column for column, name in _named(frame, columns, columns.qhat_prefix).items()}
    absent = [name for name in names if name not in predicted]
    if absent:
        raise ValueError(
            f"action {absent[0]!r} has no column {columns.qhat_prefix}{absent[0]}; every action needs one"
        )
    prediction = np.column_stack([numbers_of(frame[predicted[name]]) for name in names])
    needless = ~np.isfinite(prediction) & (policy == 0)
    prediction[needless] = 0.0
    faults.add(~np.isfinite(prediction).all(axis=1), "predicted reward is not a number")
    return names, action, policy, prediction


def _named(frame: pd.DataFrame, columns: Columns, prefix: str) -> dict[str, str]:
    """Return the columns of a prefix, each with the action it names.

    A column of the other prefix is none of this one's, though that may begin alike (pi_ and pi_hat_).
    """
    other = columns.qhat_prefix if prefix == columns.target_prefix else columns.target_prefix
    inner = other if other != prefix and other.startswith(prefix) else ""
    return {
        column: label_of(column[len(prefix) :])
        for column in map(str, frame.columns)
        if column.startswith(prefix)
        and column not in columns.single
        and len(column) > len(prefix)
        and not (inner and column.startswith(inner))
    }


def _policy(policy: Floats, faults: RowFaults) -> Floats:
    """Return target probabilities; a missing one is 0 where the others sum to 1."""
    missing = ~np.isfinite(policy)
    known = np.where(missing, 0.0, policy)
    off = np.abs(known.sum(axis=1) - 1) > SUM_TOLERANCE
    faults.add(missing.any(axis=1) & off, "target probability is not a number")
    faults.add(np.isinf(policy).any(axis=1), "target probability is not a number")
    faults.add(((known < 0) | (known > 1 + SINGLE)).any(axis=1), "target probability outside [0, 1]")
    faults.add(off, "target probabilities do not sum to 1")
    return known


def _action(column: pd.Series, names: tuple[str, ...], faults: RowFaults, columns: Columns) -> Ints:
    """Return the place of each logged action among `names`, -1 where the target has it no longer.

    Raises
    ------
    ValueError
        If the target has none of them: then names and columns do not belong together.
    """
    codes, found = coded(column)
    faults.add(codes < 0, f"{columns.action} is missing")
    place = {name: at for at, name in enumerate(names)}
    if found and not any(name in place for name in found):
        place = _as_booleans(names)
    table = np.array([*(place.get(name, place.get(name.lower(), -1)) for name in found), -1], dtype=np.int64)
    if found and (table < 0).all():
        raise ValueError(
            f"{columns.action} is {found[0]!r}, but the target has the actions {', '.join(names[:8])}: "
            f"columns must be called {columns.target_prefix}<{columns.action}>"
        )
    return table[codes]


def _as_booleans(names: tuple[str, ...]) -> dict[str, int]:
    """Return the places of two actions that are called 0 and 1, or true and false, under the other names."""
    if {name.lower() for name in names} not in ({"0", "1"}, {"true", "false"}):
        return {}
    own = {name.lower(): at for at, name in enumerate(names)}
    return own | {YES[name]: at for name, at in own.items()}
