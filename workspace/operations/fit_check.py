"""Before a new fit takes charge: does it foresee the last week about as well as the one before?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from segue.engine.recommender import Recommender
from segue.features.catalogue import Floats
from segue.features.history.learner_state import StateBlock
from segue.workspace.operations.monitoring import FEWEST, Alarm
from segue.workspace.records.learner_states import Fold, Kept, events_of, in_order, openings_of
from segue.workspace.records.maintenance.recent_steps import DAY, recent_learners
from segue.workspace.storage.database import Connection
from segue.workspace.workspace import Workspace

GATE_LEARNERS = 200
GATE_MARGIN = 0.02  # nats an attempt by which a new fit may be worse: its noise on so few


def gate(workspace: Workspace, challenger: Recommender, *, now: datetime) -> Alarm:
    """Return whether a new fit foresees the last week's attempts about as well as the one in charge.

    Both see each learner as of a week ago. The new fit has seen that week and should win; a fit that loses by
    more than the margin is broken, or was fed broken data.
    """
    limit = round(now.timestamp() * 1e6) - 7 * DAY
    with workspace.store.read() as connection:
        champion = workspace.champion(connection).fitted
        numbers = recent_learners(connection, limit, GATE_LEARNERS)
        losses = [_loss(connection, model, numbers, limit) for model in (champion, challenger)]
    n, worse = len(losses[0]), float(np.mean(losses[1]) - np.mean(losses[0])) if len(losses[0]) else 0.0
    rings = n >= FEWEST and worse > GATE_MARGIN
    said = f"log loss of the new fit is {worse:+.4f} on {n} attempts of the last week"
    return Alarm("gate", worse, GATE_MARGIN, rings, said)


def _loss(connection: Connection, model: Recommender, numbers: Sequence[int], limit: int) -> Floats:
    """Return the log loss at each attempt since `limit`, as foreseen from the state before."""
    fold = Fold(model.catalogue, model.kernel.parameters)
    out: list[Floats] = []
    for number in numbers:
        rows = [row for row in in_order(events_of(connection, number)) if row.time is not None]
        base = openings_of(connection, [number], fold).get(number) or fold.fresh()
        state = fold.after(Kept(base.state), [row for row in rows if row.time < limit]).state
        index = model.catalogue.resource_index
        later = [r for r in rows if r.time >= limit and r.kind == "attempt" and r.resource in index]
        if later:
            codes = np.unique([index[row.resource] for row in later])
            chance = model.kernel.reader.success(StateBlock.of([state]), codes, limit / 1e6)[0]
            p = chance[np.searchsorted(codes, [index[row.resource] for row in later])]
            y = np.array([row.score for row in later])
            out.append(-(y * np.log(p) + (1 - y) * np.log1p(-p)))
    return np.concatenate(out) if out else np.zeros(0)
