"""The course: which skill builds on which, and in which order they come to be known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segue.features.catalogue import Catalogue, Floats, Ints

# Tried against the true order in simulated courses, with links missing and false (docs/learning.md):
JUST_BEFORE = 0.3  # share of the skills that lie just before one
REACH = 0.1  # of the course: so far before a skill, another counts for it 1/e as much
PULL = 3.0  # what a neighbour's suggestion weighs beside a skill's own place, where they agree
APART = 0.07  # of the course, between a skill and what builds on it, where no prerequisites tell
WIDTH = 2.0  # of the distance between a skill and what builds on it: a suggestion so far off counts half
ROUNDS = 50  # of moving every skill at once


@dataclass(frozen=True, eq=False)
class Map:
    """Prerequisites as index arrays, and the order of the course.

    `before` (S, P) and `after` (S, Q): direct prerequisites and followers of each skill, padded by S.
    `course` (S,): the skills in the order of the course. `just_before`: where in the course what comes just
    before each skill begins and ends, (S,) each. `late` (S,): what a skill weighs beside those that come
    earlier, e to the power of its place, counted in `REACH` of the course.
    """

    before: Ints
    after: Ints
    course: Ints
    just_before: tuple[Ints, Ints]
    late: Floats

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
        course = np.arange(n_skills) if easiness is None else course_order(catalogue, easiness)
        end = np.argsort(course)
        start = np.maximum(end - max(round(JUST_BEFORE * n_skills), 1), 0)
        late = np.exp(end / (REACH * max(n_skills, 1)))
        return cls(np.where(before < 0, n_skills, before), after, course, (start, end), late)

    @property
    def place(self) -> Ints:
        """Where each skill lies in the course, (S,)."""
        return self.just_before[1]

    def around(self, skills: Ints) -> Ints:
        """Return the skills that contexts of `skills` are made of, themselves among them, ascending."""
        met = np.zeros(len(self.course) + 1, dtype=np.bool_)
        met[skills] = met[self.before[skills]] = met[self.after[skills]] = True
        for start, end in zip(*(ends[skills].tolist() for ends in self.just_before), strict=True):
            met[self.course[start:end]] = True
        return np.flatnonzero(met[:-1])

    def over(self, skills: Ints) -> Map:
        """Return the map of some skills (ascending), numbered anew.

        It is right for those whose `around` is among them.
        """

        def numbered(codes: Ints) -> Ints:
            at = np.minimum(np.searchsorted(skills, codes), len(skills) - 1)
            return np.where(skills[at] == codes, at, len(skills))

        start, end = (part[skills] for part in self.just_before)
        course = np.argsort(end)
        near = np.searchsorted(end[course], start), np.searchsorted(end[course], end)
        return Map(
            numbered(self.before[skills]), numbered(self.after[skills]), course, near, self.late[skills]
        )

    def summed_before(self, values: Floats) -> Floats:
        """Return, for each skill, the sum of `values` (B, S) over the skills just before it, (B, S)."""
        start, end = self.just_before
        total = np.zeros((len(values), values.shape[1] + 1))
        np.add.accumulate(values.take(self.course, axis=1), axis=1, out=total[:, 1:])
        out = total.take(end, axis=1)
        out -= total.take(start, axis=1)
        return np.asarray(out)

    @cached_property
    def weight_before(self) -> Floats:
        """What the skills just before each skill weigh together, (S,); 1 where there are none."""
        weight = self.summed_before(self.late[None])[0]
        weight[self.first] = 1.0
        return np.asarray(weight)

    @cached_property
    def first(self) -> list[int]:
        """The skills that nothing comes before in the course."""
        start, end = self.just_before
        return np.flatnonzero(start == end).tolist()

    @cached_property
    def before_slots(self) -> list[Ints]:
        """The columns of `before`, each contiguous."""
        return list(np.ascontiguousarray(self.before.T))

    @cached_property
    def after_slots(self) -> list[Ints]:
        """The columns of `after`, each contiguous."""
        return list(np.ascontiguousarray(self.after.T))


def course_order(catalogue: Catalogue, easiness: Floats) -> Ints:
    """Return the skills of a catalogue, (S,), the one that comes first in the course first.

    How easily a skill is answered says only roughly when it is taught: some late skills are easy. A
    prerequisite lies a little before what builds on it, and skills of one resource lie near each other. So
    each skill moves to the mean of its own place and those that its neighbours suggest. A neighbour counts
    less the further its suggestion is off, for catalogues name prerequisites that are none (Cauchy weights of
    iteratively reweighted least squares, Holland and Welsch 1977, doi:10.1080/03610927708827533).

    Parameters
    ----------
    easiness : array of shape (S,)
        In logits: how much easier than usual the skill is answered.

    Examples
    --------
    >>> import numpy as np
    >>> from segue.features.catalogue import Catalogue, Resource
    >>> made = [Resource("quiz", skills=("count",)), Resource("test", skills=("add",))]
    >>> course_order(Catalogue.build(made), np.array([0.2, 1.3])).tolist()
    [1, 0]
    """
    first, then = catalogue.prerequisites.reshape(-1, 2).T
    own = np.argsort(np.argsort(-easiness, kind="stable"), kind="stable").astype(np.float64)
    apart = max(float(np.median(own[then] - own[first])), 1.0) if len(first) else APART * len(own)
    one, other = _pairs_practised_together(catalogue)
    before, after = np.concatenate([first, one]), np.concatenate([then, other])
    distance = np.repeat([apart, 0.0], [len(first), len(one)])
    place = own
    for _ in range(ROUNDS):
        off = place[after] - place[before] - distance
        weight = PULL / (1.0 + (off / (WIDTH * apart)) ** 2)
        suggested = _sums(before, weight * (place[after] - distance), len(own))
        suggested += _sums(after, weight * (place[before] + distance), len(own))
        weights = _sums(before, weight, len(own)) + _sums(after, weight, len(own))
        place = (own + suggested) / (1.0 + weights)
    return np.argsort(place, kind="stable")


def _pairs_practised_together(catalogue: Catalogue) -> tuple[Ints, Ints]:
    """Return pairs of skills that some resource practises together, each once."""
    skills = catalogue.skill_matrix
    one, other = np.triu_indices(skills.shape[1], 1)
    pairs = np.sort(np.stack([skills[:, one].ravel(), skills[:, other].ravel()], axis=1), axis=1)
    unique = np.unique(pairs[pairs[:, 0] >= 0], axis=0)
    return unique[:, 0], unique[:, 1]


def _sums(at: Ints, values: Floats, n: int) -> Floats:
    return np.bincount(at, values, minlength=n).astype(np.float64)


def readiness(mastery: Floats, skill_map: Map) -> Floats:
    """Return how ready each learner is for each skill, (B, S) in [0, 1]: 1 without prerequisites.

    The weakest direct prerequisite counts, but success on the skill itself proves readiness: catalogues name
    prerequisites that are none.
    """
    padded = _padded_with_mastered(mastery)
    first, *others = skill_map.before_slots
    low = padded.take(first, axis=1)
    for slot in others:
        np.minimum(low, padded.take(slot, axis=1), out=low)
    return np.asarray(np.maximum(low, mastery, out=low))


def frontier(mastery: Floats, skill_map: Map) -> Floats:
    """Return how well each learner knows what comes just before each skill in the course, (B, S) in [0, 1].

    The mean mastery of the 30 % of the skills before it, the nearer ones counting more; 1 for the first.
    Catalogues leave out prerequisites, and a skill without any looks ready: most of what it builds on is then
    found here.
    """
    known = skill_map.summed_before(mastery * skill_map.late)
    known /= skill_map.weight_before
    for skill in skill_map.first:
        known[:, skill] = 1.0
    return np.asarray(np.minimum(known, 1.0, out=known))


def unlocking(mastery: Floats, skill_map: Map) -> Floats:
    """Return what each skill opens, (B, S) in [0, 1]: Σ over direct followers of (1 - mastery), over 4."""
    left = 1.0 - _padded_with_mastered(mastery)
    first, *others = skill_map.after_slots
    total = left.take(first, axis=1)
    for slot in others:
        total += left.take(slot, axis=1)
    total *= 0.25
    return np.asarray(np.minimum(total, 1.0, out=total))


def _padded_with_mastered(mastery: Floats) -> Floats:
    """Return mastery (B, S) with a skill that everybody knows at the end: what pads the map."""
    out = np.empty((len(mastery), mastery.shape[1] + 1))
    out[:, :-1], out[:, -1] = mastery, 1.0
    return out
