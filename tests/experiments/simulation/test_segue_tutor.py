"""Segue behind the classroom contract: whatever rhythm a classroom has, answers keep the contract."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from segue.experiments.simulation.evaluability import weekly_overlap
from segue.experiments.simulation.school_term import Stage, TermPlan, run
from segue.experiments.simulation.segue_tutor import ClassTutor
from segue.experiments.simulation.student_models import student_model
from segue.experiments.simulation.tutor_adapter import Contract

SMALL = TermPlan(n_learners=8, n_log=10, weeks=2, holiday=1, n_test=6, n_skills=8, n_resources=24)
NOW = pd.Timestamp("2026-09-07 08:00")
COLUMNS = ["learner_id", "resource_id", "timestamp", "kind", "completed", "correct", "propensity"]


def events(rows: Sequence[tuple[object, object, float]], *, day: int = 0, kind: str = "next") -> pd.DataFrame:
    """Return contract events of (learner, resource, correct), an hour apart; NaN: not completed."""
    when = [NOW + pd.Timedelta(days=day, hours=i) for i in range(len(rows))]
    values = [
        (who, what, t, kind, bool(np.isfinite(y)), y, 0.1)
        for (who, what, y), t in zip(rows, when, strict=True)
    ]
    return pd.DataFrame(values, columns=COLUMNS)


def started(*, cycle: bool = False) -> ClassTutor:
    """Return a tutor of a catalogue of twelve resources with numbers for ids, before any log."""
    catalogue = pd.DataFrame(
        {
            "resource_id": range(12),
            "skills": [[i % 4] if i % 3 else [i % 4, (i + 1) % 4] for i in range(12)],
            "difficulty": [1 + i % 5 for i in range(12)],
            "format": ["lesson", "exercise", "game"] * 4,
            "tags": [["a"] if i % 2 else [] for i in range(12)],
            "minutes": 10,
        }
    )
    edges = [(0, 1), (1, 2)] + ([(2, 0)] if cycle else [])
    learners = pd.DataFrame({"learner_id": [1, 2, 3], "interests": [["a"], [], None]})
    tutor = ClassTutor()
    tutor.start(catalogue, pd.DataFrame(edges, columns=["prerequisite", "skill"]), learners)
    return tutor


@pytest.fixture
def tutor() -> ClassTutor:
    made = started()
    rng = np.random.default_rng(0)
    rows = [
        (f"old-{i}", int(rng.integers(12)), float(rng.random() < 0.6)) for i in range(10) for _ in range(12)
    ]
    made.learn(events(rows, day=-100, kind="playlist"))
    return made


def ask(
    tutor: ClassTutor, *, learner: object = 1, k: int = 10, **changes: object
) -> list[tuple[object, float]]:
    request = {"history": None, "interests": ["a"], "candidates": list(range(12)), "now": NOW} | changes
    return tutor.recommend_batch([{"learner_id": learner, "k": k, **request}])[0]


def holds(answer: list[tuple[object, float]], candidates: list[int], k: int) -> bool:
    chosen = [resource for resource, _ in answer]
    proper = all(0.0 < propensity <= 1.0 for _, propensity in answer)
    return len(answer) == len(set(chosen)) == k and set(chosen) <= set(candidates) and proper


def test_a_term_is_taught_without_a_violation_and_again_alike() -> None:
    stage = Stage.build(student_model("motivation"), seed=5, plan=SMALL)
    one, two = run(stage, Contract(ClassTutor())), run(stage, Contract(ClassTutor()))
    assert one.violations == 0
    np.testing.assert_array_equal(one.gain, two.gain)


def test_the_log_of_a_term_overlaps_with_a_uniform_policy() -> None:
    stage = Stage.build(student_model("zone"), seed=5, plan=SMALL)
    taught = Contract(ClassTutor())
    run(stage, taught)
    weeks = weekly_overlap(taught.taught)
    assert weeks["steps"].tolist() == [8 * 15] * 2
    assert ((weeks["ess"] > 1) & (weeks["ess"] <= weeks["steps"])).all()
    assert (weeks["smallest"] > 0).all()


@pytest.mark.parametrize("k", [1, 3, 10, 12])
def test_a_full_list_of_given_ids_whatever_the_rules(tutor: ClassTutor, k: int) -> None:
    assert holds(ask(tutor, k=k), list(range(12)), k)
    for _ in range(3):  # everything done, everything mastered: the list is still full
        tutor.learn(events([(1, r, 1.0) for r in range(12)]))
    assert holds(ask(tutor, k=k), list(range(12)), k)


def test_the_answers_to_a_test_are_no_steps_that_teach() -> None:
    rows = [(f"old-{i}", r % 12, float((i + r) % 3 > 0)) for i in range(6) for r in range(24)]
    for kind, teaches in (("pretest", False), ("playlist", True)):
        tutor = started()
        tutor.learn(events(rows, day=-100, kind=kind))
        assert tutor.recommender is not None
        assert (tutor.recommender.kernel.effects is not None) == teaches
        assert (tutor.recommender.kernel.learned is not None) == teaches
        assert holds(ask(tutor), list(range(12)), 10)


def test_a_class_may_begin_without_a_former_one() -> None:
    tutor = started()
    tutor.learn(events([]))
    tutor.learn(events([(1, 2, 1.0), (1, 3, 0.0)], kind="pretest"))  # of this class, not of the one before
    assert tutor.states["1"].general[7] == 2.0
    assert holds(ask(tutor), list(range(12)), 10)


def test_only_candidates_come(tutor: ClassTutor) -> None:
    assert holds(ask(tutor, k=3, candidates=[7, 3, 5]), [3, 5, 7], 3)


def test_a_stranger_is_a_cold_start_or_read_from_the_history(tutor: ClassTutor) -> None:
    history = events([("new", 2, 1.0), ("new", 3, 0.0)])
    assert holds(ask(tutor, learner="stranger"), list(range(12)), 10)
    assert holds(ask(tutor, learner="new", history=history), list(range(12)), 10)
    assert tutor.states["new"].general[7] == 2.0
    assert tutor.states["stranger"].general[7] == 0.0


def test_nothing_completed_and_empty_frames_are_taken_in(tutor: ClassTutor) -> None:
    tutor.learn(events([]))
    tutor.learn(events([(1, 0, float("nan")), (2, 1, float("nan"))]))
    tutor.end_week(0)
    assert holds(ask(tutor), list(range(12)), 10)
    assert tutor.recommend_batch([]) == []


def test_without_a_log_pedagogy_decides() -> None:
    tutor = started()
    assert holds(ask(tutor), list(range(12)), 10)
    tutor.end_week(0)


def test_a_cycle_is_broken_and_said(caplog: pytest.LogCaptureFixture) -> None:
    tutor = started(cycle=True)
    assert tutor.catalogue.broken_edges == (("2", "0"),)
    assert "closes a cycle" in caplog.text


def test_one_call_is_the_batch_of_one(tutor: ClassTutor) -> None:
    answer = tutor.recommend(1, events([]), ["a"], list(range(12)), 4, NOW)
    assert holds(answer, list(range(12)), 4)


def test_success_raises_and_failure_lowers_what_is_believed(tutor: ClassTutor) -> None:
    tutor.learn(events([(1, 0, 1.0), (2, 0, 0.0), (1, 4, 1.0), (2, 4, 0.0)]))
    assert tutor.states["1"].general[0] > 0 > tutor.states["2"].general[0]
    before = tutor.states["1"].general[0]
    tutor.end_week(0)
    assert tutor.states["1"].general[0] == pytest.approx(before, abs=0.3)


def test_two_events_of_one_learner_in_one_call_are_folded_in_order(tutor: ClassTutor) -> None:
    both, apart = started(), started()
    rows = [(1, 0, 1.0), (2, 1, 0.0), (1, 4, 0.0)]
    for made in (both, apart):
        made.learn(events([("old", r, float(r % 2)) for r in range(12)], day=-100))
    both.learn(events(rows))
    frame = events(rows)
    for i in range(3):
        apart.learn(frame.iloc[[i]])
    np.testing.assert_allclose(both.states["1"].rows, apart.states["1"].rows, rtol=1e-12)


def test_a_next_step_is_none_that_stands_in_the_list_of_the_week(tutor: ClassTutor) -> None:
    standing = {resource for resource, _ in ask(tutor, k=8)}
    left = set(range(12)) - standing
    assert {ask(tutor, k=1)[0][0] for _ in range(40)} <= left
    assert holds(ask(tutor, k=1, candidates=sorted(standing)), sorted(standing), 1)  # nothing else is open
    first = min(standing)
    tutor.learn(events([(1, first, float("nan"))], kind="playlist"))  # its time came, done or not
    open_now = [first, min(standing - {first})]
    assert {ask(tutor, k=1, candidates=open_now)[0][0] for _ in range(40)} == {first}
    assert holds(ask(tutor, learner=2, k=1, candidates=sorted(standing)), sorted(standing), 1)
