"""A logged data set as arrays, checked once: rows that cannot be used are set aside, counted and located."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segue.experiments.evaluation.estimators.single_step import (
    Floats,
    Ints,
    Rounds,
    rounds_of,
    rounds_of_tables,
)
from segue.experiments.evaluation.logs.rejected_rows import Faults, Rejected

SUM_TOLERANCE = 1e-3  # printed probabilities are often rounded


@dataclass(frozen=True)
class Columns:
    """Which columns of a frame hold what; empty means "not there".

    The target policy is either `target`, its probability of the logged action, or `target_prefix` with
    `action`: column ``<prefix><action>`` holds its probability of that action. `qhat_prefix` does the same
    for predicted rewards.
    """

    reward: str
    propensity: str
    target: str = ""
    action: str = ""
    target_prefix: str = ""
    qhat_prefix: str = ""
    cluster: str = ""
    group: str = ""
    slate: str = ""
    position: str = ""

    def __post_init__(self) -> None:
        """Check that the target policy is given in one complete way."""
        if not self.target and not self.target_prefix:
            raise ValueError("give the target policy: target, or target_prefix together with action")
        if (self.target_prefix or self.qhat_prefix) and not self.action:
            raise ValueError("target_prefix and qhat_prefix need action, the column of the logged action")
        if self.qhat_prefix and not self.target_prefix:
            raise ValueError("qhat_prefix needs target_prefix: the direct method averages over every action")
        if bool(self.slate) != bool(self.position):
            raise ValueError("slates need both slate (id) and position")

    @property
    def single(self) -> tuple[str, ...]:
        """The named columns, without the prefixed ones."""
        names = (self.reward, self.propensity, self.target, self.action, self.cluster, self.group)
        return tuple(name for name in (*names, self.slate, self.position) if name)


@dataclass(frozen=True)
class Log:
    """n usable logged rounds.

    Attributes
    ----------
    reward, propensity, target : (n,)
    action : (n,) of int or None
        Column of the logged action in `policy`.
    policy, prediction : (n, K) or None
        Target probabilities and predicted rewards of every action.
    actions : tuple of str
        Names of the K actions.
    cluster, slate, position : (n,) of int or None
    group : (n,) of str or None
        Empty where the group is unknown.
    rejected : Rejected
    """

    reward: Floats
    propensity: Floats
    target: Floats
    action: Ints | None = None
    policy: Floats | None = None
    prediction: Floats | None = None
    actions: tuple[str, ...] = ()
    cluster: Ints | None = None
    group: NDArray[np.object_] | None = None
    slate: Ints | None = None
    position: Ints | None = None
    rejected: Rejected = field(default_factory=Rejected)

    @property
    def n(self) -> int:
        """Number of usable rounds."""
        return len(self.reward)

    def rounds(self) -> Rounds:
        """Return the arrays the estimators take."""
        if self.policy is None or self.action is None:
            return rounds_of(self.reward, self.propensity, target=self.target)
        return rounds_of_tables(
            self.reward,
            self.propensity,
            action=self.action,
            policy=self.policy,
            prediction=self.prediction,
        )


def log_of_frame(
    frame: pd.DataFrame,
    columns: Columns,
    *,
    reward_range: tuple[float, float] | None = None,
    unreadable: int = 0,
) -> Log:
    """Return the usable rows of a frame as a `Log`.

    A row is rejected when a needed number is missing or not finite, the reward lies outside `reward_range`
    (inclusive), the propensity outside (0, 1], a target probability outside [0, 1], the target's
    probabilities do not sum to 1 (within .001), or the logged action has no column; with slates also every
    row of a list that lost one. `unreadable` counts rows that the reader already could not split.

    Raises
    ------
    ValueError
        If a column is missing, or no row is left.
    """
    missing = [name for name in columns.single if name not in frame.columns]
    if missing:
        raise ValueError(
            f"the log has no column {missing[0]!r}; it has {', '.join(map(str, frame.columns[:12]))}"
        )
    faults = Faults(len(frame))
    reward, propensity = _number(frame, columns.reward), _number(frame, columns.propensity)
    faults.add(~np.isfinite(reward), f"{columns.reward} is not a number")
    if reward_range is not None:
        faults.add(
            (reward < reward_range[0]) | (reward > reward_range[1]), f"{columns.reward} outside its range"
        )
    faults.add(~np.isfinite(propensity), f"{columns.propensity} is not a number")
    faults.add((propensity <= 0) | (propensity > 1), f"{columns.propensity} outside (0, 1]")
    names, action, policy, prediction = _tables(frame, columns, faults)
    target = _target(frame, columns, action=action, policy=policy)
    faults.add(~np.isfinite(target), "target probability is not a number")
    faults.add((target < 0) | (target > 1 + 1e-9), "target probability outside [0, 1]")
    slate = _codes(frame, columns.slate, faults)
    position = _whole(frame, columns.position, faults)
    if slate is not None and position is not None:
        _whole_lists(slate, position, columns, faults=faults)
    keep = ~faults.any
    if not keep.any():
        raise ValueError(f"no usable row: {faults.rejected(unreadable)}")
    return Log(
        reward=reward[keep],
        propensity=propensity[keep],
        target=target[keep],
        action=None if action is None else action[keep],
        policy=None if policy is None else policy[keep],
        prediction=None if prediction is None else prediction[keep],
        actions=names,
        cluster=_clusters(frame, columns, keep),
        group=_labels(frame, columns.group, keep),
        slate=None if slate is None else slate[keep],
        position=None if position is None else position[keep],
        rejected=faults.rejected(unreadable),
    )


def _number(frame: pd.DataFrame, name: str) -> Floats:
    """Return a column as floats, NaN where it is not a number."""
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)


def _table(frame: pd.DataFrame, prefix: str, names: tuple[str, ...]) -> Floats:
    """Return prefixed columns as a (n, K) table."""
    absent = [name for name in names if f"{prefix}{name}" not in frame.columns]
    if absent:
        raise ValueError(f"action {absent[0]!r} has no column {prefix}{absent[0]}; every action needs one")
    return np.column_stack([_number(frame, f"{prefix}{name}") for name in names])


def _tables(
    frame: pd.DataFrame, columns: Columns, faults: Faults
) -> tuple[tuple[str, ...], Ints | None, Floats | None, Floats | None]:
    """Return action names, logged action, target probabilities and predictions; note their faults."""
    if not columns.target_prefix:
        return (), None, None, None
    prefix = columns.target_prefix
    taken = set(columns.single)
    names = tuple(
        str(c)[len(prefix) :] for c in frame.columns if str(c).startswith(prefix) and c not in taken
    )
    if not names:
        raise ValueError(f"no column starts with target_prefix {prefix!r}")
    action = _action(frame[columns.action], names)
    faults.add(action < 0, f"{columns.action} has no column {prefix}<action>")
    policy = _table(frame, prefix, names)
    faults.add(~np.isfinite(policy).all(axis=1), "target probability is not a number")
    faults.add(((policy < 0) | (policy > 1 + 1e-9)).any(axis=1), "target probability outside [0, 1]")
    faults.add(np.abs(policy.sum(axis=1) - 1) > SUM_TOLERANCE, "target probabilities do not sum to 1")
    if not columns.qhat_prefix:
        return names, action, policy, None
    prediction = _table(frame, columns.qhat_prefix, names)
    faults.add(~np.isfinite(prediction).all(axis=1), "predicted reward is not a number")
    return names, action, policy, prediction


def _action(column: pd.Series, names: tuple[str, ...]) -> Ints:
    """Return the index of each action among `names`, -1 where unknown; 3.0 finds "3"."""
    text = column.astype("string").str.strip().str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True)
    return pd.Index(names).get_indexer(pd.Index(text.fillna("\0"))).astype(np.int64)


def _target(frame: pd.DataFrame, columns: Columns, *, action: Ints | None, policy: Floats | None) -> Floats:
    """Return the target's probability of the logged action."""
    if policy is None or action is None:
        return _number(frame, columns.target)
    return np.asarray(policy[np.arange(len(frame)), np.maximum(action, 0)])


