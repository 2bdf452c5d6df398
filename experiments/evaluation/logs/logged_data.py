"""A logged data set as arrays, checked once: rows that cannot be used are set aside, counted and located."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segue.experiments.evaluation.estimators.single_step import (
    SINGLE,
    Floats,
    Ints,
    Rounds,
    rounds_of,
    rounds_of_tables,
)
from segue.experiments.evaluation.estimators.support import with_support
from segue.experiments.evaluation.intervals.closed_form import check_range
from segue.experiments.evaluation.logs.action_tables import SUM_TOLERANCE, tables
from segue.experiments.evaluation.logs.columns import Columns
from segue.experiments.evaluation.logs.labels import clusters_of, coded, labels_of, numbers_of
from segue.experiments.evaluation.logs.likely_mistakes import no_column, no_number, outside
from segue.experiments.evaluation.logs.lost_rows import Lost, lost_rows
from segue.experiments.evaluation.logs.repeated_rows import repeated_rows
from segue.features.events.event_records import Frame, as_pandas
from segue.features.events.row_faults import Rejected, RowFaults
from segue.features.events.typed_tables import typed_table
from segue.models.cluster_errors import recoded


@dataclass(frozen=True)
class Log:
    """n usable logged rounds.

    Attributes
    ----------
    reward, propensity, target : (n,)
    action : (n,) of int or None
        Column of the logged action in `policy`; -1 for one that the target no longer has.
    policy, prediction : (n, K) or None
        Target probabilities and predicted rewards of every action.
    actions : tuple of str
        Names of the K actions.
    cluster, slate, position : (n,) of int or None
    group : (n,) of str or None
        Empty where the group is missing.
    rejected : Rejected
        Rows set aside.
    lost : Lost
        Of all rows, those whose reward or another figure was missing: how many, and which.
    notes : tuple of str
        What else a reader must know of the log: rows without a group, actions that were retired.
    cautions : tuple of str
        What may make its intervals wrong.
    contexts : (n, d) or None
        What describes the rounds.
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
    lost: Lost = field(default_factory=Lost)
    notes: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    contexts: Floats | None = None

    @property
    def n(self) -> int:
        """Number of usable rounds."""
        return len(self.reward)

    def rounds(self) -> Rounds:
        """Return the arrays the estimators take."""
        if self.policy is None or self.action is None:
            return rounds_of(self.reward, self.propensity, target=self.target)
        rounds = rounds_of_tables(
            self.reward,
            self.propensity,
            action=self.action,
            policy=self.policy,
            prediction=self.prediction,
        )
        return with_support(rounds, self.policy, self.action, self.propensity)


def log_of_frame(
    frame: Frame,
    columns: Columns,
    *,
    reward_range: tuple[float, float] | None = None,
    unreadable: int = 0,
) -> Log:
    """Return the usable rows of a frame as a `Log`.

    A row is rejected when a needed number is missing or not finite, the propensity lies outside (0, 1], a
    target probability outside [0, 1], the target's probabilities do not sum to 1 (within .001), or the logged
    action is missing; with slates also every row of a list that lost one. A missing probability counts as 0
    where the others sum to 1 (the action was not offered), a missing prediction is not needed where the
    target has no probability, and a logged action that the target no longer has weighs 0. A row that repeats
    another of its decision does not count; rows of a decision that differ are rejected where `decision` is
    named, else all count: the column may hold something else. `unreadable` counts rows that the reader
    already could not split.

    Raises
    ------
    ValueError
        If a column is missing, a reward contradicts `reward_range`, or no row is left.
    """
    frame = as_pandas(frame)
    _refuse_empty(frame, columns)
    once, differ = _each_once(frame, columns)
    repeats = int((~once).sum())
    frame, faults = frame[once] if repeats else frame, RowFaults(np.flatnonzero(once))
    if columns.decision:
        faults.add(differ[once], f"another row of its {columns.decision} differs")
    reward, propensity = numbers_of(frame[columns.reward]), numbers_of(frame[columns.propensity])
    faults.add(~np.isfinite(reward), no_number(frame[columns.reward], columns.reward))
    if reward_range is not None:
        check_range(reward_range, reward, columns.reward)
    faults.add(~np.isfinite(propensity), no_number(frame[columns.propensity], columns.propensity))
    off = (propensity <= 0) | (propensity > 1 + SINGLE)
    faults.add(off, outside(columns.propensity, propensity, "(0, 1]"))
    names, action, policy, prediction = tables(frame, columns, faults)
    target = _target(frame, columns, action=action, policy=policy)
    faults.add(~np.isfinite(target), "target probability is not a number")
    faults.add((target < 0) | (target > 1 + SINGLE), outside("target probability", target, "[0, 1]"))
    cluster = (
        clusters_of(frame[columns.cluster or columns.slate]) if columns.cluster or columns.slate else None
    )
    logged = coded(frame[columns.action])[0] if columns.action else None  # whether the target has it or not
    lost = lost_rows(faults.any, weight=_weight(target, propensity), action=logged, cluster=cluster)
    contexts = _contexts(frame, columns, faults)
    slate = _codes(frame, columns.slate, faults)
    position = _whole(frame, columns.position, faults)
    if slate is not None and position is not None:
        _whole_lists(slate, position, columns, faults=faults)
    keep = ~faults.any
    if not keep.any():
        raise ValueError(_no_row(frame, columns, faults.rejected(unreadable)) + _read_as(names))
    group = labels_of(frame[columns.group][keep]) if columns.group else None
    return Log(
        reward=reward[keep],
        propensity=np.minimum(propensity[keep], 1.0),
        target=np.clip(target[keep], 0.0, 1.0),
        action=None if action is None else action[keep],
        policy=None if policy is None else policy[keep],
        prediction=None if prediction is None else prediction[keep],
        actions=names,
        cluster=None if cluster is None else recoded(cluster[keep]),
        group=group,
        slate=None if slate is None else slate[keep],
        position=None if position is None else position[keep],
        rejected=faults.rejected(unreadable),
        lost=lost,
        notes=_notes(frame, columns, keep, action=action, group=group)
        + _notes_of_ids(columns, repeats, int(differ.sum())),
        cautions=_cautions_of_repeats(0 if columns.decision else repeated_rows(frame, columns)),
        contexts=None if contexts is None else contexts[keep],
    )


