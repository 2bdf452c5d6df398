"""Hard rules as objects: what a student may be given at all, and which rule gives way first.

Each rule has a name, the sentence that answers "why not this one?", a mask, and a check of its own for a
finished list. Three kinds: *entry* rules read the request and the catalogue only and are asked before
contexts are built; *state* rules read the learner's history too; *step* rules
(``segue.engine.rules.sequence_rules``) read the steps drawn so far.

When nothing is left at a step, rules give way in the order of `relaxed`: the first rank alone, then the
first two, and so on, until something is left; then every rule that need not give way is put back. Rules
with the rank `FILL` or above give way only when a full list was asked for (``Request.fill``), and those
with `NEVER` do not give way at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from segue.engine.request import Request
from segue.engine.request_batch import Asked, Scene
from segue.features.catalogue import Bools, Catalogue, grade_range

FILL = 100
NEVER = 1000


class Rule(Protocol):
    """What every rule says of itself: its name, why not, and the rank at which it gives way."""

    @property
    def name(self) -> str:
        """Return the name in certificates."""
        ...

    @property
    def sentence(self) -> str:
        """Return the answer to "why not this one?"."""
        ...

    @property
    def relaxed(self) -> int:
        """Return the rank at which it gives way."""
        ...


class EntryRule(Rule, Protocol):
    """A rule on request and catalogue alone."""

    def mask(self, asked: Asked) -> Bools | None:
        """Return (B, n), False where withheld; None when the rule withholds nothing."""
        ...


class StateRule(Rule, Protocol):
    """A rule that also reads what is known of the learner."""

    def mask(self, scene: Scene) -> Bools | None:
        """Return (B, n), False where withheld; None when the rule withholds nothing."""
        ...


def _rows(asked: Asked, wanted: Sequence[Bools | None]) -> Bools | None:
    """Stack one mask a request over the catalogue, cut to the pool; None where no request asks."""
    if all(mask is None for mask in wanted):
        return None
    out = np.ones((len(asked), len(asked.pool)), dtype=np.bool_)
    for row, mask in enumerate(wanted):
        if mask is not None:
            out[row] = mask[asked.pool.codes]
    return out


def _where(catalogue: Catalogue, test: Sequence[bool]) -> Bools:
    return np.fromiter(test, dtype=np.bool_, count=len(catalogue.resources))


@dataclass(frozen=True)
class Offered:
    """Only the candidates of the request."""

    name: str = "offered"
    sentence: str = "it is not among the candidates of this request"
    relaxed: int = NEVER

    def mask(self, asked: Asked) -> Bools | None:
        """Return which candidates each learner was offered."""
        return asked.offered


@dataclass(frozen=True)
class Excluded:
    """Nothing that the teacher took out."""

    name: str = "excluded"
    sentence: str = "the teacher took it out"
    relaxed: int = NEVER

    def mask(self, asked: Asked) -> Bools | None:
        """Return what is not excluded."""
        return _rows(asked, [self._of(asked.catalogue, request) for request in asked.requests])

    @staticmethod
    def _of(catalogue: Catalogue, request: Request) -> Bools | None:
        if not request.excluded:
            return None
        mask = np.ones(len(catalogue.resources), dtype=np.bool_)
        mask[catalogue.resource_codes(request.excluded)] = False
        return mask


@dataclass(frozen=True)
class Available:
    """Only what is open now."""

    name: str = "available"
    sentence: str = "it is not open at this time"
    relaxed: int = NEVER

    def mask(self, asked: Asked) -> Bools | None:
        """Return what is open at each request's `now`."""
        if asked.catalogue.always_open:
            return None
        opens, closes = asked.catalogue.opening
        codes, now = asked.pool.codes, asked.now[:, None]
        return np.asarray((opens[codes] <= now) & (now < closes[codes]))


@dataclass(frozen=True)
class Language:
    """Only resources in the language asked for, or in none."""

    name: str = "language"
    sentence: str = "it is in another language"
    relaxed: int = NEVER

    def mask(self, asked: Asked) -> Bools | None:
        """Return what each learner can read."""
        return _rows(asked, [_fits(asked.catalogue, "language", r.place.language) for r in asked.requests])


@dataclass(frozen=True)
class Device:
    """Only what works without a connection, where there is none."""

    name: str = "device"
    sentence: str = "it needs a connection"
    relaxed: int = NEVER

    def mask(self, asked: Asked) -> Bools | None:
        """Return what works where the learner is."""
        offline = asked.catalogue.works_offline
        return _rows(asked, [offline if r.place.offline else None for r in asked.requests])


