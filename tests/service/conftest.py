"""A school behind HTTP: the bundled catalogue, thirty learners with a history, a fitted model, keys."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import uvicorn

from segue import sample
from segue.features.events.event_records import check
from segue.service.app import create_app
from segue.service.http.api_keys import SCOPES, KeyRing
from segue.service.http.rate_limits import ServiceLimits
from segue.service.request_spans import RequestSpans
from segue.service.server import configuration
from segue.service.tenant.tenant import Tenant
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
Headers = Callable[[str], dict[str, str]]
Serving = Callable[..., AbstractContextManager[httpx.Client]]


def history(n_learners: int = 30, per_learner: int = 25) -> pd.DataFrame:
    """Return attempts of a class at the bundled catalogue, seeded; student-0 is alone in class "tiny"."""
    rng = np.random.default_rng(7)
    chance = 1.0 / (1.0 + np.exp(-rng.normal(0.5, 1.5, n_learners)))
    catalogue = sample.load()
    rows = [
        {
            "event_id": f"h-{n}-{i}",
            "learner": f"student-{n}",
            "resource": catalogue.resources[int(rng.integers(60))].resource_id,
            "score": float(rng.random() < chance[n]),
            "time": (NOW - timedelta(hours=6 * (per_learner - i))).isoformat(),
            "class_id": "7b" if n else "tiny",
        }
        for n in range(n_learners)
        for i in range(per_learner)
    ]
    return check(pd.DataFrame(rows), range(len(rows)), resources=set(catalogue.resource_index)).events


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted workspace that is only ever copied."""
    folder = tmp_path_factory.mktemp("template") / "school"
    workspace = Workspace.init(folder, environment={}, configuration=Configuration())
    workspace.set_catalogue(sample.load())
    workspace.add_events(history())
    workspace.fit(now=NOW)
    workspace.close()
    return folder


@pytest.fixture
def fresh(tmp_path: Path, secrets: dict[str, str], template: Path) -> Path:
    """A workspace with a catalogue, and nothing fitted yet."""
    folder = tmp_path / "fresh"
    workspace = Workspace.init(folder, environment={}, configuration=Configuration())
    workspace.set_catalogue(sample.load())
    workspace.close()
    shutil.copy(KeyRing(template).path, KeyRing(folder).path)
    return folder


@pytest.fixture(scope="session")
def secrets(template: Path) -> dict[str, str]:
    """The secret of a key for each scope; the same in every copy of the template."""
    ring = KeyRing(template)
    return {scope: ring.create(scope, (scope,), now=NOW)[1] for scope in SCOPES if scope != "learner"}


@pytest.fixture(scope="session")
def headers(secrets: dict[str, str]) -> Headers:
    """Return the headers that show the key of a scope."""
    return lambda scope: {"authorization": f"Bearer {secrets[scope]}"}


@pytest.fixture
def school(template: Path, secrets: dict[str, str], tmp_path: Path) -> Path:
    """A workspace of one's own, its key beside it."""
    folder = tmp_path / "school"
    shutil.copytree(template, folder)
    shutil.copy(template.with_suffix(".key"), folder.with_suffix(".key"))
    return folder


@pytest.fixture(scope="session")
def serving() -> Serving:
    """Return a context that yields a client of a real server on the loopback interface."""

    @contextmanager
    def serve(
        *folders: Path, limits: ServiceLimits | None = None, spans: RequestSpans | None = None
    ) -> Iterator[httpx.Client]:
        limits = limits or ServiceLimits()
        tenants = [Tenant.open(folder, limits=limits) for folder in folders]
        app = create_app(tenants, limits=limits, spans=spans)
        server = uvicorn.Server(configuration(app, limits=limits))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()

    return serve


@pytest.fixture
def client(school: Path, serving: Serving) -> Iterator[httpx.Client]:
    """A client of the school's service."""
    with serving(school) as found:
        yield found
