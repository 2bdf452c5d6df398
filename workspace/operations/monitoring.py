"""Is what decides still sound? Five alarms; and the gate: does a new fit foresee the last week as well?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from segue.engine.pipeline import Kernel
from segue.engine.recommender import Recommender
from segue.features.catalogue import Floats
from segue.features.contexts.context_columns import INDEX
from segue.features.history.learner_state import StateBlock
from segue.models.pleasing import LEAST_Z, pleasing
from segue.workspace.records.learner_states import Fold, Kept, events_of, in_order, openings_of
from segue.workspace.records.maintenance.recent_steps import (
    DAY,
    drawn_propensities,
    first_attempts,
    liking,
    outcomes_by_status,
    recent_learners,
    rewards_in_time,
)
from segue.workspace.storage.database import Connection
from segue.workspace.workspace import Workspace

WINDOW_DAYS = 28
FEWEST = 100  # outcomes below which nothing is concluded
MOST_GAP = 0.08
MOST_CENSORED = 0.6
LEAST_SUPPORT = 0.02
GATE_LEARNERS = 200
GATE_MARGIN = 0.02  # nats an attempt by which a new fit may be worse: its noise on so few


@dataclass(frozen=True)
class Alarm:
    """One watched number: its value (NaN while there is too little to say), its limit, whether it rings."""

    name: str
    value: float
    limit: float
    rings: bool
    said: str


def alarms(workspace: Workspace, *, now: datetime) -> list[Alarm]:
    """Return the alarms over the 28 days before `now`: calibration, reward, censored share, and support, also
    of lists drawn for `now`; and `pleasing`, over all weeks: what is done gladly teaches less.
    """
    until = round(now.timestamp() * 1e6)
    since = until - WINDOW_DAYS * DAY
    with workspace.store.read() as connection:
        kernel = workspace.champion(connection).recommender.kernel
        return [
            _calibration(connection, since, until),
            _reward(connection, since, until),
            _censored(connection, since),
            _support(connection, since, until),
            _pleasing(kernel, liking(connection, until - 7 * DAY)),
        ]


def _calibration(connection: Connection, since: int, until: int) -> Alarm:
    """Compare the chance of success logged with each step with the score of its first attempt."""
    first = first_attempts(connection, since, until)
    success = INDEX["success"]
    foreseen = np.array([np.frombuffer(row.context, "<f8")[success] for row in first])
    scores = np.array([row.score for row in first])
    if not len(scores):
        return Alarm(
            "calibration", float("nan"), MOST_GAP, False, "no step of the last 28 days has been done"
        )
    gap = float(np.mean(foreseen - scores))
    error = float(np.std(foreseen - scores) / np.sqrt(len(scores)))
    rings = len(scores) >= FEWEST and abs(gap) > max(MOST_GAP, 3 * error)
    said = f"success foreseen minus observed is {gap:+.3f} on {len(scores)} steps done"
    return Alarm("calibration", gap, MOST_GAP, rings, said)


def _reward(connection: Connection, since: int, until: int) -> Alarm:
    """Compare the rewards of late with those before."""
    rows = rewards_in_time(connection)
    late = np.array([row.value for row in rows if since <= row.time < until])
    before = np.array([row.value for row in rows if row.time < since])
    if min(len(late), len(before)) < FEWEST:
        return Alarm("reward", float("nan"), 0.0, False, f"too few to compare: {len(late)} and {len(before)}")
    drop = float(late.mean() - before.mean())
    error = float(np.sqrt(late.var() / len(late) + before.var() / len(before)))
    said = f"mean reward {late.mean():+.4f} of late, {before.mean():+.4f} before"
    return Alarm("reward", drop, -3 * error, drop < -3 * error, said)


def _censored(connection: Connection, since: int) -> Alarm:
    count = outcomes_by_status(connection, since - WINDOW_DAYS * DAY, since)
    total = sum(count.values())
    share = count.get("censored", 0) / total if total else float("nan")
    rings = total >= FEWEST and share > MOST_CENSORED
    said = f"{count.get('censored', 0)} of {total} decisions a month old came to nothing measurable"
    return Alarm("censored share", share, MOST_CENSORED, rings, said)


def _support(connection: Connection, since: int, until: int) -> Alarm:
    """Return the effective share of the steps under a policy that treats all logged steps alike."""
    weight = 1.0 / np.array(drawn_propensities(connection, since, until), dtype=np.float64)
    share = float(weight.sum() ** 2 / (len(weight) * (weight**2).sum())) if len(weight) else float("nan")
    rings = len(weight) >= FEWEST and share < LEAST_SUPPORT
    said = f"effective share of {len(weight)} steps is {share:.1%}"
    return Alarm("support", share, LEAST_SUPPORT, rings, said)


def _pleasing(kernel: Kernel, liked: Mapping[str, tuple[float, float]]) -> Alarm:
    """Hold how gladly resources are done against what learners then do better than forecast."""
    resources, limit = kernel.catalogue.resources, -LEAST_Z
    counts = np.array([liked.get(r.resource_id, (0.0, 0.0)) for r in resources]).reshape(-1, 2)
    found = pleasing(kernel.taught, kernel.groups, offered=counts[:, 0], liked=counts[:, 1])
    if np.isnan(found.z):
        return Alarm("pleasing", float("nan"), limit, False, "too little to hold engagement against learning")
    if not found.rings:
        return Alarm("pleasing", found.z, limit, False, "what is done gladly does not teach less")
    some = ", ".join(resources[i].resource_id for i in found.liked[:3])
    said = f"what learners do gladly teaches less than other resources of its skills: {some}"
    return Alarm("pleasing", found.z, limit, True, said)


def gate(workspace: Workspace, challenger: Recommender, *, now: datetime) -> Alarm:
    """Return whether a new fit foresees the last week's attempts about as well as the one in charge.

    Both see each learner as of a week ago. The new fit has seen that week and should win; a fit that loses by
    more than the margin is broken, or was fed broken data.
    """
    end = round(now.timestamp() * 1e6)
    with workspace.store.read() as connection:
        champion = workspace.champion(connection).fitted
        numbers = recent_learners(connection, end - 7 * DAY, end, GATE_LEARNERS)
        losses = [_loss(connection, model, numbers, end) for model in (champion, challenger)]
    n, worse = len(losses[0]), float(np.mean(losses[1]) - np.mean(losses[0])) if len(losses[0]) else 0.0
    rings = n >= FEWEST and worse > GATE_MARGIN
    said = f"log loss of the new fit is {worse:+.4f} on {n} attempts of the last week"
    return Alarm("gate", worse, GATE_MARGIN, rings, said)


def _loss(connection: Connection, model: Recommender, numbers: Sequence[int], end: int) -> Floats:
    """Return the log loss at each attempt of the week before `end`, as foreseen from the state before it."""
    fold, limit = Fold(model.catalogue, model.kernel.parameters), end - 7 * DAY
    out: list[Floats] = []
    for number in numbers:
        rows = [row for row in in_order(events_of(connection, number)) if row.time is not None]
        base = openings_of(connection, [number], fold).get(number) or fold.fresh()
        state = fold.after(Kept(base.state), [row for row in rows if row.time < limit]).state
        index = model.catalogue.resource_index
        later = [r for r in rows if limit <= r.time < end and r.kind == "attempt" and r.resource in index]
        if later:
            codes = np.unique([index[row.resource] for row in later])
            chance = model.kernel.reader.success(StateBlock.of([state]), codes, limit / 1e6)[0]
            p = chance[np.searchsorted(codes, [index[row.resource] for row in later])]
            y = np.array([row.score for row in later])
            out.append(-(y * np.log(p) + (1 - y) * np.log1p(-p)))
    return np.concatenate(out) if out else np.zeros(0)
