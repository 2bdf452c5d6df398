"""2,000 strained playlists keep their word, and a playlist that does not is caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from segue.engine.requests.request import Place, Request
from segue.engine.rules.base import FILL, NEVER
from segue.engine.rules.rule_book import RULES
from segue.engine.sampling.playlists import Playlist
from segue.experiments.audit import stress_cases as audits
from segue.experiments.audit.playlist_checker import (
    FIRM,
    FOR_A_FULL_LIST,
    HOLDS,
    ORDER,
    Checker,
    KnownLearner,
)
from segue.experiments.audit.stress_cases import NOW, StressWorld


@dataclass(frozen=True)
class Audit:
    world: StressWorld
    checker: Checker
    requests: list[Request]
    playlists: list[Playlist]

    def complaints(self, i: int, playlist: Playlist | None = None) -> tuple[str, ...]:
        request = self.requests[i]
        known = KnownLearner.of(self.world.recommender.kernel, request)
        return self.checker.check(playlist or self.playlists[i], request, known)

    def find(self, wanted: Callable[[Request, Playlist], bool]) -> int:
        pairs = zip(self.requests, self.playlists, strict=True)
        return next(i for i, (request, playlist) in enumerate(pairs) if wanted(request, playlist))


@pytest.fixture(scope="module")
def audit() -> Audit:
    world = audits.world(3)
    requests = audits.requests(np.random.default_rng(3), world, 1000)
    rngs = [np.random.default_rng((3, i)) for i in range(1000)]
    playlists = world.recommender.recommend_batch(requests, rngs=rngs)
    limits = world.recommender.kernel.settings.limits
    return Audit(world, Checker(world.catalogue, limits), requests, playlists)


def test_every_rule_is_written_a_second_time_and_gives_way_alike() -> None:
    ranks = {rule.name: rule.relaxed for rule in RULES}
    assert set(HOLDS) == set(ranks)
    assert {name for name, rank in ranks.items() if rank == NEVER} == set(FIRM)
    assert {name for name, rank in ranks.items() if FILL <= rank < NEVER} == set(FOR_A_FULL_LIST)
    assert sorted(ORDER, key=ranks.__getitem__) == list(ORDER)


def test_a_thousand_playlists_keep_their_word(audit: Audit) -> None:
    wrong = {i: found for i in range(1000) if (found := audit.complaints(i))}
    assert not wrong


def test_the_audit_strains_every_rule(audit: Audit) -> None:
    relaxed = {name for playlist in audit.playlists for step in playlist.steps for name in step.relaxed}
    assert relaxed >= set(ORDER)
    assert sum(len(p.steps) < r.k for p, r in zip(audit.playlists, audit.requests, strict=True)) > 100
    assert any(len(step.menu) > 1 for playlist in audit.playlists for step in playlist.steps)


def plain(request: Request, playlist: Playlist) -> bool:
    return len(playlist.steps) >= 4 and not request.pins and all(not s.relaxed for s in playlist.steps)


def test_a_repeated_step_is_caught(audit: Audit) -> None:
    i = audit.find(plain)
    first, second, *rest = audit.playlists[i].steps
    again = replace(audit.playlists[i], steps=(first, replace(second, resource=first.resource), *rest))
    assert any("was given before" in what for what in audit.complaints(i, again))


def test_a_forbidden_step_is_caught(audit: Audit) -> None:
    def excluding(request: Request, playlist: Playlist) -> bool:
        return bool(request.excluded) and plain(request, playlist)

    i = audit.find(excluding)
    first, *rest = audit.playlists[i].steps
    wrong = replace(first, resource=audit.requests[i].excluded[0])
    found = audit.complaints(i, replace(audit.playlists[i], steps=(wrong, *rest)))
    assert any("breaks" in what and "excluded" in what for what in found)


def test_a_list_over_its_minutes_is_caught(audit: Audit) -> None:
    def timed(request: Request, playlist: Playlist) -> bool:
        return request.minutes is not None and plain(request, playlist)

    i = audit.find(timed)
    request = replace(audit.requests[i], minutes=1.0)
    known = KnownLearner.of(audit.world.recommender.kernel, request)
    found = audit.checker.check(audit.playlists[i], request, known)
    assert any("breaks" in what and "minutes" in what for what in found)


def test_a_rule_that_gave_way_in_silence_is_caught(audit: Audit) -> None:
    i = audit.find(lambda r, p: any(s.relaxed for s in p.steps) and not r.pins)
    silent = tuple(replace(step, relaxed=()) for step in audit.playlists[i].steps)
    found = audit.complaints(i, replace(audit.playlists[i], steps=silent))
    assert any("breaks" in what for what in found)
    assert any("certificate" in what for what in found)


def test_a_rule_that_gave_way_without_need_is_caught(audit: Audit) -> None:
    i = audit.find(plain)
    first, *rest = audit.playlists[i].steps
    lax = replace(audit.playlists[i], steps=(replace(first, relaxed=("mastered",)), *rest))
    assert any("mastered need not give way" in what for what in audit.complaints(i, lax))


def test_a_list_cut_short_is_caught(audit: Audit) -> None:
    i = audit.find(plain)
    short = replace(audit.playlists[i], steps=tuple(audit.playlists[i].steps)[:-1])
    assert any("was possible" in what for what in audit.complaints(i, short))


def test_a_wrong_joint_propensity_is_caught(audit: Audit) -> None:
    i = audit.find(plain)
    first, *rest = audit.playlists[i].steps
    wrong = replace(audit.playlists[i], steps=(replace(first, joint_propensity=0.5), *rest))
    assert any("joint propensity" in what for what in audit.complaints(i, wrong))


def test_a_pin_out_of_place_is_caught(audit: Audit) -> None:
    i = audit.find(lambda r, p: len(r.pins) == 2 and len(p.steps) >= 2 and r.menu == 1)
    first, second, *rest = audit.playlists[i].steps
    swapped = (replace(second, position=0), replace(first, position=1), *rest)
    assert any("pin" in what for what in audit.complaints(i, replace(audit.playlists[i], steps=swapped)))


def test_a_playlist_is_the_same_alone_and_in_a_batch(audit: Audit) -> None:
    for i in range(0, 1000, 20):
        alone = audit.world.recommender.recommend(audit.requests[i], rng=np.random.default_rng((3, i)))
        assert alone == audit.playlists[i]


def test_the_checker_agrees_with_a_request_of_no_wishes(audit: Audit) -> None:
    request = Request("x", NOW, k=3, place=Place())
    playlist = audit.world.recommender.recommend(request, rng=np.random.default_rng(0))
    assert not audit.checker.check(
        playlist, request, KnownLearner.of(audit.world.recommender.kernel, request)
    )
