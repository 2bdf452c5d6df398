"""What attempts since the last fit say of which resource teaches: sums kept beside the model, each once.

The fitted artefact holds the sums of every attempt that it was fitted on. What came later is added here: for
each learner with news, the sums of the whole history less those of what was counted before, so that an event
that comes late, corrects or voids another counts as if it had always been there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segue.engine.recommender import Recommender
from segue.engine.training.resource_effects import attempt_effects, halves_of
from segue.features.catalogue import Ints
from segue.features.contexts.context_columns import COLUMNS
from segue.models.resource_effects import EffectSums
from segue.workspace.records.events import last_number, learners_since, read_events
from segue.workspace.records.learners import profiled
from segue.workspace.storage.database import Connection, get_arrays, put_arrays, put_document

EFFECTS = "effects"
READ_UPTO = "events_upto"
BLOCK_LEARNERS = 64
ARRIVAL = 8  # digits


def by_arrival(surrogates: Sequence[str]) -> Ints:
    """Return the half of each learner from the order of arrival that a surrogate begins with."""
    return halves_of([surrogate[:ARRIVAL] for surrogate in surrogates])


@dataclass(frozen=True, eq=False)
class Since:
    """Sums of what was counted after the fit `fit_hash`, up to event number `upto`; None: nothing yet."""

    fit_hash: str
    upto: int
    sums: EffectSums | None

    def added_to(self, fitted: Recommender) -> Recommender:
        """Return a fitted artefact with these sums."""
        if self.sums is None:
            return fitted
        kernel = fitted.kernel
        sums = self.sums if kernel.effects is None else kernel.effects + self.sums
        return Recommender(kernel.with_effects(sums), fitted.fitted)


def counted_since(connection: Connection, fit_hash: str, fitted: Recommender) -> Since:
    """Return what was counted since a fit; `fitted` is the artefact over the catalogue as it stands."""
    arrays = get_arrays(connection, EFFECTS)
    none = Since(fit_hash, int(fitted.fitted.get(READ_UPTO, 0)), None)
    if arrays is None:
        return none
    head = json.loads(bytes(arrays.pop("head")).decode())
    if head["fit"] != fit_hash or head["columns"] != len(COLUMNS):
        return none
    sums = EffectSums.from_arrays(arrays).widened(len(fitted.catalogue.resources))
    return Since(fit_hash, int(head["upto"]), sums)


def carry_over(connection: Connection, fit_hash: str, *, to: str) -> None:
    """Let what was counted since a fit count for the same model under another version, within a write."""
    arrays = get_arrays(connection, EFFECTS)
    if arrays is None:
        return
    head = json.loads(bytes(arrays.pop("head")).decode())
    if head["fit"] == fit_hash:
        _put(connection, head | {"fit": to}, arrays)


def _put(connection: Connection, head: Mapping[str, object], arrays: Mapping[str, Any]) -> None:
    said = np.frombuffer(json.dumps(head).encode(), np.uint8)
    put_arrays(connection, EFFECTS, {"head": said, **arrays})


def count_anew(connection: Connection, fit_hash: str, fitted: Recommender) -> int:
    """Count all attempts since the fit as if none had been counted yet, within a write."""
    put_document(connection, EFFECTS, b"")
    return count_effects(connection, fit_hash, fitted)


def count_effects(connection: Connection, fit_hash: str, fitted: Recommender) -> int:
    """Count the attempts that came since, within a write; return of how many learners."""
    before, upto = counted_since(connection, fit_hash, fitted), last_number(connection)
    news = profiled(connection, learners_since(connection, before.upto + 1))
    sums = before.sums
    for start in range(0, len(news), BLOCK_LEARNERS):
        frame = read_events(connection, news[start : start + BLOCK_LEARNERS])
        new = attempt_effects(fitted.kernel, frame, halves=by_arrival)
        more = new - attempt_effects(fitted.kernel, frame[frame["number"] <= before.upto], halves=by_arrival)
        sums = more if sums is None else sums + more
    if sums is not None:
        _put(connection, {"fit": fit_hash, "upto": upto, "columns": len(COLUMNS)}, sums.to_arrays())
    return len(news)
