"""Which resource teaches, in a workspace: what comes in by and by counts as what was there from the start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from typer.testing import CliRunner

from segue.cli.main import app
from segue.engine.training.resource_effects import attempt_effects
from segue.models.resource_effects import EffectSums
from segue.workspace.privacy.learner_rights import erase
from segue.workspace.records.events import read_events
from segue.workspace.records.taught_effects import by_arrival, count_anew

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
School = Any  # the class in conftest.py


def difference(one: EffectSums, two: EffectSums) -> float:
    return max(
        float(np.abs(a - b).max())
        for a, b in zip(one.to_arrays().values(), two.to_arrays().values(), strict=True)
    )


def whole(school: School) -> EffectSums:
    with school.space.store.read() as connection:
        _, fitted = school.space.fitted(connection)
        return attempt_effects(fitted.kernel, read_events(connection), halves=by_arrival)


def live(school: School) -> EffectSums:
    with school.space.store.read() as connection:
        sums = school.space.champion(connection).recommender.kernel.effects
    assert sums is not None
    return sums


def test_what_is_learned_by_and_by_is_what_a_fit_on_all_of_it_finds(school: School) -> None:
    assert difference(live(school), whole(school)) < 1e-9  # the fit itself
    events = school.study()
    school.space.learn(now=MONDAY + timedelta(days=7))
    assert live(school).count.sum() > 0
    assert difference(live(school), whole(school)) < 1e-8
    last = events[events["kind"] == "attempt"].iloc[-1:]
    school.space.add_events(
        last.assign(event_id="regrade", supersedes=last["event_id"], score=1 - last["score"])
    )
    school.space.learn(now=MONDAY + timedelta(days=8))
    assert difference(live(school), whole(school)) < 1e-8
    before = live(school)
    with school.space.store.write() as connection:
        count_anew(connection, *school.space.fitted(connection))
    assert difference(live(school), before) < 1e-8


def test_a_teacher_sees_what_each_resource_teaches(school: School) -> None:
    table = school.space.resources_taught()
    assert len(table) == len(school.space.catalogue().resources)
    assert table["effect"].is_monotonic_decreasing
    assert (table["low"] <= table["effect"]).all()
    told = table[table["verdict"] != "cannot be told yet"]
    assert ((told["low"] > 0) | (told["high"] < 0)).all()


def test_the_command_shows_the_table(school: School) -> None:
    school.space.close()
    done = CliRunner().invoke(app, ["resources", str(school.space.path)], env={"SEGUE_KEY": "11" * 32})
    assert done.exit_code == 0, done.output
    assert "can be told from others of their skills" in done.output


def test_an_erased_learner_leaves_no_trace_in_the_effects(school: School) -> None:
    erase(school.space, school.roster[0], now=MONDAY)
    assert difference(live(school), whole(school)) < 1e-8
