"""The states found just before and just after each attempt of a log, as blocks: a log read as decisions were.

The fold of a log (``chunks`` of ``segue.features.history.batch_replay``) has the row of a skill before each
attempt *at that skill*. What stood in it before any other attempt is what stands in it before the skill's
next one, or at the end: so every state is a matter of looking rows up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from segue.features.history.attempts import Attempts, Floats, HistoryParameters, Ints
from segue.features.history.batch_fold import fold
from segue.features.history.batch_replay import Chunk, chunks, item_past
from segue.features.history.learner_state import FRESH_ROW, StateBlock
from segue.features.history.state_columns import COUNT, N_COLUMNS

ROWS = 48_000  # attempts looked up at once: bounds the memory


@dataclass(frozen=True, eq=False)
class Lookup:
    """The rows of state of some whole learners' attempts, and where each is found.

    Each attempt has a line, and each learner one more for the end.

    Attributes
    ----------
    attempts : Attempts, n rows
    first : int
        The row of the whole log that the first of them is.
    line : int array of shape (n,)
    last : int array of shape (L,)
        The last line of each line's learner.
    general : array of shape (L, N_COLUMNS)
        The learner over all skills before each line.
    rows : array of shape (R + 1, N_COLUMNS)
        Rows of skills; the last one is fresh.
    key : int array of shape (R + 1,)
        skill × L + line of each, ascending.
    sets, set_owner : arrays of shape (Q, N_COLUMNS) and (Q,)
        The row of the set of several skills that an attempt is at, before it.
    """

    attempts: Attempts
    first: int
    line: Ints
    last: Ints
    general: Floats
    rows: Floats
    key: Ints
    sets: Floats
    set_owner: Ints
    parameters: HistoryParameters

    @cached_property
    def _items(self) -> tuple[Ints, Ints, Floats]:
        """Owner, resource and memory: of the resource at hand, and of the learner's last one."""
        attempts = self.attempts
        previous, uses = item_past(attempts)
        known = np.flatnonzero(previous >= 0)
        last = np.flatnonzero(attempts.position > 0)
        last = last[attempts.resource[last - 1] != attempts.resource[last]]
        owner, row = np.concatenate([known, last]), np.concatenate([previous[known], last - 1])
        time = np.where(np.isnan(attempts.time), -np.inf, attempts.time)[row]
        count = np.concatenate([uses[known], uses[last - 1] + 1.0])
        values = np.stack([count, 2.0 * attempts.score[row] - 1.0, attempts.position[row], time], axis=1)
        order = np.argsort(owner, kind="stable")
        return owner[order], attempts.resource[row][order], values[order]

    def _row(self, skill: Ints, line: Ints) -> Ints:
        """Return which of `rows` stands for a skill before a line: that of the learner's next try, or end."""
        at = np.searchsorted(self.key, skill * len(self.last) + line)
        return np.where(self.key[at] <= skill * len(self.last) + self.last[line], at, len(self.rows) - 1)

    def block(self, some: Ints, kinds: Floats, skills: Ints) -> StateBlock:
        """Return the states before the attempts `some` (B,), ascending, as far as `skills` (S,) go.

        `kinds` as in ``StateBlock``.
        """
        row = self._row(skills[:, None], self.line[some]).T  # (B, S)
        owner, skill = np.nonzero(self.rows[row, COUNT] > 0)
        place = np.full(len(self.attempts), -1)
        place[some] = np.arange(len(some))
        item_owner, item_id, item_values = self._items
        used = np.flatnonzero(place[item_owner] >= 0)
        met = np.flatnonzero((place[self.set_owner] >= 0) & (self.sets[:, COUNT] > 0))
        set_owner = self.set_owner[met]
        met_set = self.parameters.set_of[self.attempts.resource[set_owner]]
        return self._block(
            self.general[self.line[some]],
            (owner, skill, self.rows[row[owner, skill]]),
            kinds,
            n_skills=len(skills),
            items=(place[item_owner[used]], item_id[used], item_values[used]),
            sets=(place[set_owner], met_set, self.sets[met]),
        )

    def block_after(self, some: Ints, skills: Ints) -> StateBlock:
        """Return the states after the attempts `some`, as far as forecasts of the skills practised go."""
        practised = self.parameters.skill_matrix[self.attempts.resource[some]]
        owner, column = np.nonzero(practised >= 0)
        skill, line = practised[owner, column], self.line[some] + 1
        none = np.zeros(0, dtype=np.int64)
        return self._block(
            self.general[line],
            (owner, np.searchsorted(skills, skill), self.rows[self._row(skill, line[owner])]),
            np.zeros((len(some), self.parameters.n_kinds, 2)),
            n_skills=len(skills),
            items=(none, none, np.zeros((0, 4))),
            sets=(none, none, np.zeros((0, N_COLUMNS))),
        )

    def _block(
        self,
        general: Floats,
        rows: tuple[Ints, Ints, Floats],
        kinds: Floats,
        *,
        n_skills: int,
        items: tuple[Ints, Ints, Floats],
        sets: tuple[Ints, Ints, Floats],
    ) -> StateBlock:
        tags = np.zeros((len(general), self.parameters.n_tags))
        none = np.zeros(0, dtype=np.int64)  # a log of attempts tells of no views
        views = (none, none, np.zeros((0, 2)))
        return StateBlock(general, *rows, n_skills, tags, tags, kinds, *items, *sets, *views)


def lookups(attempts: Attempts, parameters: HistoryParameters) -> Iterator[Lookup]:
    """Yield the states of a log, some whole learners at a time, in order."""
    logit = parameters.item_logit[attempts.resource]
    first = 0
    for chunk in chunks(attempts, parameters, logit=logit, rows=ROWS):
        yield _lookup(chunk, parameters, first)
        first += len(chunk.attempts)


def _lookup(chunk: Chunk, parameters: HistoryParameters, first: int) -> Lookup:
    """Give each row of a skill the line that it stands before, or the end, and sort them."""
    attempts = chunk.attempts
    many = np.diff(attempts.starts)
    learners = np.repeat(np.arange(len(many)), many)
    line = np.arange(len(attempts)) + learners
    ends = attempts.starts[1:] + np.arange(len(many))
    last = np.repeat(ends, many + 1)
    final = fold(replace(attempts, learner=learners), len(ends), parameters)
    skills = parameters.skill_matrix[attempts.resource]
    skill = np.concatenate([skills[skills >= 0], final.skill])  # in the order of `chunk.skills`
    key = skill * len(last) + np.concatenate([line[chunk.skill_owner], ends[final.owner]])
    order = np.argsort(key)
    general = np.empty((len(last), N_COLUMNS))
    general[line], general[ends] = chunk.general, final.general
    return Lookup(
        attempts,
        first,
        line,
        last,
        general,
        np.concatenate([chunk.skills, final.touched, FRESH_ROW[None]])[np.append(order, len(order))],
        np.append(key[order], np.iinfo(np.int64).max),
        chunk.sets,
        chunk.set_owner,
        parameters,
    )
