"""Rewards against cases small enough to work out by hand."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from segue.features.reward import (
    Forecasts,
    Tries,
    days_of,
    followed,
    forecast_at,
    learning,
    surprise,
)

BERLIN = ZoneInfo("Europe/Berlin")
PENDING, MATURED, CENSORED = 0, 1, 2


def at(day: int, hour: int = 10, minute: int = 0) -> float:
    return datetime(2026, 9, day, hour, minute, tzinfo=BERLIN).timestamp()


def tries(rows: list[tuple[int, list[int], float, float]], shift: float = 0.0) -> Tries:
    """Return rows (learner, skills, time, score)."""
    width = max(len(skills) for _, skills, _, _ in rows)
    return Tries(
        np.array([row[0] for row in rows]),
        np.array([row[1] + [-1] * (width - len(row[1])) for row in rows]),
        np.array([row[2] for row in rows]),
        np.array([row[3] for row in rows]),
        np.full(len(rows), shift),
    )


def forecasts(n: int, k: int, *, now: float = 0.5, week: float = 0.5, after: float = 0.5) -> Forecasts:
    return Forecasts(*(np.full((n, k), value) for value in (now, week, after)))


def test_the_reward_is_beyond_the_forecast_and_half_its_rise() -> None:
    decided = tries([(0, [3], at(1), 0.0)])
    later = tries([(0, [3], at(1), 0.0), (0, [3], at(4), 1.0), (0, [3], at(5), 0.0)])
    found = learning(
        decided, later, forecasts=forecasts(1, 1, after=0.6), now=at(6), time_zone="Europe/Berlin"
    )
    assert found.value[0] == pytest.approx(0.5 * ((1.0 - 0.5) + 0.1))
    assert found.status.tolist() == [MATURED]
    assert found.matured[0] == at(4)


def test_an_attempt_on_the_same_day_of_the_tenant_matures_nothing() -> None:
    late, past_midnight = at(1, 23, 30), at(2, 0, 30)  # one UTC day, two days in Berlin
    decided = tries([(0, [3], late, 1.0), (0, [3], at(3, 9), 1.0)])
    later = tries([(0, [3], past_midnight, 1.0), (0, [3], at(3, 22), 1.0)])
    zoned = learning(decided, later, forecasts=forecasts(2, 1), now=at(4), time_zone="Europe/Berlin")
    assert zoned.status.tolist() == [MATURED, PENDING]
    assert zoned.matured[0] == past_midnight
    utc = learning(decided, later, forecasts=forecasts(2, 1), now=at(4))
    assert utc.matured[0] == at(3, 22)


def test_pending_then_censored_and_never_zero() -> None:
    decided = tries([(0, [1], at(1), 1.0)])
    other = tries([(0, [2], at(3), 1.0), (1, [1], at(3), 1.0)])
    early = learning(decided, other, forecasts=forecasts(1, 1), now=at(28))
    late = learning(decided, other, forecasts=forecasts(1, 1), now=at(30))
    assert early.status.tolist() == [PENDING]
    assert late.status.tolist() == [CENSORED]
    assert np.isnan(early.value).all()
    assert np.isnan(late.value).all()


def test_a_later_attempt_after_28_days_comes_too_late() -> None:
    decided = tries([(0, [1], at(1), 1.0)])
    later = tries([(0, [1], at(30), 1.0)])
    assert learning(decided, later, forecasts=forecasts(1, 1), now=at(30)).status.tolist() == [CENSORED]


def test_several_skills_count_by_their_mean_and_one_attempt_matures_several_decisions() -> None:
    decided = tries([(0, [1, 2], at(1), 1.0), (0, [2], at(2), 0.0)])
    later = tries([(0, [1], at(3), 1.0), (0, [2], at(4), 0.0)])
    found = learning(decided, later, forecasts=forecasts(2, 2), now=at(5))
    assert found.value.tolist() == pytest.approx([0.5 * (0.5 - 0.5) / 2, 0.5 * -0.5])
    assert found.matured.tolist() == [at(4), at(4)]


def test_unknown_times_stay_pending() -> None:
    decided = tries([(0, [1], float("nan"), 1.0)])
    later = tries([(0, [1], float("nan"), 1.0), (0, [1], at(3), 1.0)])
    assert learning(decided, later, forecasts=forecasts(1, 1), now=at(30)).status.tolist() == [PENDING]


def test_forecasts_fade_from_now_to_a_week_and_know_the_item() -> None:
    days = np.array([0.0, 7.0, 30.0])
    p = forecast_at(np.full(3, 0.8), np.full(3, 0.6), days, np.zeros(3))
    share = np.log1p(30.0) / np.log1p(7.0)
    month = 4.0 * (1.5 / 4.0) ** share  # odds fall along the logarithm of the days
    assert p.tolist() == pytest.approx([0.8, 0.6, month / (1.0 + month)])
    easier = forecast_at(np.array([0.5]), np.array([0.5]), np.array([1.0]), np.array([1.0]))
    assert easier[0] == pytest.approx(1 / (1 + np.exp(-1.0)))


def test_a_perfect_forecast_leaves_no_reward_on_average() -> None:
    """Known truth: where nothing is learned, the corrected reward is 0 and the raw one is not."""
    rng = np.random.default_rng(0)
    n = 4000
    chance = rng.random(n)
    decided = Tries(
        np.arange(n), np.ones((n, 1), dtype=np.int64), np.full(n, at(1)), np.zeros(n), np.zeros(n)
    )
    scores = (rng.random(n) < chance).astype(float)
    later = Tries(np.arange(n), decided.skills, np.full(n, at(2)), scores, np.zeros(n))
    told = Forecasts(chance[:, None], chance[:, None], chance[:, None])
    corrected = learning(decided, later, forecasts=told, now=at(3)).value
    assert abs(corrected.mean()) < 4 * corrected.std() / np.sqrt(n)
    assert abs(np.corrcoef(corrected, chance)[0, 1]) < 0.06
    assert np.corrcoef(scores, chance)[0, 1] > 0.4


def test_days_are_calendar_days_of_the_zone() -> None:
    assert days_of(np.array([at(1, 23, 30), at(2, 0, 30)]), "Europe/Berlin").tolist() == [20697, 20698]


def test_the_surprise_is_that_of_the_next_three_attempts_at_the_skill_and_not_of_the_step() -> None:
    decided = tries([(0, [3], at(1), 0.0), (1, [3], at(1), 0.0)])
    rows = [(0, [3], at(1), 0.0), (0, [5], at(2), 0.0), (0, [3], at(2), 1.0), (0, [3], at(3), 0.0)]
    later = tries([*rows, (0, [3], at(4), 1.0), (0, [3], at(5), 0.0)])
    after = followed(decided, later, forecasts=forecasts(2, 1))
    found = surprise(after)
    assert found[0] == pytest.approx(0.5 * (1.0 - 0.7 + 0.49) / 2.19)
    assert np.isnan(found[1])  # nobody can tell yet
    alone = surprise(followed(decided, tries(rows[:1]), forecasts=forecasts(2, 1)))
    assert np.isnan(alone).all()