def _each_once(frame: pd.DataFrame, columns: Columns) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows, (n,), repeat no other of their decision, and which contradict one, in what is read.

    Where rows of one id contradict each other and nobody said that the column holds decisions, all count.
    """
    once, differ = np.ones(len(frame), dtype=np.bool_), np.zeros(len(frame), dtype=np.bool_)
    if columns.ids not in frame:
        return once, differ
    code = coded(frame[columns.ids])[0]
    shared = np.flatnonzero((code >= 0) & pd.Series(code).duplicated(keep=False).to_numpy())
    if not len(shared):
        return once, differ
    read = [name for name in frame.columns if columns.reads(str(name))]
    once[shared] = ~frame[read].iloc[shared].duplicated().to_numpy()
    left = shared[once[shared]]
    differ[left] = pd.Series(code[left]).duplicated(keep=False).to_numpy()
    return (once | (not columns.decision and differ.any())), differ


def _refuse_empty(frame: pd.DataFrame, columns: Columns) -> None:
    """Raise where a column is missing, or every row."""
    missing = [name for name in columns.single if name not in frame.columns]
    if missing:
        raise ValueError(no_column(missing[0], frame.columns))
    if not len(frame):
        raise ValueError("the log has a header and no row")


def _contexts(frame: pd.DataFrame, columns: Columns, faults: RowFaults) -> Floats | None:
    """Return the columns that describe a round, (n, d)."""
    if not columns.context_prefix:
        return None
    names = [name for name in map(str, frame.columns) if name.startswith(columns.context_prefix)]
    if not names:
        raise ValueError(f"no column starts with context_prefix {columns.context_prefix!r}")
    table = np.column_stack([numbers_of(frame[name]) for name in names])
    for index, name in enumerate(names):
        faults.add(~np.isfinite(table[:, index]), f"{name} is not a number")
    return table


def _notes(
    frame: pd.DataFrame,
    columns: Columns,
    keep: NDArray[np.bool_],
    *,
    action: Ints | None,
    group: NDArray[np.object_] | None,
) -> tuple[str, ...]:
    """Return what is missing without making a row useless, counted."""
    counts = {
        "rows have no group: they count for the whole only": 0 if group is None else int((group == "").sum()),
        "rows have no cluster: each stands alone": (
            int((coded(frame[columns.cluster][keep])[0] < 0).sum()) if columns.cluster else 0
        ),
        "rows have a logged action that the target no longer has: their weight is 0": (
            0 if action is None else int((action[keep] < 0).sum())
        ),
    }
    return _counted(counts)


def _notes_of_ids(columns: Columns, repeats: int, differ: int) -> tuple[str, ...]:
    """Return what the ids of decisions tell of rows that others repeat or contradict."""
    unsaid = f"rows have the {columns.ids} of another that differs: each counts, unless --decision names it"
    return _counted(
        {
            f"rows repeat another of their {columns.ids}: they do not count": repeats,
            unsaid: 0 if columns.decision else differ,
        }
    )


def _cautions_of_repeats(repeats: int) -> tuple[str, ...]:
    """Return the caution about rows that look like one decision exported twice."""
    if not repeats:
        return ()
    return (
        f"Caution: {repeats:,} rows repeat another in all that is read, more than chance explains: if "
        "decisions were exported twice, intervals are too short; name the column of their ids (--decision).",
    )


def _counted(counts: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"{count:,} {what}." for what, count in counts.items() if count)


def _weight(target: Floats, propensity: Floats) -> Floats:
    """Return weights, NaN where they are not known."""
    out = np.full(len(target), np.nan)
    known = np.isfinite(target) & (propensity > 0)
    return np.asarray(np.divide(target, propensity, out=out, where=known))


def _no_row(frame: pd.DataFrame, columns: Columns, rejected: Rejected) -> str:
    """Return the sentence for a log without a usable row, and what its first one holds."""
    first = ", ".join(f"{name} {frame[name].iloc[0]}" for name in columns.single)
    return f"no usable row: {replace(rejected, lines=())}; line 2 has {first}"


def _read_as(names: tuple[str, ...]) -> str:
    """Return which actions were read from the columns, to see a prefix that caught too much."""
    if not names:
        return ""
    return f"; the columns were read as the actions {', '.join(names[:8])}{' …' if len(names) > 8 else ''}"


def _target(frame: pd.DataFrame, columns: Columns, *, action: Ints | None, policy: Floats | None) -> Floats:
    """Return the target's probability of the logged action.

    Raises
    ------
    ValueError
        If it is given twice, and differs.
    """
    stated = numbers_of(frame[columns.target]) if columns.target else None
    if policy is None or action is None:
        assert stated is not None
        return stated
    found = np.where(action >= 0, policy[np.arange(len(frame)), action], 0.0)
    if stated is not None and (differing := int((np.abs(stated - found) > SUM_TOLERANCE).sum())):
        raise ValueError(
            f"{columns.target} and {columns.target_prefix}<{columns.action}> are not the same probability in "
            f"{differing:,} rows: give one of them"
        )
    return found


def _codes(frame: pd.DataFrame, name: str, faults: RowFaults) -> Ints | None:
    """Return labels as integers; a missing label is a fault."""
    if not name:
        return None
    codes, _ = coded(frame[name])
    faults.add(codes < 0, f"{name} is missing")
    return codes


def _whole(frame: pd.DataFrame, name: str, faults: RowFaults) -> Ints | None:
    """Return whole numbers; anything else is a fault."""
    if not name:
        return None
    values = numbers_of(frame[name])
    bad = ~np.isfinite(values) | (values != np.floor(values))
    faults.add(bad, f"{name} is not a whole number")
    return np.where(bad, 0, values).astype(np.int64)


def _whole_lists(slate: Ints, position: Ints, columns: Columns, *, faults: RowFaults) -> None:
    """Reject steps given twice, and every list that lost a step: its weights would be another list's."""
    places = pd.DataFrame({"slate": slate, "position": position})
    faults.add(places.duplicated(), f"{columns.position} given twice in its list")
    broken = np.unique(slate[faults.any])
    faults.add(np.isin(slate, broken[broken >= 0]), "another row of its list is unusable")
    faults.add(with_gaps(slate, position), f"a {columns.position} of its list is missing")


