"""Infeasible requests name the smallest set of rules in conflict, found again here by brute force."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segue.engine.recommender import fit
from segue.engine.requests.request import Place, Request
from segue.engine.rules.relaxation import smallest_conflict
from segue.engine.rules.rule_book import RULES
from segue.engine.sampling.playlists import Playlist
from segue.experiments.audit import stress_cases as audits
from segue.experiments.audit.playlist_checker import FIRM, ORDER, Checker, KnownLearner, _Reading
from segue.experiments.audit.stress_cases import NOW, StressWorld
from segue.features.catalogue import Catalogue, Resource
from segue.features.history.learner_state import LearnerState

NAMES = [rule.name for rule in RULES if rule.name != "offered"]


@pytest.fixture(scope="module")
def world() -> StressWorld:
    return audits.world(4, n=60)


def brute_force(names: list[str], broken: list[set[str]]) -> tuple[str, ...]:
    """The first set, by size and then by order, of which every candidate breaks a rule."""
    if not broken or set() in broken:
        return ()
    kinds = {frozenset(rules) for rules in broken}
    least = [
        rules for rules in kinds if not any(other < rules for other in kinds)
    ]  # who meets these meets all
    sets = (chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size))
    return next((chosen for chosen in sets if not any(rules.isdisjoint(chosen) for rules in least)), ())


def reading(world: StressWorld, request: Request) -> _Reading:
    checker = Checker(world.catalogue, world.recommender.kernel.settings.limits)
    return _Reading(checker, request, KnownLearner.of(world.recommender.kernel, request))


def expected(world: StressWorld, request: Request, playlist: Playlist) -> list[tuple[str, ...]]:
    """Each step's conflict where rules gave way for it, and at last that of a list that ends early."""
    seen, out = reading(world, request), []
    for step in (*playlist.steps, *[None][: len(playlist.steps) < request.k]):
        if step is not None and not step.relaxed:
            seen._take(step)
            out.append(())
            continue
        offered = [seen.resources[name] for name in seen.offered]
        free = [r for r in offered if r.resource_id not in seen.so_far.used]
        rules = NAMES
        if step is None:
            rules = [name for name in NAMES if name in FIRM or (name in ORDER[5:] and not request.fill)]
        broken = [set(seen.broken(resource, (*FIRM, *ORDER))) for resource in free]
        out.append(brute_force(rules, broken))
        if step is not None:
            seen._take(step)
    return out


def draw(world: StressWorld, request: Request, seed: int = 0) -> Playlist:
    return world.recommender.recommend(request, rng=np.random.default_rng(seed))


PLANTED = {
    "one rule": (Request("a", NOW, minutes=1.0), ("minutes",)),
    "the earlier of two": (Request("a", NOW, minutes=1.0, place=Place(grade_band="13")), ("grade band",)),
    "another language": (Request("a", NOW, place=Place(language="en"), candidates=("es",)), ("language",)),
    "two together": (
        Request("a", NOW, place=Place(language="en"), candidates=("es", "long"), minutes=10.0),
        ("language", "minutes"),
    ),
    "all was taken out": (Request("a", NOW, candidates=("es",), excluded=("es",)), ("excluded",)),
    "closed": (Request("a", NOW + timedelta(days=9), candidates=("closed",)), ("available",)),
    "offline": (Request("a", NOW, candidates=("online",), place=Place(offline=True)), ("device",)),
    "not ready": (Request("a", NOW, candidates=("later",)), ("prerequisites",)),
    "nothing practised": (Request("a", NOW, mode="review"), ("mode",)),
    "no such kind": (Request("a", NOW, place=Place(kinds=("poem",))), ("manner",)),
    "three together": (
        Request(
            "a",
            NOW,
            candidates=("es", "long", "online"),
            place=Place(language="en", offline=True),
            minutes=10.0,
        ),
        ("language", "device", "minutes"),
    ),
}


@pytest.fixture(scope="module")
def small() -> StressWorld:
    """A world with resources that fail for one reason each."""
    made = Catalogue.build(
        [
            Resource("es", skills=("a",), language="es", grade_band="6"),
            Resource("long", skills=("a",), language="en", minutes=30.0, grade_band="6"),
            Resource("closed", skills=("a",), available_until=pd.Timestamp(NOW), grade_band="6"),
            Resource("online", skills=("a",), offline=False, grade_band="6"),
            Resource("later", skills=("z",), grade_band="6", difficulty=5.0),
        ],
        prerequisites=[("y", "z")],
    )
    recommender = fit(made, pd.DataFrame(), rng=np.random.default_rng(5), now=NOW)
    limits = replace(recommender.kernel.settings.limits, ready=0.9)
    settings = replace(recommender.kernel.settings, limits=limits)
    recommender = replace(recommender, kernel=replace(recommender.kernel, settings=settings))
    return StressWorld(recommender, (LearnerState.fresh(made),))


@pytest.mark.parametrize(("request_", "conflict"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_infeasible_request_names_its_conflict(
    small: StressWorld, request_: Request, conflict: tuple[str, ...]
) -> None:
    playlist = draw(small, request_)
    assert len(playlist.steps) == 0
    assert playlist.conflict == conflict
    assert " and ".join(conflict) in playlist.notes[0]


def test_a_full_list_goes_on_and_names_the_conflict_at_the_step(small: StressWorld) -> None:
    request = Request("a", NOW, k=2, fill=True, candidates=("es", "long"), minutes=10.0)
    playlist = draw(small, request)
    assert len(playlist.steps) == 2
    assert [step.conflict for step in playlist.steps] == expected(small, request, playlist)[:2]


def test_every_conflict_is_the_smallest_given_the_steps_before(world: StressWorld) -> None:
    requests = audits.requests(np.random.default_rng(6), world, 200)
    rngs = [np.random.default_rng((6, i)) for i in range(200)]
    found = 0
    for request, playlist in zip(
        requests, world.recommender.recommend_batch(requests, rngs=rngs), strict=True
    ):
        wanted = expected(world, request, playlist)
        for step, conflict in zip(playlist.steps, wanted, strict=False):
            if step.override is None:
                assert step.conflict == conflict
                found += bool(step.conflict)
        if len(playlist.steps) < request.k:
            assert playlist.conflict == wanted[-1]
            found += 1
    assert found > 100


@given(held=arrays(bool, (5, 7)), free=arrays(bool, 7))
def test_the_smallest_conflict_is_that_of_brute_force(held: np.ndarray, free: np.ndarray) -> None:
    names = list("abcde")
    broken = [{n for n, ok in zip(names, held[:, j], strict=True) if not ok} for j in np.flatnonzero(free)]
    assert smallest_conflict(list(zip(names, held, strict=True)), free) == brute_force(names, broken)


@given(st.integers(1, 16))
def test_a_conflict_of_all_rules_is_found(n: int) -> None:
    masks = [(str(i), np.arange(n) != i) for i in range(n)]
    assert smallest_conflict(masks, np.ones(n, dtype=bool)) == tuple(str(i) for i in range(n))
