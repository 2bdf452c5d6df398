"""From learner states to the facts that contexts are made of; one block of learners at a time."""

from __future__ import annotations

import numpy as np

from segue.features.candidates import Pool
from segue.features.catalogue import Floats, Ints
from segue.features.contexts.context_columns import DAY, ItemFacts, SkillFacts, mastered
from segue.features.contexts.population import Crowd
from segue.features.history.state_columns import (
    COUNT,
    ITEM_POSITION,
    ITEM_TIME,
    RECENT,
    RECENT_WEIGHT,
    USES,
    VARIANCE,
)
from segue.features.history.state_rows import elapsed_until
from segue.features.history.streaming_update import StateBlock
from segue.features.vectors.carry_over import edges, flat_places
from segue.features.vectors.success_forecast import Reading
from segue.features.vectors.used_candidates import Used

UNANSWERED = 0.5  # of a use


def skill_facts(
    block: StateBlock, reading: Reading, *, span: tuple[float, float] = (0.0, 1.0), gain: Floats | None = None
) -> SkillFacts:
    """Return what a block of histories says of each skill, (B, S); `span` as in ``contexts.mastered``.

    `gain` (B, S) is what a practice adds (``segue.features.contexts.look_ahead``); 0 when it is not asked.
    """
    chance, later = reading.forecasts
    rows, n_touched = block.touched.T, len(block.owner)
    known = np.empty((4, n_touched + 1))
    known[:2, :-1] = rows[_VARIANCE_COUNT]
    np.divide(rows[RECENT], rows[RECENT_WEIGHT] + _TWO, out=known[2, :-1])
    np.multiply(reading.elapsed[:n_touched], _A_DAY, out=known[3, :-1])
    known[:, -1] = _UNTOUCHED
    variance, attempts, recent, days = block.of_rows(known)
    spread = variance + block.own(VARIANCE)
    return SkillFacts(
        mastery=mastered(chance, span),
        chance=chance,
        chance_later=later,
        gain=np.zeros(chance.shape) if gain is None else gain,
        spread=np.sqrt(spread, out=spread),
        attempts=attempts,
        recent=recent,
        days=days,
    )


_TWO, _A_DAY = np.array(2.0), np.array(1.0 / DAY)  # numpy takes these at once
# Of a skill never tried: variance, attempts, recent residual, days since.
_UNTOUCHED = np.array([1.0, 0.0, 0.0, np.inf])
_VARIANCE_COUNT = [VARIANCE, COUNT]


def item_facts(
    block: StateBlock,
    reading: Reading,
    crowd: Crowd,
    *,
    pool: Pool,
    now: Floats,
    interests: Floats,
    minutes: Floats | None,
    quality: Floats,
    days: Floats,
) -> tuple[ItemFacts, Floats]:
    """Return what it says of each candidate, (B, n), and the days since each was last used (inf: never).

    Parameters
    ----------
    now : array of shape (B,)
    interests : array of shape (B, T)
        Over tags.
    minutes : array of shape (B,), optional
        At hand for each step.
    quality : array of shape (n,)
        The column of each candidate.
    days : array of shape (B, S)
        Since each skill was answered last (inf: never).
    """
    shape = (len(block), len(pool))
    used = Used.of(block, pool.where, len(pool))
    memory, place = block.item_values.take(used.memory, axis=0), used.place
    uses, idle = np.zeros(shape), np.empty(shape)
    idle.fill(np.inf)
    uses.put(place, memory[:, USES])
    idle.put(place, elapsed_until(memory[:, ITEM_TIME], now.take(used.owner)) * _A_DAY)
    if len(block.view_id):
        _add_views(uses, idle, reading=reading, pool=pool, now=now, days=days)
    facts = ItemFacts(
        success=reading.success(pool.combinations, pool.combination, cut=pool.cut, used=used),
        interest=interest_match(interests, pool),
        next_item=_next_items(block, crowd, pool.where, shape),
        uses=uses,
        kind=_kind_rates(block, crowd),
        time_fit=_time_fit(minutes, pool),
        difficulty=pool.cut(reading.reader.parameters.difficulty),
        popularity=pool.cut(crowd.popularity),
        quality=quality,
    )
    return facts, idle


def _add_views(
    uses: Floats, idle: Floats, *, reading: Reading, pool: Pool, now: Floats, days: Floats
) -> None:
    """Count what was worked through without a score as uses too, (B, n), in place.

    A resource both viewed and answered was used as often as it was either. A view says nothing of what is
    known now: until an answer follows, it is half a use of all that explains the same skills, so that
    practice comes next.
    """
    block, skills = reading.block, reading.reader.parameters.skill_matrix
    owner, resource = block.view_owner, block.view_id
    count, last = block.view_values.T
    ago = elapsed_until(last, now.take(owner)) * _A_DAY
    place = pool.where.take(resource)
    here = (place >= 0).nonzero()[0]
    at = owner.take(here), place.take(here)
    uses[at] = np.maximum(uses[at], count.take(here))
    idle[at] = np.minimum(idle[at], ago.take(here))
    answered = np.zeros((len(block), days.shape[1] + 1))  # the last column is for what pads the skills
    answered[:, :-1] = days
    unanswered = np.zeros(answered.shape)
    of_skill = owner[:, None], skills.take(resource, axis=0)
    np.add.at(unanswered, of_skill, count[:, None] * (ago[:, None] <= answered[of_skill]))
    uses += UNANSWERED * pool.mean(unanswered[:, :-1]) * pool.teaches


def interest_match(interests: Floats, pool: Pool) -> Floats:
    """Return the cosine of interests (B, T) with each combination of tags, (B, E); 0 where one is empty."""
    padded = np.zeros((len(interests), pool.n_tags + 1))
    padded[:, :-1] = interests
    norm = np.sqrt(np.add.accumulate(padded * padded, axis=1)[:, -1:])
    padded /= np.where(norm > 0, norm, 1.0)
    first, *others = pool.tag_slots
    match = padded.take(first, axis=1)
    for tags in others:
        match += padded.take(tags, axis=1)
    match *= pool.tag_scale
    return match


def _next_items(block: StateBlock, crowd: Crowd, where: Ints, shape: tuple[int, int]) -> Floats:
    """Return which share of classmates went on to each candidate from the learner's last resource."""
    out = np.zeros(shape)
    if not len(crowd.next_item) or not len(block.item_id):
        return out
    owner = block.item_owner
    last = block.own_of(COUNT, owner) - 1.0
    latest = (block.item_values[:, ITEM_POSITION] == last).nonzero()[0]
    row, edge = edges(crowd.next_start, block.item_id.take(latest))
    at = where.take(crowd.next_item[edge])
    here = (at >= 0).nonzero()[0]
    places = flat_places(owner.take(latest), row.take(here), at.take(here), shape)
    out.put(places, crowd.next_share[edge].take(here))
    return out


def _kind_rates(block: StateBlock, crowd: Crowd) -> Floats:
    """Return completion rates by kind, (B, n_kinds), shrunk to everyone's by five offers."""
    offered, completed = block.kinds[..., 0], block.kinds[..., 1]
    return np.asarray((completed + 5.0 * crowd.kind_rate[None]) / (offered + 5.0))


def _time_fit(minutes: Floats | None, pool: Pool) -> Floats:
    if minutes is None:
        return pool.ones
    return np.minimum(minutes[:, None] / np.maximum(pool.minutes, 1e-9), 1.0)
