"""The parts of the scores of a block: each number once, however many candidates share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np

from segue.engine.requests.request import Request
from segue.engine.scoring.factors import FACTORS, Factor, Placed, factors_of, log_factors, weights_of
from segue.engine.scoring.manners import NAME
from segue.engine.settings import Settings
from segue.features.catalogue import Floats, Ints
from segue.features.contexts.context_columns import Contexts, Level, spread


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the parts of a score lie side by side: those of a level together, in their order.

    Attributes
    ----------
    names : tuple of str
    level, start : arrays of int, shape (F,)
        Of what each part is known, and where it begins.
    end : tuple of int
        Where each ends.
    by_level : tuple of (level, start, end, n)
        Where the n parts of a level begin and end, for each level that has some.
    factors : tuple of (factor, start, end)
        The parts from pedagogy as they lie, before all others.
    """

    names: tuple[str, ...]
    level: Ints
    start: Ints
    end: tuple[int, ...]
    by_level: tuple[tuple[Level, int, int, int], ...]
    factors: tuple[Placed, ...]

    @property
    def width(self) -> int:
        """How many numbers all parts of a learner are."""
        return max(self.end)

    def spans(self) -> list[tuple[Level, slice]]:
        """Return of what each part is known, and where it lies."""
        each = zip(self.level.tolist(), self.start.tolist(), self.end, strict=True)
        return [(Level(level), slice(start, end)) for level, start, end in each]


@lru_cache(maxsize=64)
def layout(factors: tuple[Factor, ...], further: tuple[str, ...], sizes: tuple[int, ...]) -> Layout:
    """Return where `factors` lie and, behind them, `further` parts known of each candidate.

    `sizes` is how many numbers each level has. Remembered, for most ask alike.
    """
    names = (*[factor.name for factor in factors], *further)
    levels = [*[factor.level for factor in factors], *[Level.ITEM] * len(further)]
    order = sorted(range(len(names)), key=lambda i: levels[i])  # stable: the last level is that of candidates
    ends = np.cumsum([sizes[levels[i]] for i in order]).tolist()
    place = {i: (end - sizes[levels[i]], end) for i, end in zip(order, ends, strict=True)}
    by_level = [(level, list(some)) for level, some in groupby(order, key=lambda i: levels[i])]
    return Layout(
        names,
        np.array(levels),
        np.array([place[i][0] for i in range(len(names))]),
        tuple(place[i][1] for i in range(len(names))),
        tuple((level, place[some[0]][0], place[some[-1]][1], len(some)) for level, some in by_level),
        tuple((factors[i], *place[i]) for i in order if i < len(factors)),
    )


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of the score of n candidates for B learners, weights included.

    Attributes
    ----------
    layout : Layout
    values : array of shape (B, layout.width)
        The parts side by side, as many numbers of each as there are of its level (``contexts.Contexts``).
    contexts : Contexts
    """

    layout: Layout
    values: Floats
    contexts: Contexts

    @classmethod
    def of(
        cls,
        contexts: Contexts,
        requests: Sequence[Request],
        settings: Settings,
        *,
        eta: float,
        usual: tuple[Factor, ...] = FACTORS,
        learned: Floats | None = None,
        manner: Floats | None = None,
    ) -> Parts:
        """Return the parts from pedagogy, the `learned` one (B, n) that weighs `eta`, and `manner` (B, n).

        `usual` are the factors of every request.
        """
        further = {}
        if learned is not None:
            further["learned"] = learned * eta
        if manner is not None:
            further[NAME] = manner
        made = layout(factors_of(requests[0], usual), tuple(further), contexts.sizes)
        values = np.empty((len(requests), made.width))
        pedagogy = values[:, : made.factors[-1][2]]
        log_factors(made.factors, contexts.columns, pedagogy)
        pedagogy *= weights_of(made.factors, requests, settings, eta=eta)
        for part, end in zip(further.values(), made.end[len(made.factors) :], strict=True):
            values[:, end - part.shape[1] : end] = part
        return cls(made, values, contexts)

    @property
    def names(self) -> tuple[str, ...]:
        """What each part is called."""
        return self.layout.names

    def total(self) -> Floats:
        """Return the scores, (B, n): parts of a level are added up first, in order."""
        total: Floats | None = None
        for level, start, end, n in self.layout.by_level:
            size = (end - start) // n
            part = self.values[:, start : start + size]
            if n > 1:
                part = part + self.values[:, start + size : start + 2 * size]
            for begin in range(start + 2 * size, end, size):
                part += self.values[:, begin : begin + size]
            summed = spread(part, self.contexts.groups[level])
            total = summed if total is None else total + summed
        assert total is not None, "there is always a part"
        shape = self.contexts.shape
        return total if total.shape == shape else np.repeat(total, shape[1], axis=1)

    def whole(self) -> Floats:
        """Return every part, (F, B, n)."""
        out = np.empty((len(self.names), *self.contexts.shape))
        for i, (level, span) in enumerate(self.layout.spans()):
            out[i] = spread(self.values[:, span], self.contexts.groups[level])
        return out

    def at(self, position: Ints) -> Floats:
        """Return every part of the candidates at `position` (B, ...), shape (F, B, ...)."""
        many = [1] * position.ndim
        place = self.contexts.pool.places.take(position, axis=1).take(self.layout.level, axis=0)
        place += self.layout.start.reshape(-1, *many)
        if len(position) > 1:
            place += (np.arange(len(position)) * self.layout.width).reshape(-1, *many[1:])
        return np.asarray(self.values.take(place))
