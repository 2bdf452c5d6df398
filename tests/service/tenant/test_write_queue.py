"""The desk: one thread, groups, savepoints, answers only after the commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from segue.service.http.metrics import Metrics
from segue.service.http.refusals import RefusedError
from segue.service.tenant import write_queue
from segue.service.tenant.write_queue import Desk
from segue.workspace.storage import schema
from segue.workspace.storage.database import Store, put_document
from segue.workspace.storage.group_commit import GroupedStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GroupedStore]:
    opened = Store.open(f"sqlite:///{tmp_path}/store.db")
    yield GroupedStore(opened.engine)
    opened.close()


def writing(store: GroupedStore, name: str, *, fail: bool = False) -> Callable[[], str]:
    def work() -> str:
        with store.write() as connection:
            put_document(connection, name, b"x")
            if fail:
                raise ValueError(name)
        return name

    return work


def documents(store: Store) -> set[str]:
    with Store(store.engine).read() as connection:
        return set(connection.execute(select(schema.documents.c.name)).scalars())


def test_a_failed_job_is_undone_alone(store: GroupedStore) -> None:
    before = documents(store)

    async def main() -> list[object]:
        desk = Desk(store, Metrics("school"), waiting=100, seconds=60)
        jobs = [desk.do(writing(store, f"d{i}", fail=i % 3 == 0)) for i in range(30)]
        results = await asyncio.gather(*jobs, return_exceptions=True)
        desk.close()
        return list(results)

    results = asyncio.run(main())
    assert [isinstance(r, ValueError) for r in results] == [i % 3 == 0 for i in range(30)]
    assert documents(store) - before == {f"d{i}" for i in range(30) if i % 3}


def test_waiting_jobs_share_a_commit_and_answers_come_after_it(store: GroupedStore) -> None:
    metrics, gate = Metrics("school"), threading.Event()

    async def main() -> None:
        desk = Desk(store, metrics, waiting=100, seconds=60)
        first = asyncio.create_task(desk.do(gate.wait))
        await asyncio.sleep(0.05)
        jobs = [asyncio.create_task(desk.do(writing(store, f"d{i}"))) for i in range(20)]
        await asyncio.sleep(0.05)
        assert not any(job.done() for job in jobs)
        gate.set()
        for done in asyncio.as_completed(jobs):
            assert await done in documents(store)  # read by a connection outside the group
        await first
        desk.close()

    asyncio.run(main())
    assert 'segue_group_jobs_count{tenant="school"} 2.0' in metrics.text().splitlines()


@pytest.mark.parametrize(("seconds", "commits"), [(20.0, 2), (0.01, 3)])
def test_the_loop_reads_on_before_the_next_group_begins_unless_that_takes_long(
    store: GroupedStore, monkeypatch: pytest.MonkeyPatch, seconds: float, commits: int
) -> None:
    monkeypatch.setattr(write_queue, "LOOP_SECONDS", seconds)
    metrics, gate = Metrics("school"), threading.Event()

    async def main() -> None:
        desk = Desk(store, metrics, waiting=100, seconds=60)

        async def asks_again() -> None:
            await desk.do(gate.wait)
            time.sleep(0.3)  # of the loop, which has much to do
            await desk.do(writing(store, "again"))

        first = asyncio.create_task(asks_again())
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(desk.do(writing(store, "waiting")))
        await asyncio.sleep(0.05)
        gate.set()
        await asyncio.gather(first, waiting)
        desk.close()

    asyncio.run(main())
    assert f'segue_group_jobs_count{{tenant="school"}} {commits}.0' in metrics.text().splitlines()


def test_a_full_queue_refuses_at_once(store: GroupedStore) -> None:
    gate = threading.Event()

    async def main() -> None:
        desk = Desk(store, Metrics("school"), waiting=1, seconds=60)
        blocked = asyncio.create_task(desk.do(gate.wait))
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(desk.do(gate.wait))
        await asyncio.sleep(0.05)
        with pytest.raises(RefusedError, match="busy") as refused:
            await desk.do(gate.wait)
        assert refused.value.status == 503
        gate.set()
        await asyncio.gather(blocked, waiting)
        desk.close()

    asyncio.run(main())


def test_closing_finishes_what_waits(store: GroupedStore) -> None:
    async def main() -> list[str]:
        desk = Desk(store, Metrics("school"), waiting=100, seconds=60)
        jobs = [asyncio.create_task(desk.do(writing(store, f"d{i}"))) for i in range(10)]
        await asyncio.sleep(0)
        desk.close()
        return await asyncio.gather(*jobs)

    assert len(asyncio.run(main())) == 10
    assert {f"d{i}" for i in range(10)} <= documents(store)


def test_a_failed_commit_fails_every_job_of_the_group(store: GroupedStore) -> None:
    with Store(store.engine).write() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x INTEGER PRIMARY KEY)")
        connection.exec_driver_sql(
            "CREATE TABLE u (x INTEGER REFERENCES t (x) DEFERRABLE INITIALLY DEFERRED)"
        )
    before = documents(store)

    def broken() -> None:  # a foreign key that is checked at the commit only
        with store.write() as connection:
            connection.exec_driver_sql("INSERT INTO u VALUES (7)")

    async def main() -> list[object]:
        desk = Desk(store, Metrics("school"), waiting=100, seconds=60)
        gate = threading.Event()
        first = asyncio.create_task(desk.do(gate.wait))
        await asyncio.sleep(0.05)
        jobs = [asyncio.create_task(desk.do(w)) for w in (writing(store, "mine"), broken)]
        await asyncio.sleep(0.05)
        gate.set()
        results = await asyncio.gather(*jobs, return_exceptions=True)
        await first
        desk.close()
        return list(results)

    results = asyncio.run(main())
    assert all(isinstance(result, Exception) for result in results)
    assert documents(store) == before


def test_the_log_is_copied_back_beside_the_writer(store: GroupedStore, tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(store, Metrics("school"), waiting=100, seconds=60)
        for i in range(20):
            await desk.do(writing(store, f"d{i}"))
        await asyncio.to_thread(store.copy_log_back)
        await desk.do(writing(store, "last"))  # begins the log anew: all of it was copied
        desk.close()

    asyncio.run(main())
    without_log = f"file:{tmp_path}/store.db?mode=ro&immutable=1"
    alone = sqlite3.connect(without_log, uri=True)
    assert alone.execute("SELECT count(*) FROM documents WHERE name LIKE 'd%'").fetchone()[0] >= 20
    alone.close()
