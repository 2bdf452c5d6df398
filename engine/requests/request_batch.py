"""A block of requests as arrays: everything that is known before a step is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segue.engine.requests.request import Request
from segue.engine.settings import Settings
from segue.features.candidates import Pool
from segue.features.catalogue import Bools, Catalogue, Floats, Ints, Once
from segue.features.contexts.context_columns import ItemFacts, SkillFacts
from segue.features.contexts.contexts import Contexts
from segue.features.history.learner_state import StateBlock
from segue.features.prerequisite_map import Map


@dataclass(frozen=True, eq=False)
class Asked:
    """B requests of one shape (same `k`, `menu` and mode), before anything is known of the learners.

    `offered` (B, n) says which candidates each learner may get, None when all of the pool. `block` holds the
    learners' states where they come side by side; without it they are the requests' own. `skills`, ascending,
    are those that pool and block are about and number; None: all.
    """

    requests: tuple[Request, ...]
    catalogue: Catalogue
    pool: Pool
    settings: Settings
    now: Floats
    offered: Bools | None = None
    block: StateBlock | None = None
    skills: Ints | None = None

    def __len__(self) -> int:
        return len(self.requests)

    @Once
    def rows(self) -> Ints:
        """0 … B - 1."""
        return np.arange(len(self.requests))

    def some(self, rows: Sequence[int]) -> Asked:
        """Return the requests of some rows, over the same candidates."""
        offered = None if self.offered is None else self.offered[rows]
        requests = tuple(self.requests[row] for row in rows)
        block = None
        if self.block is not None:
            states = self.block.states()
            block = StateBlock.of([states[row] for row in rows])
        return Asked(requests, self.catalogue, self.pool, self.settings, self.now[rows], offered, block)

    def keep(self, positions: Bools) -> Asked:
        """Return the same requests over the candidates at `positions`."""
        offered = None if self.offered is None else self.offered[:, positions]
        pool = self.pool.keep(positions)
        return Asked(self.requests, self.catalogue, pool, self.settings, self.now, offered, self.block)


@dataclass(frozen=True, eq=False)
class Scene:
    """A block of requests with what the histories say.

    `goal` (B, S) marks what the goal needs; `idle_days` (B, n) is the time since the learner last used each
    candidate (inf if never).
    """

    asked: Asked
    skill_map: Map
    skills: SkillFacts
    items: ItemFacts
    contexts: Contexts
    goal: Floats
    idle_days: Floats

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests of the block."""
        return self.asked.requests

    @property
    def pool(self) -> Pool:
        """The candidates of the block."""
        return self.asked.pool

    @property
    def settings(self) -> Settings:
        """The engine's numbers."""
        return self.asked.settings

    @property
    def rows(self) -> Ints:
        """0 … B - 1."""
        return self.asked.rows

    @property
    def shape(self) -> tuple[int, int]:
        """(B, n)."""
        return len(self.asked.requests), len(self.asked.pool)

    @Once
    def columns(self) -> Floats:
        """The context columns, (C, B, n)."""
        return self.contexts.whole()

    def of_skills(self, name: str) -> Floats:
        """Return one context column of each combination of skills, (B, D)."""
        return self.contexts.columns[name]

    def spread(self, mask: Bools) -> Bools:
        """Return a mask of combinations (B, D) for each candidate, (B, n)."""
        return mask.take(self.pool.combination, axis=1)
