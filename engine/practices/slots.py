"""Where steps of a week happen: at home, at a station, alone, in a small group, with the teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from segue.engine.practices.capacity import draw_places, inclusion_probabilities
from segue.features.catalogue import Floats

Role = Literal["home", "station", "independent", "small group", "teacher"]
SUITS: dict[Role, frozenset[str]] = {
    "home": frozenset({"lesson", "video", "text", "exercise", "game"}),
    "station": frozenset({"exercise", "game", "quiz", "video", "text", "lesson"}),
    "independent": frozenset({"exercise", "quiz", "game", "text", "video", "lesson", "project"}),
    "small group": frozenset({"discussion", "project", "performance task", "exercise"}),
    "teacher": frozenset({"lesson", "discussion", "performance task", "exercise", "project"}),
}
FEW: frozenset[Role] = frozenset({"station", "small group", "teacher"})


@dataclass(frozen=True)
class Slot:
    """One slot of a class's week: its role, when it begins (UTC-aware), and how many learners it takes."""

    slot_id: str
    role: Role
    begins: datetime
    capacity: int


@dataclass(frozen=True)
class ListedStep:
    """One step of a learner's list as slots see it."""

    learner: str
    resource: str
    kind: str
    skills: tuple[str, ...]


@dataclass(frozen=True)
class Placed:
    """A step that could be in a slot, with the probability of it, and whether the draw put it there."""

    learner: str
    resource: str
    slot_id: str
    probability: float
    taken: bool


def drawn_places(
    steps: Sequence[ListedStep],
    slots: Sequence[Slot],
    need: Mapping[str, float],
    *,
    rng: np.random.Generator,
    flipped: bool = False,
) -> list[Placed]:
    """Return who was drawn into each slot and who was not, one step a learner and slot at most.

    Slots are filled in the order of their times. Where fewer learners fit than would use a slot, its places
    are drawn by need with the probabilities that are returned; the others work on at home or alone.

    Parameters
    ----------
    need : mapping
        How much help each learner needs, at least 0; 0 for those not named.
    flipped : bool
        The first step of an objective at home comes before its first step in class.
    """
    waiting: dict[str, list[ListedStep]] = {}
    for step in steps:
        waiting.setdefault(step.learner, []).append(step)
    out: list[Placed] = []
    met: dict[str, set[str]] = {name: set() for name in waiting}
    for slot in sorted(slots, key=lambda s: (s.begins, s.slot_id)):
        fitting = {
            name: suited
            for name, left in waiting.items()
            if (suited := _next(left, slot.role, met[name], flipped=flipped)) is not None
        }
        names = sorted(fitting)
        chance = _chances(names, slot, need)
        taken = draw_places(chance, rng) if names else np.zeros(0, dtype=np.bool_)
        for at, (name, is_in) in enumerate(zip(names, taken.tolist(), strict=True)):
            step = fitting[name]
            out.append(Placed(name, step.resource, slot.slot_id, float(chance[at]), is_in))
            if is_in:
                waiting[name].remove(step)
                if slot.role == "home":
                    met[name].update(step.skills)
    return out


def _chances(names: Sequence[str], slot: Slot, need: Mapping[str, float]) -> Floats:
    wanted = np.array([need.get(name, 0.0) for name in names], dtype=np.float64)
    weight = wanted if slot.role in FEW else np.ones(len(names))
    return inclusion_probabilities(weight, slot.capacity) if len(names) else wanted


def _next(left: Sequence[ListedStep], role: Role, met: set[str], *, flipped: bool) -> ListedStep | None:
    for step in left:
        if step.kind in SUITS[role] and (role == "home" or not flipped or met & set(step.skills)):
            return step
    return None


def broken_slots(
    placed: Sequence[Placed], steps: Sequence[ListedStep], slots: Sequence[Slot], *, flipped: bool = False
) -> list[str]:
    """Return what a placement breaks, a sentence each: capacity, two steps at once, or the flipped order."""
    by_id = {slot.slot_id: slot for slot in slots}
    skills = {(s.learner, s.resource): set(s.skills) for s in steps}
    out: list[str] = []
    for slot in slots:
        here = [p.learner for p in placed if p.slot_id == slot.slot_id]
        if len(here) > slot.capacity:
            out.append(f"slot {slot.slot_id} holds {len(here)} learners, at most {slot.capacity}")
        if len(set(here)) < len(here):
            out.append(f"slot {slot.slot_id} holds a learner twice")
    if flipped:
        for name in sorted({p.learner for p in placed}):
            met: set[str] = set()
            own = sorted((p for p in placed if p.learner == name), key=lambda p: by_id[p.slot_id].begins)
            for p in own:
                if by_id[p.slot_id].role == "home":
                    met |= skills[name, p.resource]
                elif not met & skills[name, p.resource]:
                    out.append(f"{name} meets {p.resource} in class before home")
    return out
