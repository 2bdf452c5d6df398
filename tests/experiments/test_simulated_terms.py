"""Student models, peers and terms: what must hold whatever the numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segue.experiments.simulation.baseline_policies import (
    Clairvoyant,
    Random,
    Sequence,
    Spaced,
    Threshold,
    Zpdes,
)
from segue.experiments.simulation.learning_dynamics import (
    Forgetting,
    Gated,
    Knowledge,
    LearningStep,
    Spacing,
    Zone,
)
from segue.experiments.simulation.school_term import WEEK, Stage, TermPlan, TermPolicy, former_log, run
from segue.experiments.simulation.student_models import MODELS, StudentModel, student_model
from segue.experiments.simulation.tutor_adapter import Contract
from segue.experiments.simulation.worlds.synthetic_course import course

SMALL = TermPlan(n_learners=16, n_log=10, weeks=4, holiday=2, n_test=8, n_skills=16, n_resources=64)


def a_step(*, chance: float = 0.7, ready: float = 1.0, hours: float = 24.0) -> LearningStep:
    one = np.ones((1, 1))
    return LearningStep(one, chance * one, ready * one, one, 0.5 * one, hours, None)


def cells_of(knowledge: Knowledge, prior: float) -> np.ndarray:
    return knowledge.begin(np.array([[prior]]), np.random.default_rng(3))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_mastery_stays_a_probability_and_expected_practice_never_lowers_it(model: StudentModel) -> None:
    knowledge = model.knowledge
    cells = knowledge.begin(np.linspace(-4, 3, 40).reshape(8, 5), np.random.default_rng(2))
    before = knowledge.level(cells, 24.0)
    wide = np.ones((8, 5))
    after = knowledge.after(cells, LearningStep(wide, 0.7 * wide, wide, wide, 0.5 * wide, 24.0, None))
    assert ((before >= 0) & (before <= 1)).all()
    assert (knowledge.level(after, 24.0) >= before - 1e-12).all()


def test_gated_learning_waits_for_the_prerequisites() -> None:
    knowledge = Gated()
    cells = np.zeros((1, 1, 1))
    open_ = knowledge.after(cells, a_step())[0, 0, 0]
    closed = knowledge.after(cells, a_step(ready=0.0))[0, 0, 0]
    assert open_ == pytest.approx(knowledge.rate)
    assert closed == pytest.approx(knowledge.rate * knowledge.closed)


def test_forgetting_halves_what_fades_in_a_half_life() -> None:
    knowledge = Forgetting(stays=0.0)
    cells = knowledge.after(cells_of(knowledge, 0.0), a_step(hours=0.0))
    gained = np.log(1 / knowledge.level(cells, 0.0) - 1)
    left = np.log(1 / knowledge.level(cells, knowledge.half_life) - 1)
    assert left[0, 0] == pytest.approx(gained[0, 0] / 2)


def test_a_spaced_review_lasts_longer_than_a_massed_one() -> None:
    knowledge = Spacing()
    learned = knowledge.after(cells_of(knowledge, -2.0), a_step(hours=0.0))
    massed = knowledge.after(learned, a_step(hours=1.0))
    spaced = knowledge.after(learned, a_step(hours=WEEK))
    assert spaced[0, 0, 1] > 1.1 * massed[0, 0, 1]


def test_the_zone_teaches_most_at_its_centre() -> None:
    knowledge = Zone()
    cells = cells_of(knowledge, 0.0)
    gains = [float(knowledge.after(cells, a_step(chance=p))[0, 0, 0]) for p in (0.2, knowledge.centre, 0.98)]
    assert gains[1] > 3 * max(gains[0], gains[2])


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ValueError, match="'telepathy'"):
        student_model("telepathy")


def test_a_course_has_the_faults_of_a_real_one() -> None:
    worlds = [course(np.random.default_rng(seed)) for seed in range(12)]
    for world in worlds:
        assert len(world.catalogue.resources) == 240
        assert len(world.catalogue.skills) == 48
        true = {(int(a), j) for j, row in enumerate(world.parents) for a in row if a >= 0}
        index = world.catalogue.skill_index
        seen = {(index[a], index[b]) for a, b in world.reported}
        assert true - seen, "some prerequisites are missing"
        assert seen - true, "some are spurious"
        assert np.corrcoef(world.difficulty, world.catalogue.difficulty)[0, 1] > 0.5
        assert (world.catalogue.skill_matrix >= 0).sum(axis=1).max() >= 2
    assert any(world.catalogue.broken_edges for world in worlds)
    assert not all(world.catalogue.broken_edges for world in worlds)


@pytest.mark.parametrize("policy", [Random(), Sequence(), Threshold(), Zpdes(), Spaced(), Clairvoyant()])
def test_a_term_repeats_and_keeps_the_contract(policy: TermPolicy) -> None:
    stage = Stage.build(student_model("mixed"), seed=4, plan=SMALL)
    one, two = run(stage, policy), run(stage, policy)
    np.testing.assert_array_equal(one.gain, two.gain)
    assert one.violations == 0
    assert ((one.prior >= 0) & (one.prior <= 1)).all()


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_nothing_is_above_the_clairvoyant(model: StudentModel) -> None:
    stage = Stage.build(model, seed=9, plan=SMALL)
    best = run(stage, Clairvoyant()).gain.mean()
    for policy in (Random(), Sequence(), Threshold(), Zpdes(), Spaced()):
        assert run(stage, policy).gain.mean() < best


def test_models_disagree_about_the_best_peer() -> None:
    plan = replace(SMALL, n_learners=30, weeks=6)
    best = set()
    for name in ("gated", "forgetting", "spacing", "transfer"):
        stage = Stage.build(student_model(name), seed=21, plan=plan)
        gains = {p.name: run(stage, p).gain.mean() for p in (Sequence(), Threshold(), Spaced(), Zpdes())}
        best.add(max(gains, key=lambda name: gains[name]))
    assert len(best) > 1


def test_motivation_makes_learners_leave_and_nothing_else_does() -> None:
    plan = replace(SMALL, n_learners=60, weeks=8)
    stayed = {
        name: run(Stage.build(student_model(name), seed=2, plan=plan), Random()).stayed.mean()
        for name in ("motivation", "zone")
    }
    assert stayed["motivation"] < stayed["zone"] == 1.0


def test_the_former_class_is_logged_with_true_propensities() -> None:
    stage = Stage.build(student_model("zone"), seed=1, plan=replace(SMALL, n_log=40))
    slots = former_log(stage)[1:]
    share = np.concatenate([slot.propensity for slot in slots])
    assert ((share > 0) & (share < 1)).all()
    # Σ 1/p over what was drawn estimates rounds x actions without bias; its variance follows from Σ 1/p.
    n = stage.plan.n_resources
    first = slots[0].propensity
    assert np.mean(1 / share) == pytest.approx(n, abs=4 * np.std(1 / share) / np.sqrt(len(share)))
    assert len(first) == 40


class Careless:
    """A tutor that answers in the right shape, but with one resource twice."""

    def start(self, *frames: pd.DataFrame) -> None:
        self.frames = frames

    def learn(self, events: pd.DataFrame) -> None:
        self.last = events

    def end_week(self, week: int) -> None:
        self.week = week

    def recommend_batch(self, requests: list[dict[str, Any]]) -> list[list[tuple[str, float]]]:
        return [[(r["candidates"][0], 1.0)] * r["k"] for r in requests]


def test_answers_that_break_the_contract_are_counted() -> None:
    stage = Stage.build(student_model("zone"), seed=1, plan=SMALL)
    tutor = Careless()
    result = run(stage, Contract(tutor))
    assert result.violations == 16 * 4  # every Monday list of ten; a single step cannot be twice
    assert tutor.frames[0].columns.tolist() == [
        "resource_id",
        "skills",
        "difficulty",
        "format",
        "tags",
        "minutes",
    ]
    assert tutor.last["correct"].isna().equals(~tutor.last["completed"])
