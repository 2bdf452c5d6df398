"""What a class does together is remembered: pairs vary, draws are logged whole, rights reach every row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations, count

import numpy as np
import pandas as pd
import pytest

from segue import sample
from segue.engine.practices.rubrics import attempt_weight
from segue.engine.practices.slots import Slot, broken_slots
from segue.engine.requests.request import Request
from segue.features.events.event_records import check, identify
from segue.features.history.state_columns import MEAN, VARIANCE
from segue.workspace.playlists.answering import Ask
from segue.workspace.practices.feedback_given import feedback_waiting, note_given, received_of, talks_due
from segue.workspace.practices.group_work import form_groups, pair_reviews
from segue.workspace.practices.placements import listed_steps, place_week
from segue.workspace.practices.rubric_scores import RubricScore, accept_scores, keep_scores
from segue.workspace.privacy import learner_rights
from segue.workspace.privacy.retention import purge
from segue.workspace.records.events import read_events
from segue.workspace.records.learner_states import clear_states
from segue.workspace.records.maintenance.whole_store import facts, orphans
from segue.workspace.records.practices.practice_rows import practices_of
from segue.workspace.records.rosters.enrolments import Enrolment, put_roster
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
WEEK = timedelta(days=7)
NAMES = [f"l{n:02d}" for n in range(12)]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("practices") / "school"
    space = Workspace.init(folder, environment={}, configuration=Configuration())
    space.set_catalogue(sample.load())
    rng = np.random.default_rng(3)
    some = space.catalogue().resources[:40]
    frame = pd.DataFrame(
        [
            {"learner": name, "resource": some[int(rng.integers(40))].resource_id}
            | {"score": float(rng.random() < 0.1 + 0.07 * at), "time": NOW - timedelta(hours=6 * n + 1)}
            for at, name in enumerate(NAMES)
            for n in range(10)
        ]
    )
    found = check(frame, range(len(frame)), resources=space.catalogue().resource_index)
    space.add_events(identify(found.events))
    space.fit(now=NOW)
    yield space
    space.close()


def tried(space: Workspace, name: str) -> dict[str, int]:
    found = space.profile(name, now=NOW)
    return {line.skill: line.attempts for line in (*found.strengths, *found.needs, *found.others)}


def pairs(groups: list) -> set[tuple[str, ...]]:
    return {pair for group in groups for pair in combinations(sorted(group.members), 2)}


def test_groups_that_were_kept_stand_and_the_next_project_has_other_pairs(fitted: Workspace) -> None:
    roles = ("reads", "writes", "speaks")
    first = form_groups(fitted, "g", "one", names=NAMES, size=3, roles=roles, now=NOW, keep=True)
    assert pairs(form_groups(fitted, "g", "one", names=NAMES, size=4, now=NOW)) == pairs(first)
    shown = form_groups(fitted, "g", "two", names=NAMES, size=3, roles=roles, now=NOW + WEEK)
    second = form_groups(fitted, "g", "two", names=NAMES, size=3, roles=roles, now=NOW + WEEK, keep=True)
    assert shown == second, "what is kept is what was shown"
    assert not pairs(first) & pairs(second)
    had = {name: role for group in first for name, role in zip(group.members, group.roles, strict=True)}
    again = [had[n] == r for group in second for n, r in zip(group.members, group.roles, strict=True)]
    assert sum(again) <= 4, "roles go round"


def test_a_stored_roster_names_the_class(fitted: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="store a roster"):
        form_groups(fitted, "nobody's", "one", size=3, now=NOW)
    with fitted.store.write() as connection:
        put_roster(connection, fitted.keyring, "r", [Enrolment(n, "r") for n in NAMES[:6]], now=NOW)
    assert len(form_groups(fitted, "r", "rooms", size=3, now=NOW)) == 2


def test_reviews_pair_nobody_twice(fitted: Workspace) -> None:
    first = pair_reviews(fitted, "g", "essay", NAMES[:8], each=2, now=NOW, keep=True)
    second = pair_reviews(fitted, "g", "poster", NAMES[:8], each=2, now=NOW + WEEK, keep=True)
    assert not set(first) & set(second)


def test_feedback_is_due_until_it_is_given_and_talks_fit_the_minutes(fitted: Workspace) -> None:
    assert len(feedback_waiting(fitted, "f", names=NAMES, now=NOW)) == 12
    assert note_given(fitted, "f", "feedback", NAMES[:11], by="t", now=NOW) == 11
    assert note_given(fitted, "f", "feedback", NAMES[:11], by="t", now=NOW) == 0, "once is enough"
    assert feedback_waiting(fitted, "f", names=NAMES, now=NOW + timedelta(days=1)) == [(NAMES[11], None)]
    assert len(feedback_waiting(fitted, "f", names=NAMES, now=NOW + WEEK)) == 12
    queue = talks_due(fitted, "f", names=NAMES, minutes=17, now=NOW, asked=[NAMES[9]])
    assert (len(queue), queue[0].learner) == (3, NAMES[9])
    note_given(fitted, "f", "talk", [NAMES[9]], by="t", now=NOW, minutes=5)
    assert feedback_waiting(fitted, "f", names=[NAMES[9]], now=NOW + timedelta(days=6)) == []


def test_a_draw_of_places_is_logged_with_those_who_were_not_drawn(fitted: Workspace) -> None:
    week = "2026-W48"
    fitted.recommend_many([Request(n, NOW, k=5) for n in NAMES], ask=Ask(surface="weekly", week=week))
    steps = listed_steps(fitted, NAMES, week, now=NOW)
    assert {step.learner for step in steps} == set(NAMES)
    slots = [Slot("mon-teacher", "teacher", NOW, 4), Slot("tue-home", "home", NOW - WEEK, 12)]
    drawn = place_week(fitted, "g", steps, slots, week=week, now=NOW, keep=True)
    assert place_week(fitted, "g", steps, slots, week=week, now=NOW) == drawn
    taken = [one for one in drawn if one.taken]
    assert broken_slots(taken, steps, slots) == []
    with fitted.store.read() as connection:
        numbers = range(1, 13)
        rows = practices_of(connection, list(numbers), ("place",))
    logged = [row.body for row in rows if row.body["slot"] == "mon-teacher"]
    assert sum(body["taken"] for body in logged) == 4
    assert sum(body["probability"] for body in logged) == pytest.approx(4)
    assert all(0 < body["probability"] < 1 for body in logged)


def test_accepted_scores_move_the_skills_of_their_criterion_alone(fitted: Workspace) -> None:
    resource = next(r for r in fitted.catalogue().resources if len(r.skills) == 1)
    before, mastery = tried(fitted, NAMES[0]), fitted.mastery(NAMES[:2], now=NOW)
    scores = [
        RubricScore(name, work, "reasoning", rater, value)
        for name, work in ((NAMES[0], "video"), (NAMES[1], "essay"))
        for rater, value in (("kind", 0.9), ("strict", 0.7))
    ]
    assert keep_scores(fitted, "g", scores, now=NOW) == 4
    video = accept_scores(fitted, "g", "video", {"reasoning": resource.resource_id}, names=NAMES[:2], now=NOW)
    essay = accept_scores(fitted, "g", "essay", {"reasoning": resource.resource_id}, names=NAMES[:2], now=NOW)
    assert [one.score for one in video] == pytest.approx([one.score for one in essay]), "equal rubric"
    assert [one.score for one in video] == pytest.approx([0.8])
    after = tried(fitted, NAMES[0])
    assert {s for s in after if after[s] != before.get(s, 0)} == set(resource.skills)
    moved = (fitted.mastery(NAMES[:2], now=NOW) - mastery).abs().max()
    assert moved.idxmax() == resource.skills[0], "other skills follow the general level alone, and less"
    with pytest.raises(ValueError, match="in \\[0, 1\\]"):
        keep_scores(fitted, "g", [RubricScore("l00", "video", "reasoning", "kind", 4.0)], now=NOW)


def test_a_score_corrected_after_it_was_accepted_takes_the_first_ones_place(fitted: Workspace) -> None:
    resource = next(r for r in fitted.catalogue().resources if len(r.skills) == 1)
    shows, minutes = {"reasoning": resource.resource_id}, count(1)

    def accepted(who: str, *values: float) -> list[float]:
        for value in values:
            score = RubricScore(who, "poster", "reasoning", "r1", value)
            keep_scores(fitted, "h", [score], now=NOW + timedelta(minutes=next(minutes)))
        return [one.score for one in accept_scores(fitted, "h", "poster", shows, names=[who], now=NOW)]

    assert accepted("right-at-once", 0.3) == pytest.approx([0.3])
    assert accepted("corrected", 0.9) == pytest.approx([0.9])
    before = tried(fitted, "corrected")
    assert accepted("corrected", 0.6, 0.3) == pytest.approx([0.3])
    assert accepted("corrected") == pytest.approx([0.3])
    again = [RubricScore("corrected", "poster", "reasoning", "r1", value) for value in (0.8, 0.3)]
    assert [keep_scores(fitted, "h", [one], now=NOW + timedelta(days=1)) for one in again] == [1, 1]
    assert accepted("corrected") == pytest.approx([0.3]), "of the same moment the last word counts as well"
    (told,) = received_of(fitted, "corrected")
    assert told.score == pytest.approx(0.3)
    assert tried(fitted, "corrected") == before, "one attempt, corrected"
    states = fitted.known(["right-at-once", "corrected"])[1]
    assert states["corrected"].to_bytes() == states["right-at-once"].to_bytes()


def test_where_raters_disagree_a_score_moves_the_vector_less_and_leaves_it_less_sure(
    fitted: Workspace,
) -> None:
    one, other = "agreed-on", "disputed"
    resource = next(r for r in fitted.catalogue().resources if len(r.skills) == 1)
    given = {one: (0.9, 0.9, 0.9, 0.9), other: (1.0, 1.0, 1.0, 0.6)}
    scores = [
        RubricScore(who, "model", "reasoning", f"rater-{at}", value)
        for who, values in given.items()
        for at, value in enumerate(values)
    ]
    keep_scores(fitted, "d", scores, now=NOW)
    shows = {"reasoning": resource.resource_id}
    sure, unsure = accept_scores(fitted, "d", "model", shows, names=[one, other], now=NOW)
    assert unsure.std > 1.5 * sure.std
    champion, known = fitted.known([one, other])
    rows = [
        known[who].skills[champion.fitted.catalogue.skill_index[resource.skills[0]]] for who in (one, other)
    ]
    weights = [attempt_weight(said.score, said.std) for said in (sure, unsure)]
    assert weights[1] < 0.95 * weights[0]
    assert rows[1][VARIANCE] > rows[0][VARIANCE]
    moved = [row[MEAN] / said.score for row, said in zip(rows, (sure, unsure), strict=True)]
    assert moved[1] < moved[0]
    before = fitted.known([other])[1][other].to_bytes()
    with fitted.store.write() as connection:
        clear_states(connection)
    assert fitted.known([other])[1][other].to_bytes() == before, "folded anew, it is the same"
    with fitted.store.read() as connection:
        frame = read_events(connection)
    assert min(abs(frame["weight"].dropna() - weights[1])) < 1e-6


def test_rows_are_exported_counted_among_facts_purged_and_erased(fitted: Workspace) -> None:
    note_given(fitted, "e", "feedback", ["l05", "l06"], by="teacher@school", now=NOW - 60 * WEEK)
    note_given(fitted, "e", "talk", ["l05", "l06"], by="teacher@school", now=NOW)
    exported = learner_rights.export(fitted, "l05")["practices"]
    assert {"talk", "feedback"} <= {row["kind"] for row in exported}
    assert "teacher@school" not in str(exported)
    assert "given_by" not in exported[0]
    with fitted.store.read() as connection:
        assert sum(line.startswith("practices ") for line in facts(connection)) >= 4
    purge(fitted, before=NOW - 50 * WEEK)
    left = learner_rights.export(fitted, "l05")["practices"]
    assert len(left) == len(exported) - 1
    certificate = learner_rights.erase(fitted, "l05", now=NOW)
    assert certificate.rows["practices"] == len(left)
    with fitted.store.read() as connection:
        assert not orphans(connection)["practices without learner"]
    assert learner_rights.export(fitted, "l06")["practices"], "others keep theirs"