def _codes(frame: pd.DataFrame, name: str, faults: Faults) -> Ints | None:
    """Return labels as integers; a missing label is a fault."""
    if not name:
        return None
    codes, _ = pd.factorize(frame[name])
    faults.add(codes < 0, f"{name} is missing")
    return codes.astype(np.int64)


def _whole(frame: pd.DataFrame, name: str, faults: Faults) -> Ints | None:
    """Return whole numbers; anything else is a fault."""
    if not name:
        return None
    values = _number(frame, name)
    bad = ~np.isfinite(values) | (values != np.floor(values))
    faults.add(bad, f"{name} is not a whole number")
    return np.where(bad, 0, values).astype(np.int64)


def _whole_lists(slate: Ints, position: Ints, columns: Columns, *, faults: Faults) -> None:
    """Reject steps given twice, and every list that lost a step: its weights would be another list's."""
    places = pd.DataFrame({"slate": slate, "position": position})
    faults.add(places.duplicated(), f"{columns.position} given twice in its list")
    broken = np.unique(slate[faults.any])
    faults.add(np.isin(slate, broken[broken >= 0]), "another row of its list is unusable")


def _clusters(frame: pd.DataFrame, columns: Columns, keep: NDArray[np.bool_]) -> Ints | None:
    """Return cluster codes of the kept rows; a row without a label stands alone, slates are the fallback."""
    name = columns.cluster or columns.slate
    if not name:
        return None
    codes, labels = pd.factorize(frame[name][keep])
    alone = codes < 0
    codes[alone] = len(labels) + np.arange(alone.sum())
    return codes.astype(np.int64)


def _labels(frame: pd.DataFrame, name: str, keep: NDArray[np.bool_]) -> NDArray[np.object_] | None:
    """Return group labels as text, empty where missing."""
    if not name:
        return None
    return np.asarray(frame[name][keep].astype("string").fillna("").to_numpy(dtype=object))
