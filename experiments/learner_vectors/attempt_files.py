"""Attempts of a file for `segue trace`: each answer once, whatever the layout of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segue.features.catalogue import Catalogue, Resource
from segue.features.events.row_faults import Rejected, RowFaults
from segue.features.events.typed_tables import typed_table
from segue.features.history.attempts import Attempts, Bools

FEWEST_REPEATS = 20  # second answers to an item, after a right and after a wrong one, to judge them by
LEAST_CHANGES = 0.02  # real second answers differ from the first more often
MOST_TWINS = 0.1  # share of rows
MOST_REJECTED = 0.1  # share of rows, above which a file is refused: a column holds something else
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")


class TraceError(ValueError):
    """A file cannot be traced as it stands; the message says what to change."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Attempts to trace, with the raw row of each (for a split column).

    `repeats` is how many rows of the file stood for an answer that another row had given already; `rejected`
    counts those that cannot be read.
    """

    catalogue: Catalogue
    attempts: Attempts
    n_learners: int
    split: NDArray[np.str_] | None = None
    repeats: int = 0
    rejected: Rejected = field(default_factory=Rejected)


def read_trial(attempts: Path, item_skills: Path | None, *, split: str = "") -> Trial:
    """Return the attempts of a file, with the catalogue that they and the item-skill table make.

    Rows that tell of one answer (a repeated row, or one row for each skill of the item) are one attempt; its
    skills are those of all of them.

    Parameters
    ----------
    attempts : path
        CSV with `user_id, seq, item_id, correct`, optionally `t` (seconds). Without `item_id` the column
        `skill_id` is item and skill.
    item_skills : path or None
        CSV with `item_id, skill_id`; without it, these columns of the attempts. An item without a skill is
        its own.
    split : str
        Column that says which rows are the test.

    Raises
    ------
    TraceError
        When a column is missing, when more than a tenth of the rows hold what they should not (fewer are
        left out and counted), or when second answers to an item are the first ones again: the file would tell
        the model what it is to predict.
    """
    frame, unreadable = table_of(attempts)
    item = "skill_id" if "item_id" not in frame and "skill_id" in frame else "item_id"
    require(frame, attempts, ["user_id", item, "correct", *([split] if split else [])])
    faults = RowFaults(np.arange(len(frame)))
    add_empty(faults, frame, ("user_id", item))
    for column in ("t", "seq", "correct"):
        if column in frame:
            frame[column] = _numbers(faults, frame, column, known=column != "t")
    faults.add(~frame["correct"].between(0.0, 1.0), "'correct' is outside [0, 1] (percent? divide by 100)")
    frame, rejected = usable(frame, faults, unreadable, attempts)
    table = table_of(item_skills)[0] if item_skills is not None else frame
    if item_skills is not None:
        require(table, item_skills, ["item_id", "skill_id"])
        if not frame[item].isin(table["item_id"]).any():
            raise TraceError(
                f"{item_skills} names none of the items of {attempts}, such as {frame[item].iloc[0]!s}: "
                "both must write them alike"
            )
    correct = frame["correct"].to_numpy(np.float64)
    seconds = frame["t"].to_numpy(np.float64) if "t" in frame else np.full(len(frame), np.nan)
    seq = frame["seq"].to_numpy(np.int64) if "seq" in frame else np.arange(len(frame))
    items, resource = np.unique(frame[item].to_numpy(), return_inverse=True)
    learners, learner = np.unique(frame["user_id"].to_numpy(), return_inverse=True)
    encoded = Attempts(learner, resource, correct, seconds, seq)
    order = Attempts.order(learner, resource, seconds, seq)
    skill = frame["skill_id"].astype(str).to_numpy()[order] if "skill_id" in frame else None
    once = _each_answer_once(encoded.take(order), skill if item == "item_id" else None, "seq" in frame)
    order = order[once]
    told = encoded.take(order)
    for why in _copies(told):
        raise TraceError(
            f"{attempts} seems to hold answers several times: {why}; keep one row an answer, its item in "
            "`item_id`, the item's skills in the item-skill table"
        )
    marks = frame[split].astype(str).to_numpy(np.str_)[order] if split else None
    return Trial(_catalogue(items, table), told, len(learners), marks, len(frame) - len(told), rejected)


def table_of(path: Path) -> tuple[pd.DataFrame, int]:
    """Return a table, missing numbers as programs write them, and how many lines have too many fields."""
    return typed_table(path, missing=MISSING)


def require(frame: pd.DataFrame, path: Path, columns: Sequence[str]) -> None:
    """Raise when a file lacks a column."""
    missing = [c for c in columns if c not in frame]
    if missing:
        raise TraceError(
            f"{path} must have a column {missing[0]!r}, found {', '.join(map(str, frame.columns))}"
        )


def add_empty(faults: RowFaults, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Note the rows where a cell that names somebody or something is empty."""
    for column in columns:
        faults.add(frame[column].isna(), f"{column!r} is empty")


