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

from segue.features.history.attempts import Attempts, Bools, Floats, HistoryParameters, Ints
from segue.features.history.batch_fold import fold
from segue.features.history.batch_replay import CHUNK_ROWS, Chunk, chunks, item_past
from segue.features.history.learner_state import FRESH_ROW, StateBlock
from segue.features.history.state_columns import COUNT, N_COLUMNS

CELLS = 4_000_000  # attempts × skills looked up at once: bounds the memory


@dataclass(frozen=True, eq=False)
class Lookup:
    """The rows of state of some whole learners' attempts, and where each is found.

    Attributes
    ----------
    attempts : Attempts, n rows
    first : int
        The row of the whole log that the first of them is.
    rows : array of shape (R, N_COLUMNS)
        Rows of skills; the first one is fresh.
    before, after : int arrays of shape (n, S)
        Which of `rows` stands for each skill before and after each attempt.
    general, general_after : arrays of shape (n, N_COLUMNS)
        The learner over all skills.
    sets, set_owner : arrays of shape (Q, N_COLUMNS) and (Q,)
        The row of the set of several skills that an attempt is at, before it.
    """

    attempts: Attempts
    first: int
    rows: Floats
    before: Ints
    after: Ints
    general: Floats
    general_after: Floats
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

    def block(self, some: Ints, kinds: Floats) -> StateBlock:
        """Return the states before the attempts `some` (B,), ascending; `kinds` as in ``StateBlock``."""
        touched = self.rows[self.before[some], COUNT] > 0
        owner, skill = np.nonzero(touched)
        place = np.full(len(self.attempts), -1)
        place[some] = np.arange(len(some))
        item_owner, item_id, item_values = self._items
        used = np.flatnonzero(place[item_owner] >= 0)
        met = np.flatnonzero((place[self.set_owner] >= 0) & (self.sets[:, COUNT] > 0))
        set_owner = self.set_owner[met]
        met_set = self.parameters.set_of[self.attempts.resource[set_owner]]
        return self._block(
            self.general[some],
            (owner, skill, self.rows[self.before[some[owner], skill]]),
            kinds,
            items=(place[item_owner[used]], item_id[used], item_values[used]),
            sets=(place[set_owner], met_set, self.sets[met]),
        )

    def block_after(self, some: Ints) -> StateBlock:
        """Return the states after the attempts `some`, as far as forecasts of the skills practised go."""
        owner, column = np.nonzero(self.parameters.skill_matrix[self.attempts.resource[some]] >= 0)
        skill = self.parameters.skill_matrix[self.attempts.resource[some[owner]], column]
        none = np.zeros(0, dtype=np.int64)
        return self._block(
            self.general_after[some],
            (owner, skill, self.rows[self.after[some[owner], skill]]),
            np.zeros((len(some), self.parameters.n_kinds, 2)),
            items=(none, none, np.zeros((0, 4))),
            sets=(none, none, np.zeros((0, N_COLUMNS))),
        )

    def _block(
        self,
        general: Floats,
        skills: tuple[Ints, Ints, Floats],
        kinds: Floats,
        *,
        items: tuple[Ints, Ints, Floats],
        sets: tuple[Ints, Ints, Floats],
    ) -> StateBlock:
        tags = np.zeros((len(general), self.parameters.n_tags))
        return StateBlock(general, *skills, self.parameters.n_skills, tags, tags, kinds, *items, *sets)


def lookups(attempts: Attempts, parameters: HistoryParameters) -> Iterator[Lookup]:
    """Yield the states of a log, some whole learners at a time, in order."""
    logit = parameters.item_logit[attempts.resource]
    rows = max(min(CHUNK_ROWS, CELLS // parameters.n_skills), 1)
    first = 0
    for chunk in chunks(attempts, parameters, logit=logit, rows=rows):
        yield _lookup(chunk, parameters, first)
        first += len(chunk.attempts)


def _lookup(chunk: Chunk, parameters: HistoryParameters, first: int) -> Lookup:
    """Lay each learner's attempts out with one line more for the end, and fill every skill from below."""
    attempts, n_skills = chunk.attempts, parameters.n_skills
    starts = attempts.starts
    learners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    line = np.arange(len(attempts)) + learners  # a line of its own after each learner
    ends = starts[1:] + np.arange(len(starts) - 1)
    final = fold(replace(attempts, learner=learners), len(ends), parameters)
    skills = parameters.skill_matrix[attempts.resource]
    owner, column = np.nonzero(skills >= 0)  # in the order of `chunk.skills`
    rows = np.concatenate([FRESH_ROW[None], chunk.skills, final.touched])
    place = np.full((len(attempts) + len(ends), n_skills), -1)
    place[ends] = 0
    place[line[owner], skills[owner, column]] = 1 + np.arange(len(owner))
    place[ends[final.owner], final.skill] = 1 + len(owner) + np.arange(len(final.owner))
    place = _filled(place)
    general = np.empty((len(place), N_COLUMNS))
    general[line], general[ends] = chunk.general, final.general
    return Lookup(
        attempts,
        first,
        rows,
        place[line],
        place[line + 1],
        chunk.general,
        general[line + 1],
        chunk.sets,
        chunk.set_owner,
        parameters,
    )


def _filled(place: Ints) -> Ints:
    """Return `place` (lines, S) with each -1 replaced by the next number below it; the last line has none."""
    known: Bools = place >= 0
    line = np.where(known, np.arange(len(place))[:, None], len(place) - 1)
    nearest = np.minimum.accumulate(line[::-1], axis=0)[::-1]
    return np.take_along_axis(place, nearest, axis=0)
