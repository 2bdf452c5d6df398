"""A second opinion on finished playlists: every rule again, in plain Python, from facts and steps.

Written apart from the sampler: it shares the catalogue, the request and what the models say of the learner
(:class:`KnownLearner`), but none of the masks. It answers three questions of each step: is a rule broken
that was not said to give way; did a rule give way that need not; and did the list end while something was
possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf, isclose, isnan

import numpy as np

from segue.engine.pipeline import Kernel
from segue.engine.requests.request import Request
from segue.engine.sampling.playlists import Playlist, Step
from segue.engine.settings import Limits
from segue.features.catalogue import Catalogue, Resource, grade_range
from segue.features.contexts.context_columns import mastered
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_columns import COUNT, ITEM_TIME, LAST_TIME

FIRM = ("offered", "excluded", "available", "course", "language", "device", "grade band")
FOR_A_FULL_LIST = ("manner", "prerequisites", "mode", "grade floor", "minutes")
GIVES_WAY = (
    "planned",
    "role of the slot",
    "variety of kinds",
    "variety of skills",
    "repeat spacing",
    "mastered",
)
ORDER = (*GIVES_WAY, *FOR_A_FULL_LIST)  # the first to give way first
SLACK = 1e-9
DAY = 86400.0


@dataclass(frozen=True)
class KnownLearner:
    """What the models say of one learner at the time of a request.

    `chance` (mastery), `attempts`, `last` (UTC epoch seconds, -inf: never or unknown) by skill id; `success`,
    `last_use` by resource id.
    """

    chance: Mapping[str, float]
    attempts: Mapping[str, float]
    last: Mapping[str, float]
    success: Mapping[str, float]
    last_use: Mapping[str, float]

    @classmethod
    def of(cls, kernel: Kernel, request: Request) -> KnownLearner:
        """Read it from the request's state."""
        made = kernel.catalogue
        state = request.state if request.state is not None else LearnerState.fresh(made)
        now, block = request.now.timestamp(), StateBlock.of([state])
        chance = mastered(kernel.reader.forecast(block, 0.0, now)[0], kernel.span).tolist()
        success = kernel.reader.success(block, np.arange(len(made.resources)), now)[0].tolist()
        skills, rows = [s.skill_id for s in made.skills], state.rows[:-1]
        resources = [r.resource_id for r in made.resources]
        used = dict(zip(state.items.ids.tolist(), state.items.values[:, ITEM_TIME].tolist(), strict=True))
        for item, (_, time) in zip(state.views.ids.tolist(), state.views.values.tolist(), strict=True):
            used[item] = max(used.get(item, time), time)
        return cls(
            dict(zip(skills, chance, strict=True)),
            dict(zip(skills, rows[:, COUNT].tolist(), strict=True)),
            dict(zip(skills, rows[:, LAST_TIME].tolist(), strict=True)),
            dict(zip(resources, success, strict=True)),
            {resources[item]: time for item, time in used.items()},
        )


@dataclass
class SoFar:
    """The list while it is read again."""

    step: int = 0
    used: set[str] = field(default_factory=set)
    by_skill: dict[str, int] = field(default_factory=dict)
    by_kind: dict[str, int] = field(default_factory=dict)
    minutes: float = 0.0
    below: int = 0


class Checker:
    """Checks playlists of one catalogue under one set of limits."""

    def __init__(self, catalogue: Catalogue, limits: Limits) -> None:
        self.limits = limits
        self.resources = {r.resource_id: r for r in catalogue.resources}
        self.grades = {r.resource_id: grade_range(r.grade_band) for r in catalogue.resources}
        names = [s.skill_id for s in catalogue.skills]
        self.before: dict[str, list[str]] = {name: [] for name in names}
        for first, then in catalogue.prerequisites.tolist():
            self.before[names[then]].append(names[first])

    def check(self, playlist: Playlist, request: Request, known: KnownLearner) -> tuple[str, ...]:
        """Return a sentence for everything wrong with `playlist`; empty when it keeps its word."""
        return tuple(_Reading(self, request, known).complaints(playlist))


