"""What learners say counts a little, opens nothing, and can be taken back to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from segue import sample
from segue.engine.requests.request import Goal, Request
from segue.engine.rules.rule_book import learner_masks
from segue.features.events.event_records import check, identify
from segue.workspace.dialogue import negotiation
from segue.workspace.dialogue.negotiation import PictureChange as Change
from segue.workspace.playlists.answering import Ask
from segue.workspace.playlists.learner_standing import NOTHING_SAID, as_said
from segue.workspace.privacy import learner_rights
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.errors import DeclinedError
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A fitted class of eight; each test has a learner of its own."""
    folder = tmp_path_factory.mktemp("negotiation") / "school"
    space = Workspace.init(folder, environment={}, configuration=Configuration())
    space.set_catalogue(sample.load())
    rng = np.random.default_rng(3)
    catalogue = space.catalogue()
    rows = [
        (f"l{n}", catalogue.resources[int(rng.integers(60))].resource_id, float(rng.random() < 0.6), 6 * i)
        for n in range(8)
        for i in range(20)
    ]
    answer(space, rows, start=NOW - timedelta(days=6))
    space.fit(now=NOW)
    space.recommend_many([Request(f"l{n}", NOW, k=5) for n in range(8)], ask=Ask(surface="weekly"))
    yield space
    space.close()


def answer(space: Workspace, rows: list[tuple[str, str, float, int]], *, start: datetime) -> None:
    """Store attempts: learner, resource, score, hours after `start`."""
    frame = pd.DataFrame(
        [
            {"learner": who, "resource": what, "score": score, "time": start + timedelta(hours=hours)}
            for who, what, score, hours in rows
        ]
    )
    found = check(frame, range(len(frame)), resources=space.catalogue().resource_index)
    space.add_events(identify(found.events))


def list_of(space: Workspace, learner: str, change: Change, now: datetime = NOW) -> negotiation.Preview:
    return negotiation.preview(space, learner, change, now=now, k=5, menu=1)


def save(space: Workspace, learner: str, change: Change, now: datetime = NOW) -> str:
    return negotiation.save_change(space, learner, change, now=now, k=5, menu=1).statement_id


def test_what_is_saved_is_what_was_shown_and_undo_restores_the_bytes(space: Workspace) -> None:
    skill = space.catalogue().skills[5].skill_id
    goal = Change(goal=Goal((skill,), NOW + timedelta(days=20)))
    plain = list_of(space, "l0", Change(drop_goal=True)).body
    shown = list_of(space, "l0", goal)
    assert shown.body != plain
    saved = negotiation.save_change(space, "l0", goal, now=NOW, k=5, menu=1)
    assert {request.goal for request in space.asking(["l0"], now=NOW)[1]["l0"]} == {goal.goal}
    assert saved.playlist_id == shown.playlist_id
    assert negotiation.standing(space, "l0").goal == goal.goal
    negotiation.take_back(space, "l0", saved.statement_id, now=NOW)
    assert negotiation.standing(space, "l0") == NOTHING_SAID


def test_a_claim_of_everything_opens_nothing_that_the_record_keeps_closed(space: Workspace) -> None:
    for skill in space.catalogue().skills:
        save(space, "l1", Change(skill=skill.skill_id, says="know"))
    champion, known = space.known(["l1"])
    request = Request("l1", NOW, state=known["l1"], k=5)
    recommender = champion.recommender
    asked = recommender.asked((request,))
    masks = [mask.allowed[0] for mask in learner_masks(recommender.kernel.scene(asked))]
    allowed = np.logical_and.reduce(masks)
    ids = [recommender.catalogue.resources[c].resource_id for c in asked.pool.codes.tolist()]
    opened = {name for name, free in zip(ids, allowed, strict=True) if free}
    assert not allowed.all(), "the class must have something that is gated"
    claimed = as_said(recommender, request, negotiation.standing(space, "l1"))
    assert claimed.candidates is not None
    assert set(claimed.candidates) <= opened


