"""How often the next answer is right: what tells classes apart that learn otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from segue.experiments.simulation.school_term import Stage, TermPlan, former_log
from segue.experiments.simulation.student_models import student_model
from segue.models.next_answers import LIKE, USUAL, NextAnswers, next_answers

DAY = 86400.0


def rates(*answers: tuple[int, int, float, float]) -> NextAnswers:
    """Of (learner, skill, score, day) in order."""
    learner, skill, score, day = np.array(answers).T
    return next_answers(learner.astype(np.int64), skill.astype(np.int64), score, day * DAY)


def test_each_number_is_the_mean_it_says_drawn_to_the_usual() -> None:
    found = rates(
        (0, 5, 1.0, 0.0),
        (1, 5, 0.0, 0.0),
        (0, 5, 0.0, 1.0),
        (0, 6, 1.0, 1.0),
        (0, 5, 1.0, 2.0),
        (1, 5, 0.5, 30.0),
    )  # learner 0, skill 5: right, wrong, right; learner 1: wrong, a month later half right
    assert found.after_wrong == pytest.approx((1.0 + LIKE * USUAL.after_wrong) / (LIKE + 1))
    assert found.after_relapse == pytest.approx((1.0 + LIKE * USUAL.after_relapse) / (LIKE + 1))
    late = (0.5 + LIKE * (USUAL.after_wrong - USUAL.lost_after_wrong)) / (LIKE + 1)
    assert found.lost_after_wrong == pytest.approx(found.after_wrong - late)
    assert found.lost_after_right < USUAL.lost_after_right  # soon after a right answer a wrong one was given


def test_learners_and_skills_may_be_numbered_in_any_way() -> None:
    rng = np.random.default_rng(0)
    learner, skill, score = rng.integers(6, size=300), rng.integers(4, size=300), rng.random(300)
    time = np.sort(rng.random(300)) * 90 * DAY
    by_learner = np.argsort(learner, kind="stable")
    expected = next_answers(learner, skill, score, time)
    assert next_answers(5 - learner, skill + 7, score, time) == pytest.approx(expected)
    grouped = next_answers(learner[by_learner], skill[by_learner], score[by_learner], time[by_learner])
    assert grouped == pytest.approx(expected)


def test_without_times_answers_count_as_soon() -> None:
    learner, skill, score = (
        np.zeros(3, dtype=np.int64),
        np.zeros(3, dtype=np.int64),
        np.array([0.0, 1.0, 1.0]),
    )
    untimed, timed = (next_answers(learner, skill, score, np.full(3, at)) for at in (np.nan, 0.0))
    assert untimed == timed
    assert untimed.after_wrong > USUAL.after_wrong


def test_classes_that_learn_otherwise_are_told_apart() -> None:
    found = {}
    for name in ("gated", "spacing"):
        stage = Stage.build(student_model(name), seed=5, plan=TermPlan(n_log=30))
        slots = former_log(stage)
        learner, resource, score = (
            np.concatenate([getattr(slot, part) for slot in slots])
            for part in ("learners", "resources", "correct")
        )
        time = np.concatenate([np.full(len(slot.learners), slot.hours * 3600.0) for slot in slots])
        done = np.isfinite(score)
        skill = stage.world.catalogue.skill_matrix[resource, 0]
        found[name] = next_answers(learner[done], skill[done], score[done], time[done])
    gated, spacing = found["gated"], found["spacing"]
    assert gated.after_relapse < spacing.after_relapse - 0.1
    assert gated.after_wrong < spacing.after_wrong - 0.1
    assert gated.lost_after_wrong < spacing.lost_after_wrong - 0.05