@dataclass(frozen=True)
class GradeBand:
    """Only resources whose grades overlap the band asked for."""

    name: str = "grade band"
    sentence: str = "it is for other grades"
    relaxed: int = NEVER

    def mask(self, asked: Asked) -> Bools | None:
        """Return what suits the grades asked for."""
        return _rows(asked, [self._of(asked.catalogue, r.place.grade_band) for r in asked.requests])

    @staticmethod
    def _of(catalogue: Catalogue, band: str) -> Bools | None:
        if not band:
            return None
        low, high = catalogue.grades
        first, last = grade_range(band)
        if np.isnan(first):
            return _fits(catalogue, "grade_band", band)
        return np.asarray(~((high < first) | (low > last)))


@dataclass(frozen=True)
class Manner:
    """How the work is done: kinds, content, process and product that were asked for."""

    name: str = "manner"
    sentence: str = "it is not the kind of work that was asked for"
    relaxed: int = FILL

    def mask(self, asked: Asked) -> Bools | None:
        """Return what is of the kind asked for."""
        return _rows(asked, [self._of(asked.catalogue, request) for request in asked.requests])

    @staticmethod
    def _of(catalogue: Catalogue, request: Request) -> Bools | None:
        place = request.place
        if not (place.kinds or place.content or place.process or place.product):
            return None
        parts = [_fits(catalogue, name, getattr(place, name)) for name in ("content", "process", "product")]
        if place.kinds:
            parts.append(_where(catalogue, [r.kind in place.kinds for r in catalogue.resources]))
        asked = [part for part in parts if part is not None]
        return np.asarray(np.logical_and.reduce(asked))


@dataclass(frozen=True)
class Prerequisites:
    """Nothing whose prerequisites are not yet there."""

    name: str = "prerequisites"
    sentence: str = "something it builds on is not there yet"
    relaxed: int = FILL + 1

    def mask(self, scene: Scene) -> Bools | None:
        """Return where readiness reaches the limit."""
        return scene.spread(scene.of_skills("readiness") >= scene.settings.limits.ready)


@dataclass(frozen=True)
class Mastered:
    """Nothing that is mastered and not yet due for review."""

    name: str = "mastered"
    sentence: str = "it is mastered and not yet due for review"
    relaxed: int = 5

    def mask(self, scene: Scene) -> Bools | None:
        """Return where a skill is not mastered, or review is due."""
        limits = scene.settings.limits
        least = limits.mastered_attempts / (limits.mastered_attempts + 5.0)
        open_ = scene.of_skills("mastery_min") < limits.mastered
        open_ |= scene.of_skills("evidence") < least
        open_ |= scene.of_skills("due") >= limits.due
        return scene.spread(open_)


@dataclass(frozen=True)
class RepeatSpacing:
    """Not the same resource again within some days."""

    name: str = "repeat spacing"
    sentence: str = "it was done only a few days ago"
    relaxed: int = 4

    def mask(self, scene: Scene) -> Bools | None:
        """Return what was not used lately."""
        return np.asarray(scene.idle_days >= scene.settings.limits.repeat_days)


@dataclass(frozen=True)
class ModeScope:
    """What the mode is about: the skill just struggled with and what it builds on; or what was practised."""

    name: str = "mode"
    sentence: str = "it is not about what this list is for"
    relaxed: int = FILL + 2

    def mask(self, scene: Scene) -> Bools | None:
        """Return what belongs to the mode, None for the modes without a scope."""
        mode = scene.requests[0].mode
        if mode == "review":
            return scene.pool.any(scene.skills.attempts > 0)
        if mode == "intervene":
            return scene.pool.any(struggled(scene))
        return None


def struggled(scene: Scene) -> Bools:
    """Return the skill practised last and its weaker prerequisites, (B, S); all False for a cold start."""
    chance, days = scene.skills.mastery, scene.skills.days
    known = np.isfinite(days).any(axis=1, keepdims=True)
    last = (days == days.min(axis=1, keepdims=True)) & known
    out: Bools = np.array(last)
    padded_last = np.concatenate([last, np.zeros((len(last), 1), dtype=np.bool_)], axis=1)
    after, n_skills = scene.skill_map.after, chance.shape[1]
    for slot in range(after.shape[1]):
        follows = padded_last[:, after[:, slot]]
        follower = np.minimum(after[:, slot], n_skills - 1)
        out |= follows & (chance <= chance[:, follower])
    return out


def _fits(catalogue: Catalogue, name: str, wanted: str) -> Bools | None:
    if not wanted:
        return None
    return _where(catalogue, [getattr(r, name) in ("", wanted) for r in catalogue.resources])


ENTRY_RULES: tuple[EntryRule, ...] = (
    Offered(),
    Excluded(),
    Available(),
    Language(),
    Device(),
    GradeBand(),
    Manner(),
)
STATE_RULES: tuple[StateRule, ...] = (Prerequisites(), Mastered(), RepeatSpacing(), ModeScope())
