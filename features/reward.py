"""Reward is learning: what a step changed on a later day, beyond what was forecast before it.

For a decision on a resource with skills K, each skill k with a next attempt on a later day (in the tenant's
time zone, within 28 days) gives

    r_k = ½ [(y' - f_k(t')) + (F_k⁺ - F_k⁻)],    r = mean over such k

where y' is the score of that attempt, f_k(t') the probability of it forecast *before* the step, and F_k∓ the
forecast of a standard item in 7 days just before and after the step; every forecast by the model version
that decided. Immediate correctness, or raw later success, would reward serving what is known already.
Without a later attempt the reward is pending, never zero; after 28 days it is censored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CENSOR_DAYS = 28
FOLLOWING = (1.0, 0.7, 0.49)  # weights of the next attempts at a skill
SHARED = 0.25  # of the variance of one attempt: what the forecast is off by, alike for all that follow
Status = Literal["pending", "matured", "censored"]
STATUS: tuple[Status, ...] = ("pending", "matured", "censored")


@dataclass(frozen=True, eq=False)
class Tries:
    """Attempts as arrays over n rows: who, on which skills (n, K; padded by -1), when, and how it went.

    `time` is UTC epoch seconds (NaN: unknown), `shift` (n,) how many logits easier the resource is than a
    standard item of its skills under the model that forecasts.
    """

    learner: Ints
    skills: Ints
    time: Floats
    score: Floats
    shift: Floats


@dataclass(frozen=True, eq=False)
class Forecasts:
    """What the deciding model forecast for each skill of a decision, (n, K), before and after the step.

    `now`, `week` are P(success on a standard item) at once and in 7 days, before the step; `after` is that in
    7 days once the step was done (NaN: not yet done).
    """

    now: Floats
    week: Floats
    after: Floats


@dataclass(frozen=True, eq=False)
class Rewards:
    """Rewards of n decisions.

    Attributes
    ----------
    value : array of float
        The reward, NaN unless matured.
    status : array of int
        Index into `STATUS`.
    matured : array of float
        When the last attempt that it rests on was made, UTC epoch seconds, NaN unless matured.
    """

    value: Floats
    status: Ints
    matured: Floats


def days_of(time: Floats, time_zone: str) -> Ints:
    """Return the calendar day of each UTC epoch second in a time zone, as a running number; -1 if unknown.

    >>> days_of(np.array([0.0, 82800.0, np.nan]), "Europe/Berlin").tolist()
    [0, 1, -1]
    """
    known = ~np.isnan(time)
    stamps = pd.to_datetime(np.where(known, time, 0.0), unit="s", utc=True).tz_convert(time_zone)
    days = stamps.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64)
    return np.where(known, days, -1)


def forecast_at(now: Floats, week: Floats, days: Floats, shift: Floats) -> Floats:
    """Return the forecast for an item `shift` logits easier than standard, `days` after the decision.

    The logit of a standard item falls along log(1 + days), as the forecasts of
    ``segue.features.vectors.success_forecast`` do, through the forecasts for now and for a week.
    """
    first, second = (np.log(p / (1.0 - p)) for p in (np.clip(q, 1e-9, 1.0 - 1e-9) for q in (now, week)))
    logit = first + (second - first) * (np.log1p(days) / np.log1p(7.0)) + shift
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def learning(
    decisions: Tries, later: Tries, *, forecasts: Forecasts, now: float, time_zone: str = "UTC"
) -> Rewards:
    """Return the forecast-corrected, delayed reward of each decision.

    Parameters
    ----------
    decisions : Tries
        The steps decided, at the time of deciding; their `score` and `shift` are not read.
    later : Tries
        All attempts of these learners.
    forecasts : Forecasts
        By the model version that decided.
    now : float
        UTC epoch seconds: decides between pending and censored.
    """
    row, slot, match = _next_day(decisions, later, time_zone)
    wait = (later.time[match] - decisions.time[row]) / 86400.0
    expected = forecast_at(forecasts.now[row, slot], forecasts.week[row, slot], wait, later.shift[match])
    rise = forecasts.after[row, slot] - forecasts.week[row, slot]
    rise = np.where(np.isnan(rise), 0.0, rise)
    each = 0.5 * ((later.score[match] - expected) + rise)
    return _mean_over_skills(decisions, row=row, each=each, when=later.time[match], now=now)


def followed(decisions: Tries, later: Tries, *, forecasts: Forecasts) -> Floats:
    """Return how much better than forecast learners did in what followed each decision, (n, K, 3).

    For each skill, the next three attempts within 28 days, each against the forecast made *before* the step;
    NaN: not seen yet. What the step itself brought is not among them: this is what follows from it, whichever
    resource shows it.
    """
    row, slot, match, rank = _following(decisions, later)
    wait = (later.time[match] - decisions.time[row]) / 86400.0
    expected = forecast_at(forecasts.now[row, slot], forecasts.week[row, slot], wait, later.shift[match])
    out = np.full((*decisions.skills.shape, len(FOLLOWING)), np.nan)
    out[row, slot, rank] = later.score[match] - expected
    return out


def surprise(after: Floats) -> Floats:
    """Return the surprise of each decision, (n,), from what `followed`; NaN: not seen yet.

    The attempts count with weights 1, .7 and .49; then the mean over skills.
    """
    weight = np.where(np.isnan(after), 0.0, FOLLOWING)
    weights = weight.sum(axis=2)
    each = (weight * np.nan_to_num(after)).sum(axis=2) / np.where(weights > 0, weights, 1.0)
    seen = (weights > 0).sum(axis=1)
    return np.where(seen > 0, each.sum(axis=1) / np.maximum(seen, 1), np.nan)


def certainty(after: Floats) -> Floats:
    """Return how much the `surprise` of each decision tells, (n,): 1 where one attempt followed, 0: none did.

    It is one over the variance: chance differs from attempt to attempt, so more of them tell more.

    >>> after = np.full((2, 1, 3), np.nan)
    >>> after[0, 0, 0], after[1, 0] = 0.3, [0.3, -0.2, 0.1]
    >>> certainty(after).round(2).tolist()
    [1.0, 2.05]
    """
    weight = np.where(np.isnan(after), 0.0, FOLLOWING)
    weights = weight.sum(axis=2)
    chance = (weight**2).sum(axis=2) / np.where(weights > 0, weights, 1.0) ** 2
    seen = (weights > 0).sum(axis=1)
    variance = chance.sum(axis=1) / np.maximum(seen, 1) ** 2 + SHARED
    return np.where(seen > 0, (1.0 + SHARED) / variance, 0.0)


def one_more_step(after: Floats) -> Floats:
    """Return, one number a decision and skill with two attempts after it, how much better the second went.

    Both are held against the same forecast, and between them lies one more step: so the mean says what a step
    brings, whatever the forecasts of these learners are off by.
    """
    rise = (after[:, :, 1] - after[:, :, 0]).ravel()
    return rise[~np.isnan(rise)]


def _following(decisions: Tries, later: Tries) -> tuple[Ints, Ints, Ints, Ints]:
    """Return (decision, slot of its skill, attempt, rank): the skill's next attempts, rank 0 the first."""
    row, slot = np.nonzero((decisions.skills >= 0) & ~np.isnan(decisions.time)[:, None])
    at, column = np.nonzero((later.skills >= 0) & ~np.isnan(later.time)[:, None])
    n_skills = max(int(decisions.skills.max(initial=0)), int(later.skills.max(initial=0))) + 1
    asked = decisions.learner[row] * n_skills + decisions.skills[row, slot]
    given = later.learner[at] * n_skills + later.skills[at, column]
    order = np.lexsort((later.time[at], given))
    given, at = given[order], at[order]
    when = later.time[at]
    # one number for (learner, skill) and time: the pair's rank, then the time's rank
    times = np.unique(np.concatenate([when, decisions.time[row]]))
    key = given * (len(times) + 1) + np.searchsorted(times, when)
    first = np.searchsorted(
        key, asked * (len(times) + 1) + np.searchsorted(times, decisions.time[row]), side="right"
    )
    found = []
    for rank in range(len(FOLLOWING)):
        place = np.minimum(first + rank, max(len(key) - 1, 0))
        hit = first + rank < len(key)
        if len(key):
            hit &= given[place] == asked
            hit &= when[place] - decisions.time[row] <= CENSOR_DAYS * 86400.0
        found.append((row[hit], slot[hit], at[place[hit]], np.full(int(hit.sum()), rank)))
    rows, slots, matches, ranks = (np.concatenate(each) for each in zip(*found, strict=True))
    return rows, slots, matches, ranks


