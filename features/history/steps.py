"""A layout with the t-th elements of all segments side by side, so that a loop over t works on slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segue.features.history.attempts import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class Steps:
    """A step-major layout of segments.

    Attributes
    ----------
    key : array of shape (G,)
        Key of each segment, longest first.
    place : array of shape (P,)
        Where each element goes.
    sizes : list of int
        How many segments take each step; non-increasing.
    order : array of shape (P,)
        Elements sorted by segment, then as given.
    first : array of shape (P,)
        True where an element of `order` begins its segment.
    rank : array of shape (G,)
        Which of `key` each segment of `order` is.
    """

    key: Ints
    place: Ints
    sizes: list[int]
    order: Ints
    first: Bools
    rank: Ints

    @classmethod
    def of(cls, key: Ints) -> Steps:
        """Return the layout of elements whose segments are named by `key` (P,)."""
        order = np.argsort(key, kind="stable")
        first = np.diff(key[order], prepend=-1) != 0
        starts = np.flatnonzero(first)
        lengths = np.diff(np.append(starts, len(key)))
        longest = np.argsort(-lengths, kind="stable")
        rank = np.empty_like(longest)
        rank[longest] = np.arange(len(longest))
        sizes = np.cumsum(np.bincount(lengths, minlength=1)[::-1])[::-1][1:]
        step = np.arange(len(key)) - np.repeat(starts, lengths)
        place = np.empty(len(key), dtype=np.int64)
        place[order] = (np.cumsum(sizes) - sizes)[step] + np.repeat(rank, lengths)
        return cls(key[order][starts][longest], place, sizes.tolist(), order, first, rank)

    @cached_property
    def inverse(self) -> Ints:
        """Which element stands at each place, (P,)."""
        out = np.empty_like(self.place)
        out[self.place] = np.arange(len(out))
        return out

    def ascending(self, ordered: Floats) -> bool:
        """Return whether values in the order of `order` never fall within a segment."""
        return bool((self.first[1:] | (ordered[1:] >= ordered[:-1])).all())

    def slices(self) -> Iterator[tuple[int, slice]]:
        """Yield how many segments take a step, and where its elements lie."""
        at = 0
        for size in self.sizes:
            yield size, slice(at, at + size)
            at += size

    def blocks(self, rows: int) -> Iterator[list[tuple[int, slice]]]:
        """Yield the same, in groups of steps with at least `rows` elements together, but for the last."""
        group: list[tuple[int, slice]] = []
        for size, at in self.slices():
            group.append((size, at))
            if at.stop - group[0][1].start >= rows:
                yield group
                group = []
        if group:
            yield group
