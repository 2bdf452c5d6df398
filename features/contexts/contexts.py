"""The context columns of a block of learners and candidates: made from facts, each number once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from segue.features.candidates import Pool
from segue.features.catalogue import Floats, Ints, Once
from segue.features.contexts.context_columns import COLUMNS, INDEX, LEVEL, TABLE, Column, Facts, Level, Over


def _places(columns: Sequence[Column]) -> slice | Ints:
    """Return where columns stand in `TABLE`: a slice where they are side by side, which is quicker."""
    at = [INDEX[column.name] for column in columns]
    return slice(at[0], at[-1] + 1) if at == list(range(at[0], at[-1] + 1)) else np.array(at)


# Of skills: in the order of `Over`, so that all means are taken at once, and all least values.
_OF_SKILLS = [c for over in Over for c in TABLE if c.level is Level.SKILLS and c.over is over]
_OF_SKILLS_NAMES = tuple(column.name for column in _OF_SKILLS)
_OF_SKILLS_AT = _places(_OF_SKILLS)
_ENDS = [0, *accumulate(sum(c.over is over for c in _OF_SKILLS) for over in Over)]
_MEANS, _LEASTS = slice(*_ENDS[:2]), slice(*_ENDS[1:3])
# Of candidates, tags or kinds: alike for all learners, or a learner's own.
_ALIKE = [column for column in TABLE if column.alike]
_ALIKE_AT = [INDEX[column.name] for column in _ALIKE]
_OWN = [column for column in TABLE if column.level is not Level.SKILLS and not column.alike]
_OWN_AT = [(INDEX[column.name], column.name, column.level) for column in _OWN]
_ONE_OF_LEVEL = [next(c.name for c in TABLE if c.level is level and not c.alike) for level in Level]


def spread(values: Floats, group: Ints | None) -> Floats:
    """Return numbers (B, G) of groups for each candidate, (B, n); (B, 1) where there is one group."""
    return values if group is None or values.shape[1] == 1 else values.take(group, axis=1)


@dataclass(frozen=True, eq=False)
class Contexts:
    """The context columns of B learners and n candidates, each number once.

    Attributes
    ----------
    pool : Pool
    of_skills : array of shape (M, B, D)
        Columns known of combinations of skills.
    alike : array of shape (A, n)
        Columns that are the same for every learner.
    columns : dict of name to array
        Every column, of shape (B or 1, G): G combinations of skills or of tags, kinds, or candidates.
    """

    pool: Pool
    of_skills: Floats
    alike: Floats
    columns: dict[str, Floats]

    @property
    def shape(self) -> tuple[int, int]:
        """(B, n)."""
        return self.of_skills.shape[1], len(self.pool)

    @Once
    def groups(self) -> tuple[Ints | None, ...]:
        """For each level, where its numbers lie for each candidate, (n,); None: one each."""
        return self.pool.combination, self.pool.tagging, self.pool.kind, None

    @Once
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each level has for each learner."""
        return tuple([self.columns[name].shape[1] for name in _ONE_OF_LEVEL])

    def column(self, name: str) -> Floats:
        """Return one column, (B, n)."""
        return np.broadcast_to(spread(self.columns[name], self.groups[LEVEL[name]]), self.shape)

    def whole(self) -> Floats:
        """Return all columns, shape (C, B, n), in the order of `COLUMNS`."""
        out = np.empty((len(COLUMNS), *self.shape))
        for i, name in enumerate(COLUMNS):
            out[i] = self.column(name)
        return out

    def at(self, position: Ints) -> Floats:
        """Return all columns of the candidates at `position` (B, ...), shape (C, B, ...)."""
        n_rows, shape = self.of_skills.shape[1], position.shape
        places = self.pool.places.take(position, axis=1)
        out = np.empty((len(COLUMNS), *shape))
        own = places
        if n_rows > 1:
            rows = np.arange(n_rows).reshape(-1, *[1] * (len(shape) - 1))
            own = places + np.multiply.outer(np.array(self.sizes), rows)
        of_skills = self.of_skills.reshape(len(_OF_SKILLS), -1)
        out[_OF_SKILLS_AT] = of_skills.take(own[Level.SKILLS], axis=1)
        out[_ALIKE_AT] = self.alike.take(position, axis=1)
        for i, name, level in _OWN_AT:
            values = self.columns[name]
            values.take((places if len(values) == 1 else own)[level], out=out[i], mode="clip")
        return out

    def dot(self, weights: Floats) -> Floats:
        """Return the sum of all columns by their weights (C,), (B, n), added up in one and the same order."""
        total = self._of_skills(weights[_OF_SKILLS_AT]).take(self.pool.combination, axis=1)
        total += self._alike(weights)
        for i, name, level in _OWN_AT:
            total += spread(self.columns[name] * weights[i, ...], self.groups[level])
        return total

    def _alike(self, weights: Floats) -> Floats:
        """Return what is the same for all learners, (1, n); the pool keeps that of the last weights."""
        last: tuple[Floats, Floats, Floats] | None = self.pool.kept.get("alike_sum")
        if last is None or last[0] is not weights or last[1] is not self.alike:
            each = zip(self.alike, _ALIKE_AT, strict=True)
            last = weights, self.alike, sum((row * weights[i] for row, i in each), np.zeros((1, 1)))
            self.pool.kept["alike_sum"] = last
        return last[2]

    def _of_skills(self, weights: Floats) -> Floats:
        flat = self.of_skills.reshape(len(weights), -1)
        if flat.shape[1] == 1:  # a lone column would be added up in another order
            flat = np.repeat(flat, 2, axis=1)
        total = np.einsum("c,cx->x", weights, flat)
        return np.asarray(total[: self.of_skills[0].size].reshape(self.of_skills.shape[1:]))


def build(facts: Facts) -> Contexts:
    """Return the context columns of B learners and the candidates of a pool."""
    combinations, n_learners = facts.pool.combinations, len(facts.skills.chance)
    of_skills = np.empty((len(_OF_SKILLS), n_learners, len(combinations)))
    for part, gather in ((_MEANS, combinations.mean), (_LEASTS, combinations.least)):
        by_skill = np.empty((part.stop - part.start, *facts.skills.chance.shape))
        for row, column in zip(by_skill, _OF_SKILLS[part], strict=True):
            row[...] = column.formula(facts)
        of_skills[part] = gather(by_skill)
    for i in range(_LEASTS.stop, len(_OF_SKILLS)):
        of_skills[i] = _OF_SKILLS[i].formula(facts)
    alike, columns = _alike(facts)
    columns = columns | dict(zip(_OF_SKILLS_NAMES, of_skills, strict=True))
    for column in _OWN:
        columns[column.name] = column.formula(facts)
    return Contexts(facts.pool, of_skills, alike, columns)


def _alike(facts: Facts) -> tuple[Floats, dict[str, Floats]]:
    """Return the columns that are the same for all learners, (A, n), and each by its name, (1, n).

    The pool keeps them for as long as what they are made of stays.
    """
    made_of, pool = (facts.items.difficulty, facts.items.popularity, facts.items.quality), facts.pool
    last = pool.kept.get("alike")
    if last is None or any(a is not b for a, b in zip(last[0], made_of, strict=True)):
        rows = np.concatenate([column.formula(facts) for column in _ALIKE])
        named = {column.name: row[None] for column, row in zip(_ALIKE, rows, strict=True)}
        last = pool.kept["alike"] = made_of, rows, named
    return last[1], last[2]
