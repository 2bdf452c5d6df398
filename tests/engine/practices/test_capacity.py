"""Places are drawn by need with the probabilities that are logged, and never more than there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from segue.engine.practices.capacity import draw_places, enumerated, inclusion_probabilities


@given(
    need=st.lists(st.floats(0, 1e6), min_size=1, max_size=40),
    places=st.integers(0, 45),
)
def test_probabilities_fill_the_places_and_nobody_is_certain(need: list[float], places: int) -> None:
    p = inclusion_probabilities(np.array(need), places)
    assert p.sum() == pytest.approx(min(places, len(need)), abs=1e-6)
    if 0 < places < len(need):
        assert ((p > 0.0) & (p < 1.0)).all()
        more = np.argsort(need, kind="stable")
        assert (np.diff(p[more]) >= -1e-9).all()


@pytest.mark.parametrize("n", [6, 9, 12])
def test_sets_enumerated_give_the_probabilities_back(n: int) -> None:
    need = np.random.default_rng(n).gamma(1.0, size=n)
    p = inclusion_probabilities(need, n // 3)
    sets = enumerated(p)
    assert sum(sets.values()) == pytest.approx(1.0, abs=1e-12)
    assert {len(who) for who in sets} == {n // 3}
    marginal = [sum(chance for who, chance in sets.items() if i in who) for i in range(n)]
    np.testing.assert_allclose(marginal, p, atol=1e-12)


@pytest.mark.parametrize("n", [6, 12])
def test_draws_come_up_as_often_as_said_and_keep_to_the_places(n: int) -> None:
    rng = np.random.default_rng(100 + n)
    p = inclusion_probabilities(rng.gamma(1.0, size=n), 4)
    draws = np.array([draw_places(p, rng) for _ in range(6_000)])
    assert (draws.sum(axis=1) == 4).all()
    counts = draws.sum(axis=0)
    # places are fixed, so counts are less spread than independent ones: chi-square is on the safe side
    statistic = ((counts - 6_000 * p) ** 2 / (6_000 * p * (1 - p))).sum()
    assert chi2.sf(statistic, n) > 1e-4


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: inclusion_probabilities(np.array([1.0, -1.0]), 1), "at least 0"),
        (lambda: inclusion_probabilities(np.array([1.0]), -1), "places must be at least 0"),
        (lambda: draw_places(np.array([0.5, 0.2]), np.random.default_rng(0)), "whole number of places"),
        (lambda: draw_places(np.array([1.5, 0.5]), np.random.default_rng(0)), r"in \[0, 1\]"),
        (lambda: enumerated(np.full(20, 0.5)), "too large to enumerate"),
    ],
)
def test_what_cannot_be_is_said(call: object, says: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=says):
        call()
