"""Every table of the schema, and what rights and a purge do with its rows: a new one must be considered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from segue.engine.requests.request import Request
from segue.features.history.learner_state import LearnerState
from segue.features.history.state_columns import COUNT
from segue.workspace.playlists.step_feedback import StepChange
from segue.workspace.privacy import learner_rights as privacy
from segue.workspace.privacy.retention import purge
from segue.workspace.records.gradebook_links import GradebookLink, keep_links, links_of
from segue.workspace.records.learners import Learner, find_learners
from segue.workspace.records.practices.practice_rows import PracticeRow, append_practices
from segue.workspace.records.rosters.enrolments import Enrolment, add_enrolments
from segue.workspace.records.rosters.identities import link_ids
from segue.workspace.records.statements import Statement, append_statement, statements_of
from segue.workspace.storage.replies import Reply, keep_replies
from segue.workspace.storage.schema import metadata
from tests.school import MONDAY, School

WHO, OTHER = "pupil-003", "pupil-004"
LATER = MONDAY + timedelta(days=60)


@dataclass(frozen=True)
class Care:
    """What happens with a learner's rows: exported (or why not), and what a purge leaves of those before."""

    export: str = "yes"
    purge: str = "nothing"


CARE = {
    "aliases": Care("no: a keyed digest of the id that was sent", "all: who is who"),
    "counters": Care("no: of nobody", "all"),
    "decisions": Care(purge="those of lists that stay"),
    "documents": Care("gradebook alone: the rest is of nobody", "all"),
    "enrolments": Care(purge="those that hold"),
    "events": Care(purge="what decisions that stay rest on"),
    "learners": Care("opted_out alone", "all: who is who"),
    "linked_ids": Care(purge="all: who is who"),
    "openings": Care(purge="all: that is what a purge leaves"),
    "overrides": Care(purge="those of lists that stay"),
    "playlists": Care(purge="those not settled, or that keep something away"),
    "practices": Care(),
    "replies": Care("no: copies of the lists, for a day"),
    "rewards": Care(purge="those of lists that stay"),
    "statements": Care(purge="goals that stand, and what lists that stay are kept for"),
    "states": Care("no: a fold over what is exported", "all: a fold over what stays"),
    "tombstones": Care("no: there is none before an erasure", "all: so that nobody comes back"),
}
NOT_OF_A_LEARNER = {"counters", "documents", "tombstones"}


def test_every_table_is_considered() -> None:
    assert set(CARE) == set(metadata.tables)


def rows_of(school: School, person: Learner) -> dict[str, list[dict[str, Any]]]:
    """Return every row that names a learner, by table, found by looking at every column of every table."""
    found: dict[str, list[dict[str, Any]]] = {}
    with school.space.store.read() as connection:
        for name, table in metadata.tables.items():
            rows = [row._asdict() for row in connection.execute(select(table))]
            if name == "rewards":
                mine = {row["decision_id"] for row in found.get("decisions", ())}
                found[name] = [row for row in rows if row["decision_id"] in mine]
                continue
            numbered = "number" if name == "learners" else "learner"
            found[name] = [
                row
                for row in rows
                if row.get(numbered) == person.number or person.surrogate in map(str, row.values())
            ]
    return found


def person_of(school: School, who: str) -> Learner:
    with school.space.store.read() as connection:
        return find_learners(connection, school.space.keyring, [who])[who]


def say(school: School, who: str, name: str, **more: Any) -> None:
    with school.space.store.write() as connection:
        number = find_learners(connection, school.space.keyring, [who])[who].number
        append_statement(connection, Statement(f"{who}-{name}", 0, number, **({"about": ""} | more)))


