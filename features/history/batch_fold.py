"""Histories folded to the states they end in, many learners at once, from nothing or from states there are.

All learners, and all rows of their skills, take their t-th step together (``steps``), by the
very operations of ``segue.features.history.streaming_update.update`` in the same order: so a learner gets the
same bits alone, in a block, one attempt at a time, or in pieces. What stood *before* each attempt, as
training needs it, is ``chunks`` of ``segue.features.history.batch_replay``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segue.features.history.attempts import Attempts, Floats, HistoryParameters, Ints
from segue.features.history.batch_replay import filtered, stepped, whole_learners
from segue.features.history.learner_state import FRESH_VIEW, StateBlock, viewed
from segue.features.history.state_columns import (
    COUNT,
    ITEM_POSITION,
    ITEM_SCORE,
    ITEM_TIME,
    MEAN,
    SURPRISE,
    USES,
    VARIANCE,
)
from segue.features.history.state_rows import fresh_rows
from segue.features.history.steps import Steps

FOLD_ROWS = 100_000  # attempts folded at once: bounds the memory of a batch


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of numbers by (learner, thing), sorted by both."""

    owner: Ints
    thing: Ints
    values: Floats

    @classmethod
    def sorted(cls, owner: Ints, thing: Ints, values: Floats) -> _Rows:
        order = np.argsort(owner * (int(thing.max(initial=0)) + 1) + thing)  # each pair stands once
        return cls(owner[order], thing[order], values[order])

    def place(self, owner: Ints, thing: Ints) -> Ints:
        """Return where the rows of some pairs are; -1 for those that are not there."""
        if not len(self.owner):
            return np.full(len(owner), -1, dtype=np.int64)
        width = int(max(self.thing.max(initial=0), thing.max(initial=0))) + 1
        mine, asked = self.owner * width + self.thing, owner * width + thing
        at = np.minimum(np.searchsorted(mine, asked), len(mine) - 1)
        return np.asarray(np.where(mine[at] == asked, at, -1))

    def at(self, owner: Ints, thing: Ints, fresh: Floats) -> Floats:
        """Return the rows of some pairs, a copy; `fresh` for those that are not there."""
        at = self.place(owner, thing)
        rows = np.broadcast_to(fresh, (len(at), len(fresh))).copy()
        rows[at >= 0] = self.values[at[at >= 0]]
        return rows

    def with_rows(self, other: _Rows) -> _Rows:
        """Return these rows with those of `other`, which win."""
        if not len(self.owner):
            return other
        stay = other.place(self.owner, self.thing) < 0
        return _Rows.sorted(
            np.concatenate([self.owner[stay], other.owner]),
            np.concatenate([self.thing[stay], other.thing]),
            np.concatenate([self.values[stay], other.values]),
        )


def fold(
    attempts: Attempts, n_learners: int, parameters: HistoryParameters, *, base: StateBlock | None = None
) -> StateBlock:
    """Return the states of learners 0 … n_learners - 1 after all their attempts.

    With `base`, which has those learners, the attempts follow what it has seen; it is not changed.
    """
    start = base or _nobody(n_learners, parameters)
    general = start.general.copy()
    skills = _Rows.sorted(start.owner, start.skill, start.touched)
    sets = _Rows.sorted(start.set_owner, start.set_id, start.set_values)
    items = _Rows.sorted(start.item_owner, start.item_id, start.item_values)
    new: tuple[list[_Rows], list[_Rows]] = ([], [])
    position = attempts.position + general[attempts.learner, COUNT]
    for part in whole_learners(attempts, FOLD_ROWS):
        some = attempts.take(part)
        for which, rows in zip(
            new, _advance(some, parameters, general, (skills, sets), position[part]), strict=True
        ):
            which.append(rows)
    skills, sets = (
        before.with_rows(_joined(which)) if which else before
        for before, which in zip((skills, sets), new, strict=True)
    )
    items = items.with_rows(_used(attempts, position, items)) if len(attempts) else items
    return StateBlock(
        general,
        skills.owner,
        skills.thing,
        skills.values,
        parameters.n_skills,
        start.stated,
        start.revealed,
        start.kinds,
        items.owner,
        items.thing,
        items.values,
        sets.owner,
        sets.thing,
        sets.values,
        start.view_owner,
        start.view_id,
        start.view_values,
    )


def view(block: StateBlock, learner: Sequence[int], resource: Sequence[int], time: Sequence[float]) -> None:
    """Note what was worked through without a score in a block, in place: `LearnerState.view` of many.

    Each learner's views must stand in order.
    """
    before = _Rows.sorted(block.view_owner, block.view_id, block.view_values)
    pairs = list(zip(learner, resource, strict=True))
    if not pairs:
        return
    known = before.at(np.array(learner), np.array(resource), FRESH_VIEW)
    rows = dict(zip(pairs, map(tuple, known.tolist()), strict=True))
    for pair, when in zip(pairs, time, strict=True):
        rows[pair] = viewed(rows[pair], when)
    owner, thing = np.array(list(rows)).T
    now = before.with_rows(_Rows.sorted(owner, thing, np.array(list(rows.values()))))
    block.view_owner, block.view_id, block.view_values = now.owner, now.thing, now.values


