"""Reasons added up again agree with the engine on strained requests, and a reason that is off is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segue.engine.requests.request import Request
from segue.engine.sampling.playlists import Playlist
from segue.experiments.audit import score_recomputation as rescoring
from segue.experiments.audit import stress_cases as audits
from segue.experiments.audit.stress_cases import StressWorld

Lists = list[tuple[Request, Playlist]]


@pytest.fixture(scope="module")
def world() -> StressWorld:
    return audits.world(3)


@pytest.fixture(scope="module")
def lists(world: StressWorld) -> Lists:
    asked = audits.requests(np.random.default_rng(4), world, 200)
    rngs = [np.random.default_rng((4, i)) for i in range(len(asked))]
    return list(zip(asked, world.recommender.recommend_batch(asked, rngs=rngs), strict=True))


def test_reasons_of_all_kinds_of_requests_add_up(world: StressWorld, lists: Lists) -> None:
    assert [f for asked, made in lists for f in rescoring.faults(made, asked, world.recommender)] == []
    named = {name for _, made in lists for step in made.steps for name in step.reasons}
    assert {"goal", "mode", "pace", "learned", "diversity", "frontier"} <= named


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"zone": 1e-6}, "zone is"),
        ({"residual": 0.0}, "names"),
        ({"room": 0.5, "unlock": -0.5}, "room is"),
    ],
)
def test_a_reason_that_is_off_is_found(
    world: StressWorld, lists: Lists, change: dict[str, float], what: str
) -> None:
    asked, made = next((asked, made) for asked, made in lists if len(made.steps) > 1)
    step = made.steps[1]
    reasons = dict(step.reasons)
    for name, by in change.items():
        reasons[name] = reasons.get(name, 0.0) + by
    steps = (made.steps[0], replace(step, reasons=reasons), *made.steps[2:])
    found = rescoring.faults(replace(made, steps=steps), asked, world.recommender)
    assert any(what in fault and "step 2" in fault for fault in found)
