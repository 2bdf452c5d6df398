"""A flood waits outside, each caller in a row of its own; who would wait too long is told at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from segue.service import seats as module
from segue.service.admission import PAGES_TOLD
from segue.service.http.rate_limits import ServiceLimits
from segue.service.http.refusals import RefusedError
from segue.service.seats import Seats
from segue.service.tenant.write_queue import Desk

Headers = Callable[[str], dict[str, str]]


def served(asked: str, *, seats: int) -> str:
    """Return the order in which requests of some callers (one a letter) are worked on, each for one turn."""

    async def run() -> str:
        free, order = Seats(ServiceLimits(seats=seats)), []

        async def one(caller: str) -> None:
            place = await free.take(caller)
            order.append(caller)
            await asyncio.sleep(0)
            place.leave()
            place.leave()  # left once, however often it is said

        await asyncio.gather(*map(one, asked))
        assert free.waiting == 0
        assert free._free == seats
        return "".join(order)

    return asyncio.run(run())


def test_one_who_floods_waits_and_others_do_not() -> None:
    order = served("f" * 40 + "c", seats=4)
    assert order.index("c") <= 2  # two seats are all that the flood may have
    assert Counter(order) == {"f": 40, "c": 1}


def test_rows_take_turns() -> None:
    order = served("a" * 9 + "b" * 9 + "c" * 9, seats=2)
    assert max(order.index(one) for one in "abc") <= 4
    assert all({*order[i : i + 6]} == {*"abc"} for i in range(2, 18))


def test_a_seat_is_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_SEAT", 0.01)

    async def run() -> None:
        free = Seats(ServiceLimits(seats=2))
        for _ in range(5):  # none of them leaves
            await free.take("slow")

    asyncio.run(run())


def test_who_goes_away_while_waiting_leaves_no_seat_taken() -> None:
    async def run() -> None:
        free = Seats(ServiceLimits(seats=2))
        place = await free.take("a")
        waiting = [asyncio.create_task(free.take("a")) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        place.leave()
        waiting[1].cancel()  # called in at this moment
        await asyncio.wait(waiting)
        assert not waiting[2].cancelled()
        waiting[2].result().leave()
        assert (free.waiting, free._free) == (0, 2)

    asyncio.run(run())


def test_a_row_has_an_end_by_count_and_by_time() -> None:
    async def run(limits: ServiceLimits, clock: Callable[[], float]) -> int:
        free = Seats(limits, clock=clock)
        leaves = [await free.take("a")]
        calls = [asyncio.create_task(free.take("a")) for _ in range(20)]
        while len(leaves) < 12:
            await asyncio.sleep(0)
            leaves[-1].leave()
            found = [call for call in calls if call.done()]
            leaves += [call.result() for call in found]
            calls = [call for call in calls if call not in found]
        more = [asyncio.create_task(free.take("a")) for _ in range(100)]
        await asyncio.sleep(0)
        refused = [call.exception() for call in more if call.done()]
        assert all(isinstance(e, RefusedError) and int(e.headers["retry-after"]) >= 1 for e in refused)
        for call in (*calls, *more):
            call.cancel()
        return 100 - len(refused)

    many = ServiceLimits(seats=2, waiting=50, waiting_seconds=1e9)
    assert asyncio.run(run(many, time.monotonic)) > 30
    ticks = iter(range(10_000))
    slow = ServiceLimits(seats=2, waiting=50, waiting_seconds=12)
    assert asyncio.run(run(slow, lambda: float(next(ticks)))) < 15  # one a second leaves


def test_a_flood_is_told_at_once_and_another_key_is_answered(
    school: Path, serving: Any, headers: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, work = threading.Event(), Desk._do
    monkeypatch.setattr(Desk, "_do", lambda self, jobs: (stuck.wait(20), work(self, jobs))[1])
    monkeypatch.setattr(module, "LONGEST_SEAT", 60.0)
    asked = {"learner": "student-1", "k": 3}
    with (
        serving(school, limits=ServiceLimits(seats=4, waiting=6, waiting_seconds=60)) as client,
        ThreadPoolExecutor(31) as people,
    ):

        def ask(scope: str) -> Any:
            return client.post("/v1/recommend", json=asked, headers=headers(scope))

        flood = [people.submit(ask, "backend") for _ in range(30)]
        while sum(call.done() for call in flood) < 22:  # two have seats, and six wait
            time.sleep(0.01)
        refused = [call.result() for call in flood if call.done()]
        assert [(one.status_code, one.headers["retry-after"]) for one in refused] == [(503, "1")] * 22
        assert client.get("/readyz").json()["waiting"] == 6
        other = people.submit(ask, "teacher")
        stuck.set()
        assert other.result().status_code == 200
        assert Counter(call.result().status_code for call in flood) == {503: 22, 200: 8}
        said = client.get("/metrics", headers=headers("analyst")).text
        assert 'segue_refused_total{tenant="school"} 22.0' in said


def test_what_was_foreseen_wrongly_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITS", 0.01)

    async def run() -> None:
        free = Seats(ServiceLimits(seats=2))
        first = await free.take("a")
        with pytest.raises(RefusedError) as ended:
            await free.take("a")
        assert ended.value.headers["retry-after"] == "5"
        first.leave()
        (await free.take("a")).leave()
        assert (free.waiting, free._free) == (0, 2)

    asyncio.run(run())


def test_a_flood_without_a_key_is_told_in_a_few_words(school: Path, serving: Any) -> None:
    """From one connection after the other, by a whole answer each; pages keep saying what to do."""
    with serving(school, limits=ServiceLimits(address_rate=0.01, address_burst=5)) as client:
        began = time.monotonic()
        answers = [client.get("/lti/school/login") for _ in range(60)]
        seconds = time.monotonic() - began
    assert Counter(a.status_code for a in answers[5:]) == {429: 55}
    for answer in answers[5:]:
        assert int(answer.headers["retry-after"]) >= 1
        assert len(answer.headers["x-request-id"]) == 32
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "open it again" in answer.text
    numbered = ["this number" in answer.text for answer in answers[5:]]
    assert numbered[0]
    assert sum(numbered) <= PAGES_TOLD * (1.0 + seconds)  # the log has no line of the others
