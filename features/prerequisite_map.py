"""The course: which skill builds on which, and in which order they come to be known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segue.features.catalogue import Catalogue, Floats, Ints

JUST_BEFORE = 0.3  # share of the skills that lie just before one


@dataclass(frozen=True, eq=False)
class Map:
    """Prerequisites as index arrays, and the order of the course.

    `before` (S, P) and `after` (S, Q): direct prerequisites and followers of each skill, padded by S.
    `course` (S,): the skills, the one that most learners know first. `just_before`: where in the course what
    comes just before each skill begins and ends, and how many it is, (S,) each.
    """

    before: Ints
    after: Ints
    course: Ints
    just_before: tuple[Ints, Ints, Ints]

    @classmethod
    def of(cls, catalogue: Catalogue, easiness: Floats | None = None) -> Map:
        """Return the map of a catalogue; `easiness` (S,) orders the course, None: as the catalogue does."""
        n_skills = len(catalogue.skills)
        followers: list[list[int]] = [[] for _ in range(n_skills)]
        for first, then in catalogue.prerequisites.tolist():
            followers[first].append(then)
        width = max((len(f) for f in followers), default=0)
        after = np.full((n_skills, max(width, 1)), n_skills)
        for skill, row in enumerate(followers):
            after[skill, : len(row)] = row
        before = catalogue.prerequisite_matrix
        course = np.arange(n_skills) if easiness is None else np.argsort(-easiness, kind="stable")
        end = np.argsort(course)
        start = np.maximum(end - max(round(JUST_BEFORE * len(end)), 1), 0)
        near = start, end, np.maximum(end - start, 1)
        return cls(np.where(before < 0, n_skills, before), after, course, near)

    @property
    def place(self) -> Ints:
        """Where each skill lies in the course, (S,)."""
        return self.just_before[1]

    def around(self, skills: Ints) -> Ints:
        """Return the skills that contexts of `skills` are made of, themselves among them, ascending."""
        met = np.zeros(len(self.course) + 1, dtype=np.bool_)
        met[skills] = met[self.before[skills]] = met[self.after[skills]] = True
        for start, end in zip(*(ends[skills].tolist() for ends in self.just_before[:2]), strict=True):
            met[self.course[start:end]] = True
        return np.flatnonzero(met[:-1])

    def over(self, skills: Ints) -> Map:
        """Return the map of some skills, ascending, numbered anew; right where all `around` is among them."""

        def numbered(codes: Ints) -> Ints:
            at = np.minimum(np.searchsorted(skills, codes), len(skills) - 1)
            return np.where(skills[at] == codes, at, len(skills))

        start, end, many = (part[skills] for part in self.just_before)
        course = np.argsort(end)
        near = np.searchsorted(end[course], start), np.searchsorted(end[course], end), many
        return Map(numbered(self.before[skills]), numbered(self.after[skills]), course, near)

    @cached_property
    def easiest(self) -> list[int]:
        """The skills that nothing comes before in the course."""
        return np.flatnonzero(self.place == 0).tolist()

    @cached_property
    def before_slots(self) -> list[Ints]:
        """The columns of `before`, each contiguous."""
        return list(np.ascontiguousarray(self.before.T))

    @cached_property
    def after_slots(self) -> list[Ints]:
        """The columns of `after`, each contiguous."""
        return list(np.ascontiguousarray(self.after.T))


def readiness(mastery: Floats, skill_map: Map) -> Floats:
    """Return how ready each learner is for each skill, (B, S) in [0, 1]: 1 without prerequisites.

    The weakest direct prerequisite counts, but success on the skill itself proves readiness: catalogues name
    prerequisites that are none.
    """
    padded = _with_full(mastery)
    first, *others = skill_map.before_slots
    low = padded.take(first, axis=1)
    for slot in others:
        np.minimum(low, padded.take(slot, axis=1), out=low)
    return np.asarray(np.maximum(low, mastery, out=low))


def frontier(mastery: Floats, skill_map: Map) -> Floats:
    """Return how well each learner knows what comes just before each skill in the course, (B, S) in [0, 1].

    The mean mastery of the next easier 30 % of the skills; 1 for the easiest. Catalogues leave out
    prerequisites, and a skill without any looks ready: most of what it builds on is then found here.
    """
    start, end, many = skill_map.just_before
    total = np.zeros((len(mastery), mastery.shape[1] + 1))
    np.add.accumulate(mastery.take(skill_map.course, axis=1), axis=1, out=total[:, 1:])
    known = total.take(end, axis=1)
    known -= total.take(start, axis=1)
    known /= many
    for skill in skill_map.easiest:
        known[:, skill] = 1.0
    return known


def unlocking(mastery: Floats, skill_map: Map) -> Floats:
    """Return what each skill opens, (B, S) in [0, 1]: Σ over direct followers of (1 - mastery), over 4."""
    left = 1.0 - _with_full(mastery)
    first, *others = skill_map.after_slots
    total = left.take(first, axis=1)
    for slot in others:
        total += left.take(slot, axis=1)
    total *= 0.25
    return np.asarray(np.minimum(total, 1.0, out=total))


def _with_full(mastery: Floats) -> Floats:
    """Return mastery (B, S) with a skill that everybody knows at the end: what pads the map."""
    out = np.empty((len(mastery), mastery.shape[1] + 1))
    out[:, :-1], out[:, -1] = mastery, 1.0
    return out
