"""The worth of practice now: a network over columns of skills, and how it is made."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from benchmarks.prospect_training import (
    COLUMNS,
    Lists,
    train,
    varied,
    written,
)
from segue.engine.scoring.prospect import FARTHEST, FILE, SPREAD, from_usual, prospect_network
from segue.experiments.simulation.student_models import MODELS
from segue.features.catalogue import Floats
from segue.features.contexts.context_columns import LEVEL, Level
from segue.models.next_answers import USUAL, NextAnswers

RNG = np.random.default_rng(20)
SEEN = {name: RNG.random((5, 7)) for name in COLUMNS} | {"breadth": RNG.random((1, 7))}


def test_it_is_the_formula() -> None:
    network = prospect_network()
    x = np.stack([np.broadcast_to(SEEN[name], (5, 7)) for name in network.columns])
    units = np.maximum(np.tensordot(network.hidden, x, 1) + network.bias[:, None, None], 0.0)
    expected = np.minimum(np.tensordot(network.outer, units, 1) - network.highest, 0.0)
    assert network.log_factor(SEEN) == pytest.approx(expected, abs=1e-12)
    assert expected.std() > 0.05


def test_a_learner_gets_the_same_bits_in_any_block() -> None:
    network = prospect_network()
    whole = network.log_factor(SEEN)
    for b in range(5):
        for g in range(7):
            one = {name: values[min(b, len(values) - 1), g].reshape(1, 1) for name, values in SEEN.items()}
            assert_array_equal(network.log_factor(one), whole[b : b + 1, g : g + 1])


def test_it_reads_what_is_known_of_skills_and_nothing_else() -> None:
    assert {LEVEL[name] for name in prospect_network().columns} == {Level.SKILLS}
    assert not {"goal", "goal_due"} & set(prospect_network().columns)


def test_classes_that_learn_otherwise_have_other_prospects() -> None:
    usual, forgetful = prospect_network(), USUAL._replace(lost_after_right=0.2, after_wrong=0.7)
    assert_array_equal(usual.of_class(USUAL).log_factor(SEEN), usual.log_factor(SEEN))
    gap = usual.of_class(forgetful).log_factor(SEEN) - usual.log_factor(SEEN)
    assert (gap - gap.mean(axis=1, keepdims=True)).std() > 0.01  # the order of candidates changes
    far = NextAnswers(*(np.array(USUAL) + 50.0 * np.array(SPREAD)))
    assert_array_equal(from_usual(far), np.full(len(USUAL), FARTHEST))


def test_training_finds_what_pays_in_which_class() -> None:
    rng = np.random.default_rng(4)
    network = train(
        [_lists(rng, sign, learns=sign) for sign in (1.0, -1.0) for _ in range(4)], rng=rng, steps=300
    )
    for sign in (1.0, -1.0):
        fresh, answers = _lists(rng, sign), USUAL._replace(after_wrong=USUAL.after_wrong + sign * SPREAD[0])
        columns = {name: fresh.columns[..., i] for i, name in enumerate(COLUMNS)}
        assert _reached(network.of_class(answers).log_factor(columns), fresh) > 0.8


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_training_finds_which_column_pays(sign: float) -> None:
    rng = np.random.default_rng(3)
    terms = [_lists(rng, sign) for _ in range(8)]
    network = train(terms, rng=rng, steps=150)
    fresh = _lists(rng, sign)
    value = network.log_factor({name: fresh.columns[..., i] for i, name in enumerate(COLUMNS)})
    assert _reached(value, fresh) > 0.8


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


def _lists(rng: np.random.Generator, sign: float, *, learns: float = 0.0) -> Lists:
    """Return lists in which a long (or, by `sign`, a short) lag pays, of a class that `learns` otherwise."""
    columns, answers = rng.random((60, 20, len(COLUMNS))), np.zeros((60, len(USUAL)))
    answers[:, 0] = learns
    worth = sign * columns[..., COLUMNS.index("lag")]
    return Lists(columns, answers, 0.1 * rng.normal(size=(60, 20)), worth)


def _reached(value: Floats, lists: Lists) -> float:
    """Return the share of the way from the mean worth to the best that the highest values reach."""
    best = np.take_along_axis(lists.worth, np.argmax(value, axis=1)[:, None], 1).mean()
    low, high = lists.worth.mean(), lists.worth.max(axis=1).mean()
    return float((best - low) / (high - low))
