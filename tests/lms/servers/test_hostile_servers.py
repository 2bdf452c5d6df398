"""Servers that answer anything at all: a pull ends with a sentence, and keeps and says nothing of anybody."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from segue.cli.main import app
from segue.features.catalogue import Catalogue, Resource
from segue.lms.records.source_records import ReadReport
from segue.lms.servers.json_calls import JsonServer, ServerError
from segue.lms.servers.moodle_web_service import MoodleServer
from segue.lms.servers.oneroster_rest import OneRosterServer
from segue.lms.servers.record_store import Cursor, RecordStore
from segue.lms.xapi import reader as xapi
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.pseudonyms import VARIABLE
from segue.workspace.workspace import Workspace
from tests.lms.servers.test_pulls import KEY, statement
from tests.lms.test_fuzz import CANARY, mutations

ADDRESS = "https://peer.example"
N = 400  # answers made wrong, for each door
PERSON = {"name": CANARY, "givenName": CANARY, "email": "canary@school.example", "fullname": CANARY}
PERSON |= {"username": CANARY, "firstname": CANARY, "comment": CANARY, "feedback": CANARY}
STATEMENTS = {
    "statements": [
        statement(i)
        | {
            "actor": PERSON | {"account": {"homePage": ADDRESS, "name": f"s{i}"}},
            "context": {"instructor": PERSON},
        }
        | {"result": {"success": True, "response": CANARY}}
        for i in range(3)
    ],
    "more": "",
}
ROSTER = {
    "access_token": "t",
    "enrollments": [
        PERSON
        | {"sourcedId": "e1", "user": PERSON | {"sourcedId": "s1"}, "class": {"sourcedId": "7b"}}
        | {"role": "student", "status": "active", "beginDate": "2026-09-01"}
    ],
    "lineItems": [PERSON | {"sourcedId": "quiz", "resultValueMin": 0, "resultValueMax": 10}],
    "results": [
        PERSON
        | {"sourcedId": "r1", "student": PERSON | {"sourcedId": "s1"}, "lineItem": {"sourcedId": "quiz"}}
        | {"score": 8.0, "scoreStatus": "fully graded", "scoreDate": "2026-03-02"}
    ],
}
USERS = [PERSON | {"id": 5, "roles": [{"shortname": "student", "name": CANARY}]}]
ITEM = {"id": 12, "itemtype": "mod", "cmid": 42, "graderaw": 7, "grademin": 0, "grademax": 10}
GRADES = {"usergrades": [PERSON | {"gradeitems": [PERSON | ITEM | {"gradedategraded": 1772442000}]}]}


def read_statements() -> None:
    for page in RecordStore(ADDRESS, "k", "s").pages(Cursor()):
        list(xapi.read(page.statements, "lenient")[0])
        Cursor.from_json(page.cursor.to_json())


def read_roster() -> None:
    from segue.lms.oneroster.reader import events_of

    bundle = OneRosterServer(ADDRESS, ADDRESS, "c", "s").bundle()
    list(events_of(bundle, ReadReport()))


def read_grades() -> None:
    list(MoodleServer(ADDRESS, "t").events("3", ReadReport()))


DOORS: dict[str, tuple[Callable[[], None], Callable[[str], Any]]] = {
    "lrs": (read_statements, lambda path: STATEMENTS),
    "oneroster": (read_roster, lambda path: ROSTER),
    "moodle": (read_grades, lambda path: USERS if "enrolled" in path else GRADES),
}


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], Any]], None]:
    """Put what a function of the call says in the place of what servers answer."""

    def put(said: Callable[[str], Any]) -> None:
        def call(self: JsonServer, method: str, path: str, *, query: Any = None, body: Any = None) -> Any:
            self._whole(path)
            return copy.deepcopy(said(f"{path} {query}"))

        monkeypatch.setattr(JsonServer, "call", call)

    return put


@pytest.mark.parametrize("name", DOORS)
def test_whatever_a_server_answers_the_pull_ends_with_a_sentence(
    answering: Callable[[Callable[[str], Any]], None], name: str
) -> None:
    pull, right = DOORS[name]
    mutate = mutations().mutate
    refused: list[str] = []
    for seed in range(N):
        rng = random.Random(seed)
        answering(lambda path, rng=rng: mutate(right(path), rng) if rng.random() < 0.7 else right(path))
        try:
            pull()
        except ServerError as error:
            refused.append(str(error).lower())
    assert 0 < len(refused) < N
    assert "canary" not in "".join(refused)


@pytest.mark.parametrize("name", DOORS)
def test_of_a_person_a_pull_keeps_the_id_alone(
    answering: Callable[[Callable[[str], Any]], None],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("SEGUE_LRS_PASSWORD", "SEGUE_ONEROSTER_SECRET", "SEGUE_MOODLE_TOKEN"):
        monkeypatch.setenv(variable, "canary-secret")
    monkeypatch.setenv(VARIABLE, KEY)
    folder = tmp_path / "school"
    with Workspace.init(folder, environment={VARIABLE: KEY}, configuration=Configuration()) as space:
        known = [Resource("quiz"), Resource("cm:42"), Resource("https://lms.example/quiz")]
        space.set_catalogue(Catalogue.build(known))
    answering(DOORS[name][1])
    words = {
        "lrs": ["--user", "canary-user"],
        "oneroster": ["--token-url", ADDRESS, "--client-id", "canary-client"],
        "moodle": ["--course", "3"],
    }
    done = CliRunner().invoke(app, ["pull", name, str(folder), "--url", ADDRESS, *words[name]])
    assert done.exit_code == 0, done.output
    assert " 0 events stored" not in done.output
    assert "canary" not in done.output.lower()
    for file in folder.rglob("*"):
        assert file.is_dir() or b"canary" not in file.read_bytes().lower(), file
    assert json.dumps(DOORS[name][1]("")).lower().count("canary") > 3
