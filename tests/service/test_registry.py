"""A model travels from the registry into a service that runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pandas as pd
import pytest
from typer.testing import CliRunner

from segue.cli.main import app
from segue.features.events.event_records import check
from segue.workspace.workspace import Workspace

pytest.importorskip("mlflow")

Headers = Callable[[str], dict[str, str]]
Serving = Callable[..., AbstractContextManager[httpx.Client]]


def segue(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


def learn_more(school: Path) -> None:
    """Add attempts to a workspace."""
    rows = [
        {"event_id": f"n{i}", "learner": f"new-{i}", "resource": "rate-race", "score": i % 2, "seq": i}
        for i in range(40)
    ]
    workspace = Workspace.open(school, environment={})
    workspace.add_events(check(pd.DataFrame(rows), range(len(rows))).events)
    workspace.close()


def test_a_running_service_takes_up_the_registry_s_model(
    school: Path, serving: Serving, headers: Headers, tmp_path: Path
) -> None:
    store = ("--store", str(tmp_path / "registry"))
    now = datetime(2026, 12, 1, tzinfo=UTC).isoformat()
    learn_more(school)
    registered = segue("experiment", "challenger", str(school), *store, "--now", now).split()[-1]
    with serving(school) as client:
        models = []
        for learner in ("student-1", "student-2"):
            asked = client.post(
                "/v1/recommend", json={"learner": learner, "k": 2}, headers=headers("backend")
            )
            models.append(asked.json()["model"])
            segue("experiment", "deploy", str(school), *store, "--alias", "challenger")
    assert models[0] != registered
    assert models[1] == registered