def with_gaps(slate: Ints, position: Ints) -> NDArray[np.bool_]:
    """Return the rows, (n,), of lists that lack a position: places start with the log's first, and are whole.

    >>> with_gaps(np.array([0, 0, 1, 1, 2]), np.array([1, 2, 1, 3, 2])).tolist()
    [False, False, True, True, True]
    """
    if not len(slate):
        return np.zeros(0, dtype=np.bool_)
    code = np.unique(slate, return_inverse=True)[1]
    last = np.full(int(code.max()) + 1, position.min() - 1)
    np.maximum.at(last, code, position)
    return np.asarray((last - position.min() + 1 != np.bincount(code))[code])


def read_csv_log(
    path: str | Path, columns: Columns, *, reward_range: tuple[float, float] | None = None
) -> Log:
    """Return the usable rows of a CSV or Parquet file; see `typed_table` and `log_of_frame` for the rest.

    Labels are text: "None", "NA" and "null" are names like any other, and only an empty cell is missing.

    Raises
    ------
    ValueError
        If the file is empty, names a column twice, or a column is missing.
    FileNotFoundError
        If there is no such file.
    """
    frame, unreadable = typed_table(Path(path), columns.labels, wanted=columns.reads)
    if any(name not in frame for name in columns.single):
        frame, unreadable = typed_table(Path(path), columns.labels)  # to say which there are
    return log_of_frame(frame, columns, reward_range=reward_range, unreadable=unreadable)


def read_texts(path: Path) -> pd.DataFrame:
    """Return a table of labels, a roster for instance, with every cell as text: "007" is not "7".

    Raises
    ------
    ValueError
        If the file is empty, or a line has more fields than the header.
    """
    frame, bad = typed_table(path, None)
    if bad:
        raise ValueError(f"{path}: {bad} lines have more fields than the header")
    return frame
