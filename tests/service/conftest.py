"""A school behind HTTP: the bundled catalogue, thirty learners with a history, a fitted model, keys."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import uvicorn

from segue import sample
from segue.engine.tenancy import Configuration
from segue.engine.workspace import Workspace
from segue.features.records import check
from segue.service.app import create_app
from segue.service.auth import SCOPES, KeyRing
from segue.service.limits import Limits
from segue.service.tenants import Tenant

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@dataclass(frozen=True)
class School:
    """A folder with a workspace, and the secret of a key for each scope."""

    folder: Path
    secrets: dict[str, str]

    def headers(self, scope: str) -> dict[str, str]:
        """Return the header that shows the key of a scope."""
        return {"authorization": f"Bearer {self.secrets[scope]}"}


def history(n_learners: int = 30, per_learner: int = 25) -> pd.DataFrame:
    """Return attempts of a class at the bundled catalogue, seeded."""
    rng = np.random.default_rng(7)
    catalogue = sample.load()
    rows = []
    for n in range(n_learners):
        for i in range(per_learner):
            resource = catalogue.resources[int(rng.integers(60))]
            rows.append(
                {
                    "event_id": f"h-{n}-{i}",
                    "learner": f"student-{n}",
                    "resource": resource.resource_id,
                    "score": float(rng.random() < 0.6),
                    "time": (NOW - timedelta(hours=6 * (per_learner - i))).isoformat(),
                    "class_id": "7b" if n else "tiny",
                }
            )
    raw = pd.DataFrame(rows)
    return check(raw, range(len(raw)), resources=set(catalogue.resource_index)).events


def make_school(folder: Path, *, fitted: bool = True) -> School:
    """Make a workspace with keys; its own key lies beside it."""
    workspace = Workspace.init(folder, environment={}, configuration=Configuration())
    workspace.set_catalogue(sample.load())
    workspace.add_events(history())
    if fitted:
        workspace.fit(now=NOW)
    workspace.close()
    ring = KeyRing(folder)
    return School(folder, {scope: ring.create(scope, (scope,), now=NOW)[1] for scope in SCOPES})


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> School:
    """A school that is only ever copied."""
    return make_school(tmp_path_factory.mktemp("template") / "school")


def copied(template: School, folder: Path) -> School:
    """Return a copy of a school, its key beside it."""
    shutil.copytree(template.folder, folder)
    shutil.copy(template.folder.with_suffix(".key"), folder.with_suffix(".key"))
    return School(folder, template.secrets)


@pytest.fixture
def school(template: School, tmp_path: Path) -> School:
    """A school of one's own."""
    return copied(template, tmp_path / "school")


@contextmanager
def serving(*schools: School, limits: Limits | None = None) -> Iterator[httpx.Client]:
    """Yield a client of a real server on the loopback interface that serves some schools."""
    limits = limits or Limits()
    tenants = [Tenant.open(school.folder, limits=limits) for school in schools]
    app = create_app(tenants, limits=limits)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
    server.should_exit = True
    thread.join()


@pytest.fixture
def client(school: School) -> Iterator[httpx.Client]:
    """A client of the school's service."""
    with serving(school) as found:
        yield found
