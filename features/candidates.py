"""The candidates of a request as arrays: what the engine reads of resources, cut out once.

Most of what is known of a candidate is known of its skills, and many candidates share the same ones: numbers
are made for each *combination* of skills (and of tags), then handed to the candidates.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from segue.features.catalogue import Bools, Catalogue, Floats, Ints, row_kinds

# By measurement; no number depends on them:
_MANY_ROWS, _FEW_MEMBERS = 8, 32  # from so many learners and up to such groups: slot by slot
_SPARSE = 5  # where more than one combination in five has a further skill, zeros are added for the others
_TABLE = 1024  # combinations whose overlaps are kept: 8 MB
TEACHING = ("lesson", "video", "text")


@dataclass(frozen=True, eq=False)
class Combinations:
    """Lists of skills, D of them.

    Attributes
    ----------
    head : int array of shape (D,)
        Catalogue position of one resource that has each.
    skills, weights : arrays of shape (D, K)
        The skills, padded by the first one, and 1 / K_r (0 where padded).
    n_skills : int
        How many the whole catalogue has.
    """

    head: Ints
    skills: Ints
    weights: Floats
    n_skills: int

    def __len__(self) -> int:
        return len(self.skills)

    @cached_property
    def own_skills(self) -> Ints:
        """The skills, padded by the number of skills (a column that nobody reads), (D, K)."""
        return np.where(self.weights > 0, self.skills, self.n_skills)

    @cached_property
    def own_skill_lists(self) -> list[list[int]]:
        """The skills of each without padding, D lists."""
        return [row[row < self.n_skills].tolist() for row in self.own_skills]

    @cached_property
    def sizes(self) -> Floats:
        """How many skills are practised at once, (D,)."""
        return np.asarray((self.weights > 0).sum(axis=1), dtype=np.float64)

    @cached_property
    def breadth(self) -> Floats:
        """The same as min(K, 4) / 4, (D,)."""
        return np.minimum(self.sizes, 4.0) / 4.0

    @cached_property
    def one_each(self) -> bool:
        """Whether they are the skills themselves, one by one: the first of them, or all."""
        return self.skills.shape[1] == 1 and np.array_equal(self.skills[:, 0], np.arange(len(self)))

    @cached_property
    def skill_slots(self) -> list[Ints]:
        """The columns of `skills`, each contiguous."""
        return list(np.ascontiguousarray(self.skills.T))

    @cached_property
    def more_slots(self) -> list[tuple[Ints | slice, Ints, Floats]]:
        """For the second skill, the third and so on: which combinations have one, the skill, its weight."""
        out: list[tuple[Ints | slice, Ints, Floats]] = []
        for skill, weight in zip(self.skill_slots[1:], self.weight_slots[1:], strict=True):
            at = weight.nonzero()[0]
            first = slice(len(at))
            if len(at) and at[-1] + 1 == len(at):  # side by side
                out.append((first, skill[first], weight[first]))
            elif _SPARSE * len(at) > len(weight):  # here and there: adding zeros is quicker than picking
                out.append((slice(None), skill, weight))
            elif len(at):
                out.append((at, skill[at], weight[at]))
        return out

    @cached_property
    def weight_slots(self) -> list[Floats]:
        """The columns of `weights`, each contiguous."""
        return list(np.ascontiguousarray(self.weights.T))

    def overlap(self, given: Ints) -> Floats:
        """Return the share of each combination's skills that those `given` (B,) practise too, (B, D)."""
        return self._table.take(given, axis=0) if self.tabled else self._overlap(given)

    def overlap_of(self, given: int) -> Floats:
        """Return the same for one of them, (1, D)."""
        return self._table[given : given + 1] if self.tabled else self._overlap(np.array([given]))

    @cached_property
    def tabled(self) -> bool:
        """Whether the overlaps of all of them are kept."""
        return len(self) <= _TABLE

    def _overlap(self, given: Ints) -> Floats:
        marks = np.zeros((len(given), self.n_skills + 1))
        marks[np.arange(len(given))[:, None], self.own_skills[given]] = 1.0
        return self.mean(marks)

    @cached_property
    def _table(self) -> Floats:
        return self._overlap(np.arange(len(self)))

    def keep(self, positions: Ints) -> Combinations:
        """Return the combinations at `positions`."""
        return Combinations(
            self.head[positions], self.skills[positions], self.weights[positions], self.n_skills
        )

    def mean(self, by_skill: Floats) -> Floats:
        """Return the weighted mean over each combination's skills: (..., S) -> (..., D).

        Skills are added in their order in the catalogue, elementwise, so that a block of learners gives the
        bits that each learner alone would give.
        """
        if self.one_each:
            return by_skill[..., : len(self)]
        total = by_skill.take(self.skill_slots[0], axis=-1)
        if self.skills.shape[1] == 1:
            return total
        total *= self.weight_slots[0]
        for at, skill, weight in self.more_slots:
            part = by_skill.take(skill, axis=-1)
            part *= weight
            total[..., at] += part
        return total

    def least(self, by_skill: Floats) -> Floats:
        """Return the smallest value over each combination's skills: (..., S) -> (..., D)."""
        low = by_skill.take(self.skill_slots[0], axis=-1)
        for at, skill, _ in self.more_slots:
            low[..., at] = np.minimum(low[..., at], by_skill.take(skill, axis=-1))
        return low

    def any(self, by_skill: Bools) -> Bools:
        """Return whether any of each combination's skills is marked: (..., S) -> (..., D)."""
        hit = by_skill.take(self.skill_slots[0], axis=-1)
        for slot in range(1, self.skills.shape[1]):
            hit |= by_skill.take(self.skill_slots[slot], axis=-1)
        return hit


