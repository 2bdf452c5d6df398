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
class RequestBlock:
    """B requests of one shape (same `k`, `menu` and mode), before anything is known of the learners.

    Attributes
    ----------
    now : array of shape (B,)
        UTC epoch seconds.
    offered : boolean array of shape (B, n), or None
        Which candidates each learner may get; None: the whole pool.
    states : StateBlock, optional
        The learners' states where they come side by side; without it each request brings its own.
    skills : int array, optional
        The skills that pool and states are about and number, ascending; None: all.
    """

    requests: tuple[Request, ...]
    catalogue: Catalogue
    pool: Pool
    settings: Settings
    now: Floats
    offered: Bools | None = None
    states: StateBlock | None = None
    skills: Ints | None = None

    def __len__(self) -> int:
        return len(self.requests)

    @Once
    def rows(self) -> Ints:
        """0 … B - 1."""
        return np.arange(len(self.requests))

    def some(self, rows: Sequence[int]) -> RequestBlock:
        """Return the requests of some rows, over the same candidates."""
        offered = None if self.offered is None else self.offered[rows]
        requests = tuple(self.requests[row] for row in rows)
        states = None
        if self.states is not None:
            each = self.states.states()
            states = StateBlock.of([each[row] for row in rows])
        return RequestBlock(
            requests, self.catalogue, self.pool, self.settings, self.now[rows], offered, states
        )

    def keep(self, positions: Bools) -> RequestBlock:
        """Return the same requests over the candidates at `positions`."""
        offered = None if self.offered is None else self.offered[:, positions]
        pool = self.pool.keep(positions)
        return RequestBlock(
            self.requests, self.catalogue, pool, self.settings, self.now, offered, self.states
        )


@dataclass(frozen=True, eq=False)
class Scene:
    """A block of requests with what is known of their learners and candidates when the first step is drawn.

    `goal` (B, S) marks what the goal needs; `idle_days` (B, n) is the time since the learner last used each
    candidate (inf if never).
    """

    asked: RequestBlock
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
