"""From learner states to the facts that contexts are made of; one block of learners at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segue.engine.request import Goal, Request
from segue.engine.request_batch import Asked
from segue.features.candidates import Pool
from segue.features.catalogue import Catalogue, CatalogueError, Floats, Ints
from segue.features.contexts.context_columns import DAY, ItemFacts, SkillFacts, mastered
from segue.features.history.state_columns import (
    COUNT,
    ITEM_POSITION,
    ITEM_TIME,
    RECENT,
    RECENT_WEIGHT,
    USES,
    VARIANCE,
)
from segue.features.history.streaming_update import StateBlock
from segue.features.prerequisite_map import Map
from segue.features.vectors.success_forecast import Reading, Used

GOAL_HALF_LIFE = 7.0


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


def skill_facts(block: StateBlock, reading: Reading, *, span: tuple[float, float] = (0.0, 1.0)) -> SkillFacts:
    """Return what a block of histories says of each skill, (B, S); `span` as in ``contexts.mastered``."""
    chance, later = reading.forecasts
    rows = block.touched.T
    known = np.empty((4, len(block.owner)))
    known[0], known[1] = rows[VARIANCE], rows[COUNT]
    np.divide(rows[RECENT], rows[RECENT_WEIGHT] + 2.0, out=known[2])
    np.multiply(reading.elapsed[0, : len(block.owner)], 1.0 / DAY, out=known[3])
    variance, attempts, recent, days = block.of_skills(known, _UNTOUCHED)
    variance += block.general[:, VARIANCE, None]
    return SkillFacts(
        mastery=mastered(chance, span),
        chance=chance,
        chance_later=later,
        gain=chance - later,
        spread=np.sqrt(variance, out=variance),
        attempts=attempts,
        recent=recent,
        days=days,
    )


# Of a skill never tried: variance, attempts, recent residual, days since.
_UNTOUCHED = np.array([1.0, 0.0, 0.0, np.inf])


def item_facts(block: StateBlock, reading: Reading, crowd: Crowd, asked: Asked) -> tuple[ItemFacts, Floats]:
    """Return what it says of each candidate, (B, n), and the days since each was last used (inf: never)."""
    pool, shape = asked.pool, (len(asked), len(asked.pool))
    used = Used.of(block, pool.where)
    memory, place = block.item_values.take(used.memory, axis=0), used.owner * shape[1] + used.position
    uses, idle = np.zeros(shape), np.full(shape, np.inf)
    uses.put(place, memory[:, USES])
    idle.put(place, np.maximum(asked.now.take(used.owner) - memory[:, ITEM_TIME], 0.0) * (1.0 / DAY))
    facts = ItemFacts(
        success=reading.success(pool.combinations, pool.combination, cut=pool.cut, used=used),
        interest=interest_match(wishes(block, asked), pool),
        next_item=_next_items(block, crowd, pool.where, shape),
        uses=uses,
        kind=_kind_rates(block, crowd),
        time_fit=_time_fit(asked.requests, pool),
        difficulty=pool.cut(reading.reader.parameters.difficulty),
        popularity=pool.cut(crowd.popularity),
    )
    return facts, idle


def wishes(block: StateBlock, asked: Asked) -> Floats:
    """Return each learner's interests over tags, (B, T): stated before, stated now, and revealed."""
    out = np.maximum(block.stated, 0.0)
    index = asked.catalogue.tag_index
    for row, request in enumerate(asked.requests):
        for tag in request.interests:
            if tag in index:
                out[row, index[tag]] = 1.0
    out += block.revealed
    return out


def interest_match(interests: Floats, pool: Pool) -> Floats:
    """Return the cosine of interests (B, T) with each combination of tags, (B, E); 0 where one is empty."""
    padded = np.zeros((len(interests), pool.n_tags + 1))
    padded[:, :-1] = interests
    norm = np.sqrt(np.add.accumulate(padded * padded, axis=1)[:, -1:])
    padded /= np.where(norm > 0, norm, 1.0)
    match = padded.take(pool.tags[:, 0], axis=1)
    for slot in range(1, pool.tags.shape[1]):
        match += padded.take(pool.tags[:, slot], axis=1)
    match *= pool.tag_scale
    return match


def _next_items(block: StateBlock, crowd: Crowd, where: Ints, shape: tuple[int, int]) -> Floats:
    """Return which share of classmates went on to each candidate from the learner's last resource."""
    out = np.zeros(shape)
    if not len(crowd.next_item) or not len(block.item_id):
        return out
    owner = block.item_owner
    last = block.general[:, COUNT].take(owner) - 1.0
    latest = np.flatnonzero(block.item_values[:, ITEM_POSITION] == last)
    for row, item in zip(owner.take(latest).tolist(), block.item_id.take(latest).tolist(), strict=True):
        edges = slice(crowd.next_start[item], crowd.next_start[item + 1])
        at = where.take(crowd.next_item[edges])
        here = at >= 0
        out[row, at[here]] = crowd.next_share[edges][here]
    return out


def _kind_rates(block: StateBlock, crowd: Crowd) -> Floats:
    """Return completion rates by kind, (B, n_kinds), shrunk to everyone's by five offers."""
    offered, completed = block.kinds[..., 0], block.kinds[..., 1]
    return np.asarray((completed + 5.0 * crowd.kind_rate) / (offered + 5.0))


def _time_fit(requests: Sequence[Request], pool: Pool) -> Floats:
    if all(request.minutes is None for request in requests):
        return np.ones(len(pool))
    per_step = np.array([np.inf if r.minutes is None else r.minutes / r.k for r in requests])
    return np.minimum(per_step[:, None] / np.maximum(pool.minutes, 1e-9), 1.0)


def goal_marks(asked: Asked, mastery: Floats, skill_map: Map) -> tuple[Floats, Floats]:
    """Return which skills each goal needs, (B, S), and 2^(-days to the due date / 7), (B, 1).

    Needed are the goal's own skills, and those before them that are not there yet (mastery below .8).
    """
    marks, urgency = np.zeros(mastery.shape), np.zeros((len(asked), 1))
    for row, request in enumerate(asked.requests):
        if request.goal is None:
            continue
        marks[row] = _needed(asked.catalogue, request.goal, mastery[row], skill_map)
        if request.goal.due is not None:
            days = max(request.goal.due.timestamp() - asked.now[row], 0.0) / DAY
            urgency[row] = 2.0 ** (-days / GOAL_HALF_LIFE)
    return marks, urgency


def _needed(catalogue: Catalogue, goal: Goal, mastery: Floats, skill_map: Map) -> Floats:
    index = catalogue.skill_index
    missing = [skill for skill in goal.skills if skill not in index]
    if missing:
        raise CatalogueError(f"goal names the unknown skill {missing[0]!r}: use skill ids of the catalogue")
    out = np.zeros(len(mastery))
    waiting = [index[skill] for skill in goal.skills]
    while waiting:
        skill = waiting.pop()
        out[skill] = 1.0
        before = skill_map.before[skill]
        waiting += [int(b) for b in before if b < len(mastery) and not out[b] and mastery[b] < 0.8]
    return out
