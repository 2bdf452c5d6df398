"""Rows of a table that cannot be used: counted, with their first fault, and where they stand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Rejected:
    """Rows set aside: how many, why, and where (the first line numbers; the header is line 1)."""

    n: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    lines: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return one sentence."""
        if not self.n:
            return "no row rejected"
        reasons = "; ".join(f"{count} × {reason}" for reason, count in self.reasons.items())
        lines = ", ".join(map(str, self.lines)) + (", …" if self.n > len(self.lines) else "")
        where = f" (line {lines})" if self.lines else ""
        return f"{self.n} row{'s' if self.n > 1 else ''} rejected: {reasons}{where}"


class RowFaults:
    """The first fault of each row, as a number: 0 is none, k the k-th reason; `places` (n,) say where."""

    def __init__(self, places: NDArray[np.int64]) -> None:
        self.places = places
        self.code: NDArray[np.int64] = np.zeros(len(places), dtype=np.int64)
        self.reasons: list[str] = []

    @property
    def any(self) -> NDArray[np.bool_]:
        """Rows with a fault."""
        return np.asarray(self.code > 0, dtype=np.bool_)

    def add(self, bad: ArrayLike, reason: str) -> None:
        """Note a fault where there is none yet."""
        self.reasons.append(reason)
        self.code[np.asarray(bad, dtype=np.bool_) & (self.code == 0)] = len(self.reasons)

    def rejected(self, unreadable: int) -> Rejected:
        """Return the summary."""
        rows = np.flatnonzero(self.any)
        reasons = dict(Counter(self.reasons[code - 1] for code in self.code[rows].tolist()))
        if unreadable:
            reasons["too many fields in the line"] = unreadable
        return Rejected(len(rows) + unreadable, reasons, tuple((self.places[rows[:20]] + 2).tolist()))
