"""Each field of a resource that a program sends moves what is recommended of it, or how it is shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.service.http.request_schemas import ResourceBody
from segue.workspace.workspace import Workspace
from tests.service.conftest import secrets, serving, template  # noqa: F401

Put = Callable[..., dict[str, Any]]
NOW = "2026-11-24T09:00:00Z"
BASE = {
    "title": "Rates on the road",
    "url": "https://x.example/a",
    "skills": ["ratio-language"],
    "minutes": 15,
}
SHOWN, WORTH, OPEN = "what is shown of it", "what it is worth", "whether it is among the steps"
Row = tuple[str, str, dict[str, Any], dict[str, Any]]
TABLE: tuple[Row, ...] = (  # field, what must change, what is sent of the resource, what is asked for
    ("title", SHOWN, {"title": "Another title"}, {}),
    ("url", SHOWN, {"url": "https://x.example/b"}, {}),
    ("minutes", SHOWN, {"minutes": 40}, {}),
    ("minutes", OPEN, {"minutes": 40}, {"minutes": 20}),
    ("skills", WORTH, {"skills": ["negative-numbers"]}, {"goal": {"skills": ["negative-numbers"]}}),
    ("tags", WORTH, {"tags": ["sports"]}, {"interests": ["sports"]}),
    ("courses", OPEN, {"courses": ["maths"]}, {"courses": ["arts"]}),
    ("difficulty", WORTH, {"difficulty": 5.0}, {}),
    ("kind", OPEN, {"kind": "game"}, {"place": {"kinds": ["exercise"]}}),
    ("language", OPEN, {"language": "fi"}, {"place": {"language": "en"}}),
    ("grade_band", OPEN, {"grade_band": "11-12"}, {"place": {"grade_band": "6-8"}}),
    ("available_from", OPEN, {"available_from": "2027-01-01T00:00:00Z"}, {}),
    ("available_until", OPEN, {"available_until": "2026-01-01T00:00:00Z"}, {}),
    ("offline", OPEN, {"offline": False}, {"place": {"offline": True}}),
    ("content", OPEN, {"content": "pictures"}, {"place": {"content": "words"}}),
    ("process", OPEN, {"process": "together"}, {"place": {"process": "alone"}}),
    ("product", OPEN, {"product": "talk"}, {"place": {"product": "text"}}),
    ("source", WORTH, {"source": "the press whose work is followed by learning"}, {}),
)


@pytest.fixture(scope="module")
def put(
    template: Path,  # noqa: F811
    secrets: dict[str, str],  # noqa: F811
    serving: Callable[..., AbstractContextManager[httpx.Client]],  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Put]:
    """A call that puts the resource "new" and returns the step that is asked for with it alone."""
    folder = tmp_path_factory.mktemp("levers") / "school"
    shutil.copytree(template, folder)
    shutil.copy(template.with_suffix(".key"), folder.with_suffix(".key"))
    with Workspace.open(folder, environment={}) as workspace:
        taught = workspace.resources_taught()
        for resource in taught[taught["effect"] > 0]["resource"]:
            workspace.change_resource(resource, {"source": "the press whose work is followed by learning"})
    with serving(folder) as client:
        client.headers["authorization"] = f"Bearer {secrets['admin']}"

        def step(sent: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
            found = client.put("/v1/resources/new", json=BASE | sent)
            assert found.status_code == 200, found.text
            one = {"learner": "student-3", "now": NOW, "k": 1, "candidates": ["new"], "fresh": True}
            answer = client.post("/v1/recommend", json=one | asked)
            assert answer.status_code == 200, answer.text
            steps: list[dict[str, Any]] = answer.json()["steps"]
            return steps[0] if steps else {}

        yield step


@pytest.mark.parametrize(("field", "what", "sent", "asked"), TABLE, ids=[f"{r[0]}-{r[1]}" for r in TABLE])
def test_a_field_of_a_resource_moves_what_it_should(
    put: Put, field: str, what: str, sent: dict[str, Any], asked: dict[str, Any]
) -> None:
    before, after = put({}, asked), put(sent, asked)
    assert before["resource"] == "new"
    if what == OPEN:
        assert after == {}
    elif what == SHOWN:
        assert (before[field], after[field]) == (BASE[field], sent[field])
    else:
        assert before["reasons"] != after["reasons"]


def test_every_field_of_a_resource_is_in_the_table() -> None:
    assert {field for field, *_ in TABLE} == set(ResourceBody.model_fields)