class _Reading:
    """One playlist, read from its first step to its last."""

    def __init__(self, checker: Checker, request: Request, known: KnownLearner) -> None:
        self.limits, self.resources, self.before = checker.limits, checker.resources, checker.before
        self.grades, self.band = checker.grades, grade_range(request.place.grade_band)
        self.request, self.known = request, known
        self.now = request.now.timestamp()
        self.offered = set(self.resources if request.candidates is None else request.candidates)
        self.mode_skills = self._mode_skills()
        self.so_far = SoFar()
        candidates = (r for name, r in self.resources.items() if name in self.offered)
        self.open = [r for r in candidates if not any(self.broken(r, FIRM))]
        self.several_kinds = len({r.kind for r in self.open}) > 1

    def complaints(self, playlist: Playlist) -> Iterator[str]:
        """Yield what is wrong."""
        joint, relaxed = 1.0, dict[str, list[str]]()
        for step in playlist.steps:
            at = f"step {step.position + 1} ({step.resource})"
            yield from (f"{at}: {what}" for what in self._step(step))
            joint *= step.propensity
            if not isclose(step.joint_propensity, joint, rel_tol=1e-9):
                yield f"{at}: joint propensity {step.joint_propensity} is not the product {joint}"
            for name in step.relaxed:
                relaxed.setdefault(name, []).append(str(step.position + 1))
            self._take(step)
        if len(playlist.steps) > self.request.k:
            yield f"{len(playlist.steps)} steps where {self.request.k} were asked for"
        elif len(playlist.steps) < self.request.k and (left := self._possible(self._may_give_way())):
            yield f"the list ends after {len(playlist.steps)} steps though {left[0].resource_id} was possible"
        words = {name: "relaxed at step " + ", ".join(steps) for name, steps in relaxed.items()}
        if {n: w for n, w in playlist.certificate.items() if w != "held"} != words:
            yield f"the certificate {dict(playlist.certificate)} does not say {words}"

    def _step(self, step: Step) -> Iterator[str]:
        options = step.menu or (step.resource,)
        pinned = step.position < len(dict.fromkeys(self.request.pins))
        if step.position != self.so_far.step:
            yield f"position {step.position} comes at {self.so_far.step}"
        if pinned and step.resource != tuple(dict.fromkeys(self.request.pins))[step.position]:
            yield "the teacher's pin stands elsewhere"
        if options[0] != step.resource or len(set(options)) < len(options):
            yield f"the menu {options} repeats an option or begins with another"
        if not 0.0 < step.propensity <= 1.0 + SLACK:
            yield f"propensity {step.propensity} is not in (0, 1]"
        if step.resource in self.so_far.used:
            yield f"{step.resource} was given before"
        for i, option in enumerate(options):
            broken = set(self.broken(self.resources[option], (*FIRM, *ORDER)))
            if pinned and i == 0:
                undue = set[str]()
            else:
                undue = broken & set(FIRM if self.request.fill else (*FIRM, *FOR_A_FULL_LIST))
            if undue or broken - set(step.relaxed):
                yield f"{option} breaks {sorted(undue | (broken - set(step.relaxed)))}"
        if step.relaxed and not pinned:
            yield from self._needless(step.relaxed)

    def _needless(self, relaxed: Sequence[str]) -> Iterator[str]:
        """Every rule that gave way had to, and none was passed over that goes before the last to go."""
        for name in relaxed:
            if left := self._possible([other for other in relaxed if other != name]):
                yield f"{name} need not give way: {left[0].resource_id} was possible"
        last = max(ORDER.index(name) for name in relaxed)
        if left := self._possible(ORDER[:last]):
            yield f"{ORDER[last]} gave way out of turn: {left[0].resource_id} was possible"

    def _may_give_way(self) -> Sequence[str]:
        return ORDER if self.request.fill else GIVES_WAY

    def _possible(self, without: Sequence[str]) -> list[Resource]:
        """Return the candidates left when the rules `without` are put aside."""
        asked = [name for name in ORDER if name not in without]
        free = (r for r in self.open if r.resource_id not in self.so_far.used)
        return [r for r in free if not any(self.broken(r, asked))]

    def _take(self, step: Step) -> None:
        so_far, first = self.so_far, self.resources[step.resource]
        options = step.menu or (step.resource,)
        so_far.step += 1
        so_far.used.add(step.resource)
        so_far.minutes += max(self.resources[option].minutes for option in options)
        so_far.by_kind[first.kind] = so_far.by_kind.get(first.kind, 0) + 1
        so_far.below += self._is_below(first)
        for skill in set(first.skills):
            so_far.by_skill[skill] = so_far.by_skill.get(skill, 0) + 1

    def broken(self, resource: Resource, names: Sequence[str]) -> Iterator[str]:
        """Yield which of the rules `names` a resource would break as the next step."""
        for name in names:
            if not HOLDS[name](self, resource):
                yield name

    def _mode_skills(self) -> set[str] | None:
        """Return the skills that the mode is about, None when it is about all."""
        known = self.known
        if self.request.mode == "review":
            return {skill for skill, n in known.attempts.items() if n > 0}
        if self.request.mode != "intervene":
            return None
        latest = max(known.last.values(), default=-inf)
        last = {skill for skill, time in known.last.items() if time == latest and latest > -inf}
        weaker = {b for s in last for b in self.before[s] if known.chance[b] <= known.chance[s]}
        return last | weaker

    def _is_below(self, resource: Resource) -> bool:
        floor = self.request.place.grade_floor
        return floor is not None and self.grades[resource.resource_id][1] < floor

    def _is_available(self, r: Resource) -> bool:
        opens = -inf if r.available_from is None else r.available_from.timestamp()
        closes = inf if r.available_until is None else r.available_until.timestamp()
        return opens <= self.now < closes

    def _is_of_their_courses(self, r: Resource) -> bool:
        taken = self.request.courses
        return taken is None or not r.courses or any(course in taken for course in r.courses)

    def _suits_grades(self, r: Resource) -> bool:
        """Bands that name no grade ("beginners") must be alike; without a grade it suits every grade."""
        asked, own = self.band, self.grades[r.resource_id]
        if isnan(asked[0]):
            return self.request.place.grade_band in ("", r.grade_band) or not r.grade_band
        return isnan(own[0]) or not (own[1] < asked[0] or own[0] > asked[1])

    def _suits_manner(self, r: Resource) -> bool:
        place = self.request.place
        wishes = ((place.content, r.content), (place.process, r.process), (place.product, r.product))
        kind = not place.kinds or r.kind in place.kinds
        return kind and all(not wish or has in ("", wish) for wish, has in wishes)

    def _is_ready(self, r: Resource) -> bool:
        chance = self.known.chance

        def ready(skill: str) -> float:
            return max(chance[skill], min((chance[b] for b in self.before[skill]), default=1.0))

        return min(map(ready, r.skills)) >= self.limits.ready - SLACK

    def _is_open_to_learning(self, r: Resource) -> bool:
        known, limits = self.known, self.limits
        n = [known.attempts[s] for s in r.skills]
        waited = [self._days(known.last[s]) for s in r.skills]
        due = [1 - 2 ** (-d / (2 * (1 + a))) if d < inf else 0.0 for d, a in zip(waited, n, strict=True)]
        evidence = sum(a / (a + 5) for a in n) / len(n)
        least = limits.mastered_attempts / (limits.mastered_attempts + 5)
        mastered = min(known.chance[s] for s in r.skills) >= limits.mastered and evidence >= least
        return not mastered or sum(due) / len(due) >= limits.due - SLACK

    def _days(self, time: float) -> float:
        return max(self.now - time, 0.0) / DAY

    def _is_rested(self, r: Resource) -> bool:
        idle = self._days(self.known.last_use.get(r.resource_id, -inf))
        return idle >= self.limits.repeat_days - SLACK

    def _belongs_to_mode(self, r: Resource) -> bool:
        return self.mode_skills is None or any(skill in self.mode_skills for skill in r.skills)

    def _is_warm_up(self, r: Resource) -> bool:
        request = self.request
        if self.so_far.step or request.mode != "playlist" or request.k < 3:
            return True
        return self.known.success[r.resource_id] >= self.limits.warm_up - SLACK

    def _varies_kinds(self, r: Resource) -> bool:
        most = max(ceil(self.limits.per_kind * self.request.k), 2)
        return not self.several_kinds or self.so_far.by_kind.get(r.kind, 0) < most

    def _fits_minutes(self, r: Resource) -> bool:
        budget = inf if self.request.minutes is None else self.request.minutes
        return self.so_far.minutes + r.minutes <= budget + SLACK