def test_checks_settle_claims_and_failed_ones_cost_belief(space: Workspace) -> None:
    catalogue = space.catalogue()
    hard = [r for r in catalogue.resources if len(r.skills) == 1][:4]
    for n, resource in enumerate({r.skills[0]: r for r in hard}.values()):
        save(space, "l2", Change(skill=resource.skills[0], says="know"), NOW + timedelta(minutes=n))
        answer(space, [("l2", resource.resource_id, 0.0, 1)], start=NOW + timedelta(minutes=n))
    said = negotiation.standing(space, "l2")
    assert {claim.status for claim in said.claims} == {"failed"}
    assert said.trust <= 1 / 3
    assert not said.open_claims()
    skill = hard[0].skills[0]
    save(space, "l3", Change(skill=skill, says="know"))
    answer(space, [("l3", hard[0].resource_id, 1.0, 1)], start=NOW)
    (claim,) = negotiation.standing(space, "l3").claims
    assert claim.status == "confirmed"
    assert negotiation.standing(space, "l3").trust == 1.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(skill="no-such", says="know"), "unknown skill"),
        (Change(goal=Goal(("unit-rates",), NOW - timedelta(days=1))), "must lie ahead"),
        (Change(interests=("no-such-tag",)), "unknown interest"),
        (Change(), "one thing at a time"),
        (Change(skill="unit-rates", says="help", drop_goal=True), "one thing at a time"),
    ],
)
def test_what_cannot_be_said_is_refused_in_a_sentence(space: Workspace, change: Change, said: str) -> None:
    with pytest.raises(DeclinedError, match=said):
        list_of(space, "l4", change)


def test_nobody_takes_back_what_another_said(space: Workspace) -> None:
    made = save(space, "l4", Change(skill="unit-rates", says="help"))
    with pytest.raises(DeclinedError, match="nothing of this learner's"):
        negotiation.take_back(space, "l5", made, now=NOW)


def test_statements_are_exported_and_erased_with_their_learner(space: Workspace) -> None:
    save(space, "l6", Change(skill="unit-rates", says="help"))
    found = learner_rights.export(space, "l6")["statements"]
    assert [row["about"] for row in found] == ["unit-rates"]
    certificate = learner_rights.erase(space, "l6", now=NOW)
    assert certificate.rows["statements"] == 1


def test_an_overdue_goal_is_said_in_the_notes(space: Workspace) -> None:
    due = NOW + timedelta(days=3)
    save(space, "l7", Change(goal=Goal(("unit-rates",), due)))
    before = space.recommend(Request("l7", NOW, k=2), ask=Ask(fresh=True))
    assert not any("overdue" in note for note in before.playlist.notes)
    after = space.recommend(Request("l7", due + timedelta(days=1), k=2), ask=Ask(fresh=True))
    assert after.playlist.notes[0].startswith(f"the goal is overdue since {due.date().isoformat()}")
    other = Request("l7", due + timedelta(days=1), k=2, goal=Goal((space.catalogue().skills[0].skill_id,)))
    assert not any("overdue" in note for note in space.recommend(other).playlist.notes)


def test_an_undo_sent_again_does_not_bring_old_interests_back(space: Workspace) -> None:
    first, second, *_ = space.catalogue().tag_ids
    saved = save(space, "l3", Change(interests=(first,)))
    undone = negotiation.take_back(space, "l3", saved, now=NOW + timedelta(minutes=1))
    save(space, "l3", Change(interests=(second,)), NOW + timedelta(minutes=2))

    def stated() -> list[float]:
        return [float(value) for value in space.known(["l3"])[1]["l3"].stated]

    before = stated()
    assert before[1] > 0
    assert negotiation.take_back(space, "l3", saved, now=NOW + timedelta(minutes=3)).number == undone.number
    assert stated() == before
