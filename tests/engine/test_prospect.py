"""The worth of practice now: a network over columns of skills, and how it is made."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from segue.engine.scoring.prospect import FILE, prospect_network
from segue.experiments.simulation.prospect_training import (
    COLUMNS,
    Lists,
    train,
    varied,
    written,
)
from segue.experiments.simulation.student_models import MODELS
from segue.features.contexts.context_columns import LEVEL, Level

RNG = np.random.default_rng(20)
SEEN = {name: RNG.random((5, 7)) for name in COLUMNS} | {"breadth": RNG.random((1, 7))}


def test_it_is_the_formula() -> None:
    network = prospect_network()
    x = np.stack([np.broadcast_to(SEEN[name], (5, 7)) for name in network.columns])
    units = np.maximum(np.tensordot(network.hidden, x, 1) + network.bias[:, None, None], 0.0)
    expected = np.minimum(np.tensordot(network.outer, units, 1) - network.highest, 0.0)
    assert network(SEEN) == pytest.approx(expected, abs=1e-12)
    assert expected.std() > 0.05


def test_a_learner_gets_the_same_bits_in_any_block() -> None:
    network = prospect_network()
    whole = network(SEEN)
    for b in range(5):
        for g in range(7):
            one = {name: values[min(b, len(values) - 1), g].reshape(1, 1) for name, values in SEEN.items()}
            assert_array_equal(network(one), whole[b : b + 1, g : g + 1])


def test_it_reads_what_is_known_of_skills_and_nothing_else() -> None:
    assert {LEVEL[name] for name in prospect_network().columns} == {Level.SKILLS}
    assert not {"goal", "goal_due"} & set(prospect_network().columns)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_training_finds_which_column_pays(sign: float) -> None:
    rng = np.random.default_rng(3)
    terms = [_lists(rng, sign) for _ in range(8)]
    network = train(terms, rng=rng, steps=150)
    fresh = _lists(rng, sign)
    value = network({name: fresh.columns[..., i] for i, name in enumerate(COLUMNS)})
    best = np.argmax(value, axis=1)
    reached = np.take_along_axis(fresh.worth, best[:, None], 1).mean()
    assert reached > 0.8 * fresh.worth.max(axis=1).mean() + 0.2 * fresh.worth.mean()


def test_the_file_is_what_training_writes() -> None:
    assert written(prospect_network()) == (files("segue.engine.scoring") / FILE).read_text("utf-8")


def test_models_vary_and_stay_models() -> None:
    for model in MODELS:
        if model.name == "mixed":
            continue
        other = varied(model, np.random.default_rng(1))
        assert other.name == model.name
        assert type(other.knowledge) is type(model.knowledge)
        assert other.knowledge != model.knowledge


def _lists(rng: np.random.Generator, sign: float) -> Lists:
    columns = rng.random((60, 20, len(COLUMNS)))
    return Lists(columns, 0.1 * rng.normal(size=(60, 20)), sign * columns[..., COLUMNS.index("lag")])
