"""Learners who forget are foreseen without a bias in any state, so that a reward's baseline has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from segue.engine.training.fit import fit_success
from segue.experiments.simulation.class_events import ClassEvents
from segue.experiments.simulation.school_term import Stage, TermPlan, former_log
from segue.experiments.simulation.student_models import student_model
from segue.features.history.difficulty import EasinessMet
from segue.features.vectors.forecast_fit import ForecastRows, forecast_rows, foreseen, on_another_occasion

LEARNERS = 150  # to fit on, and as many others to foresee


def _events(stage: Stage) -> pd.DataFrame:
    ids = np.array([r.resource_id for r in stage.world.catalogue.resources])
    people = np.array(stage.former.ids)
    frames = [
        pd.DataFrame(
            {
                "learner_id": people[slot.learners],
                "resource_id": ids[slot.resources],
                "timestamp": pd.Timestamp("2026-01-05") + pd.to_timedelta(slot.hours, unit="h"),
                "kind": slot.kind,
                "completed": slot.completed,
                "correct": slot.correct,
                "propensity": slot.propensity,
            }
        )
        for slot in former_log(stage)
    ]
    return pd.concat(frames, ignore_index=True)


def _states(rows: ForecastRows, chance: np.ndarray) -> dict[str, np.ndarray]:
    tried, last = rows.skill[:, 20] > 0, rows.skill[:, 18]
    low, high = np.quantile(chance, [1 / 3, 2 / 3])
    return {
        "everything": np.ones(len(chance), dtype=bool),
        "never practised": ~tried,
        "last answer right": tried & (last > 0),
        "last answer wrong": tried & (last < 0),
        "little known": chance < low,
        "some": (chance >= low) & (chance < high),
        "much": chance >= high,
        "up to two days": rows.days < 2,
        "up to ten days": (rows.days >= 2) & (rows.days < 10),
        "longer": rows.days >= 10,
    }


@pytest.mark.slow
def test_the_mean_surprise_is_zero_in_every_state_of_learners_who_forget() -> None:
    stage = Stage.build(student_model("forgetting"), seed=700, plan=TermPlan(n_log=2 * LEARNERS))
    catalogue = stage.world.catalogue
    attempts = ClassEvents.read(_events(stage), catalogue, codes={}, first=0).ordered().attempts()
    first = int(np.searchsorted(attempts.learner, LEARNERS))
    parameters, success, _ = fit_success(attempts.take(slice(0, first)), catalogue, np.random.default_rng(0))
    others = attempts.take(slice(first, len(attempts)))
    others = replace(others, learner=others.learner - LEARNERS)
    rows = forecast_rows(
        others,
        parameters,
        met=EasinessMet.by(parameters, others.resource),
        chosen=np.ones(len(others), dtype=bool),
        share=0.5,
        rng=np.random.default_rng(1),
    )
    rows = on_another_occasion(rows)
    chance = foreseen(rows, success.forecast)
    surprise = others.score[rows.attempt] - chance
    for state, some in _states(rows, chance).items():
        error = surprise[some].std() / np.sqrt(len(np.unique(rows.attempt[some])))
        assert abs(surprise[some].mean()) < 0.01 + 1.64 * error, state
        assert error < 0.01, state
