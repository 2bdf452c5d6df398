"""Attempts as arrays, and the numbers of the catalogue that folding them needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segue.features.catalogue import Catalogue, row_kinds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Attempt(NamedTuple):
    """One scored try, encoded: resource index, score in [0, 1], UTC epoch seconds or NaN, source order.

    `weight` in (0, 1] is what the score counts beside one that is certain.
    """

    resource: int
    score: float
    time: float
    seq: int
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Attempts:
    """Encoded attempts in canonical order (learner, time, seq); all arrays of shape (n,).

    A learner with any unknown time is ordered by `seq` alone. `weight` is None where every score is certain.
    """

    learner: Ints
    resource: Ints
    score: Floats
    time: Floats
    seq: Ints
    weight: Floats | None = None

    @classmethod
    def sorted(
        cls,
        learner: Ints,
        resource: Ints,
        score: Floats,
        time: Floats,
        seq: Ints,
        *,
        weight: Floats | None = None,
    ) -> Attempts:
        """Return the attempts in canonical order, whatever the order they came in."""
        return cls(learner, resource, score, time, seq, weight).take(cls.order(learner, resource, time, seq))

    @staticmethod
    def order(learner: Ints, resource: Ints, time: Floats, seq: Ints) -> Ints:
        """Return the rows in canonical order."""
        unknown = np.zeros(int(learner.max(initial=-1)) + 1, dtype=np.bool_)
        unknown[learner[np.isnan(time)]] = True
        moment = np.where(unknown[learner], 0.0, time)
        rows = np.argsort(moment)
        small = learner.astype(np.uint16) if len(unknown) <= 2**16 else learner  # sorted in linear time
        rows = rows[np.argsort(small[rows], kind="stable")]
        who, when = learner[rows], moment[rows]
        tied = np.zeros(len(rows) + 1, dtype=np.bool_)
        tied[1:-1] = (who[1:] == who[:-1]) & (when[1:] == when[:-1])
        at = np.flatnonzero(tied[1:] | tied[:-1])  # groups of equal learner and time, each in one piece
        some = rows[at]
        rows[at] = some[np.lexsort((resource[some], seq[some], moment[some], learner[some]))]
        return rows

    def __len__(self) -> int:
        return len(self.learner)

    def take(self, rows: Ints | slice | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Attempts:
        """Return some of the rows, in order."""
        return Attempts(
            self.learner[rows],
            self.resource[rows],
            self.score[rows],
            self.time[rows],
            self.seq[rows],
            None if self.weight is None else self.weight[rows],
        )

    def one(self, i: int) -> Attempt:
        """Return row `i` as `update` wants it."""
        weight = 1.0 if self.weight is None else float(self.weight[i])
        return Attempt(
            int(self.resource[i]), float(self.score[i]), float(self.time[i]), int(self.seq[i]), weight
        )

    @cached_property
    def starts(self) -> Ints:
        """Row where each learner present begins, and len(self) at the end."""
        return np.append(np.flatnonzero(np.diff(self.learner, prepend=-1)), len(self)).astype(np.int64)

    @cached_property
    def local(self) -> Ints:
        """Number of each row's learner among those present."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @cached_property
    def position(self) -> Floats:
        """How many attempts the learner had made before each."""
        return (np.arange(len(self)) - np.repeat(self.starts[:-1], np.diff(self.starts))).astype(np.float64)


def encode(events: pd.DataFrame, catalogue: Catalogue) -> tuple[Attempts, tuple[str, ...]]:
    """Return the scored attempts of an events frame, and the learner ids that their codes point into.

    Learners are numbered by sorted id. An event that another one supersedes or voids is left out, so that the
    codes are those of the corrected history.

    Raises
    ------
    CatalogueError
        When an attempt names a resource that the catalogue does not have.
    """
    frame = corrected(events)
    learner, learner_ids = coded(frame["learner"])
    kept = frame["score"].notna().to_numpy()
    if "kind" in frame:
        kept = kept & (frame["kind"] == "attempt").to_numpy()
    rows = slice(None) if kept.all() else kept  # of all, no copy is made
    resource, resource_ids = coded(frame["resource"][rows])
    return (
        Attempts.sorted(
            learner[rows],
            catalogue.resource_codes(resource_ids)[resource],
            frame["score"].to_numpy(np.float64)[rows],
            _seconds(pd.to_datetime(frame["time"][rows], utc=True)),
            frame["seq"].to_numpy(np.int64)[rows],
            weight=_weights(frame["weight"][rows]) if "weight" in frame else None,
        ),
        learner_ids,
    )


def coded(texts: pd.Series) -> tuple[Ints, tuple[str, ...]]:
    """Return where each text, or category, stands in the sorted different ones, and these.

    >>> codes, different = coded(pd.Series(["b", "a", "b"]))
    >>> codes.tolist(), different
    ([1, 0, 1], ('a', 'b'))
    """
    each = texts if isinstance(texts.dtype, pd.CategoricalDtype) else texts.astype(str).astype("category")
    each = each.cat.remove_unused_categories()
    different, code = list(map(str, each.cat.categories)), each.cat.codes.to_numpy()
    if (code < 0).any():  # nothing said
        different.append("")
    order = sorted(range(len(different)), key=different.__getitem__)
    return np.argsort(order)[code], tuple(different[i] for i in order)