@dataclass(frozen=True, eq=False)
class AlikeGroups:
    """Candidates by group: those of a group are alike in what a list takes from their scores.

    Attributes
    ----------
    of : array of int, shape (n,)
        The group of each candidate.
    n_groups : int
    """

    of: Ints
    n_groups: int

    @cached_property
    def sizes(self) -> Ints:
        """How many candidates each has, (D,)."""
        return np.bincount(self.of, minlength=self.n_groups)

    @cached_property
    def order(self) -> Ints:
        """The candidates group by group, (n,)."""
        return np.argsort(self.of, kind="stable")

    @cached_property
    def filled(self) -> Ints:
        """The groups that have candidates, ascending."""
        return np.flatnonzero(self.sizes)

    @cached_property
    def starts(self) -> Ints:
        """Where these begin in `order`."""
        return (np.cumsum(self.sizes) - self.sizes)[self.filled]

    @cached_property
    def members(self) -> tuple[Ints, Bools]:
        """The candidates of each group in their order, padded, (D, M), and which are no padding."""
        places = np.arange(max(int(self.sizes.max(initial=0)), 1))
        real = places < self.sizes[:, None]
        first = np.cumsum(self.sizes) - self.sizes
        return np.where(real, self.order[np.where(real, first[:, None] + places, 0)], 0), real

    @cached_property
    def own_members(self) -> list[Ints]:
        """The candidates of each group, D arrays."""
        return np.split(self.order, np.cumsum(self.sizes)[:-1])

    @cached_property
    def _slots(self) -> tuple[Ints, list[Ints]]:
        """The place of each group among all by size, and the first candidate of each, the second, ..."""
        by_size = np.argsort(-self.sizes, kind="stable")
        members = self.members[0].take(by_size, axis=0)
        slots = [members[: int((self.sizes > at).sum()), at] for at in range(members.shape[1])]
        return np.argsort(by_size), [np.ascontiguousarray(slot) for slot in slots]

    def _by_slot(self, numbers: Floats | Bools) -> bool:
        """Whether to add up by slot: the first candidate of every group, then the second, and so on."""
        return len(numbers) >= _MANY_ROWS and self.members[0].shape[1] <= _FEW_MEMBERS

    def sums(self, numbers: Floats | Bools) -> Floats:
        """Return the sum of each group's numbers (B, n), (B, D): one by one, so that zeros change no bit."""
        n_rows = len(numbers)
        if self._by_slot(numbers):
            place, slots = self._slots
            out = np.zeros((n_rows, self.n_groups))
            for slot in slots:
                out[:, : len(slot)] += numbers.take(slot, axis=1)
            return out.take(place, axis=1)
        at = self.of + (np.arange(n_rows) * self.n_groups)[:, None]
        flat = np.bincount(at.ravel(), weights=numbers.ravel(), minlength=n_rows * self.n_groups)
        return np.asarray(flat.reshape(n_rows, self.n_groups), dtype=np.float64)

    def best(self, scores: Floats) -> Floats:
        """Return the best score (B, n) in each group, (B, D); -inf where there is none."""
        if self._by_slot(scores):
            out = np.full((len(scores), self.n_groups), -np.inf)
            place, slots = self._slots
            for slot in slots:
                part = out[:, : len(slot)]
                np.maximum(part, scores.take(slot, axis=1, mode="clip"), out=part)
            return out.take(place, axis=1)
        best = np.maximum.reduceat(scores.take(self.order, axis=1), self.starts, axis=1)
        if len(self.filled) == self.n_groups:
            return best
        out = np.full((len(scores), self.n_groups), -np.inf)
        out[:, self.filled] = best
        return out


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidate resources, in catalogue order.

    Attributes
    ----------
    codes : array of int, shape (n,)
        Positions in the catalogue, ascending: the order in which candidates are named never matters.
    n_resources : int
        How many the whole catalogue has.
    combinations : Combinations
        Those of the candidates, and maybe more.
    combination : array of int, shape (n,)
        Which of them each candidate practises.
    kind, minutes : arrays of shape (n,)
    tags : array of shape (E, T)
        Combinations of tags, padded by the number of tags (a column of zeros in a learner's interests).
    tag_scale : array of shape (E,)
        1 / sqrt(number of tags), 0 without tags: the resource's part of the cosine.
    tagging : array of int, shape (n,)
        Which combination of tags each candidate has.
    teaches : array of shape (n,)
        1 for kinds that explain (`TEACHING`), 0 for those that only ask.
    n_tags : int
        How many the whole catalogue has.
    """

    codes: Ints
    n_resources: int
    combinations: Combinations
    combination: Ints
    kind: Ints
    minutes: Floats
    tags: Ints
    tag_scale: Floats
    tagging: Ints
    teaches: Floats
    n_tags: int

    @classmethod
    def of(cls, catalogue: Catalogue) -> Pool:
        """Return the whole catalogue as a pool."""
        skills, tags = catalogue.skill_matrix, catalogue.tag_matrix
        (head, combination), (tagged, tagging) = row_kinds(skills), row_kinds(tags)
        each = tags[tagged]
        n_of_tags = (each >= 0).sum(axis=1)
        padded = np.where(skills < 0, skills[:, :1], skills)[head]
        return cls(
            codes=np.arange(len(catalogue.resources)),
            n_resources=len(catalogue.resources),
            combinations=Combinations(head, padded, catalogue.skill_weights[head], len(catalogue.skills)),
            combination=combination,
            kind=catalogue.kind_code,
            minutes=catalogue.minutes,
            tags=np.where(each < 0, len(catalogue.tag_ids), each),
            tag_scale=np.where(n_of_tags > 0, 1 / np.sqrt(np.maximum(n_of_tags, 1)), 0.0),
            tagging=tagging,
            teaches=np.array([float(r.kind in TEACHING) for r in catalogue.resources]),
            n_tags=len(catalogue.tag_ids),
        )

    @cached_property
    def where(self) -> Ints:
        """The position of each resource among the candidates, -1: it is none."""
        out = np.full(self.n_resources, -1)
        out[self.codes] = np.arange(len(self))
        return out

    @cached_property
    def skills(self) -> Ints:
        """The skills that any of the candidates practises, ascending."""
        used = np.unique(self.combination)
        return np.unique(self.combinations.skills[used])

    @cached_property
    def groups(self) -> AlikeGroups:
        """The candidates by their combination of skills."""
        return AlikeGroups(self.combination, len(self.combinations))

    @cached_property
    def places(self) -> Ints:
        """Where what is known of skills, of tags, of kinds and of candidates lies for each, (4, n)."""
        return np.stack([self.combination, self.tagging, self.kind, np.arange(len(self))])

    @cached_property
    def one_kind(self) -> bool:
        """Whether all candidates are of the same kind."""
        return bool((self.kind == self.kind[:1]).all())

    @cached_property
    def tag_slots(self) -> list[Ints]:
        """The columns of `tags`, each contiguous."""
        return list(np.ascontiguousarray(self.tags.T))

    @cached_property
    def ones(self) -> Floats:
        """1 for each candidate, (n,)."""
        return np.ones(len(self))

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What those who read the pool keep with it, by name, for the next block over the same candidates."""
        return {}

    @cached_property
    def hash(self) -> str:
        """Digest of `codes`."""
        return hashlib.blake2b(self.codes.tobytes(), digest_size=8).hexdigest()

    def __len__(self) -> int:
        return len(self.codes)

    def keep(self, positions: Ints | Bools) -> Pool:
        """Return the pool of the candidates at `positions` (ascending positions, or a mask)."""
        combinations, combination = self.combinations, self.combination[positions]
        if len(combinations) > 2 * len(combination):  # a few of many: what the others do is not asked
            used, combination = np.unique(combination, return_inverse=True)
            combinations = combinations.keep(used)
        return Pool(
            self.codes[positions],
            self.n_resources,
            combinations,
            combination,
            self.kind[positions],
            self.minutes[positions],
            self.tags,
            self.tag_scale,
            self.tagging[positions],
            self.teaches[positions],
            self.n_tags,
        )

    def over(self, skills: Ints) -> Pool:
        """Return the same candidates where only `skills` (ascending, theirs among them) are numbered."""
        used, combination = np.unique(self.combination, return_inverse=True)
        each = self.combinations.keep(used)
        each = replace(each, skills=np.searchsorted(skills, each.skills), n_skills=len(skills))
        return replace(self, combinations=each, combination=combination)

    def cut(self, numbers: Floats) -> Floats:
        """Return those of the candidates, (n,), out of numbers of all resources: these when all are."""
        return numbers if len(self) == self.n_resources else numbers.take(self.codes, axis=-1)

    def mean(self, by_skill: Floats) -> Floats:
        """Return the weighted mean over each candidate's skills: (..., S) -> (..., n)."""
        return self.combinations.mean(by_skill).take(self.combination, axis=-1)

    def least(self, by_skill: Floats) -> Floats:
        """Return the smallest value over each candidate's skills: (..., S) -> (..., n)."""
        return self.combinations.least(by_skill).take(self.combination, axis=-1)

    def any(self, by_skill: Bools) -> Bools:
        """Return whether any of each candidate's skills is marked: (..., S) -> (..., n)."""
        return self.combinations.any(by_skill).take(self.combination, axis=-1)
