"""Worlds in which it shows whether an engine learns from what happened, and what a tutor cannot know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from segue.experiments.simulation.learning_dynamics import Spacing, Zone
from segue.experiments.simulation.student_models import StudentModel, student_model
from segue.experiments.simulation.worlds.synthetic_course import CourseFaults, World

Change = Callable[[World, np.random.Generator], World]
HARMFUL = 0.05  # share of the resources that confuse rather than teach
PLEASING = 0.2  # share of the resources that please and don't teach


@dataclass(frozen=True)
class WorldSetting:
    """How a course differs from the usual one: the faults of its catalogue, and what its resources do."""

    name: str
    faults: CourseFaults | None = None
    change: Change | None = None

    def applied(self, world: World, rng: np.random.Generator) -> World:
        """Return the world as it is in this setting."""
        return world if self.change is None else self.change(world, rng)


@dataclass(frozen=True)
class TeachingWorld:
    """A setting with the student models that learn in it, and what it asks of an engine."""

    setting: WorldSetting
    models: tuple[StudentModel, ...]
    question: str

    @property
    def name(self) -> str:
        """That of the setting."""
        return self.setting.name


def _spread(sd: float) -> Change:
    def change(world: World, rng: np.random.Generator) -> World:
        return replace(world, teaches=np.exp(rng.normal(-0.5 * sd * sd, sd, len(world.teaches))))

    return change


def _harmful(world: World, rng: np.random.Generator) -> World:
    spread = _spread(0.6)(world, rng)
    harms = rng.random(len(world.teaches)) < HARMFUL
    return replace(spread, teaches=np.where(harms, -0.5, spread.teaches))


def _pleasing(world: World, rng: np.random.Generator) -> World:
    pleases = rng.random(len(world.teaches)) < PLEASING
    return replace(
        world,
        teaches=np.where(pleases, 0.05, world.teaches),
        charm=np.where(pleases, 1.0, 0.0),
    )


def _flat(world: World, rng: np.random.Generator) -> World:
    del rng
    return replace(world, parents=np.full((world.n_skills, 1), -1), reported=())


def _lessons_for_the_advanced(world: World, rng: np.random.Generator) -> World:
    del rng
    kinds = world.catalogue.kind_code
    lessons = np.array([world.catalogue.kind_ids[code] == "lesson" for code in kinds])
    return replace(world, steep=np.where(lessons, 1.6, 0.0))


_MIXED = tuple(student_model(name) for name in ("forgetting", "zone", "motivation"))

TEACHING_WORLDS: tuple[TeachingWorld, ...] = (
    TeachingWorld(WorldSetting("spread .25", change=_spread(0.25)), _MIXED, "resources hardly differ"),
    TeachingWorld(
        WorldSetting("spread .6", change=_spread(0.6)), _MIXED, "some teach three times what others do"
    ),
    TeachingWorld(WorldSetting("harmful", change=_harmful), _MIXED, "the same, and one in twenty confuses"),
    TeachingWorld(
        WorldSetting("low zone"),
        (StudentModel("low zone", Zone(centre=0.4, width=0.15)),),
        "learners learn where they mostly fail",
    ),
    TeachingWorld(
        WorldSetting("bad catalogue", CourseFaults(wrong_labels=0.5, missing=0.5, spurious=0.3, cycle=1.0)),
        _MIXED,
        "half of the labels are wrong, half of the prerequisites missing, and there is a cycle",
    ),
    TeachingWorld(
        WorldSetting("pleasing", change=_pleasing),
        (student_model("motivation"), student_model("interest")),
        "one in five pleases and teaches nothing",
    ),
    TeachingWorld(
        WorldSetting("vocabulary", change=_flat),
        (StudentModel("vocabulary", Spacing(first=100.0, growth=3.0)),),
        "nothing builds on anything, and all is forgotten within a week",
    ),
    TeachingWorld(
        WorldSetting("lessons", change=_lessons_for_the_advanced),
        _MIXED,
        "lessons help those least who know least",
    ),
)


def teaching_world(name: str) -> TeachingWorld:
    """Return the world of that name.

    Raises
    ------
    ValueError
        For a name that is not in `TEACHING_WORLDS`.
    """
    for world in TEACHING_WORLDS:
        if world.name == name:
            return world
    raise ValueError(f"world must be one of {[w.name for w in TEACHING_WORLDS]}, got {name!r}")
