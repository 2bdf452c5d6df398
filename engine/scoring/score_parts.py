"""The parts of the scores of a block: each number once, however many candidates share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np

from segue.engine.requests.request import Request
from segue.engine.scoring.factors import FACTORS, Factor, factors_of, log_factors, weights_of
from segue.engine.scoring.manners import NAME
from segue.engine.settings import Settings
from segue.features.catalogue import Floats, Ints
from segue.features.contexts.context_columns import Contexts, Level, spread


@lru_cache(maxsize=64)
def layout(
    factors: tuple[Factor, ...], further: tuple[str, ...], sizes: tuple[int, ...]
) -> tuple[tuple[str, ...], tuple[Level, ...], tuple[int, ...]]:
    """Return names, levels and ends (``Parts``) of factors and of `further` parts, known of each candidate.

    `sizes` is how many numbers each level has. Remembered, for most ask alike.
    """
    names = (*[factor.name for factor in factors], *further)
    levels = (*[factor.level for factor in factors], *[Level.ITEM] * len(further))
    return names, levels, tuple(accumulate([sizes[level] for level in levels], initial=0))


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of the score of n candidates for B learners, weights included.

    Attributes
    ----------
    names : tuple of str
    levels : tuple of Level
        Of what each part is known.
    ends : tuple of int
        Where each part begins in a row of `values`, and where the last one ends.
    values : array of shape (B, ends[-1])
        The parts side by side, as many numbers of each as there are of its level (``contexts.Contexts``).
    contexts : Contexts
    """

    names: tuple[str, ...]
    levels: tuple[Level, ...]
    ends: tuple[int, ...]
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
        factors, sizes = factors_of(requests[0], usual), contexts.sizes
        further = tuple([name for name, more in (("learned", learned), (NAME, manner)) if more is not None])
        names, levels, ends = layout(factors, further, sizes)
        values = np.empty((len(requests), ends[-1]))
        pedagogy = values[:, : ends[len(factors)]]
        log_factors(factors, contexts.columns, pedagogy, ends=ends)
        each = tuple([sizes[level] for level in levels[: len(factors)]])
        pedagogy *= weights_of(factors, requests, settings, eta=eta, sizes=each)
        if learned is not None:
            at = len(factors)
            np.multiply(learned, eta, out=values[:, ends[at] : ends[at + 1]])
        if manner is not None:
            values[:, ends[-2] :] = manner
        return cls(names, levels, ends, values, contexts)

    def total(self) -> Floats:
        """Return the scores, (B, n): parts of a level are added up first, in order."""
        of_levels: list[Floats | None] = [None] * len(self.contexts.groups)
        for level, (start, end) in zip(self.levels, pairwise(self.ends), strict=True):
            part, so_far = self.values[:, start:end], of_levels[level]
            if so_far is None:
                of_levels[level] = part.copy()
            else:
                so_far += part
        total: Floats | None = None
        for of_level, group in zip(of_levels, self.contexts.groups, strict=True):
            if of_level is None:
                continue
            summed = spread(of_level, group)
            if total is not None:
                total += summed
            elif summed.shape == self.contexts.shape:
                total = summed
            else:
                total = np.repeat(summed, self.contexts.shape[1], axis=1)
        assert total is not None, "there is always a part"
        return total

    def whole(self) -> Floats:
        """Return every part, (F, B, n)."""
        out = np.empty((len(self.names), *self.contexts.shape))
        for i, (level, (start, end)) in enumerate(zip(self.levels, pairwise(self.ends), strict=True)):
            out[i] = spread(self.values[:, start:end], self.contexts.groups[level])
        return out

    def at(self, position: Ints) -> Floats:
        """Return every part of the candidates at `position` (B, ...), shape (F, B, ...)."""
        groups = self.contexts.groups
        each = np.array([position if group is None else group.take(position) for group in groups])
        if len(position) > 1:
            each += (np.arange(len(position)) * self.ends[-1]).reshape(-1, *[1] * (position.ndim - 1))
        place = each.take(self.levels, axis=0)
        place += np.array(self.ends[:-1]).reshape(-1, *[1] * position.ndim)
        return np.asarray(self.values.take(place))
