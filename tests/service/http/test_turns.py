"""Many parts of one caller hold up neither another caller nor what is due meanwhile."""

from __future__ import annotations

import asyncio

from segue.service.http.turns import AT_ONCE, Turns


class Speaker:
    def __init__(self, caller: str, heard: list[str]) -> None:
        self.caller, self.heard = caller, heard

    def hear(self) -> None:
        self.heard.append(self.caller)
        if self.caller == "broken":
            raise RuntimeError(self.caller)


async def heard_after(said: list[str]) -> list[str]:
    """Return who was heard, in order, and "due" for what was due as soon as all had spoken."""
    heard: list[str] = []
    turns, loop = Turns(), asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    at_once = [turns.take(Speaker(caller, heard)) for caller in said]
    assert sum(at_once) == min(len(said), AT_ONCE)
    loop.call_soon(heard.append, "due")
    for _ in range(len(said) + 2):
        await asyncio.sleep(0)
    return heard


def test_callers_take_turns_and_the_loop_looks_up_between() -> None:
    heard = asyncio.run(heard_after(["flood"] * 900 + ["calm"]))
    assert heard.count("flood") == 900
    assert heard.index("calm") <= AT_ONCE + 1
    assert heard.index("due") <= 2 * AT_ONCE


def test_a_few_are_heard_at_once_and_in_order() -> None:
    assert asyncio.run(heard_after(["a", "b", "a"])) == ["a", "b", "a", "due"]


def test_one_that_fails_holds_up_nobody() -> None:
    heard = asyncio.run(heard_after(["flood"] * AT_ONCE + ["broken"] + ["flood"] * 100))
    assert heard.count("flood") == AT_ONCE + 100
