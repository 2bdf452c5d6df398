"""The parts of the scores of a block: each number once, however many candidates share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segue.engine.decisions import Request
from segue.engine.scoring import Factor, factors_of, log_factors, weights_of
from segue.engine.settings import Settings
from segue.features.catalogue import Floats, Ints
from segue.features.contexts import Contexts, Level, pick, spread


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of the score of n candidates for B learners, weights included.

    Attributes
    ----------
    names : tuple of str
    levels : tuple of Level
        Of what each part is known.
    values : tuple of arrays of shape (B, G)
        G as many as there are of that level, see ``contexts.Contexts``.
    contexts : Contexts
    """

    names: tuple[str, ...]
    levels: tuple[Level, ...]
    values: tuple[Floats, ...]
    contexts: Contexts

    @classmethod
    def of(cls, contexts: Contexts, requests: Sequence[Request], settings: Settings, *, eta: float) -> Parts:
        """Return the pedagogical parts, when the learned one weighs `eta`."""
        factors = factors_of(requests[0])
        values: list[Floats] = [np.zeros(0)] * len(factors)
        for level in Level:
            at = [i for i, factor in enumerate(factors) if factor.level is level]
            if at:
                made = _of_level([factors[i] for i in at], contexts, requests, settings=settings, eta=eta)
                for i, part in zip(at, made, strict=True):
                    values[i] = part
        names, levels = (f.name for f in factors), (f.level for f in factors)
        return cls(tuple(names), tuple(levels), tuple(values), contexts)

    def also(self, name: str, value: Floats) -> Parts:
        """Return these parts and one more, known of each candidate."""
        return Parts((*self.names, name), (*self.levels, Level.ITEM), (*self.values, value), self.contexts)

    def total(self) -> Floats:
        """Return the scores, (B, n): parts of a level are added up first, in order."""
        total: Floats = np.zeros(0)
        for level in Level:
            some = [part for part, of in zip(self.values, self.levels, strict=True) if of is level]
            if not some:
                continue
            summed = some[0] + some[1] if len(some) > 1 else some[0]
            for part in some[2:]:
                summed += part
            summed = spread(summed, self.contexts.group(level))
            total = np.add(total, summed, out=total) if len(total) else summed
        return total

    def whole(self) -> Floats:
        """Return every part, (F, B, n)."""
        out = np.empty((len(self.names), *self.contexts.shape))
        for i, (level, part) in enumerate(zip(self.levels, self.values, strict=True)):
            out[i] = spread(part, self.contexts.group(level))
        return out

    def at(self, position: Ints) -> Floats:
        """Return every part of the candidates at `position` (B, ...), shape (F, B, ...)."""
        out = np.empty((len(self.names), *position.shape))
        for i, (level, part) in enumerate(zip(self.levels, self.values, strict=True)):
            out[i] = pick(part, self.contexts.group(level), position)
        return out


def _of_level(
    factors: Sequence[Factor],
    contexts: Contexts,
    requests: Sequence[Request],
    *,
    settings: Settings,
    eta: float,
) -> Floats:
    n = contexts.size(factors[0].level)
    parts = np.empty((len(factors), len(requests), n))
    log_factors(factors, contexts.columns, parts)
    parts *= weights_of(factors, requests, settings, eta=eta)
    return parts
