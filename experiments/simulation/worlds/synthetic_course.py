"""Worlds to teach in: what is true of a catalogue and of its learners, and what a school can see of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from segue.features.catalogue import Catalogue, Floats, Ints, Resource, Skill

_EASE = -1.0  # mean true difficulty in logits: sets how often a first attempt succeeds
FORMATS = ("lesson", "exercise", "game")
_TEACHES = {"lesson": 1.15, "video": 1.1, "text": 1.1, "exercise": 1.0, "quiz": 0.6, "game": 0.9}


@dataclass(frozen=True, eq=False)
class World:
    """A catalogue as the school sees it beside what is true of it.

    Attributes
    ----------
    catalogue : Catalogue
        Visible: noisy labels of difficulty, some prerequisites missing or spurious, cycles broken.
    reported : tuple of (str, str)
        Visible prerequisites before cycles were broken.
    difficulty : array (n,)
        True difficulty of each resource in logits.
    parents : array (S, P)
        True prerequisites of each skill, padded by -1.
    level : array (S,)
        How far along the course a skill lies, 0 to 1.
    teaches : array (n,)
        How much one completed step teaches, about 1; below 0 it harms.
    charm : array (n,)
        How much it pleases whoever meets it, in units of matching interests; 0 for most.
    steep : array (n,)
        How much more it teaches those who know the skill than those who don't, for one unit of mastery.
    """

    catalogue: Catalogue
    reported: tuple[tuple[str, str], ...]
    difficulty: Floats
    parents: Ints
    level: Floats
    teaches: Floats
    charm: Floats
    steep: Floats

    @property
    def n_skills(self) -> int:
        """Number of skills."""
        return len(self.catalogue.skills)

    @cached_property
    def tag_table(self) -> Floats:
        """Tags of each resource as rows of unit length, shape (n, T)."""
        tags = self.catalogue.tag_matrix
        table = np.zeros((len(tags), max(len(self.catalogue.tag_ids), 1)))
        rows, columns = np.nonzero(tags >= 0)
        table[rows, tags[rows, columns]] = 1.0
        return np.asarray(table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1.0))

    @cached_property
    def unlocks(self) -> Floats:
        """`unlocks[k, j]` is 1 where skill k is a true prerequisite of skill j, shape (S, S)."""
        table = np.zeros((self.n_skills, self.n_skills))
        after, column = np.nonzero(self.parents >= 0)
        table[self.parents[after, column], after] = 1.0
        return table

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the visible catalogue and prerequisites as the classroom contract hands them over."""
        resources = pd.DataFrame(
            [
                {
                    "resource_id": r.resource_id,
                    "skills": list(r.skills),
                    "difficulty": r.difficulty,
                    "format": r.kind,
                    "tags": list(r.tags),
                    "minutes": r.minutes,
                }
                for r in self.catalogue.resources
            ]
        )
        return resources, pd.DataFrame(self.reported, columns=["prerequisite", "skill"])


@dataclass(frozen=True, eq=False)
class Pupils:
    """What is true of the learners before the term.

    `prior` (L, S): knowledge in logits; `speed` (L,): how fast each learns, about 1; `taste` (L, T): rows of
    unit length over the tags; `format_taste` (L, 3): preference for lesson, exercise, game, about 1;
    `stated`: the tags each learner names, an incomplete picture of `taste`.
    """

    ids: tuple[str, ...]
    prior: Floats
    speed: Floats
    taste: Floats
    format_taste: Floats
    stated: tuple[tuple[str, ...], ...]

    def frame(self) -> pd.DataFrame:
        """Return the learners as the classroom contract hands them over."""
        return pd.DataFrame({"learner_id": list(self.ids), "interests": [list(s) for s in self.stated]})


@dataclass(frozen=True)
class CourseFaults:
    """What is wrong with a catalogue: shares of labels and prerequisites, and the chance of a cycle."""

    wrong_labels: float = 0.1
    missing: float = 0.15
    spurious: float = 0.1
    cycle: float = 0.4


def course(
    rng: np.random.Generator,
    *,
    n_skills: int = 48,
    n_resources: int = 240,
    n_tags: int = 12,
    faults: CourseFaults | None = None,
) -> World:
    """Return a made-up course with the faults of a real catalogue.

    Labels of difficulty (1 to 5) carry noise and some are wrong, some prerequisites are missing or spurious,
    and in some worlds a link is also reported backwards (a cycle).
    """
    faults = faults or CourseFaults()
    skills = [f"skill-{i:02d}" for i in range(n_skills)]
    edges = _true_edges(n_skills, rng=rng)
    level = np.arange(n_skills) / max(n_skills - 1, 1)
    main = rng.permutation(np.arange(n_resources) % n_skills)
    difficulty = rng.normal(_EASE, 0.6, n_resources) + rng.normal(0, 0.5, n_skills)[main]
    label = np.clip(np.rint(3.0 + 1.3 * (difficulty - _EASE) + rng.normal(0, 0.6, n_resources)), 1, 5)
    wrong = rng.random(n_resources) < faults.wrong_labels
    label[wrong] = rng.integers(1, 6, int(wrong.sum()))
    kinds = rng.choice(FORMATS, n_resources, p=[0.3, 0.5, 0.2])
    resources = [
        Resource(
            resource_id=f"resource-{i:03d}",
            skills=tuple(skills[k] for k in _skills_of(int(main[i]), n_skills, rng=rng)),
            tags=tuple(f"tag-{t:02d}" for t in rng.choice(n_tags, rng.integers(1, 4), replace=False)),
            difficulty=float(label[i]),
            kind=str(kinds[i]),
            minutes=float(rng.integers(4, 21)),
        )
        for i in range(n_resources)
    ]
    reported = _reported(edges, n_skills, faults, rng=rng)
    names = tuple((skills[a], skills[b]) for a, b in reported)
    catalogue = Catalogue.build(resources, [Skill(name) for name in skills], names, on_cycle="break")
    teaches, none = _teaches(catalogue, rng), np.zeros(n_resources)
    return World(catalogue, names, difficulty, _parents(edges, n_skills), level, teaches, none, none)


