"""Every lever moves: what a person or a program can say, where it is said, what must change, what must not.

A lever that is not in the table fails, and so does one in the table that moves nothing.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import typer

from segue import sample
from segue.cli.main import app
from segue.engine import policies
from segue.engine.recommender import Recommender
from segue.engine.requests.request import Dials, Goal, Request
from segue.engine.settings import Settings
from segue.features.events.event_records import KINDS
from segue.service.http.request_schemas import DialsBody, GoalBody, PlaceBody, RecommendBody
from segue.workspace.playlists.step_feedback import ACTIONS
from segue.workspace.workspace import Workspace
from tests.service.conftest import fresh, headers, school, secrets, serving, template  # noqa: F401

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
Ask = Callable[..., dict[str, Any]]
Serving = Callable[..., AbstractContextManager[httpx.Client]]
CATALOGUE = sample.load()
BY_ID = {r.resource_id: r for r in CATALOGUE.resources}


@dataclass(frozen=True)
class Lever:
    """One lever: `moves` is given what asks the service, and asserts what must change and what must not."""

    name: str
    change: str
    keep: str
    moves: Callable[[Ask], None]
    door: str = "POST /v1/recommend"


def got(found: dict[str, Any]) -> list[str]:
    return [step["resource"] for step in found["steps"]]


def _learner(ask: Ask) -> None:
    assert len({tuple(got(ask(learner=f"student-{n}"))) for n in range(6)}) > 1


def _mode(ask: Ask) -> None:
    assert len(got(ask(mode="next"))) == 1
    assert len(ask(mode="menu")["steps"][0]["menu"]) == 3


def _k(ask: Ask) -> None:
    assert (len(got(ask(k=2))), len(got(ask(k=4)))) == (2, 4)


def _menu(ask: Ask) -> None:
    assert all(len(step["menu"]) == 3 for step in ask(menu=3)["steps"][1:])  # few things warm up


def _interests(ask: Ask) -> None:
    asked = [ask(interests=tags)["steps"] for tags in ([], ["sports"])]
    bare, said = (float(np.mean([s["reasons"]["interest"] for s in steps])) for steps in asked)
    assert bare != said


def _candidates(ask: Ask) -> None:
    few = ["pizza-fairly", "balance-scale", "rate-race"]
    assert set(got(ask(candidates=few, fill=True, k=3))) == set(few)


def _courses(ask: Ask) -> None:
    few = {"candidates": ["team-colours", "balance-scale"], "k": 2, "fill": True}
    assert set(got(ask(courses=["arts"], **few))) == {"balance-scale"}
    assert set(got(ask(courses=["maths"], **few))) == set(few["candidates"])  # type: ignore[call-overload]
    alone = ask(courses=[], candidates=["team-colours"], fill=True)
    assert alone["notes"] == ["no step is possible: course left no candidate"]


def _minutes(ask: Ask) -> None:
    assert sum(step["minutes"] for step in ask(minutes=25)["steps"]) <= 25


def _goal(ask: Ask) -> None:
    aim = {"goal": {"skills": ["unit-rates"]}}
    asked = [[ask(learner=f"student-{n}", mode="next", **more) for n in range(20)] for more in ({}, aim)]
    bare, aimed = ([got(found)[0] for found in side] for side in asked)
    hit = [sum("unit-rates" in BY_ID[name].skills for name in names) for names in (bare, aimed)]
    assert hit[1] >= hit[0]
    assert "goal" in ask(goal={"skills": ["unit-rates"]})["steps"][0]["reasons"]


def _due(ask: Ask) -> None:
    def worth(due: datetime | None) -> float:
        goal = {"skills": ["unit-rates"]} | ({} if due is None else {"due": due.isoformat()})
        few = ["pizza-fairly"]
        return float(ask(candidates=few, goal=goal, k=1, fill=True)["steps"][0]["reasons"]["goal"])

    assert "unit-rates" in BY_ID["pizza-fairly"].skills
    days = (timedelta(170), timedelta(7), timedelta(1))
    never, may, week, soon = worth(None), *(worth(NOW + ahead) for ahead in days)
    assert never <= may < week < soon
    goal = {"skills": ["unit-rates"], "due": "2001-01-01T00:00:00Z"}
    assert ask(goal=goal, status=422)["error"]["code"] == "past"


def _pins(ask: Ask) -> None:
    assert got(ask(pins=["rate-race"], k=3))[0] == "rate-race"
    assert ask(pins=["rate-race", "pizza-fairly"], k=1, status=422)["error"]["code"] == "not_valid"
    both = ask(pins=["rate-race"], excluded=["rate-race"], k=2)
    assert any("rate-race was pinned though the teacher took it out" in note for note in both["notes"])
    assert both["certificate"]["excluded"] != "held"


def _excluded(ask: Ask) -> None:
    first = got(ask(k=5))
    assert not set(got(ask(k=5, excluded=first))) & set(first)


def _planned(ask: Ask) -> None:
    first = got(ask(k=1))
    assert got(ask(k=1, planned=first)) != first
    alone = ask(k=1, planned=first, candidates=first)
    assert got(alone) == first
    assert alone["certificate"]["planned"] != "held"


def _fill(ask: Ask) -> None:
    few = ["pizza-fairly", "balance-scale"]
    assert len(got(ask(candidates=few, k=2, fill=True))) == 2


def _now(ask: Ask) -> None:
    early, late = (ask(now=moment, mode="review", fill=True, k=1) for moment in (NOW, NOW + timedelta(60)))
    assert early["steps"][0]["score"] != late["steps"][0]["score"]


def _explain(ask: Ask) -> None:
    assert ask(explain=True)["steps"][0]["student"]
    assert "student" not in ask(explain=False)["steps"][0]


def _fresh(ask: Ask) -> None:
    assert ask(k=6)["playlist_id"] == ask(k=6, now=NOW + timedelta(hours=1))["playlist_id"]
    assert ask(k=6)["playlist_id"] != ask(k=6, now=NOW + timedelta(hours=1), fresh=True)["playlist_id"]


def _place(**place: Any) -> Callable[[Ask], None]:
    def moves(ask: Ask) -> None:
        ((name, wanted),) = place.items()
        found = [BY_ID[r] for r in got(ask(place=place, k=6))]
        if name == "offline":
            assert all(resource.offline for resource in found)
        elif name == "kinds":
            assert {resource.kind for resource in found} <= set(wanted)
        elif name in ("content", "process", "product"):
            assert all(getattr(resource, name) in ("", wanted) for resource in found)
        else:
            certificate = ask(place=place, k=6)["certificate"]
            assert "held" in certificate.values()

    return moves


def _language(ask: Ask) -> None:
    for written in ("en-US", "en_US"):
        assert got(ask(place={"language": written}, k=3))
    assert not got(ask(place={"language": "fi"}, k=3))


def _grade_band(ask: Ask) -> None:
    assert not got(ask(place={"grade_band": "K-1"}, k=3))


def _dial(name: str) -> Callable[[Ask], None]:
    def moves(ask: Ask) -> None:
        wish = {"interests": ["sports"], "k": 10}
        low, high = (ask(dials={name: value}, **wish) for value in (-1, 1))
        if name == "autonomy":
            assert len(high["steps"][1]["menu"]) == 3
            return
        part = {"pace": "pace", "match": "interest"}[name]
        worth = [sum(step["reasons"][part] for step in found["steps"]) for found in (low, high)]
        assert worth[0] != worth[1]

    return moves


SAME = "the other fields of the answer"
TABLE = (
    Lever("learner", "whose history it rests on", SAME, _learner),
    Lever("mode", "how many steps and options", SAME, _mode),
    Lever("k", "the number of steps", SAME, _k),
    Lever("menu", "the options of a step", SAME, _menu),
    Lever("interests", "the part of interests", "the number of steps", _interests),
    Lever("candidates", "what is chosen among", SAME, _candidates),
    Lever("courses", "nothing of another course", "what is for all", _courses),
    Lever("minutes", "the minutes in all", SAME, _minutes),
    Lever("goal", "the part of the goal", SAME, _goal),
    Lever("goal.skills", "which steps serve it", SAME, _goal),
    Lever("goal.due", "nearer means more; the past is refused", SAME, _due),
    Lever("pins", "what stands first; too many are refused", "what else is drawn is no pin", _pins),
    Lever("excluded", "what is left out", SAME, _excluded),
    Lever("planned", "what comes last", SAME, _planned),
    Lever("fill", "a full list", SAME, _fill),
    Lever("now", "what has faded", SAME, _now),
    Lever("explain", "words", "the steps", _explain),
    Lever("fresh", "a new list", "without it the list stands", _fresh),
    Lever("place", "see its fields", SAME, _place(offline=True)),
    Lever("place.offline", "only what works offline", SAME, _place(offline=True)),
    Lever("place.language", "only what can be read", SAME, _language),
    Lever("place.grade_band", "only these grades", SAME, _grade_band),
    Lever("place.grade_floor", "half is at grade", SAME, _place(grade_floor=7)),
    Lever("place.kinds", "only these kinds", SAME, _place(kinds=["game", "video"])),
    Lever("place.content", "only this content", SAME, _place(content="words")),
    Lever("place.process", "only this way of working", SAME, _place(process="alone")),
    Lever("place.product", "only this product", SAME, _place(product="text")),
    Lever("dials", "see its fields", SAME, _dial("pace")),
    Lever("dials.pace", "new ground against consolidation", SAME, _dial("pace")),
    Lever("dials.match", "how much interests weigh", SAME, _dial("match")),
    Lever("dials.autonomy", "how many options", SAME, _dial("autonomy")),
)


@pytest.fixture(scope="module")
def ask(
    template: Path,  # noqa: F811
    secrets: dict[str, str],  # noqa: F811
    serving: Serving,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ask]:
    folder = tmp_path_factory.mktemp("levers") / "school"
    shutil.copytree(template, folder)
    shutil.copy(template.with_suffix(".key"), folder.with_suffix(".key"))
    key = {"authorization": f"Bearer {secrets['admin']}"}
    with Workspace.open(folder, environment={}) as space:
        space.change_resource("team-colours", {"courses": ("maths",)})
    with serving(folder) as client:

        def post(status: int = 200, **body: Any) -> dict[str, Any]:
            asked = {"learner": "student-3", "now": NOW} | body
            asked["now"] = asked["now"].isoformat()
            response = client.post("/v1/recommend", json=asked, headers=key)
            assert response.status_code == status, response.text
            found: dict[str, Any] = response.json()
            return found

        yield post


@pytest.mark.parametrize("lever", TABLE, ids=lambda lever: lever.name)
def test_a_field_of_a_request_moves_what_it_should(lever: Lever, ask: Ask) -> None:
    lever.moves(ask)


def test_every_field_of_a_request_is_in_the_table() -> None:
    fields = set(RecommendBody.model_fields)
    for name, body in (("goal", GoalBody), ("place", PlaceBody), ("dials", DialsBody)):
        fields |= {f"{name}.{field}" for field in body.model_fields}
    assert {lever.name for lever in TABLE} == fields
    for lever in TABLE:
        print(f"{lever.name:20} {lever.door:20} {lever.change:45} {lever.keep}")


# ---------------------------------------------------------------- settings and policies

WEIGHTS = {field.name: 1.7 for field in dataclasses.fields(Settings().weights)}
LIMITS = {
    "ready": 0.6,
    "mastered": 0.5,
    "mastered_attempts": 1.0,
    "due": 0.05,
    "repeat_days": 40.0,
    "per_skill": 1,
    "per_kind": 0.2,
    "warm_up": 0.9,
}
OWN = {
    "eta": 0.02,
    "optimism": 2.0,
    "eta_evidence": 10.0,  # read where logged rewards join the model: tests/workspace/test_workspace.py
    "seed": "another",  # names the draws of a tutor: benchmarks/classroom.py
}
ELSEWHERE = {"eta_evidence", "seed"}


@pytest.fixture(scope="module")
def made(template: Path) -> tuple[Recommender, list[Request]]:  # noqa: F811
    with Workspace.open(template, environment={}) as space, space.store.read() as connection:
        champion = space.champion(connection)
        names = [f"student-{n}" for n in range(12)]
        _, known = space.known(names)
    goal, asked = Goal(("unit-rates",), NOW + timedelta(3)), []
    for number, state in enumerate(known.values()):
        state.kinds[:2] += ((5.0, 1.0), (5.0, 5.0))  # lessons left unfinished, videos finished
        mode = ("playlist", "review", "intervene")[number % 3]
        dials = Dials(pace=0.5)
        asked.append(
            Request(
                f"{number}",
                NOW,
                state=state,
                k=8,
                mode=mode,
                goal=goal,
                dials=dials,
                interests=("sports",),  # type: ignore[arg-type]
            )
        )
    return champion.recommender, asked


def lists(recommender: Recommender, asked: list[Request]) -> list[Any]:
    rngs = [np.random.default_rng(n) for n in range(len(asked))]
    found = recommender.recommend_batch(asked, rngs=rngs)
    return [[(s.resource, round(s.propensity, 12)) for s in one.steps] for one in found]


@pytest.mark.parametrize("name", [*WEIGHTS, *LIMITS, *sorted(set(OWN) - ELSEWHERE)])
def test_a_setting_moves_the_lists(name: str, made: tuple[Recommender, list[Request]]) -> None:
    recommender, asked = made
    kernel = recommender.kernel
    settings = kernel.settings
    if name in WEIGHTS:
        value = getattr(settings.weights, name)
        settings = replace(settings, weights=replace(settings.weights, **{name: value * 1.7 + 0.3}))
    elif name in LIMITS:
        settings = replace(settings, limits=replace(settings.limits, **{name: LIMITS[name]}))
    else:
        settings = replace(settings, **{name: OWN[name]})
    if name == "eta" and kernel.learned is not None:
        kernel = kernel.with_learned(replace(kernel.learned, eta=0.6))
    changed = Recommender(replace(kernel, settings=settings), recommender.fitted)
    assert lists(changed, asked) != lists(recommender, asked)


def test_every_setting_is_in_the_table() -> None:
    settings = Settings()
    assert set(WEIGHTS) == {field.name for field in dataclasses.fields(settings.weights)}
    assert set(LIMITS) == {field.name for field in dataclasses.fields(settings.limits)}
    assert set(OWN) | {"weights", "limits"} == {field.name for field in dataclasses.fields(settings)}


PARAMETERS: dict[str, dict[str, Any]] = {
    "EpsilonGreedy": {"epsilon": 0.4},
    "Exponentiated": {"policy": policies.InverseGap(gamma=5.0)},
    "Greedy": {},
    "InverseGap": {"gamma": 5.0, "alpha": 2.0},
    "Softmax": {"temperature": 0.5, "floor": 0.3},
    "ThompsonSampling": {"floor": 0.2, "n_cells": 7},
    "Uniform": {},
}
NO_POLICY = {"Choice", "Policy", "sample"}


def test_every_policy_is_in_the_table() -> None:
    assert set(PARAMETERS) | NO_POLICY == set(policies.__all__)


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_of_a_policy_moves_its_probabilities(name: str) -> None:
    kind = getattr(policies, name)
    assert set(PARAMETERS[name]) == {field.name for field in dataclasses.fields(kind)}

    def probabilities(policy: policies.Policy) -> list[float]:
        scores, std = np.array([-0.3, -0.2, -0.25]), np.array([0.02, 0.05, 0.3])
        return policy.probabilities(scores, std, allowed=np.ones(3, dtype=np.bool_)).tolist()

    for parameter, value in PARAMETERS[name].items():
        assert probabilities(kind(**{parameter: value})) != probabilities(kind()), parameter


# ---------------------------------------------------------------- events, acts and commands

EVENTS = {
    "attempt": "the profile, the next list, the step is done",
    "view": "interests",
    "completion": "the step is done, the completion rate of its kind, interests",
    "rating": "interests and the completion rate of its kind",
    "dwell": "interests",
    "hint": "the learner's export",
    "choice": "interests, and the option that is shown",
    "enrol": "the class view",
    "override": "the learner's export",
    "other": "stated interests, and what it voids",
}


def test_every_kind_of_event_is_in_the_table() -> None:
    assert set(EVENTS) == set(KINDS)


@pytest.mark.parametrize("rating", [0.0, 1.0])
def test_a_rating_moves_interest_and_completion(rating: float, template: Path, tmp_path: Path) -> None:  # noqa: F811
    folder = tmp_path / "school"
    shutil.copytree(template, folder)
    shutil.copy(template.with_suffix(".key"), folder.with_suffix(".key"))
    with Workspace.open(folder, environment={}) as space:
        given = space.recommend(Request("student-3", NOW, k=5))
        before = space.known(["student-3"])[1]["student-3"].copy()
        for decision in given.decision_ids:
            space.rate(decision, rating, now=NOW)
        after = space.known(["student-3"])[1]["student-3"]
    sign = 1.0 if rating else -1.0
    assert sign * (after.revealed - before.revealed).sum() > 0
    offered = (after.kinds - before.kinds).sum(axis=0)
    assert offered.tolist() == [2.5, 2.5 * rating]


def test_every_act_of_a_teacher_is_tested_where_it_holds() -> None:
    text = (Path(__file__).parents[1] / "workspace" / "playlists" / "test_overrides.py").read_text()
    assert all(f'StepChange("{action}"' in text for action in ACTIONS)


NOT_A_LEVER = {
    "link",
    "demo",
    "serve",
    "trace",
    "trace-interests",
    "evaluate",
    "lists",
    "vectors",
}  # they only show


def test_every_command_is_run_by_a_test() -> None:
    group = typer.main.get_command(app)
    folder = Path(__file__).parents[1]
    texts = [path.read_text() for path in folder.rglob("test_*.py") if path != Path(__file__)]
    names = set(getattr(group, "commands", {})) - NOT_A_LEVER
    missing = sorted(name for name in names if not any(f'"{name}"' in text for text in texts))
    assert missing == []
