"""Feedback from people: who reviews whom, whose feedback is due, whom the teacher talks to this week."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

TRIES = 200


def review_pairs(
    submitted: Sequence[str], each: int, *, rng: np.random.Generator, before: Collection[tuple[str, str]] = ()
) -> list[tuple[str, str]]:
    """Return (reviewer, author) pairs: everyone who submitted reviews `each` works and gets as many.

    Learners stand in a circle in random order and review the next ones: nobody reviews their own work, no
    pair comes twice, and loads are equal. Of many orders the one that repeats fewest pairs of `before` is
    taken.

    Raises
    ------
    ValueError
        When too few submitted for that many reviews each.

    Examples
    --------
    >>> pairs = review_pairs(["ada", "bo", "cy"], 1, rng=np.random.default_rng(0))
    >>> sorted(reviewer for reviewer, _ in pairs), all(a != b for a, b in pairs)
    (['ada', 'bo', 'cy'], True)
    """
    names = list(dict.fromkeys(submitted))
    if not 1 <= each < max(len(names), 1):
        raise ValueError(f"{len(names)} submitted: each can review from 1 to {len(names) - 1}, got {each}")
    seen, best, fewest = set(before), [], float("inf")
    for _ in range(TRIES):
        order = [names[i] for i in rng.permutation(len(names))]
        pairs = [
            (name, order[(at + step) % len(order)])
            for at, name in enumerate(order)
            for step in range(1, each + 1)
        ]
        repeats = sum(pair in seen for pair in pairs)
        if repeats < fewest:
            best, fewest = pairs, repeats
        if not fewest:
            break
    return best


def feedback_due(
    last: Mapping[str, datetime | None], *, now: datetime, period: timedelta = timedelta(days=7)
) -> list[str]:
    """Return the learners without feedback in the last `period`, who waited longest first."""
    waiting = [(at, name) for name, at in last.items() if at is None or now - at >= period]
    return [name for _, name in sorted(waiting, key=lambda w: (w[0] is not None, w[0] or now, w[1]))]


@dataclass(frozen=True)
class Talk:
    """One conference: with whom, for how many minutes, and why now."""

    learner: str
    minutes: float
    reason: str


def conference_queue(
    need: Mapping[str, float],
    *,
    minutes: float,
    minutes_each: float = 5.0,
    asked: Collection[str] = (),
    waited_weeks: Mapping[str, float] | None = None,
) -> list[Talk]:
    """Return whom to talk to within `minutes`: who asked first, then by need, which waiting raises.

    Parameters
    ----------
    need : mapping
        How much help each learner needs, in [0, 1].
    waited_weeks : mapping
        Weeks since the last talk; each adds a tenth, so that everyone's turn comes.
    """
    waited = waited_weeks or {}
    rank = {name: value + 0.1 * waited.get(name, 0.0) for name, value in need.items()}
    order = sorted(need, key=lambda name: (name not in asked, -rank[name], name))
    fits = int(min(minutes // minutes_each, len(order)))  # a quotient of floats may be infinite
    out: list[Talk] = []
    for name in order[:fits]:
        weeks = waited.get(name, 0.0)
        why = "asked for a talk" if name in asked else f"need {need[name]:.0%}"
        out.append(
            Talk(name, minutes_each, why + (f", last talk {weeks:.0f} weeks ago" if weeks >= 1 else ""))
        )
    return out
