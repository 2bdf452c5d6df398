"""A log read as decisions were: contexts and forecasts before each attempt, without drawing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

import numpy as np

from segue.engine.pipeline import Kernel
from segue.engine.requests.request import Request
from segue.engine.requests.request_batch import RequestBlock
from segue.features.catalogue import Bools, Floats, Ints
from segue.features.contexts.context_columns import COLUMNS
from segue.features.history.attempts import Attempts
from segue.features.history.states_before import Lookup, lookups
from segue.features.reward import Forecasts, Tries
from segue.features.vectors.success_forecast import WEEK_HOURS

BLOCK = 256  # attempts read at once
_TRIES, _FORECASTS = (tuple(f.name for f in fields(kind)) for kind in (Tries, Forecasts))
_ANYBODY = Request(
    "", datetime(1970, 1, 1, tzinfo=UTC)
)  # its time is not read: blocks give theirs as numbers


@dataclass(frozen=True, eq=False)
class ReplaySteps:
    """Decided steps with what was known when they were decided.

    Attributes
    ----------
    resource : int array of shape (n,)
    contexts : array of shape (n, C)
    tries : Tries
    forecasts : Forecasts
    """

    resource: Ints
    contexts: Floats
    tries: Tries
    forecasts: Forecasts

    def __len__(self) -> int:
        return len(self.resource)

    def take(self, rows: Bools) -> ReplaySteps:
        """Return some of the steps, in order."""
        tries = Tries(*(getattr(self.tries, name)[rows] for name in _TRIES))
        forecasts = Forecasts(*(getattr(self.forecasts, name)[rows] for name in _FORECASTS))
        return ReplaySteps(self.resource[rows], self.contexts[rows], tries, forecasts)


def replay(
    kernel: Kernel, attempts: Attempts, *, some: Bools | None = None, kinds: Floats | None = None
) -> ReplaySteps:
    """Return the steps of a log with the contexts and forecasts that `kernel` would have had before each.

    Parameters
    ----------
    some : boolean array of shape (n,), optional
        Which attempts are steps; the others are read as history only.
    kinds : array of shape (n, n_kinds, 2), optional
        Work offered and finished before each attempt, by kind; nothing when not given.
    """
    chosen = np.ones(len(attempts), dtype=np.bool_) if some is None else some
    n, K = len(attempts), kernel.catalogue.skill_matrix.shape[1]
    contexts, forecasts = np.zeros((n, len(COLUMNS))), np.zeros((3, n, K))
    for history, rows in _blocks(kernel, attempts, chosen):
        at = rows - history.first
        offered = np.zeros((len(rows), len(kernel.catalogue.kind_ids), 2)) if kinds is None else kinds[rows]
        codes, now = attempts.resource[rows], attempts.time[rows]
        items, candidate = np.unique(codes, return_inverse=True)
        pool = kernel.whole.keep(items)
        skills = kernel.skill_map.around(pool.skills)
        asked = RequestBlock(
            (_ANYBODY,) * len(rows),
            kernel.catalogue,
            pool.over(skills),
            kernel.settings,
            now,
            states=history.block(at, offered, skills),
            skills=skills,
        )
        scene = kernel.scene(asked)
        contexts[rows] = scene.contexts.at(candidate[:, None])[:, :, 0].T
        states_after = history.block_after(at, skills)
        reading = kernel.reader.reading(states_after, now, hours=(WEEK_HOURS,), skills=skills)
        own_skills = kernel.catalogue.skill_matrix[codes]
        own_skills = np.searchsorted(skills, np.where(own_skills < 0, own_skills[:, :1], own_skills))
        each = (scene.skills.chance, scene.skills.chance_later, reading.forecasts[0])
        for part, chance in zip(forecasts, each, strict=True):
            part[rows] = np.take_along_axis(chance, own_skills, axis=1)
    which = np.flatnonzero(chosen)
    return ReplaySteps(
        attempts.resource[which],
        contexts[which],
        tries_of(kernel, attempts.take(which)),
        Forecasts(*forecasts[:, which]),
    )


def _blocks(kernel: Kernel, attempts: Attempts, chosen: Bools) -> Iterator[tuple[Lookup, Ints]]:
    """Yield the chosen rows of the log in blocks, each with the histories that their states are read from.

    Rows of a block are of few resources, neighbours in the course, so that its contexts are about few skills.
    """
    if not len(attempts):
        return
    resources = np.argsort(kernel.skill_map.place[kernel.catalogue.skill_matrix[:, 0]], kind="stable")
    by_course = np.argsort(resources)
    for history in lookups(attempts, kernel.parameters):
        part = slice(history.first, history.first + len(history.attempts))
        rows = history.first + np.flatnonzero(chosen[part])
        rows = rows[np.argsort(by_course[attempts.resource[rows]], kind="stable")]
        for start in range(0, len(rows), BLOCK):
            yield history, np.sort(rows[start : start + BLOCK])


def joined(parts: Sequence[ReplaySteps]) -> ReplaySteps:
    """Return steps of several occasions as one; each keeps the forecasts of the model that made it."""
    tries, forecasts = [p.tries for p in parts], [p.forecasts for p in parts]
    return ReplaySteps(
        np.concatenate([p.resource for p in parts]),
        np.concatenate([p.contexts for p in parts]),
        Tries(*(np.concatenate([getattr(t, name) for t in tries]) for name in _TRIES)),
        Forecasts(*(np.concatenate([getattr(f, name) for f in forecasts]) for name in _FORECASTS)),
    )


def tries_of(kernel: Kernel, attempts: Attempts) -> Tries:
    """Return attempts as the reward reads them, with the easiness that `kernel` sees."""
    skills = kernel.catalogue.skill_matrix[attempts.resource]
    shift = kernel.reader.easier[attempts.resource]
    return Tries(attempts.learner, skills, attempts.time, attempts.score, shift)