def fill(school: School, who: str) -> None:
    """Give a learner with a list rows in every table of learners that no purge or erasure makes."""
    space = school.space
    step = space.lists(who, now=MONDAY)[0].steps[0]
    space.override(step.decision_id, StepChange("approve", "t1"), now=MONDAY)
    skill = space.catalogue().skills[0].skill_id
    say(school, who, "claim", kind="claim", about=skill, time=MONDAY, body={"says": "know"})
    say(school, who, "old", kind="goal", time=MONDAY, body={"skills": [skill], "due": None})
    ahead = (LATER + timedelta(days=9)).isoformat()
    say(school, who, "goal", kind="goal", time=MONDAY, body={"skills": [skill], "due": ahead})
    say(school, who, "talk", kind="talk", time=MONDAY, said_by="teacher")
    with space.store.write() as connection:
        number = find_learners(connection, space.keyring, [who])[who].number
        row = PracticeRow(number, "c1", "talk", "", "act", MONDAY, {"minutes": 5}, "teacher")
        append_practices(connection, [row])
        add_enrolments(connection, space.keyring, [Enrolment(who, "7a"), Enrolment(who, "6a", ends=MONDAY)])
        reply = Reply(b"a" * 16, number, b"{}")
        keep_replies(connection, {who.encode(): reply}, now=MONDAY.timestamp())
        keep_links(connection, number, {f"https://lms.example/{who}": GradebookLink("i", "c")})
    link_ids(space.store, space.keyring, [(who, f"{who}@other")])
    space.known([who])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """Return a school in which two learners have rows in every table that is of learners."""
    school = School.founded(tmp_path_factory.mktemp("tables") / "school", "")
    school.study()
    school.space.learn(now=LATER)
    for who in (WHO, OTHER):
        fill(school, who)
    purge(school.space, before=MONDAY - timedelta(days=9))  # leaves an opening balance
    yield school
    school.space.close()


def test_each_table_has_rows_of_the_learner_and_the_export_shows_them(made: School) -> None:
    person = person_of(made, WHO)
    rows, shown = rows_of(made, person), privacy.export(made.space, WHO)
    empty = {name for name, found in rows.items() if not found} - NOT_OF_A_LEARNER
    assert empty == set()
    for name, care in CARE.items():
        if care.export == "yes":
            assert len(shown[name]) == len(rows[name]) > 0, name
    assert shown["gradebook"]
    assert shown["openings"][0]["attempts"] > 0
    assert "teacher" not in str(shown)
    assert person.surrogate not in str(shown)


def test_a_purge_leaves_what_the_table_says(made: School) -> None:
    purge(made.space, before=LATER - timedelta(days=1))
    person = person_of(made, WHO)
    rows = rows_of(made, person)
    for name, care in CARE.items():
        if name not in NOT_OF_A_LEARNER and care.purge == "nothing":
            assert rows[name] == [], name
    assert [row["statement_id"] for row in rows["statements"]] == [f"{WHO}-goal"]
    assert [row["ends"] for row in rows["enrolments"]] == [None]
    assert {name for name, care in CARE.items() if care.purge.startswith("all") and not rows[name]} <= {
        *NOT_OF_A_LEARNER
    }
    assert rows["decisions"] == rows["rewards"] == rows["overrides"] == rows["playlists"] == []
    state = LearnerState.from_bytes(rows["openings"][0]["body"])
    assert state.general[COUNT] > 0


def test_an_opt_out_leaves_no_state_reply_or_address(made: School) -> None:
    privacy.opt_out(made.space, OTHER, out=True)
    person = person_of(made, OTHER)
    rows = rows_of(made, person)
    assert rows["states"] == rows["replies"] == []
    with made.space.store.read() as connection:
        assert links_of(connection, person.number) == {}


def test_an_erasure_leaves_no_row_of_any_table(made: School) -> None:
    person = person_of(made, WHO)
    privacy.erase(made.space, WHO, now=LATER)
    assert {name: found for name, found in rows_of(made, person).items() if found} == {}
    with made.space.store.read() as connection:
        assert links_of(connection, person.number) == {}
        assert statements_of(connection, [person.number]) == []
        assert find_learners(connection, made.space.keyring, [f"{WHO}@other"]) == {}


def test_two_ids_that_become_one_leave_no_row_of_the_other(made: School) -> None:
    for who in ("late-1", "late-2"):
        made.space.recommend(Request(who, MONDAY, k=2))
        fill(made, who)
    gone, kept = person_of(made, "late-2"), person_of(made, "late-1")
    before = {name: len(found) for name, found in rows_of(made, gone).items()}
    assert link_ids(made.space.store, made.space.keyring, [("late-1", "late-2")]).merged == 1
    assert {name: found for name, found in rows_of(made, gone).items() if found} == {}
    now = {name: len(found) for name, found in rows_of(made, kept).items()}
    for name in ("playlists", "decisions", "overrides", "statements", "practices", "replies"):
        assert now[name] == 2 * before[name], name
    with made.space.store.read() as connection:
        assert links_of(connection, gone.number) == {}
        assert len(links_of(connection, kept.number)) == 2