def _nobody(n_learners: int, parameters: HistoryParameters) -> StateBlock:
    none = np.zeros(0, dtype=np.int64)
    tags = np.zeros((n_learners, parameters.n_tags))
    kinds = np.zeros((n_learners, parameters.n_kinds, 2))
    rows = (none, none, fresh_rows(0))
    memory = (none, none, np.zeros((0, 4)), *rows, none, none, np.zeros((0, 2)))
    return StateBlock(fresh_rows(n_learners), *rows, parameters.n_skills, tags, tags.copy(), kinds, *memory)


def _advance(
    attempts: Attempts,
    parameters: HistoryParameters,
    general: Floats,
    before: tuple[_Rows, _Rows],
    position: Floats,
) -> tuple[_Rows, _Rows]:
    """Return the rows of skills and of combinations after some whole learners' attempts; change `general`."""
    n_skills = parameters.n_skills
    learner = attempts.learner[attempts.starts[:-1]]
    local = np.repeat(np.arange(len(learner)), np.diff(attempts.starts))
    skill, several = parameters.skill_matrix[attempts.resource], parameters.set_of[attempts.resource]
    owner, column = np.nonzero(skill >= 0)
    at_several = np.flatnonzero(several >= 0)
    row = np.concatenate([np.arange(len(attempts)), owner, at_several])
    slot = np.concatenate(
        [np.full(len(attempts), n_skills), skill[owner, column], several[at_several] + n_skills + 1]
    )
    width = n_skills + 1 + parameters.n_sets
    segments = Steps.of(local[row] * width + slot)
    who, what = np.divmod(segments.key, width)
    mine = learner[who]
    own, one = what == n_skills, what < n_skills
    now = fresh_rows(len(who))
    now[own] = general[mine[own]]
    now[one] = before[0].at(mine[one], what[one], fresh_rows())
    rest = ~own & ~one
    now[rest] = before[1].at(mine[rest], what[rest] - n_skills - 1, fresh_rows())
    logit = parameters.item_logit[attempts.resource]
    kalman = np.zeros((2, len(learner), n_skills + 2))
    kalman[1] = 1.0
    kalman[0, who[own | one], what[own | one]] = now[own | one, MEAN]
    kalman[1, who[own | one], what[own | one]] = now[own | one, VARIANCE]
    _, kalman, surprise = filtered(attempts, parameters, logit, local, start=kalman, before=False)
    known = own | one
    stepped(now, attempts, row, segments, logit=logit, position=position)
    now[known, MEAN], now[known, VARIANCE] = kalman[:, who[known], what[known]]
    now[own, SURPRISE] = surprise[attempts.starts[1:] - 1][who[own]]
    general[mine[own]] = now[own]
    return (_Rows(mine[one], what[one], now[one]), _Rows(mine[rest], what[rest] - n_skills - 1, now[rest]))


def _joined(parts: list[_Rows]) -> _Rows:
    return _Rows.sorted(
        np.concatenate([part.owner for part in parts]),
        np.concatenate([part.thing for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def _used(attempts: Attempts, position: Floats, before: _Rows) -> _Rows:
    """Return the memory of each (learner, resource) tried, after all attempts."""
    order, start = grouped(attempts.resource, attempts.learner)
    uses = np.diff(np.append(start, len(order)))
    last = order[start + uses - 1]
    owner, resource = attempts.learner[last], attempts.resource[last]
    known = attempts.time[last]
    values = np.empty((len(last), 4))
    values[:, USES] = before.at(owner, resource, np.zeros(4))[:, USES] + uses
    values[:, ITEM_SCORE] = 2.0 * attempts.score[last] - 1.0
    values[:, ITEM_POSITION] = position[last]
    values[:, ITEM_TIME] = np.where(np.isnan(known), -np.inf, known)
    return _Rows.sorted(owner, resource, values)


def grouped(minor: Ints, major: Ints) -> tuple[Ints, Ints]:
    """Return an order in which equal pairs stand together as given, and where each pair begins.

    `major` is ascending within equal `minor`. Numbers below 2¹⁶ are sorted in linear time.
    """
    small = minor.astype(np.uint16) if minor.max(initial=0) < 2**16 else minor
    order = np.argsort(small, kind="stable")
    changes = np.diff(minor[order], prepend=-1) != 0
    changes |= np.diff(major[order], prepend=-1) != 0
    return order, np.flatnonzero(changes)
