"""The parts of the scores of a block: each number once, however many candidates share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segue.engine.requests.request import Request
from segue.engine.scoring.factors import FACTORS, Factor, factors_of
from segue.engine.scoring.layout import Layout, exponents_of, layout_of, log_factors
from segue.engine.scoring.manners import NAME
from segue.engine.settings import Settings
from segue.features.catalogue import Floats, Ints
from segue.features.contexts.contexts import Contexts, spread


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
        layout = layout_of(factors_of(requests[0], usual), tuple(further), contexts.sizes)
        values = np.empty((len(requests), layout.width))
        pedagogy = values[:, : layout.factors[-1][2]]
        log_factors(layout, contexts.columns, pedagogy)
        pedagogy *= exponents_of(layout, requests, settings, eta=eta)
        for part, end in zip(further.values(), layout.end[len(layout.factors) :], strict=True):
            values[:, end - part.shape[1] : end] = part
        return cls(layout, values, contexts)

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