def _weights(weight: pd.Series) -> Floats | None:
    """Return what each score counts, None where all are certain."""
    return None if weight.isna().all() else np.asarray(weight.fillna(1.0), dtype=np.float64)


def _seconds(time: pd.Series[pd.Timestamp]) -> Floats:
    seconds = time.dt.as_unit("ns").astype("int64").to_numpy(np.int64) / 1e9
    return np.where(time.isna().to_numpy(), np.nan, seconds)


def corrected(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events with corrections applied: voided and superseded ones are gone."""
    if "supersedes" not in events and "voids" not in events:
        return events
    gone: set[str] = set()
    for column in ("supersedes", "voids"):
        if column in events:
            gone |= set(events[column].dropna().unique().astype(str).tolist()) - {""}
    return events[~events["event_id"].astype(str).isin(gone)] if gone else events


@dataclass(frozen=True, eq=False)
class HistoryParameters:
    """What the fold needs to know of the catalogue: easiness in logits, and which skills a resource has.

    Attributes
    ----------
    item_logit : array of shape (n,)
        Logit of an average learner's success; frozen between refits.
    skill_logit : array of shape (S,)
        The same of a standard item of each skill.
    global_logit : float
    skill_matrix, skill_weights : arrays of shape (n, K)
    tag_matrix : array of shape (n, T_max)
    n_tags, n_kinds : int
    """

    item_logit: Floats
    skill_logit: Floats
    global_logit: float
    skill_matrix: Ints
    skill_weights: Floats
    tag_matrix: Ints
    n_tags: int
    n_kinds: int

    @classmethod
    def of(
        cls, catalogue: Catalogue, *, item_logit: Floats, skill_logit: Floats, global_logit: float
    ) -> HistoryParameters:
        """Return the parameters for `catalogue` with fitted easiness."""
        return cls(
            item_logit,
            skill_logit,
            global_logit,
            catalogue.skill_matrix,
            catalogue.skill_weights,
            catalogue.tag_matrix,
            len(catalogue.tag_ids),
            len(catalogue.kind_ids),
        )

    @property
    def n_skills(self) -> int:
        """Number of skills, S."""
        return len(self.skill_logit)

    @cached_property
    def difficulty(self) -> Floats:
        """How much harder than average each resource is for everyone, tanh(logit / 2) in [-1, 1], (n,)."""
        return np.asarray(np.tanh(self.item_logit * -0.5))

    @cached_property
    def skills_of(self) -> list[list[int]]:
        """Skill indices of each resource, without padding."""
        return [[k for k in row if k >= 0] for row in self.skill_matrix.tolist()]

    @cached_property
    def standard_logit(self) -> Floats:
        """Easiness of a standard item of each resource's skills, shape (n,)."""
        return self.standard_item(self.skill_logit)

    def standard_item(self, skill_logit: Floats) -> Floats:
        """Return the easiness of a standard item of each resource's skills, (n,), by that of skills (S,)."""
        terms = skill_logit[np.maximum(self.skill_matrix, 0)] * self.skill_weights
        return np.asarray(terms.sum(axis=1))

    @cached_property
    def log_skills(self) -> Floats:
        """Logarithm of the number of skills of each resource, shape (n,)."""
        return np.asarray(np.log(np.maximum((self.skill_matrix >= 0).sum(axis=1), 1.0)))

    @cached_property
    def combination_of(self) -> Ints:
        """Number of each resource's set of skills, one or several, shape (n,)."""
        return row_kinds(np.sort(self.skill_matrix, axis=1))[1]

    @cached_property
    def set_of(self) -> Ints:
        """Number of each resource's combination of several skills, shape (n,); -1 for one skill."""
        several = (self.skill_matrix >= 0).sum(axis=1) > 1
        out = np.full(len(several), -1, dtype=np.int64)
        out[several] = np.unique(self.combination_of[several], return_inverse=True)[1]
        return out

    @cached_property
    def n_sets(self) -> int:
        """Number of combinations of several skills."""
        return int(self.set_of.max(initial=-1)) + 1

    @cached_property
    def set_list(self) -> list[int]:
        """`set_of` as Python integers: what the streaming update reads."""
        numbers: list[int] = self.set_of.tolist()
        return numbers

    @cached_property
    def logit_list(self) -> list[float]:
        """`item_logit` as Python floats: what the streaming update reads."""
        logits: list[float] = self.item_logit.tolist()
        return logits

    @cached_property
    def chance_list(self) -> list[float]:
        """An average learner's success on each resource, as Python floats."""
        chances: list[float] = (1.0 / (1.0 + np.exp(-self.item_logit))).tolist()
        return chances