def _understood(language: str, wanted: str) -> bool:
    own, asked = (set(tag.lower().split("-")) for tag in (language, wanted))
    return not (language and wanted) or own <= asked or asked <= own


HOLDS: Mapping[str, Callable[[_Reading, Resource], bool]] = {
    "offered": lambda c, r: r.resource_id in c.offered,
    "excluded": lambda c, r: r.resource_id not in c.request.excluded,
    "available": _Reading._is_available,
    "course": _Reading._is_of_their_courses,
    "language": lambda c, r: _understood(r.language, c.request.place.language),
    "device": lambda c, r: r.offline or not c.request.place.offline,
    "grade band": _Reading._suits_grades,
    "manner": _Reading._suits_manner,
    "planned": lambda c, r: r.resource_id not in c.request.planned,
    "prerequisites": _Reading._is_ready,
    "mastered": _Reading._is_open_to_learning,
    "repeat spacing": _Reading._is_rested,
    "mode": _Reading._belongs_to_mode,
    "role of the slot": _Reading._is_warm_up,
    "variety of kinds": _Reading._varies_kinds,
    "variety of skills": lambda c, r: all(c.so_far.by_skill.get(s, 0) < c.limits.per_skill for s in r.skills),
    "grade floor": lambda c, r: not c._is_below(r) or 2 * (c.so_far.below + 1) <= c.so_far.step + 1,
    "minutes": _Reading._fits_minutes,
}