def usable(
    frame: pd.DataFrame, faults: RowFaults, unreadable: int, path: Path
) -> tuple[pd.DataFrame, Rejected]:
    """Return the rows without a fault, and what is left out; raise where that is much, or all."""
    rejected = faults.rejected(unreadable)
    if not len(frame) + unreadable:
        raise TraceError(f"{path} has no rows")
    if rejected.n > MOST_REJECTED * (len(frame) + unreadable):
        raise TraceError(f"{path}: {rejected}")
    return frame[~faults.any], rejected


def _numbers(faults: RowFaults, frame: pd.DataFrame, column: str, *, known: bool) -> pd.Series[float]:
    """Return a column as numbers, and note the rows without; with `known`, an empty cell is a fault."""
    values = pd.to_numeric(frame[column], errors="coerce")
    faults.add(values.isna() & (frame[column].notna() | known), f"{column!r} is not a number")
    return values


def _each_answer_once(attempts: Attempts, skill: NDArray[np.object_] | None, numbered: bool) -> Bools:
    """Return which rows tell of an answer that the row before them did not tell already, (n,).

    A row repeats the one before it when learner, item, score and time are the same and so is its number in
    the source, or its time, or when it names another skill of the same item.
    """
    same = np.zeros(len(attempts), dtype=np.bool_)
    timed = ~np.isnan(attempts.time[1:])
    equal = attempts.learner[1:] == attempts.learner[:-1]
    equal &= attempts.score[1:] == attempts.score[:-1]
    equal &= (attempts.time[1:] == attempts.time[:-1]) | ~timed
    numbers = attempts.seq[1:] == attempts.seq[:-1]
    alike = numbers if numbered else np.zeros(len(numbers), dtype=np.bool_)
    alike = alike | timed
    if skill is not None and not (numbers & (attempts.learner[1:] == attempts.learner[:-1])).any():
        alike = alike | (skill[1:] != skill[:-1])
    same[1:] = equal & alike & (attempts.resource[1:] == attempts.resource[:-1])
    return ~same


def _copies(attempts: Attempts) -> Iterator[str]:
    """Yield how one answer stands in several rows in a way that cannot be put right."""
    learner, right = attempts.learner, attempts.score >= 0.5
    next_one = learner[1:] == learner[:-1]
    order = np.lexsort((np.arange(len(attempts)), attempts.resource, learner))
    again = (learner[order][1:] == learner[order][:-1]) & (np.diff(attempts.resource[order]) == 0)
    if _copied(right[order], again):
        yield f"of {int(again.sum())} second answers to an item all but a few are the first one again"
    numbers = next_one & (np.diff(attempts.seq) == 0)
    for name, tied in (("seq", numbers), ("t", next_one & (np.diff(attempts.time) == 0))):
        if _copied(right, tied):
            n_tied = int(tied.sum())
            yield f"{n_tied} rows have learner, {name!r} and score of the row before them, and another item"
    twice = sum(_twice(attempts, number) for number in range(len(attempts.starts) - 1))
    if 2 * twice > len(attempts.starts):
        yield f"the second half of {twice} learners' answers is the first half again"
    if (twins := _twins(attempts, right, next_one)) > MOST_TWINS * len(attempts):
        yield f"{twins} rows follow a certain other item and have its score without exception"


def _copied(right: Bools, follows: Bools) -> bool:
    """Tell whether rows that follow a row like themselves (n - 1,) bear its outcome, whichever it was."""
    before, changed = right[:-1][follows], (right[1:] != right[:-1])[follows]
    return all(
        (before == value).sum() >= FEWEST_REPEATS and changed[before == value].mean() < LEAST_CHANGES
        for value in (False, True)
    )


def _twice(attempts: Attempts, number: int) -> bool:
    """Tell whether the answers of the learner of that number are one sequence twice."""
    own = attempts.take(slice(int(attempts.starts[number]), int(attempts.starts[number + 1])))
    half = len(own) // 2
    return len(own) == 2 * half >= 6 and all(
        np.array_equal(column[:half], column[half:]) for column in (own.resource, own.score)
    )


def _twins(attempts: Attempts, right: Bools, follows: Bools) -> int:
    """Return how many rows belong to a move between two items that never changed the outcome."""
    at = np.flatnonzero(follows) + 1
    key = attempts.resource[at - 1] * (int(attempts.resource.max(initial=0)) + 1) + attempts.resource[at]
    move, place, count = np.unique(key, return_inverse=True, return_counts=True)
    changes = np.bincount(place, right[at] != right[at - 1], len(move))
    good = np.bincount(place, right[at], len(move))
    sure = (changes == 0) & (np.minimum(good, count - good) >= FEWEST_REPEATS / 4)
    return int(count[sure].sum())


def _catalogue(items: NDArray[np.generic], table: pd.DataFrame) -> Catalogue:
    skills: dict[object, list[str]] = {}
    if {"item_id", "skill_id"} <= set(table.columns):
        pairs = table[["item_id", "skill_id"]].dropna().drop_duplicates()
        for item, skill in zip(pairs["item_id"].tolist(), pairs["skill_id"].astype(str), strict=True):
            skills.setdefault(item, []).append(skill)
    return Catalogue.build([Resource(str(i), skills=tuple(skills.get(i, ()))) for i in items.tolist()])
