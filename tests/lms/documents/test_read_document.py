"""The contract of `segue lms read`: one answer for every line, whatever it holds."""

from __future__ import annotations

import hashlib
import json

import pytest
from typer.testing import CliRunner

from segue.cli import lms as cli_lms
from segue.lms.documents.read_document import READERS, answer, answer_line

STATEMENT = {
    "id": "8f87ccde-bb56-4c2e-ab83-44982ef22df0",
    "actor": {"mbox": "mailto:ada@school.example"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
    "object": {"id": "https://school.example/item/1"},
    "result": {"success": True},
    "timestamp": "2026-03-02T09:00:00Z",
}


def run(lines: list[str | bytes]) -> list[dict[str, object]]:
    data = b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)
    result = CliRunner().invoke(cli_lms.app, ["read", "--json-lines"], input=data)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_an_answer_has_exactly_the_fields_of_the_contract() -> None:
    (found,) = run([json.dumps({"n": 7, "format": "xapi", "doc": STATEMENT, "mode": "strict"})])
    assert list(found) == ["n", "accepted", "reason", "codes", "events", "counts"]
    assert found["n"] == 7
    assert found["accepted"] is True
    assert found["events"] == [
        {
            "kind": "attempt",
            "learner": hashlib.sha1(b"mailto:ada@school.example").hexdigest(),
            "resource": "https://school.example/item/1",
            "score": 1.0,
            "time": "2026-03-02T09:00:00+00:00",
            "id": "8f87ccde-bb56-4c2e-ab83-44982ef22df0",
        }
    ]


@pytest.mark.parametrize(
    "line",
    [
        "garbage",
        "[]",
        '{"n": 1}',
        '{"n": 1, "format": "xapi", "doc": null}',
        '{"n": 1, "format": "xapi", "doc": {}, "mode": "odd"}',
        '{"n": 1, "format": "nothing", "doc": {}}',
        '{"n": 1, "format": "xapi", "doc": {"actor": NaN}}',
        '{"n": 1, "format": "xapi", "doc": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"n": 1, "format": "xapi", "path": "/nowhere/at/all"}',
        b'{"n": 1, "format": "xapi", "doc": {"\xff": 1}}',
    ],
)
def test_whatever_comes_in_an_answer_with_a_reason_goes_out(line: str | bytes) -> None:
    first, second = run([line, json.dumps({"n": 2, "format": "xapi", "doc": STATEMENT})])
    assert first["accepted"] is False
    assert first["reason"]
    assert second["accepted"] is True


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("mode", ["strict", "lenient"])
@pytest.mark.parametrize("document", ["{}", "[]", '[1, "a", null, [], {}]', '{"data": 3, "statements": {}}'])
def test_every_reader_survives_what_is_not_its_format(name: str, mode: str, document: str) -> None:
    found = answer_line(f'{{"n": 1, "format": "{name}", "mode": "{mode}", "doc": {document}}}')
    assert found["accepted"] or found["reason"]


def test_a_repeated_id_is_one_event() -> None:
    found = answer("xapi", [STATEMENT, STATEMENT | {"id": "9f87ccde-bb56-4c2e-ab83-44982ef22df0"}, STATEMENT])
    assert [event["id"][0] for event in found.events] == ["8", "9"]


def test_lenient_accepts_an_envelope_with_something_to_learn() -> None:
    both = {"statements": [STATEMENT, {"actor": 1}]}
    assert not answer("xapi", both).accepted
    assert answer("xapi", both, "lenient").accepted
    assert not answer("xapi", {"statements": [{"actor": 1}]}, "lenient").accepted
