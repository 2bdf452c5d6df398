"""Where the parts of the scores of a kind of request lie, and pedagogy's written into their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np

from segue.engine.requests.request import Dials, Request
from segue.engine.scoring.factors import LEAST, LOG_LEAST, Columns, Factor, exponent
from segue.engine.settings import Settings, Weights
from segue.features.catalogue import Floats, Ints
from segue.features.contexts.context_columns import Level


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the parts of a score lie side by side: those of a level together, in their order.

    Attributes
    ----------
    names : tuple of str
    level, start : arrays of int, shape (F,)
        The level that each part is known of, and where its numbers begin.
    end : tuple of int
        Where the numbers of each end.
    by_level : tuple of (level, start, end, n)
        For each level that has parts, where these n begin and end.
    factors : tuple of (factor, start, end)
        The parts from pedagogy, which come before all others.
    unlogged : tuple of (start, end)
        Stretches of factors whose logarithm is still to be taken.
    """

    names: tuple[str, ...]
    level: Ints
    start: Ints
    end: tuple[int, ...]
    by_level: tuple[tuple[Level, int, int, int], ...]
    factors: tuple[tuple[Factor, int, int], ...]
    unlogged: tuple[tuple[int, int], ...]

    @property
    def width(self) -> int:
        """How many numbers all parts of a learner are."""
        return max(self.end)

    def spans(self) -> list[tuple[Level, slice]]:
        """Return of what each part is known, and where it lies."""
        each = zip(self.level.tolist(), self.start.tolist(), self.end, strict=True)
        return [(Level(level), slice(start, end)) for level, start, end in each]


@lru_cache(maxsize=64)
def layout_of(factors: tuple[Factor, ...], further: tuple[str, ...], sizes: tuple[int, ...]) -> Layout:
    """Return where `factors` lie and, behind them, `further` parts known of each candidate.

    `sizes` is how many numbers each level has. Remembered, for most ask alike.
    """
    names = (*[factor.name for factor in factors], *further)
    levels = [*[factor.level for factor in factors], *[Level.ITEM] * len(further)]
    order = sorted(range(len(names)), key=lambda i: levels[i])  # stable: the last level is that of candidates
    ends = np.cumsum([sizes[levels[i]] for i in order]).tolist()
    place = {i: (end - sizes[levels[i]], end) for i, end in zip(order, ends, strict=True)}
    by_level = [(level, list(some)) for level, some in groupby(order, key=lambda i: levels[i])]
    placed = [(factors[i], *place[i]) for i in order if i < len(factors)]
    by_kind = [list(some) for _, some in groupby(placed, key=lambda one: one[0].logarithm)]
    return Layout(
        names,
        np.array(levels),
        np.array([place[i][0] for i in range(len(names))]),
        tuple(place[i][1] for i in range(len(names))),
        tuple((level, place[some[0]][0], place[some[-1]][1], len(some)) for level, some in by_level),
        tuple(placed),
        tuple((some[0][1], some[-1][2]) for some in by_kind if not some[0][0].logarithm),
    )


def log_factors(layout: Layout, columns: Columns, out: Floats) -> None:
    """Write log max(f, .02) of each factor into its place of `out` (B, width)."""
    for factor, start, end in layout.factors:
        if factor.logarithm:
            np.maximum(factor.value(columns), LOG_LEAST, out=out[:, start:end])
        else:
            out[:, start:end] = factor.value(columns)
    for start, end in layout.unlogged:
        part = out[:, start:end]
        np.maximum(part, LEAST, out=part)
        np.log(part, out=part)


def exponents_of(layout: Layout, requests: Sequence[Request], settings: Settings, *, eta: float) -> Floats:
    """Return the exponents of the factors, (B, width); (1, width) when the requests have the same dials."""
    first = requests[0].dials
    if len(requests) == 1 or all(request.dials is first or request.dials == first for request in requests):
        return _exponents_for(layout, first, settings.weights, eta)
    return np.concatenate([_exponents_for(layout, r.dials, settings.weights, eta) for r in requests])


@lru_cache(maxsize=64)
def _exponents_for(layout: Layout, dials: Dials, weights: Weights, eta: float) -> Floats:
    """Return the exponents for these dials, (1, width). Remembered, for most ask alike: not to be changed."""
    each = [exponent(factor, dials, weights, eta) for factor, _, _ in layout.factors]
    out = np.repeat(each, [end - start for _, start, end in layout.factors])[None]
    out.setflags(write=False)
    return out
