"""Groups, projects, reviews, conferences and slots do what a teacher would check by hand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from segue.engine.practices.groups import imbalance, suggest_groups
from segue.engine.practices.projects import WEEK, Milestone, reserved_minutes, stall_of
from segue.engine.practices.reviews import conference_queue, feedback_due, review_pairs
from segue.engine.practices.slots import ListedStep, Slot, broken_slots, drawn_places

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_better_mixed_than_nineteen_of_twenty_random_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mastery = rng.random((23, 6)) * rng.random((23, 1))
    groups = suggest_groups(mastery, size=4, roles=("reads", "draws", "speaks"), rng=rng)
    assert sorted(m for g in groups for m in g.members) == list(range(23))
    assert all({"reads", "draws", "speaks"} <= set(g.roles) for g in groups)
    own = imbalance(mastery, [g.members for g in groups])
    chance = [
        imbalance(mastery, [part.tolist() for part in np.array_split(rng.permutation(23), 5)])
        for _ in range(200)
    ]
    assert own < np.quantile(chance, 0.05)


@pytest.mark.parametrize(
    ("n", "size", "n_roles", "sizes"),
    [(23, 4, 3, [5, 5, 5, 4, 4]), (5, 3, 2, [3, 2]), (5, 3, 3, [5]), (11, 4, 0, [4, 4, 3]), (3, 2, 0, [3])],
)
def test_groups_have_the_size_asked_for_or_nearly(n: int, size: int, n_roles: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    groups = suggest_groups(rng.random((n, 2)), size=size, roles=("a", "b", "c")[:n_roles], rng=rng)
    assert [len(group.members) for group in groups] == sizes


def test_who_worked_together_before_is_kept_apart_and_roles_go_round() -> None:
    rng = np.random.default_rng(1)
    mastery = rng.random((12, 3))
    together, fit = np.zeros((12, 12), dtype=int), np.zeros((12, 2))
    met: Counter[tuple[int, int]] = Counter()
    for _ in range(3):
        for group in suggest_groups(mastery, size=3, roles=("a", "b"), fit=fit, together=together, rng=rng):
            for member, role in zip(group.members, group.roles, strict=True):
                fit[member, role == "b"] -= 1.0
            for i in group.members:
                for j in group.members:
                    if i < j:
                        met[i, j] += 1
                        together[i, j] += 1
                        together[j, i] += 1
    assert max(met.values()) == 1


def test_minutes_kept_for_milestones_get_every_project_done_in_time() -> None:
    plan = [Milestone(f"part {i}", MONDAY + i * WEEK, 45.0) for i in range(1, 7)]
    done: frozenset[str] = frozenset()
    left = {m.name: m.minutes for m in plan}
    for week in range(6):
        minutes = reserved_minutes(plan, done, now=MONDAY + week * WEEK, minutes_a_week=60.0)
        assert 0.0 < minutes <= 60.0
        for name, work in left.items():
            used = min(minutes, work)
            left[name] = work - used
            minutes -= used
        done = frozenset(name for name, rest in left.items() if rest < 1e-9)
    assert len(done) == 6


def test_planted_stalls_are_found_and_steady_work_is_left_alone() -> None:
    rng = np.random.default_rng(3)
    found: list[tuple[bool, bool]] = []
    for n in range(200):
        gap, stalls = float(rng.uniform(2, 6)), n % 2 == 0
        until = 25.0 if stalls else 42.0
        days = np.cumsum(rng.gamma(4.0, gap / 4.0, size=60))
        activity = [MONDAY + timedelta(days=float(d)) for d in days[days < until]]
        plan = [Milestone("show", MONDAY + 8 * WEEK, 60.0)]
        seen = stall_of(
            plan, frozenset(), activity, now=MONDAY + 6 * WEEK, started=MONDAY, minutes_a_week=60.0
        )
        found.append((stalls, seen.stalled))
    hits = sum(planted and seen for planted, seen in found)
    assert hits / 100 >= 0.8
    assert hits / sum(seen for _, seen in found) >= 0.9


def test_an_overdue_milestone_and_too_little_time_are_said() -> None:
    plan = [Milestone("draft", MONDAY - WEEK, 30.0)]
    late = stall_of(plan, frozenset(), [MONDAY], now=MONDAY, started=MONDAY - 2 * WEEK, minutes_a_week=60.0)
    assert late.stalled
    assert late.sentence == "draft is overdue"
    large = [Milestone("all", MONDAY + WEEK, 300.0)]
    short = stall_of(large, frozenset(), [MONDAY], now=MONDAY, started=MONDAY, minutes_a_week=60.0)
    assert short.sentence == "300 minutes a week are needed, 60 are there"
    assert not stall_of(
        plan, frozenset({"draft"}), [], now=MONDAY, started=MONDAY, minutes_a_week=60.0
    ).stalled


@pytest.mark.parametrize(("n", "each"), [(2, 1), (5, 2), (24, 3)])
def test_reviews_are_shared_equally_and_nobody_reviews_themselves(n: int, each: int) -> None:
    names = [f"u{i}" for i in range(n)]
    pairs = review_pairs(names, each, rng=np.random.default_rng(0))
    assert len(set(pairs)) == n * each
    assert all(a != b for a, b in pairs)
    assert set(Counter(a for a, _ in pairs).values()) == {each} == set(Counter(b for _, b in pairs).values())


def test_pairs_of_last_time_do_not_come_again() -> None:
    names = [f"u{i}" for i in range(8)]
    before = review_pairs(names, 2, rng=np.random.default_rng(0))
    assert not set(before) & set(review_pairs(names, 2, rng=np.random.default_rng(1), before=before))
    with pytest.raises(ValueError, match="1 submitted"):
        review_pairs(["u0"], 1, rng=np.random.default_rng(0))


def test_feedback_and_talks_reach_everybody_in_turn() -> None:
    last = {"ada": None, "bo": MONDAY - timedelta(days=9), "cy": MONDAY - timedelta(days=2)}
    assert feedback_due(last, now=MONDAY) == ["ada", "bo"]
    queue = conference_queue(
        {"ada": 0.2, "bo": 0.9, "cy": 0.5}, minutes=14, minutes_each=5, asked={"ada"}, waited_weeks={"cy": 5}
    )
    assert [talk.learner for talk in queue] == ["ada", "cy"]
    assert queue[0].reason == "asked for a talk"
    talked: Counter[str] = Counter()
    waited = dict.fromkeys("abcdefgh", 0.0)
    for _ in range(16):
        for talk in conference_queue(
            {n: 0.9 if n == "a" else 0.1 for n in waited}, minutes=10, waited_weeks=waited
        ):
            talked[talk.learner] += 1
            waited[talk.learner] = -1.0
        waited = {name: weeks + 1.0 for name, weeks in waited.items()}
    assert min(talked.values()) >= 1
    assert len(talked) == 8


@pytest.mark.parametrize("flipped", [False, True])
def test_slots_keep_to_capacity_and_order(flipped: bool) -> None:
    rng = np.random.default_rng(4)
    slots = [
        Slot("home-1", "home", MONDAY - timedelta(hours=12), 30),
        Slot("station", "station", MONDAY, 4),
        Slot("teacher", "teacher", MONDAY + timedelta(hours=1), 3),
        Slot("alone", "independent", MONDAY + timedelta(hours=2), 30),
    ]
    steps = [
        ListedStep(f"u{n}", f"u{n}-{i}", kind, (f"s{n % 3}",))
        for n in range(12)
        for i, kind in enumerate(["exercise", "video", "discussion", "quiz"])
    ]
    need = {f"u{n}": 1.0 + n for n in range(12)}
    talks: Counter[str] = Counter()
    chances: dict[str, float] = {}
    for _ in range(400):
        placed = [p for p in drawn_places(steps, slots, need, rng=rng, flipped=flipped) if p.taken]
        assert broken_slots(placed, steps, slots, flipped=flipped) == []
        for p in placed:
            if p.slot_id == "station":
                talks[p.learner] += 1
                chances[p.learner] = p.probability
    for name, p in chances.items():
        assert talks[name] / 400 == pytest.approx(p, abs=4.5 * np.sqrt(p * (1 - p) / 400))


def test_what_a_placement_breaks_is_named() -> None:
    slots = [Slot("t", "teacher", MONDAY, 1)]
    steps = [ListedStep(n, f"{n}-1", "lesson", ("s",)) for n in ("ada", "bo")]
    placed = drawn_places(steps, [Slot("t", "teacher", MONDAY, 2)], {}, rng=np.random.default_rng(0))
    assert broken_slots(placed, steps, slots, flipped=True) == [
        "slot t holds 2 learners, at most 1",
        "ada meets ada-1 in class before home",
        "bo meets bo-1 in class before home",
    ]


def test_talks_of_next_to_no_time_are_one_with_each() -> None:
    """Found by made-up requests: the quotient of two floats is infinite here."""
    talks = conference_queue({"a": 0.5, "b": 0.7}, minutes=6455.25, minutes_each=5e-324)
    assert [talk.learner for talk in talks] == ["b", "a"]
