"""The catalogue: resources, skills, tags and prerequisites as arrays."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar, get_args, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

KINDS = ("lesson", "video", "text", "exercise", "quiz", "game", "project", "performance task", "discussion")
NEVER = -1e18  # seconds: what closed then is open at no time
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
T = TypeVar("T")
OWN = "resource:"
"""Begins the id of the skill of a resource that names none."""
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
UNSEEN = re.compile(r"[\x00-\x20\x7f-\x9f]")  # browsers read java\tscript: as one word


def row_kinds(rows: Ints) -> tuple[Ints, Ints]:
    """Return where each kind of row stands first, (kinds,), and the kind of each of `rows` (n, K), (n,).

    Kinds are in lexicographic order.

    >>> first, kind = row_kinds(np.array([[2, 1], [0, 3], [2, 1]]))
    >>> first.tolist(), kind.tolist()
    ([1, 0], [1, 0, 1])
    """
    order = np.lexsort(rows.T[::-1]) if rows.shape[1] else np.arange(len(rows))
    ordered = rows[order]
    begins = np.ones(len(rows), dtype=np.bool_)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    kind = np.empty(len(rows), dtype=np.int64)
    kind[order] = np.cumsum(begins) - 1
    return order[begins], kind


class Once(Generic[T]):
    """``functools.cached_property`` without the lock, which Python 3.11 takes each time: 2 of its 3 µs.

    >>> class Square:
    ...     @Once
    ...     def area(self) -> float:
    ...         print("computed")
    ...         return 4.0
    >>> square = Square()
    >>> square.area, square.area
    computed
    (4.0, 4.0)
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Once[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Once[T] | T:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value


Axis = Literal["content", "process", "product"]
AXES: tuple[Axis, ...] = get_args(Axis)


@dataclass(frozen=True)
class WeighedManner:
    """A manner of teaching and its weight: how much better learners do after it, in units of a reward.

    `level` is what resources say of this axis ("visual", "guided"); `weight` lies in [-1, 1].
    """

    axis: Axis
    level: str
    weight: float


@dataclass(frozen=True)
class Skill:
    """One skill: official code, statement, and the sentence a student reads."""

    skill_id: str
    code: str = ""
    statement: str = ""
    i_can: str = ""


@dataclass(frozen=True)
class Resource:
    """One thing a student can do; an *action* of the bandit.

    `difficulty` is the catalogue's own label on any scale (NaN when unknown); `minutes` is the expected
    working time; an empty `language`, `grade_band` or attribute means "fits everyone". `courses` are ids of
    classes, as rosters and events name them: without any it is for all of them. `source` says who made it,
    or which collection it is from. What is `retired` is never open; it stays for what was done with it.
    """

    resource_id: str
    title: str = ""
    url: str = ""
    skills: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    difficulty: float = float("nan")
    kind: str = "exercise"
    minutes: float = 10.0
    language: str = ""
    grade_band: str = ""
    available_from: pd.Timestamp | None = None
    available_until: pd.Timestamp | None = None
    offline: bool = True
    content: str = ""
    process: str = ""
    product: str = ""
    retired: bool = field(default=False, repr=False)
    courses: tuple[str, ...] = field(default=(), repr=False)
    source: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Drop an address that would run something where it is shown, whatever door it came by."""
        if self.url and web_address(self.url) != self.url:
            object.__setattr__(self, "url", "")


def web_address(url: str) -> str:
    """Return an address that a page may link to, or "" for one that would run or read something else.

    >>> web_address("https://lms.example/a"), web_address("java\\tscript:alert(1)"), web_address("a/b.html")
    ('https://lms.example/a', '', 'a/b.html')
    """
    scheme = SCHEME.match(UNSEEN.sub("", url))
    return url if scheme is None or scheme[1].lower() in ("http", "https") else ""


class CatalogueError(ValueError):
    """The catalogue cannot be used as it stands; the message names what to change."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Resources and skills, with what the engine reads of them as arrays.

    Build it with :meth:`build` (objects) or ``segue.features.events.file_readers`` (files).

    Attributes
    ----------
    resources : tuple of Resource, length n
    skills : tuple of Skill, length S
    prerequisites : array of shape (E, 2)
        Rows (before, after) of skill indices; acyclic.
    broken_edges : tuple of (str, str)
        Prerequisites left out because they closed a cycle (only with ``on_cycle="break"``).
    """

    resources: tuple[Resource, ...]
    skills: tuple[Skill, ...]
    prerequisites: Ints
    broken_edges: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def build(
        cls,
        resources: Sequence[Resource],
        skills: Sequence[Skill] = (),
        prerequisites: Sequence[tuple[str, str]] = (),
        *,
        on_cycle: Literal["refuse", "break"] = "refuse",
    ) -> Catalogue:
        """Return a checked catalogue.

        A resource without skills gets one of its own (said in `notes`); a skill named by a resource or a
        prerequisite but not listed is added.

        Raises
        ------
        CatalogueError
            For duplicate resource ids, or a prerequisite cycle when ``on_cycle="refuse"`` (it is named).
        """
        notes: list[str] = []
        if twice := [name for name, n in Counter(r.resource_id for r in resources).items() if n > 1]:
            raise CatalogueError(f"resource_id must be unique, found {twice[0]!r} twice: keep one")
        if bare := [r for r in resources if not r.skills]:
            notes.append(f"{len(bare)} of {len(resources)} resources name no skill: each is its own skill")
            resources = [r if r.skills else replace(r, skills=(OWN + r.resource_id,)) for r in resources]
        known = {s.skill_id: s for s in skills}
        for r in resources:
            if (own := f"{OWN}{r.resource_id}") in r.skills:  # called as the resource is
                known.setdefault(own, Skill(own, statement=r.title))
        for skill_id in [k for r in resources for k in r.skills] + [k for e in prerequisites for k in e]:
            known.setdefault(skill_id, Skill(skill_id))
        index = {skill_id: i for i, skill_id in enumerate(known)}
        edges = list(dict.fromkeys((a, b) for a, b in prerequisites))
        kept, broken = _acyclic(edges, on_cycle)
        pairs = np.array([(index[a], index[b]) for a, b in kept], dtype=np.int64).reshape(-1, 2)
        return cls(tuple(resources), tuple(known.values()), pairs, tuple(broken), tuple(notes))

    @cached_property
    def resource_index(self) -> Mapping[str, int]:
        """Position of each resource id."""
        return {r.resource_id: i for i, r in enumerate(self.resources)}

    @cached_property
    def resource_ids(self) -> NDArray[np.object_]:
        """The ids of the resources, (n,)."""
        return np.array([r.resource_id for r in self.resources], dtype=object)

    @cached_property
    def skill_index(self) -> Mapping[str, int]:
        """Position of each skill id."""
        return {s.skill_id: i for i, s in enumerate(self.skills)}

    @cached_property
    def tag_ids(self) -> tuple[str, ...]:
        """All interest tags, sorted."""
        return tuple(sorted({t for r in self.resources for t in r.tags}))

    @cached_property
    def tag_index(self) -> Mapping[str, int]:
        """Position of each tag."""
        return {t: i for i, t in enumerate(self.tag_ids)}

    @cached_property
    def skill_matrix(self) -> Ints:
        """Skills of each resource, shape (n, K), padded by -1 (K: the most skills of any resource)."""
        return _padded([[self.skill_index[k] for k in dict.fromkeys(r.skills)] for r in self.resources])

    @cached_property
    def skill_weights(self) -> Floats:
        """1 / K_r where `skill_matrix` names a skill, 0 where it is padded; rows sum to 1."""
        present = self.skill_matrix >= 0
        return np.asarray(present / np.maximum(present.sum(axis=1, keepdims=True), 1), dtype=np.float64)

    @cached_property
    def tag_matrix(self) -> Ints:
        """Tags of each resource, shape (n, T_max), padded by -1."""
        return _padded([[self.tag_index[t] for t in dict.fromkeys(r.tags)] for r in self.resources])

    @cached_property
    def prerequisite_matrix(self) -> Ints:
        """Direct prerequisites of each skill, shape (S, P), padded by -1."""
        before: list[list[int]] = [[] for _ in self.skills]
        for a, b in self.prerequisites:
            before[int(b)].append(int(a))
        return _padded(before)

    @cached_property
    def minutes(self) -> Floats:
        """Expected minutes of each resource, shape (n,)."""
        return np.array([r.minutes for r in self.resources], dtype=np.float64)

    @cached_property
    def difficulty(self) -> Floats:
        """The catalogue's own difficulty labels, shape (n,), NaN when unknown."""
        return np.array([r.difficulty for r in self.resources], dtype=np.float64)

    @cached_property
    def source_code(self) -> Ints:
        """A number for the source of each resource, shape (n,): one number a source."""
        return np.unique([r.source for r in self.resources], return_inverse=True)[1]

    @cached_property
    def kind_code(self) -> Ints:
        """Index into `kind_ids` of each resource, shape (n,)."""
        return np.array([self.kind_ids.index(r.kind) for r in self.resources], dtype=np.int64)

    @cached_property
    def kind_ids(self) -> tuple[str, ...]:
        """Known kinds first, then any other the catalogue uses, sorted."""
        return KINDS + tuple(sorted({r.kind for r in self.resources} - set(KINDS)))

    @cached_property
    def opening(self) -> tuple[Floats, Floats]:
        """From when and until when each resource is open, UTC epoch seconds, shapes (n,); ∓inf: always."""
        opens = [_seconds(r.available_from, -np.inf) for r in self.resources]
        closes = [NEVER if r.retired else _seconds(r.available_until, np.inf) for r in self.resources]
        return np.array(opens, dtype=np.float64), np.array(closes, dtype=np.float64)

    @cached_property
    def always_open(self) -> bool:
        """Whether every resource is open at any time."""
        return not np.isfinite(self.opening).any()

    @cached_property
    def works_offline(self) -> Bools:
        """Whether each resource works without a connection, shape (n,)."""
        return np.array([r.offline for r in self.resources], dtype=np.bool_)

    @cached_property
    def grades(self) -> tuple[Floats, Floats]:
        """Lowest and highest grade of each resource, shapes (n,), NaN where the band names none."""
        ranges = [grade_range(r.grade_band) for r in self.resources]
        return np.array([low for low, _ in ranges]), np.array([high for _, high in ranges])

    @cached_property
    def in_language(self) -> dict[str, Bools]:
        """Whether each resource is in a language, shape (n,), by its tag; "" names none."""
        every = self.resources
        return {tag: np.array([r.language == tag for r in every]) for tag in {r.language for r in every}}

    @cached_property
    def courses(self) -> tuple[str, ...]:
        """All courses that resources name, sorted."""
        return tuple(sorted({course for r in self.resources for course in r.courses}))

    @cached_property
    def in_course(self) -> dict[str, Bools]:
        """Whether each resource is for a course, shape (n,), by course; under "": for all of them."""
        named = {c: np.array([c in r.courses for r in self.resources], dtype=np.bool_) for c in self.courses}
        return named | {"": np.array([not r.courses for r in self.resources], dtype=np.bool_)}

    @cached_property
    def hash(self) -> str:
        """Digest of everything above: two catalogues with one hash rank alike."""
        text = repr((self.resources, self.skills, self.prerequisites.tolist()))
        retired = [r.resource_id for r in self.resources if r.retired]
        courses, sources = [r.courses for r in self.resources], tuple(r.source for r in self.resources)
        text += "".join(repr(said) for said in (retired, courses, sources) if any(said))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @cached_property
    def bare_hash(self) -> str:
        """The same without titles, addresses and what skills are called, which no ranking reads."""
        resources = tuple(replace(r, title="", url="") for r in self.resources)
        return replace(self, resources=resources, skills=tuple(Skill(s.skill_id) for s in self.skills)).hash

    def is_open(self, resource_id: str, time: float) -> bool:
        """Return whether a resource is open at a time (UTC epoch seconds)."""
        code = self.resource_index[resource_id]
        opens, closes = self.opening
        return bool(opens[code] <= time < closes[code])

    def resource(self, resource_id: str) -> Resource:
        """Return the resource of an id; a KeyError when there is none."""
        return self.resources[self.resource_index[resource_id]]

    def resource_codes(self, resource_ids: Sequence[str]) -> Ints:
        """Return positions of `resource_ids`; an unknown id is an error that names it."""
        index = self.resource_index
        missing = [r for r in resource_ids if r not in index]
        if missing:
            raise CatalogueError(
                f"unknown resource {missing[0]!r} ({len(missing)} of {len(resource_ids)} asked for): "
                "import it into the catalogue or leave it out of the candidates"
            )
        return np.array([index[r] for r in resource_ids], dtype=np.int64)


def merged(before: Catalogue, new: Catalogue) -> Catalogue:
    """Return the new catalogue in the old one's order, with what only the old one had.

    What was retired stays so until it is restored: a file that still names it brings nothing back.
    """
    retired = {r.resource_id for r in before.resources if r.retired}
    fresh = (replace(r, retired=True) if r.resource_id in retired else r for r in new.resources)
    source = new if len(new.prerequisites) else before
    whole = _rebuilt((*before.resources, *fresh), (*before.skills, *new.skills), source)
    n_kept = len(set(before.resource_index) - set(new.resource_index) - retired)
    note = f"{n_kept} resources of the catalogue before are not in this one and stay, until retired"
    return replace(whole, notes=(*new.notes, *([note] if n_kept else ())))


def with_resources(catalogue: Catalogue, changed: Sequence[Resource]) -> Catalogue:
    """Return a catalogue with some resources changed in their places, and new ones at its end."""
    return _rebuilt((*catalogue.resources, *changed), catalogue.skills, catalogue)


def _rebuilt(resources: Sequence[Resource], skills: Sequence[Skill], source: Catalogue) -> Catalogue:
    """Return a catalogue with the prerequisites of `source`; of two under one id the later one counts."""
    names = [skill.skill_id for skill in source.skills]
    edges = [(names[a], names[b]) for a, b in source.prerequisites.tolist()]
    by_id = {r.resource_id: r for r in resources}, {s.skill_id: s for s in skills}
    return Catalogue.build(list(by_id[0].values()), list(by_id[1].values()), edges)


def grade_range(band: str) -> tuple[float, float]:
    """Return the lowest and highest grade of a band, NaN where it names none.

    >>> grade_range("6-8"), grade_range("K-2"), grade_range("7")
    ((6.0, 8.0), (0.0, 2.0), (7.0, 7.0))
    """
    parts = band.upper().replace("–", "-").replace("GRADE", "").split("-")
    try:
        numbers = [0.0 if part.strip() == "K" else float(part) for part in parts]
    except ValueError:
        return float("nan"), float("nan")
    return min(numbers), max(numbers)


def _seconds(time: pd.Timestamp | None, missing: float) -> float:
    return missing if time is None else time.timestamp()


def _padded(rows: Sequence[Sequence[int]]) -> Ints:
    width = max((len(row) for row in rows), default=0)
    out = np.full((len(rows), max(width, 1)), -1, dtype=np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out


def _acyclic(
    edges: Sequence[tuple[str, str]], on_cycle: Literal["refuse", "break"]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Keep edges in order; one that closes a cycle is refused, or left out and reported."""
    after: dict[str, list[str]] = {}
    kept: list[tuple[str, str]] = []
    broken: list[tuple[str, str]] = []
    for a, b in edges:
        path = _path(after, b, a)
        if path is None:
            after.setdefault(a, []).append(b)
            kept.append((a, b))
        elif on_cycle == "refuse":
            cycle = " → ".join([a, *path])
            raise CatalogueError(
                f"prerequisites form a cycle: {cycle}; remove a link, or ask for cycles to be broken"
            )
        else:
            broken.append((a, b))
    return kept, broken


def _path(after: Mapping[str, Sequence[str]], start: str, goal: str) -> list[str] | None:
    """Return a path of links from `start` to `goal`, or None."""
    stack, visited = [[start]], {start}
    while stack:
        path = stack.pop()
        if path[-1] == goal:
            return path
        further = [name for name in after.get(path[-1], ()) if name not in visited]
        visited.update(further)
        stack += [[*path, name] for name in further]
    return None