def around(catalogue: Catalogue, rng: np.random.Generator) -> World:
    """Return a world around any catalogue: its labels and prerequisites are true up to noise."""
    label = catalogue.difficulty
    centred = label - np.nanmean(label) if np.isfinite(label).any() else np.zeros(len(label))
    spread = float(np.nanstd(centred)) or 1.0
    difficulty = np.where(np.isfinite(centred), 0.8 * centred / spread, 0.0) + _EASE
    difficulty = difficulty + rng.normal(0, 0.4, len(label))
    edges = [(int(a), int(b)) for a, b in catalogue.prerequisites]
    level = _depth(edges, len(catalogue.skills))
    names = tuple((catalogue.skills[a].skill_id, catalogue.skills[b].skill_id) for a, b in edges)
    parents = _parents(edges, len(catalogue.skills))
    none = np.zeros(len(label))
    return World(catalogue, names, difficulty, parents, level, _teaches(catalogue, rng), none, none)


def pupils(world: World, n_learners: int, rng: np.random.Generator, *, prefix: str = "learner") -> Pupils:
    """Return learners of mixed ability: strong ones know the first half of the course, weak ones little."""
    n_tags = world.tag_table.shape[1]
    ability = rng.normal(0.0, 0.9, n_learners)
    reach = ability[:, None] - 3.0 * (world.level[None, :] - 0.25)
    prior = reach + rng.normal(0, 0.8, (n_learners, world.n_skills)) - 0.35
    taste = rng.dirichlet(np.full(n_tags, 0.35), n_learners)
    stated = []
    for row in taste:
        named = rng.choice(n_tags, min(3, n_tags), replace=False, p=(row + 0.02) / (row + 0.02).sum())
        stated.append(tuple(world.catalogue.tag_ids[t] for t in named) if world.catalogue.tag_ids else ())
    return Pupils(
        ids=tuple(f"{prefix}-{i:03d}" for i in range(n_learners)),
        prior=prior,
        speed=np.exp(rng.normal(-0.03, 0.25, n_learners)),
        taste=taste / np.linalg.norm(taste, axis=1, keepdims=True),
        format_taste=rng.dirichlet(np.full(3, 3.0), n_learners) * 3.0,
        stated=tuple(stated),
    )


def _true_edges(n_skills: int, *, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Each skill rests on one or two of the six before it; one in eight opens a strand of its own."""
    edges = []
    for skill in range(1, n_skills):
        if rng.random() < 0.125:
            continue
        back = np.arange(max(0, skill - 6), skill)
        for before in rng.choice(back, min(len(back), int(rng.integers(1, 3))), replace=False):
            edges.append((int(before), skill))
    return edges


def _skills_of(main: int, n_skills: int, *, rng: np.random.Generator) -> list[int]:
    more = int(rng.choice([0, 1, 2], p=[0.7, 0.25, 0.05]))
    near = [k for k in range(max(0, main - 4), min(n_skills, main + 3)) if k != main]
    return [main, *(int(k) for k in rng.choice(near, more, replace=False))]


def _reported(
    edges: list[tuple[int, int]], n_skills: int, faults: CourseFaults, *, rng: np.random.Generator
) -> list[tuple[int, int]]:
    kept = [edge for edge in edges if rng.random() >= faults.missing]
    for _ in range(round(faults.spurious * len(edges))):
        a, b = sorted(int(k) for k in rng.choice(n_skills, 2, replace=False))
        kept.append((a, b))
    if kept and rng.random() < faults.cycle:
        a, b = kept[int(rng.integers(len(kept)))]
        kept.append((b, a))
    return list(dict.fromkeys(kept))


def _parents(edges: list[tuple[int, int]], n_skills: int) -> Ints:
    before: list[list[int]] = [[] for _ in range(n_skills)]
    for a, b in edges:
        before[b].append(a)
    table = np.full((n_skills, max(1, *(len(row) for row in before))), -1, dtype=np.int64)
    for skill, row in enumerate(before):
        table[skill, : len(row)] = row
    return table


def _depth(edges: list[tuple[int, int]], n_skills: int) -> Floats:
    depth = np.zeros(n_skills)
    for _ in range(n_skills):
        deeper = depth.copy()
        for a, b in edges:
            deeper[b] = max(deeper[b], depth[a] + 1)
        if np.array_equal(deeper, depth):
            break
        depth = deeper
    return np.asarray(depth / max(depth.max(), 1.0))


def _teaches(catalogue: Catalogue, rng: np.random.Generator) -> Floats:
    by_kind = np.array([_TEACHES.get(r.kind, 1.0) for r in catalogue.resources])
    return np.asarray(by_kind * np.exp(rng.normal(-0.03, 0.25, len(by_kind))))
