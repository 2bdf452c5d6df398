"""Each rule withholds what it says, and modes, dials and goals move what they are meant to move."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from segue.engine.policies import Greedy
from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Dials, Goal, Place, Request
from segue.engine.rules.rule_book import RULES, growing
from segue.engine.rules.sequence_rules import STEP_RULES
from segue.engine.sampling.playlists import Playlist
from segue.features.catalogue import Catalogue, Resource
from segue.features.history.streaming_update import Attempt, LearnerState, update

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)


def resources() -> list[Resource]:
    tomorrow = pd.Timestamp(NOW) + pd.Timedelta(days=1)
    return [
        Resource("plain", skills=("a",)),
        Resource("german", skills=("a",), language="de"),
        Resource("online", skills=("a",), offline=False),
        Resource("later", skills=("a",), available_from=tomorrow),
        Resource("over", skills=("a",), available_until=pd.Timestamp(NOW)),
        Resource("young", skills=("a",), grade_band="K-2"),
        Resource("game", skills=("b",), kind="game"),
        Resource("poster", skills=("b",), kind="project", product="poster"),
        Resource("long", skills=("b",), minutes=90.0),
        Resource("hard", skills=("c",)),
        Resource("sport", skills=("d",), tags=("sport",)),
    ]


@pytest.fixture(scope="module")
def made() -> Recommender:
    catalogue = Catalogue.build(resources(), prerequisites=[("a", "b"), ("b", "c")])
    return fit(catalogue, pd.DataFrame(), rng=np.random.default_rng(0), now=NOW, policy=Greedy())


def state_of(made: Recommender, attempts: list[tuple[str, float, float]]) -> LearnerState:
    """Return a state after attempts (resource, score, days ago)."""
    state = LearnerState.fresh(made.catalogue)
    for i, (resource, score, days) in enumerate(attempts):
        code, time = made.catalogue.resource_index[resource], NOW.timestamp() - 86400 * days
        update(state, Attempt(code, score, time, i), made.kernel.parameters)
    return state


def names(playlist: Playlist) -> set[str]:
    return {step.resource for step in playlist.steps}


def ask(made: Recommender, request: Request) -> Playlist:
    return made.recommend(request, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("request_", "resource", "rule"),
    [
        (Request("u", NOW, place=Place(language="en")), "german", "language"),
        (Request("u", NOW, place=Place(offline=True)), "online", "device"),
        (Request("u", NOW), "later", "available"),
        (Request("u", NOW), "over", "available"),
        (Request("u", NOW, place=Place(grade_band="6-8")), "young", "grade band"),
        (Request("u", NOW, place=Place(kinds=("game",))), "plain", "manner"),
        (Request("u", NOW, place=Place(product="poster")), "poster", ""),
        (Request("u", NOW, excluded=("plain",)), "plain", "excluded"),
        (Request("u", NOW, candidates=("game",)), "plain", "offered"),
        (Request("u", NOW, minutes=30.0, k=1), "long", "minutes"),
        (Request("u", NOW, mode="review"), "plain", "mode"),
    ],
)
def test_a_rule_withholds_and_says_so(made: Recommender, request_: Request, resource: str, rule: str) -> None:
    why = made.why_not(request_, resource)
    assert (rule in why.rules) if rule else (why.rules == ())
    if rule:
        assert resource not in names(ask(made, request_))
        sentences = {r.name: r.sentence for r in RULES}
        assert why.sentence.lower().startswith(sentences[why.rules[0]][:10].lower())


def test_prerequisites_repeat_and_mastery(made: Recommender) -> None:
    weak = Request("u", NOW, state=state_of(made, [("plain", 0.0, 5.0)] * 6 + [("game", 0.0, 5.0)] * 6))
    assert "prerequisites" in made.why_not(weak, "hard").rules
    fresh = Request("u", NOW, state=state_of(made, [("plain", 1.0, 0.5)]))
    assert made.why_not(fresh, "plain").rules == ("repeat spacing",)
    strong = Request("u", NOW, state=state_of(made, [("plain", 1.0, 3.0)] * 12))
    assert "mastered" in made.why_not(strong, "online").rules
    rusty = replace(strong, now=NOW + timedelta(days=120))
    assert "mastered" not in made.why_not(rusty, "online").rules


def test_intervening_stays_with_what_was_hard(made: Recommender) -> None:
    state = state_of(made, [("sport", 1.0, 9.0), ("game", 0.0, 3.0), ("game", 0.0, 2.5)])
    playlist = ask(made, Request("u", NOW, state=state, mode="intervene", k=3))
    skills = {k for name in names(playlist) for k in made.catalogue.resources[_at(made, name)].skills}
    assert skills <= {"a", "b"}
    assert len(playlist.steps) == 3


def test_intervening_explains_and_asks_for_a_person_when_tries_do_not_help(made: Recommender) -> None:
    tried = [("game", 0.0, 9.0 - i) for i in range(5)]
    stuck = ask(made, Request("u", NOW, state=state_of(made, tried), mode="intervene", k=2))
    assert "a person should" in stuck.notes[-1]
    once = ask(made, Request("u", NOW, state=state_of(made, tried[:1]), mode="intervene", k=2))
    assert not any("person" in note for note in once.notes)


def _at(made: Recommender, name: str) -> int:
    return made.catalogue.resource_index[name]


def test_reviewing_brings_only_what_was_practised(made: Recommender) -> None:
    state = state_of(made, [("sport", 1.0, 9.0)])
    assert names(ask(made, Request("u", NOW, state=state, mode="review"))) == {"sport"}


def test_a_goal_comes_first_with_what_it_builds_on(made: Recommender) -> None:
    request = Request("u", NOW, k=1, goal=Goal(("d",), due=NOW + timedelta(days=1)))
    assert names(ask(made, request)) == {"sport"}
    towards = ask(made, Request("u", NOW, k=1, goal=Goal(("b",))))
    assert towards.steps[0].context["goal"] == 1.0


def test_the_match_dial_weighs_interests(made: Recommender) -> None:
    request = Request("u", NOW, k=1, interests=("sport",), candidates=("plain",))
    keen, cool = (
        ask(made, replace(request, dials=Dials(match=match))).steps[0].reasons["interest"]
        for match in (1.0, -1.0)
    )
    assert keen == pytest.approx(2.5**2 * cool)
    assert cool < 0


def test_the_pace_dial_prefers_new_ground_or_known(made: Recommender) -> None:
    state = state_of(made, [("sport", 0.5, 9.0)])
    quick = Request("u", NOW, state=state, dials=Dials(pace=1.0))
    slow = replace(quick, dials=Dials(pace=-1.0))
    points = [made.why_not(request, "sport").points for request in (quick, slow)]
    assert points[0] is not None
    assert points[1] is not None
    assert points[0]["pace"] > 0 >= points[1]["pace"]


def test_autonomy_offers_menus(made: Recommender) -> None:
    playlist = ask(made, Request("u", NOW, k=2, dials=Dials(autonomy=1.0)))
    assert [len(step.menu) for step in playlist.steps] == [3, 3]


def test_a_grade_floor_lets_every_second_step_lie_below(made: Recommender) -> None:
    pool = [Resource(f"low{i}", skills=(f"x{i}",), grade_band="3-4") for i in range(5)]
    pool += [Resource(f"high{i}", skills=(f"y{i}",), grade_band="6-8") for i in range(5)]
    plain = fit(Catalogue.build(pool), pd.DataFrame(), rng=np.random.default_rng(0), now=NOW)
    request = Request("u", NOW, k=8, place=Place(grade_floor=6.0))
    for seed in range(20):
        steps = plain.recommend(request, rng=np.random.default_rng(seed)).steps
        below = np.cumsum([step.resource.startswith("low") for step in steps])
        assert (2 * below <= np.arange(1, len(steps) + 1)).all()


def test_variety_holds_until_it_must_give_way() -> None:
    pool = [Resource(f"a{i}", skills=("a",)) for i in range(6)] + [Resource("b0", skills=("b",))]
    plain = fit(Catalogue.build(pool), pd.DataFrame(), rng=np.random.default_rng(0), now=NOW)
    steps = plain.recommend(Request("u", NOW, k=6), rng=np.random.default_rng(0)).steps
    assert [step.resource for step in steps[:4]].count("b0") == 1
    assert "variety of skills" in steps[4].relaxed
    certificate = plain.recommend(Request("u", NOW, k=6), rng=np.random.default_rng(0)).certificate
    assert certificate["variety of skills"] == "relaxed at step 5, 6"
    assert certificate["minutes"] == "held"


def test_missing_points_sum_to_the_gap(made: Recommender) -> None:
    request = Request("u", NOW, interests=("sport",))
    for resource in ("plain", "game", "sport"):
        why = made.why_not(request, resource)
        assert why.points is not None
        assert sum(why.points.values()) == pytest.approx(why.missing, abs=1e-9)
    assert made.why_not(request, "sport").missing <= made.why_not(request, "game").missing


def test_explanations_are_made_of_the_numbers(made: Recommender) -> None:
    state = state_of(made, [("plain", 1.0, 9.0), ("online", 0.0, 8.0), ("plain", 1.0, 7.0)])
    request = Request("u", NOW, state=state, candidates=("plain", "online"), k=1, interests=("sport",))
    step = ask(made, request).steps[0]
    words = made.explain(step, request)
    assert "You were right 2 of 3 times on a." in words.student
    assert f"chance of success {step.context['success']:.0%}" in words.teacher
    assert "after 3 tries" in words.teacher
    new = Request("u", NOW, candidates=("sport",), k=1, interests=("sport",))
    words = made.explain(ask(made, new).steps[0], new)
    assert "This is new for you" in words.student
    assert "sport, which you like" in words.student


@pytest.mark.parametrize("seed", range(8))
def test_a_rule_that_is_not_asked_would_withhold_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    skills = [tuple(rng.choice(list("abc"), size=rng.integers(1, 3), replace=False)) for _ in range(12)]
    pool = [Resource(f"r{i}", skills=s, kind=("game", "lesson")[i % 4 == 0]) for i, s in enumerate(skills)]
    plain = fit(Catalogue.build(pool), pd.DataFrame(), rng=np.random.default_rng(0), now=NOW)
    minutes = 30.0 if seed % 2 else None
    scene = plain.kernel.scene(plain.asked((Request("u", NOW, k=8, minutes=minutes),) * 2))
    asked, all_asked = (growing(scene, np.ones(scene.shape, dtype=np.bool_)) for _ in range(2))
    for _ in range(8):
        for rule in STEP_RULES:
            mask = rule.mask(all_asked)
            if rule in asked.awake():
                assert np.array_equal(rule.mask(asked), mask)
            else:
                assert mask is None or mask.all()
        given = rng.integers(12, size=2)
        for progress in (asked, all_asked):
            progress.close(given, np.full(2, 5.0), given=np.ones(2, dtype=np.bool_))
