"""Interests: what views reveal, and that no choice knows a later view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segue.features.vectors.interests import (
    NAMES,
    Shelf,
    ViewChoice,
    ViewCrowd,
    Views,
    choices,
    match,
    reveal,
)


@pytest.fixture(name="shelf")
def shelf_of_twelve() -> Shelf:
    rng = np.random.default_rng(0)
    tags = np.sort(rng.integers(-1, 6, (12, 3)), axis=1)
    tags[:, 1:][tags[:, 1:] == tags[:, :-1]] = -1
    return Shelf(tags, 6, np.where(np.arange(12) < 9, -np.inf, 50.0))


@pytest.fixture(name="views")
def random_views() -> Views:
    rng = np.random.default_rng(1)
    return Views.sorted(rng.integers(0, 5, 120), rng.integers(0, 9, 120), rng.uniform(0, 100, 120))


def test_a_view_counts_half_of_the_next() -> None:
    revealed = np.zeros(3)
    for tags in ([0, -1], [1, 2], [0, 1]):
        reveal(revealed, np.array(tags))
    np.testing.assert_allclose(revealed, [1.25, 1.5, 0.5])


def test_match_is_the_cosine() -> None:
    rng = np.random.default_rng(2)
    interests, tags = rng.random((4, 6)), np.array([[0, 3, -1], [5, -1, -1], [-1, -1, -1]])
    dense = np.zeros((3, 6))
    for item, row in enumerate(tags):
        dense[item, row[row >= 0]] = 1.0
    norms = np.linalg.norm(interests, axis=1)[:, None] * np.maximum(np.linalg.norm(dense, axis=1), 1e-300)
    np.testing.assert_allclose(match(interests, tags), interests @ dense.T / norms, atol=1e-12)
    assert match(np.zeros((1, 6)), tags).tolist() == [[0.0, 0.0, 0.0]]


def test_candidates_are_on_offer_and_not_seen(shelf: Shelf, views: Views) -> None:
    seen: dict[int, set[int]] = {}
    made = iter(choices(views, shelf, start=20.0))
    for learner, item, time in zip(views.learner, views.item, views.time, strict=True):
        earlier = seen.setdefault(int(learner), set())
        if time >= 20.0 and earlier and int(item) not in earlier:
            choice = next(made)
            offered = [i for i in range(12) if i not in earlier and shelf.created[i] <= time]
            assert choice.numbers.shape == (len(offered), len(NAMES))
            assert offered[choice.chosen] == item
        earlier.add(int(item))
    with pytest.raises(StopIteration):
        next(made)


def test_no_choice_knows_a_later_view(shelf: Shelf, views: Views) -> None:
    late = views.time > 60.0
    other = replace(views, item=np.where(late, (views.item + 1) % 9, views.item))

    def until(v: Views) -> list[ViewChoice]:
        return list(choices(v, shelf, start=10.0, end=60.0))

    for a, b in zip(until(views), until(other), strict=True):
        np.testing.assert_array_equal(a.numbers, b.numbers)
        assert a.chosen == b.chosen


def test_recent_views_fade_and_moves_are_shrunk() -> None:
    crowd = ViewCrowd.nobody(3)
    crowd.at(0.0)
    crowd.record(0, None, first=True)
    crowd.record(1, 0, first=True)
    crowd.at(30 * 86400.0)
    np.testing.assert_allclose(crowd.lately, [np.exp(-1), np.exp(-1), 0.0])
    np.testing.assert_allclose(crowd.onward(0), [0.0, 1 / 3, 0.0])
    np.testing.assert_array_equal(crowd.onward(2), np.zeros(3))