def _next_day(decisions: Tries, later: Tries, time_zone: str) -> tuple[Ints, Ints, Ints]:
    """Return rows (decision, slot of its skill, attempt): the skill's first attempt on a later day."""
    row, slot = np.nonzero(decisions.skills >= 0)
    at, column = np.nonzero((later.skills >= 0) & ~np.isnan(later.time)[:, None])
    n_skills = max(int(decisions.skills.max(initial=0)), int(later.skills.max(initial=0))) + 1
    asked = decisions.learner[row] * n_skills + decisions.skills[row, slot]
    given = later.learner[at] * n_skills + later.skills[at, column]
    day, day_later = days_of(decisions.time, time_zone)[row], days_of(later.time, time_zone)[at]
    order = np.lexsort((later.time[at], given))
    span = int(max(day.max(initial=0), day_later.max(initial=0))) + 2
    keys = given[order] * span + day_later[order]
    found = np.searchsorted(keys, asked * span + day, side="right")
    inside = np.minimum(found, max(len(keys) - 1, 0))
    hit = (found < len(keys)) & (day >= 0)
    if len(keys):
        hit &= given[order][inside] == asked
        hit &= later.time[at][order][inside] - decisions.time[row] <= CENSOR_DAYS * 86400.0
    return row[hit], slot[hit], at[order][inside[hit]]


def _mean_over_skills(decisions: Tries, *, row: Ints, each: Floats, when: Floats, now: float) -> Rewards:
    n = len(decisions.learner)
    count = np.bincount(row, minlength=n)
    total = np.bincount(row, each, minlength=n)
    latest = np.full(n, -np.inf)
    np.maximum.at(latest, row, when)
    seen = count > 0
    old = now - decisions.time > CENSOR_DAYS * 86400.0  # an unknown time is never old: pending
    return Rewards(
        np.where(seen, total / np.maximum(count, 1), np.nan),
        np.where(seen, 1, np.where(old, 2, 0)),
        np.where(seen, latest, np.nan),
    )
