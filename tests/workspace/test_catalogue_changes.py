"""A catalogue that changes under a fitted model: what is new is decided on today, what went stays away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from segue import sample
from segue.batch.from_workspace import weekly
from segue.batch.plan import WeeklyPlan
from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue, Resource, with_resources
from segue.features.iso_weeks import week_of
from segue.workspace.operations import integrity
from segue.workspace.playlists.step_feedback import StepChange
from segue.workspace.privacy.learner_rights import erase
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.errors import DeclinedError
from segue.workspace.workspace import Workspace
from tests.school import KEY, MONDAY, School

PUPIL, NEW = "pupil-001", "brand-new"
TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    school = School.founded(tmp_path_factory.mktemp("grown") / "school", "")
    yield school
    school.space.close()


@pytest.fixture
def school(made: School) -> School:
    """Return one school for all tests here; each adds resources of its own."""
    return made


def new(school: School, name: str, **more: object) -> Resource:
    like = school.space.catalogue().resources[0]
    return replace(like, resource_id=name, title=f"All of {name}", **more)  # type: ignore[arg-type]


def retire(school: School, resources: list[Resource]) -> Catalogue:
    """Put many resources in their places at once."""
    with school.space.store.write() as connection:
        whole = with_resources(school.space.catalogue_in(connection), resources)
        school.space.catalogue_in.keep(connection, whole)
    return whole


def answered(school: School, resource: str, number: int = 0) -> None:
    moment = MONDAY + timedelta(hours=2 + number)
    frame = pd.DataFrame(
        {"learner": PUPIL, "resource": resource, "score": [1.0], "time": [pd.Timestamp(moment)]}
    )
    school.space.add_events(school.checked(frame))


def test_what_is_imported_today_is_recommended_pinned_swapped_to_and_explained_today(school: School) -> None:
    before = school.space.recommend(Request(PUPIL, MONDAY, k=3))
    fitted = school.space.known([])[0].fitted
    school.space.set_catalogue(Catalogue.build([new(school, NEW)]))
    champion = school.space.known([])[0]
    assert champion.fitted.model_hash != fitted.model_hash
    assert champion.fitted.fitted == fitted.fitted  # nothing was fitted again
    given = school.space.recommend(Request(PUPIL, MONDAY, k=2, pins=(NEW,)))
    assert given.playlist.steps[0].resource == NEW
    asked = replace(given.request, learner=PUPIL)
    assert "All of" in champion.recommender.catalogue.resources[-1].title
    assert school.space.explain(asked, given.playlist)[0].student
    free = school.space.recommend(Request(PUPIL, MONDAY, k=1, candidates=(NEW,)))
    assert [step.resource for step in free.playlist.steps] == [NEW]
    act, _ = school.space.override(before.decision_ids[0], StepChange("swap", "t1", resource=NEW), now=MONDAY)
    shown = school.space.decision(before.decision_ids[0], now=MONDAY)[1]
    assert (shown.resource, shown.title) == (NEW, f"All of {NEW}")
    school.space.undo_override(act, by="t1", now=MONDAY)


def test_answers_to_it_count_and_decisions_before_keep_their_model(school: School) -> None:
    name = "tried-today"
    old = school.space.recommend(Request("pupil-002", MONDAY, k=2))
    school.space.put_resource(new(school, name))
    before = school.space.known([PUPIL])[1][PUPIL]
    answered(school, name)
    champion, known = school.space.known([PUPIL])
    assert champion.recommender.catalogue.resource_index[name] in known[PUPIL].items.ids.tolist()
    assert known[PUPIL].rows[-1, 0] != before.rows[-1, 0]
    made = school.space.recommend(Request(PUPIL, MONDAY, k=2, pins=(name,)))
    school.space.learn(now=MONDAY + timedelta(days=2))  # both kinds of decisions, each by its own model
    with school.space.store.read() as connection:
        for decision in (old.decision_ids[0], made.decision_ids[0]):
            assert school.space.decision(decision, now=TUESDAY)
        rows = school.space.outcomes(connection, 2, now=TUESDAY.timestamp())
    assert len({row.decision_id for row in rows}) == len(rows)
    assert all(finding.well for finding in integrity.examine(school.space))


def test_a_model_that_grew_twice_between_fits_on_the_same_events_stays_whole(tmp_path: Path) -> None:
    space = Workspace.init(tmp_path / "school", environment=KEY, configuration=Configuration())
    space.set_catalogue(sample.load())
    space.fit(now=MONDAY)
    for number in range(3):  # nothing has happened yet: what a fit makes is kept already, as grown
        like = space.catalogue().resources[0]
        space.put_resource(replace(like, resource_id=f"grown-{number}", difficulty=None))
        space.recommend(Request(PUPIL, MONDAY, k=1))
        space.fit(now=MONDAY)
    erase(space, PUPIL, now=TUESDAY)
    space.learn(now=TUESDAY)
    again = Workspace.open(space.path, environment=KEY)
    with again.store.read() as connection:
        assert again.charge(connection).trouble == ""
    assert all(finding.well for finding in integrity.examine(again))


def test_the_week_and_another_process_see_it(school: School, tmp_path: Path) -> None:
    name = "for-the-week"
    easy = new(school, name)
    school.space.put_resource(easy)
    others = [r for r in school.space.listed_resources() if r.resource_id != name and not r.retired]
    whole = retire(school, [replace(r, retired=True) for r in others[6:]])  # so few are left that it is drawn
    plan = WeeklyPlan(week_of(MONDAY, "Europe/Paris"), MONDAY, "seed", 7, None, ())
    weekly(school.space, plan, tmp_path / "out", roster=[PUPIL], workers=1)
    table = pd.read_csv(tmp_path / "out" / "playlists.csv")
    assert set(table["resource"]) <= {name, *(r.resource_id for r in others[:6])}
    with Workspace.open(school.space.path, environment=KEY) as other:
        given = other.recommend(Request("pupil-003", MONDAY, k=1, candidates=(name,), fill=True))
        assert [step.resource for step in given.playlist.steps] == [name]
    assert len(retire(school, others[6:]).resources) == len(whole.resources)


def test_what_is_retired_leaves_every_list_and_comes_back(school: School) -> None:
    space, week = school.space, week_of(MONDAY, "Europe/Paris")
    given = space.recommend(Request("pupil-004", MONDAY, k=3))
    gone = given.playlist.steps[1].resource
    shown = space.published(["pupil-004"], week, surfaces=("python",))["pupil-004"].resources
    assert gone in shown
    assert space.retire_resource(gone)
    assert not space.retire_resource(gone)
    assert [s.state for s in space.lists("pupil-004", now=MONDAY)[0].steps][1] == "removed"
    assert gone not in space.published(["pupil-004"], week, surfaces=("python",))["pupil-004"].resources
    again = space.recommend(Request("pupil-004", MONDAY, k=3, fill=True))
    assert gone not in [step.resource for step in again.playlist.steps]
    with pytest.raises(DeclinedError, match="not open"):
        space.override(given.decision_ids[0], StepChange("swap", "t1", resource=gone), now=MONDAY)
    space.set_catalogue(Catalogue.build([new(school, gone)]))  # a file that still names it
    assert space.catalogue().resources[space.catalogue().resource_index[gone]].retired
    assert space.restore_resource(gone)
    states = {s.resource: s.state for s in space.lists("pupil-004", now=MONDAY)[-1].steps}
    assert states[gone] == "open"


def test_a_resource_is_changed_in_its_place(school: School) -> None:
    space = school.space
    first = space.listed_resources(limit=1)[0]
    after = space.listed_resources(after=first.resource_id, limit=2)
    assert [r.resource_id for r in after] == [r.resource_id for r in space.catalogue().resources[1:3]]
    folded = space.known([])[0].fold.key
    changed = space.change_resource(first.resource_id, {"title": "Another", "minutes": 33.0})
    assert (changed.title, changed.minutes, changed.skills) == ("Another", 33.0, first.skills)
    assert space.known([])[0].fold.key == folded  # no history has to be read anew for a title
    assert not space.put_resource(first)
    assert space.listed_resources(limit=1)[0] == first
    for error, work in (
        ("no resource", lambda: space.change_resource("nothing", {})),
        ("no field", lambda: space.change_resource(first.resource_id, {"retired": True})),
        ("no resource", lambda: space.retire_resource("nothing")),
        ("no resource", lambda: space.listed_resources(after="nothing")),
    ):
        with pytest.raises(DeclinedError, match=error):
            work()


def test_models_of_catalogues_that_decided_nothing_are_not_kept(school: School) -> None:
    space = school.space
    space.put_resource(new(school, NEW))
    for number in range(3):
        space.change_resource(NEW, {"title": f"Title {number}"})
        space.known([])
    space.learn(now=MONDAY + timedelta(days=3))
    before = len(list(space.models.iterdir()))
    for number in range(3):
        space.change_resource(NEW, {"title": f"Word {number}"})
        space.known([])
    assert len(list(space.models.iterdir())) > before
    space.learn(now=MONDAY + timedelta(days=4))
    assert len(list(space.models.iterdir())) <= before + 1
    space.recommend(Request(PUPIL, MONDAY))
