"""The candidates of a request as arrays: what the engine reads of resources, cut out once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segue.features.catalogue import Bools, Catalogue, Floats, Ints

TEACHING = ("lesson", "video", "text")


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidate resources, in catalogue order.

    Attributes
    ----------
    codes : array of int, shape (n,)
        Positions in the catalogue, ascending: the order in which candidates are named never matters.
    skills, weights : arrays of shape (n, K)
        Skills of each candidate, padded by its first skill, and 1 / K_r (0 where padded).
    kind, minutes : arrays of shape (n,)
    tags : array of shape (n, T)
        Tags, padded by the number of tags (a column of zeros in a learner's interests).
    tag_scale : array of shape (n,)
        1 / sqrt(number of tags), 0 without tags: the resource's part of the cosine.
    teaches : array of shape (n,)
        1 for kinds that explain (`TEACHING`), 0 for those that only ask.
    n_skills, n_tags : int
        How many the whole catalogue has.
    """

    codes: Ints
    skills: Ints
    weights: Floats
    kind: Ints
    minutes: Floats
    tags: Ints
    tag_scale: Floats
    teaches: Floats
    n_skills: int
    n_tags: int

    @classmethod
    def of(cls, catalogue: Catalogue) -> Pool:
        """Return the whole catalogue as a pool."""
        skills, tags = catalogue.skill_matrix, catalogue.tag_matrix
        n_of_tags = (tags >= 0).sum(axis=1)
        return cls(
            codes=np.arange(len(catalogue.resources)),
            skills=np.where(skills < 0, skills[:, :1], skills),
            weights=catalogue.skill_weights,
            kind=catalogue.kind_code,
            minutes=catalogue.minutes,
            tags=np.where(tags < 0, len(catalogue.tag_ids), tags),
            tag_scale=np.where(n_of_tags > 0, 1 / np.sqrt(np.maximum(n_of_tags, 1)), 0.0),
            teaches=np.array([float(r.kind in TEACHING) for r in catalogue.resources]),
            n_skills=len(catalogue.skills),
            n_tags=len(catalogue.tag_ids),
        )

    @cached_property
    def present(self) -> Floats:
        """1 where `skills` names a skill, 0 where it is padded, (n, K)."""
        return np.asarray(self.weights > 0, dtype=np.float64)

    @cached_property
    def own_skills(self) -> Ints:
        """Skills of each candidate, padded by the number of skills (a column that nobody reads), (n, K)."""
        return np.where(self.weights > 0, self.skills, self.n_skills)

    @cached_property
    def breadth(self) -> Floats:
        """How many skills each candidate practises at once, min(K, 4) / 4, (n,)."""
        return np.asarray(np.minimum(self.present.sum(axis=1), 4.0) / 4.0)

    @cached_property
    def skill_slots(self) -> list[Ints]:
        """The columns of `skills`, each contiguous."""
        return list(np.ascontiguousarray(self.skills.T))

    @cached_property
    def weight_slots(self) -> list[Floats]:
        """The columns of `weights`, each contiguous."""
        return list(np.ascontiguousarray(self.weights.T))

    @cached_property
    def one_kind(self) -> bool:
        """Whether all candidates are of the same kind."""
        return bool((self.kind == self.kind[:1]).all())

    @cached_property
    def hash(self) -> str:
        """Digest of `codes`."""
        return hashlib.blake2b(self.codes.tobytes(), digest_size=8).hexdigest()

    def __len__(self) -> int:
        return len(self.codes)

    def keep(self, positions: Ints | Bools) -> Pool:
        """Return the pool of the candidates at `positions` (ascending positions, or a mask)."""
        return Pool(
            self.codes[positions],
            self.skills[positions],
            self.weights[positions],
            self.kind[positions],
            self.minutes[positions],
            self.tags[positions],
            self.tag_scale[positions],
            self.teaches[positions],
            self.n_skills,
            self.n_tags,
        )

    def mean(self, by_skill: Floats) -> Floats:
        """Return the weighted mean over each candidate's skills: (..., S) -> (..., n).

        Skills are added in their order in the catalogue, elementwise, so that a block of learners gives the
        bits that each learner alone would give.
        """
        total = by_skill.take(self.skill_slots[0], axis=-1)
        if self.skills.shape[1] == 1:
            return total
        total *= self.weight_slots[0]
        for slot in range(1, self.skills.shape[1]):
            part = by_skill.take(self.skill_slots[slot], axis=-1)
            part *= self.weight_slots[slot]
            total += part
        return total

    def least(self, by_skill: Floats) -> Floats:
        """Return the smallest value over each candidate's skills: (..., S) -> (..., n)."""
        low = by_skill.take(self.skill_slots[0], axis=-1)
        for slot in range(1, self.skills.shape[1]):
            np.minimum(low, by_skill.take(self.skill_slots[slot], axis=-1), out=low)
        return low

    def any(self, by_skill: Bools) -> Bools:
        """Return whether any of each candidate's skills is marked: (..., S) -> (..., n)."""
        hit = by_skill.take(self.skill_slots[0], axis=-1)
        for slot in range(1, self.skills.shape[1]):
            hit |= by_skill.take(self.skill_slots[slot], axis=-1)
        return hit
