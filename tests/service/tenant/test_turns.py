"""One works and one waits: the others need not come, and who is called away keeps nobody out."""

from __future__ import annotations

import asyncio

from segue.service.tenant.slow_calls import Turn


def test_one_waits_for_all_who_come_meanwhile_and_who_is_called_away_keeps_nobody_out() -> None:
    done: list[str] = []

    async def play() -> None:
        turn, gate = Turn(), asyncio.Event()

        async def work(name: str) -> None:
            await gate.wait()
            done.append(name)

        first = asyncio.create_task(turn.take(lambda: work("first")))
        await asyncio.sleep(0)
        called_away = asyncio.create_task(turn.take(lambda: work("called away")))
        await asyncio.sleep(0)
        called_away.cancel()
        await asyncio.gather(called_away, return_exceptions=True)
        waits = asyncio.create_task(turn.take(lambda: work("waits")))
        await asyncio.sleep(0)
        await turn.take(lambda: work("comes meanwhile"))
        gate.set()
        await asyncio.gather(first, waits)
        await turn.take(lambda: work("later"))

    asyncio.run(asyncio.wait_for(play(), 5))
    assert done == ["first", "waits", "later"]
