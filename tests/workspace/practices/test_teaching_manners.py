"""What a manner of teaching brings moves lists once outcomes tell; what a teacher fixes stands at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segue import sample
from segue.batch.from_workspace import weekly
from segue.batch.plan import Course, WeeklyPlan
from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request
from segue.engine.scoring.manners import points_of
from segue.experiments.audit.score_recomputation import faults
from segue.workspace.playlists.answering import Ask
from segue.workspace.practices.teaching_manners import axes_of, fix_manners
from segue.workspace.privacy import learner_rights
from segue.workspace.records.matured_rewards import Outcome, record
from segue.workspace.records.practices.manners import axis_effects
from segue.workspace.records.rosters.enrolments import Enrolment, put_roster
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
WEEK = "2026-W48"
NAMES = [f"l{n:02d}" for n in range(16)]
GOOD = {one.resource_id for one in sample.load().resources if one.content == "visual"}


def asked(names: Sequence[str]) -> list[Request]:
    return [Request(name, NOW, k=6) for name in names]


def rewarded(space: Workspace) -> None:
    """Give every step of a first round its reward, .3 more where the content is visual."""
    rng, outcomes = np.random.default_rng(4), []
    for given in space.recommend_many(asked(NAMES), ask=Ask(surface="next")):
        for name, step in zip(given.decision_ids, given.playlist.steps, strict=True):
            value = 0.4 + 0.3 * (step.resource in GOOD) + float(rng.normal(0, 0.05))
            outcomes.append(Outcome(name, "matured", value, "{}", 1, settled=True))
    with space.store.write() as connection:
        record(connection, outcomes)


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    path = tmp_path_factory.mktemp("manners") / "school"
    space = Workspace.init(path, environment={}, configuration=Configuration())
    space.set_catalogue(sample.load())
    space.fit(now=NOW)
    with space.store.write() as connection:
        put_roster(connection, space.keyring, "7b", [Enrolment(n, "7b") for n in NAMES[:8]], now=NOW)
    yield space
    space.close()


@pytest.fixture(scope="module")
def before(school: Workspace) -> Recommender:
    """Return the model of before any outcome; then outcomes come, and a fit."""
    space = school
    first = space.fit(now=NOW)
    assert axes_of(space, "7b") == []
    assert "manner" not in space.recommend_many(asked(NAMES[:1]))[0].playlist.steps[0].reasons
    rewarded(space)
    assert {one.weight for one in axes_of(space, "7b")} == {0.0}, "a fit puts in force what was earned"
    space.fit(now=NOW)
    return first


def lists(recommender: Recommender, requests: Sequence[Request]) -> list[str]:
    rngs = [np.random.default_rng(i) for i in range(len(requests))]
    return [s.resource for one in recommender.recommend_batch(requests, rngs=rngs) for s in one.steps]


def share(names: Sequence[str]) -> float:
    return sum(name in GOOD for name in names) / len(names)


def test_what_outcomes_tell_moves_lists_as_a_named_part_of_the_score(
    school: Workspace, before: Recommender, tmp_path: Path
) -> None:
    axes = {f"{one.axis}:{one.level}": one for one in axes_of(school, "7b")}
    visual = axes["content:visual"]
    assert visual.low <= visual.weight <= visual.high
    assert 0.2 < visual.weight < 0.4
    assert sum(one.weight != 0.0 for one in axes.values()) < len(axes)
    champion, _ = school.known(NAMES[:1])
    now = champion.recommender
    requests = asked(NAMES)
    assert share(lists(now, requests)) > share(lists(before, requests)) + 0.15
    for i, request in enumerate(requests[:4]):
        playlist = now.recommend(request, rng=np.random.default_rng(i))
        assert faults(playlist, request, now) == []
        assert all("manner" in step.reasons for step in playlist.steps)
    points = now.why_not(requests[0], next(r.resource_id for r in sample.load().resources if not r.content))
    assert points.points is None or "manner" in points.points
    now.save(tmp_path / "kept")
    again = Recommender.load(tmp_path / "kept")
    assert again.model_hash == now.model_hash != before.model_hash
    assert again.kernel.manners == now.kernel.manners
    unweighed = now.version.drafted({"weights": {"teaches_well": 0.0}})
    assert now.deciding_by(unweighed).recommend(requests[0], rng=np.random.default_rng(0)).steps[0].reasons[
        "manner"
    ] == pytest.approx(0.0)


def test_what_a_teacher_fixes_reaches_her_class_alone_and_at_once(
    school: Workspace, before: Recommender, tmp_path: Path
) -> None:
    assert before.kernel.manners == ()
    with pytest.raises(WorkspaceError, match="roster"):
        fix_manners(school, "8c", {"content:visual": 0.1})
    for wrong in ({"content:nonsense": 0.1}, {"content:visual": 2.0}):
        with pytest.raises(ValueError, match=r"no resource is of|must be in"):
            fix_manners(school, "7b", wrong)
    fix_manners(school, "7b", {"content:visual": -1.0, "process:pairs": 0.2})
    assert next(one for one in axes_of(school, "7b") if one.level == "visual").weight == -1.0
    assert next(one for one in axes_of(school, "8c") if one.level == "visual").weight > 0.2
    school_wide = school.recommend_many(asked(NAMES), ask=Ask(surface="weekly", week=WEEK))
    mine, others = school_wide[:8], school_wide[8:]
    for part, sign in ((mine, -1), (others, 1)):
        steps = [s for one in part for s in one.playlist.steps if s.resource in GOOD]
        assert all(sign * s.reasons["manner"] > 0 for s in steps)
    assert share([s.resource for one in mine for s in one.playlist.steps]) < share(
        [s.resource for one in others for s in one.playlist.steps]
    )
    for given in (mine[0], others[0]):
        assert given.request.manners == (() if given is others[0] else mine[1].request.manners)
        assert faults(given.playlist, given.request, school.known([])[0].recommender) == []
    for name, given, sign in ((NAMES[0], mine[0], -1), (NAMES[8], others[0], 1)):
        near = school.alternatives(name, given.playlist, now=NOW)
        assert all(sign * parts["manner"] > 0 for resource, parts in near if resource in GOOD)
        assert all("manner" in parts for _, parts in near)
    weekly(school, WeeklyPlan(WEEK, NOW, school.configuration.seed, k=6), tmp_path / "week", roster=NAMES)
    table = pd.read_csv(tmp_path / "week" / "playlists.csv")
    batch = table.sort_values(["learner", "position"]).groupby("learner")["resource"].agg(list)
    assert [batch[name] for name in NAMES] == [[s.resource for s in g.playlist.steps] for g in school_wide]
    fix_manners(school, "7b", {"content:visual": None, "process:pairs": None})
    weekly(school, WeeklyPlan(WEEK, NOW, school.configuration.seed, k=6), tmp_path / "week", roster=NAMES)
    freed = pd.read_csv(tmp_path / "week" / "playlists.csv")
    assert not freed.equals(table), "what is fixed is part of what a week was drawn for"
    assert next(one for one in axes_of(school, "7b") if one.level == "visual").weight > 0.2


def test_the_points_of_a_weight_are_bounded_and_in_its_order() -> None:
    weights = [-1.0, -0.1, 0.0, 0.05, 0.3, 1.0]
    points = [points_of(weight) for weight in weights]
    assert points == sorted(points)
    assert (points[0], points[-1]) == (pytest.approx(np.log(0.4)), pytest.approx(np.log(2.5)))


def test_lists_of_courses_follow_what_is_fixed(
    school: Workspace, before: Recommender, tmp_path: Path
) -> None:
    assert before.kernel.manners == ()
    fix_manners(school, "7b", {"content:visual": -1.0})
    skills = tuple(skill.skill_id for skill in school.catalogue().skills)
    plan = WeeklyPlan(WEEK, NOW, "s", k=6, courses=(Course("math", 60.0, skills),))
    weekly(school, plan, tmp_path / "w", roster=NAMES, classes={name: ["math"] for name in NAMES})
    table = pd.read_csv(tmp_path / "w" / "playlists.csv")
    visual = table[table["resource"].isin(GOOD)]
    parts = visual["reasons"].str.extract(r'"manner": (-?[\d.]+)')[0].astype(float)
    of_class = visual["learner"].isin(NAMES[:8])
    assert (parts[of_class] < 0).all()
    assert len(parts[~of_class]) > 0
    assert (parts[~of_class] > 0).all()
    fix_manners(school, "7b", {"content:visual": None})


def test_who_is_erased_leaves_what_was_earned(school: Workspace, before: Recommender) -> None:
    assert before.kernel.manners == ()
    with school.store.read() as connection:
        n_before = axis_effects(connection, school.catalogue())
    learner_rights.erase(school, NAMES[-1], now=NOW + timedelta(days=1))
    with school.store.read() as connection:
        n_after = axis_effects(connection, school.catalogue())
    (one,) = (x for x in n_before if x.level == "visual")
    (other,) = (x for x in n_after if x.level == "visual")
    assert other.learners == one.learners - 1
    weights = {(m.axis, m.level): m.weight for m in school.known([])[0].fitted.kernel.manners}
    assert weights["content", "visual"] == other.weight != one.weight
