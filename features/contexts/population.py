"""What everybody did: how often, how gladly, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from segue.features.catalogue import Catalogue, Floats, Ints
from segue.features.history.attempts import Attempts, coded, corrected


@dataclass(frozen=True, eq=False)
class Crowd:
    """What earlier learners did: shared by everyone, frozen between refits.

    Attributes
    ----------
    popularity : array of shape (n,)
        log(1 + uses) / log(1 + most uses).
    kind_rate : array of shape (n_kinds,)
        Share of offered work of each kind that was finished.
    next_start, next_item, next_share : arrays of shape (n + 1,), (E,), (E,)
        Transitions: after resource i, `next_item[next_start[i]:next_start[i + 1]]` with these shares.
    """

    popularity: Floats
    kind_rate: Floats
    next_start: Ints
    next_item: Ints
    next_share: Floats

    @classmethod
    def nobody(cls, catalogue: Catalogue) -> Crowd:
        """Return the crowd before there was one."""
        n = len(catalogue.resources)
        none = np.zeros(0)
        return cls(
            np.zeros(n),
            np.full(len(catalogue.kind_ids), 0.8),
            np.zeros(n + 1, dtype=np.int64),
            none.astype(np.int64),
            none,
        )


def crowd_over(crowd: Crowd, before: Catalogue, after: Catalogue) -> Crowd:
    """Return what everybody did, over a catalogue that has grown: of what is new, nobody did anything yet."""
    n_new = len(after.resources) - len(before.resources)
    rates = Crowd.nobody(after).kind_rate
    for name, rate in zip(before.kind_ids, crowd.kind_rate.tolist(), strict=True):
        if name in after.kind_ids:
            rates[after.kind_ids.index(name)] = rate
    return replace(
        crowd,
        popularity=np.append(crowd.popularity, np.zeros(n_new)),
        kind_rate=rates,
        next_start=np.append(crowd.next_start, np.full(n_new, crowd.next_start[-1])),
    )


def crowd_of(attempts: Attempts, kind_rate: Floats, catalogue: Catalogue) -> Crowd:
    """Return what everybody did: how often, how gladly (``kind_rates``), and in which order."""
    n = len(catalogue.resources)
    uses = np.bincount(attempts.resource, minlength=n).astype(np.float64)
    start, item, share = _transitions(attempts, n)
    return Crowd(
        popularity=np.log1p(uses) / np.log1p(max(float(uses.max(initial=0.0)), 1.0)),
        kind_rate=kind_rate,
        next_start=start,
        next_item=item,
        next_share=share,
    )


def kind_rates(resource: Ints, finished: Floats, catalogue: Catalogue) -> Floats:
    """Return completion rates by kind, shrunk to .8 by twenty offers (``offers``)."""
    rates = np.full(len(catalogue.kind_ids), 0.8)
    kind = catalogue.kind_code[resource]
    offered = np.bincount(kind, minlength=len(rates))
    done = np.bincount(kind, finished, minlength=len(rates))
    return np.asarray((done + 20.0 * rates) / (offered + 20.0))


def offers(events: pd.DataFrame, catalogue: Catalogue) -> tuple[Ints, Ints, Floats]:
    """Return learner, resource and whether it was finished, of work of which that is known, as it came."""
    if "completed" not in events:
        none = np.zeros(0, dtype=np.int64)
        return none, none, np.zeros(0)
    events = corrected(events)
    known = events["completed"].notna() & events["resource"].isin(catalogue.resource_index)
    resource, different = coded(events["resource"][known])
    learner, _ = coded(events["learner"][known])
    finished = events["completed"][known].to_numpy(np.float64)
    return learner, catalogue.resource_codes(different)[resource], finished


def _transitions(attempts: Attempts, n: int) -> tuple[Ints, Ints, Floats]:
    """Return for each resource where learners went next, and with which share (shrunk by five moves)."""
    same = attempts.learner[1:] == attempts.learner[:-1]
    here, there = attempts.resource[:-1][same], attempts.resource[1:][same]
    pairs, count = np.unique(here * n + there, return_counts=True)
    first = pairs // n
    total = np.bincount(here, minlength=n)[first] + 5.0
    return np.searchsorted(first, np.arange(n + 1)), pairs % n, count / total
