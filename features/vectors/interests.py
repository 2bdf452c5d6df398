"""What a learner may want to see next: revealed interests, next-item counts, popularity, and the
catalogue's order.

Everything is a fold over views in time order, so that each row of numbers is made of the past only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from segue.features.candidates import TEACHING
from segue.features.catalogue import Resource
from segue.features.history.attempts import Bools, Floats, Ints

REVEALED_DECAY = 0.5  # a view counts half of the next one
TRAIL_DECAY = 0.6  # of an earlier view, as the place from which others went on
TRAIL_LENGTH = 6
RECENT_SECONDS = 30 * 86400.0
SHARE_FLOOR = 0.003  # a never seen transition, in the logarithm
PRIOR_MOVES = 2.0
NAMES = ("match", "next", "next_decayed", "popularity", "recent", "order", "successor")


@dataclass(frozen=True, eq=False)
class Views:
    """Encoded views in time order; all arrays of shape (n,), `time` in UTC epoch seconds."""

    learner: Ints
    item: Ints
    time: Floats

    @classmethod
    def sorted(cls, learner: Ints, item: Ints, time: Floats) -> Views:
        """Return the views in canonical order (time, learner, item), whatever the order they came in."""
        order = np.lexsort((item, learner, time))
        return cls(learner[order], item[order], time[order])


@dataclass(frozen=True, eq=False)
class Shelf:
    """The items on offer.

    Attributes
    ----------
    tags : int array of shape (n, T_max)
        Tags of each item, padded by -1.
    n_tags : int
    created : array of shape (n,)
        UTC epoch seconds from when an item is on offer (-inf: always).
    """

    tags: Ints
    n_tags: int
    created: Floats

    def __len__(self) -> int:
        return len(self.tags)


def reveal(revealed: Floats, tags: Ints) -> None:
    """Fold one view into a learner's revealed interests (T,), in place: u ← ½ u + tags."""
    revealed *= REVEALED_DECAY
    revealed[tags[tags >= 0]] += 1.0


def worked_through(resource: Resource, kind: str, completed: float | None) -> bool:
    """Return whether an event without a score is a use of its resource.

    What explains is used where it was seen; to open what only asks is not yet to do it.
    """
    if kind not in {"view", "completion"}:
        return False
    return resource.kind in TEACHING if completed is None else completed == 1.0


def rate(revealed: Floats, tags: Ints, rating: float) -> None:
    """Fold one rating in [0, 1] into a learner's revealed interests (T,), in place.

    One half says nothing; the best adds what a view adds, the worst takes as much away.
    """
    revealed[tags[tags >= 0]] += 2.0 * rating - 1.0


def match(interests: Floats, tags: Ints) -> Floats:
    """Return the cosine of interests (B, T) with items' tags (n, T_max), shape (B, n); 0 where either is
    empty.

    >>> match(np.array([[1.0, 0.0]]), np.array([[0, -1], [1, 0], [-1, -1]])).round(3).tolist()
    [[1.0, 0.707, 0.0]]
    """
    padded = np.zeros((len(interests), interests.shape[1] + 1))  # the last column is the padding
    padded[:, :-1] = interests
    norm = np.sqrt(np.cumsum(padded * padded, axis=1)[:, -1:])
    padded /= np.where(norm > 0.0, norm, 1.0)
    shared = np.cumsum(padded[:, tags], axis=-1)[..., -1]
    return np.asarray(shared / np.sqrt(np.maximum((tags >= 0).sum(axis=1), 1)))


@dataclass
class ViewCrowd:
    """What everybody did so far: views of each item, ever and lately, and moves from one item to the next."""

    views: Floats
    lately: Floats
    moves: dict[int, dict[int, float]] = field(default_factory=dict)
    time: float = -np.inf

    @classmethod
    def nobody(cls, n_items: int) -> ViewCrowd:
        """Return the crowd before the first view."""
        return cls(np.zeros(n_items), np.zeros(n_items))

    def at(self, time: float) -> None:
        """Let recent views fade until `time`."""
        if np.isfinite(self.time):
            self.lately *= np.exp((self.time - time) / RECENT_SECONDS)
        self.time = time

    def record(self, item: int, previous: int | None, *, first: bool) -> None:
        """Count a view of `item`, and the move from the `previous` one."""
        if first:
            self.views[item] += 1.0
            self.lately[item] += 1.0
        if previous is not None and previous != item:
            after = self.moves.setdefault(previous, {})
            after[item] = after.get(item, 0.0) + 1.0

    def onward(self, item: int) -> Floats:
        """Return the share of moves from `item` to each other, shrunk by `PRIOR_MOVES`, shape (n,)."""
        out = np.zeros(len(self.views))
        after = self.moves.get(item)
        if after:
            out[list(after)] = np.array(list(after.values())) / (sum(after.values()) + PRIOR_MOVES)
        return out


@dataclass
class Viewer:
    """One learner's views: what they reveal, which items were seen, and in which order."""

    revealed: Floats
    seen: Bools
    trail: list[int] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class ViewChoice:
    """One first view: the candidates' numbers (m, len(NAMES)), and which row was chosen."""

    numbers: Floats
    chosen: int


def choices(views: Views, shelf: Shelf, *, start: float, end: float = np.inf) -> Iterator[ViewChoice]:
    """Yield each first view in [start, end) of an item by a learner with an earlier view.

    Candidates are all items on offer by then and not seen by the learner. Views before `start` are folded
    only; later ones are folded after they were yielded.
    """
    crowd, viewers = ViewCrowd.nobody(len(shelf)), dict[int, Viewer]()
    for learner, item, time in zip(
        views.learner.tolist(), views.item.tolist(), views.time.tolist(), strict=True
    ):
        if time >= end:
            return
        viewer = viewers.get(learner)
        if viewer is None:
            viewer = viewers[learner] = Viewer(np.zeros(shelf.n_tags), np.zeros(len(shelf), dtype=np.bool_))
        crowd.at(time)
        first = not viewer.seen[item]
        if first and viewer.trail and time >= start:
            offered = (shelf.created <= time) & ~viewer.seen
            offered[item] = True
            yield ViewChoice(
                numbers(viewer, crowd, shelf, np.flatnonzero(offered)), int(offered[:item].sum())
            )
        crowd.record(item, viewer.trail[-1] if viewer.trail else None, first=first)
        viewer.seen[item] = True
        viewer.trail.append(item)
        reveal(viewer.revealed, shelf.tags[item])


def numbers(viewer: Viewer, crowd: ViewCrowd, shelf: Shelf, candidates: Ints) -> Floats:
    """Return the numbers of `NAMES` for `candidates` (m,), shape (m, len(NAMES))."""
    last = viewer.trail[-1]
    onward = crowd.onward(last)[candidates]
    decayed, weight = onward.copy(), 1.0
    for item in viewer.trail[-2 : -TRAIL_LENGTH - 1 : -1]:
        weight *= TRAIL_DECAY
        decayed += weight * crowd.onward(item)[candidates]
    return np.stack(
        [
            match(viewer.revealed[None], shelf.tags[candidates])[0],
            np.log(onward + SHARE_FLOOR),
            np.log(decayed + SHARE_FLOOR),
            np.log1p(crowd.views[candidates]),
            np.log1p(crowd.lately[candidates]),
            -np.log1p(np.abs(candidates - last)),
            (candidates == last + 1).astype(np.float64),
        ],
        axis=1,
    )
