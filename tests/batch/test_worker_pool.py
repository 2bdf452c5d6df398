"""Workers that are killed while they start, work, wait or answer; and workers whose parent is killed."""

from __future__ import annotations

import marshal
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from segue.batch.parts import worker_pool as pool

HEAD = """
import contextlib, multiprocessing, os, random, signal, sys, threading, time
from segue.batch.parts import worker_pool as pool

def prepare():
    return lambda: None
"""
KILLED_AT_RANDOM = """
def work(task):
    time.sleep(.002)
    return bytes(100_000) + task.to_bytes()  # larger than a pipe holds: some are killed while they answer

def kill(rng):
    for _ in range(3):  # as they start, work, wait or answer; four could be one too many
        time.sleep(rng.uniform(0, .3))
        if children := list(multiprocessing.active_children()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(children).pid, signal.SIGKILL)
                print("killed")

if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        killer = threading.Thread(target=kill, args=(random.Random(number),))
        killer.start()
        found = {}
        for n, result in pool.run(work, {n: n for n in range(40)}, workers=3, prepare=prepare, arguments=()):
            assert n not in found, "twice"
            found[n] = result
        killer.join()
        assert found == {n: bytes(100_000) + n.to_bytes() for n in range(40)}
        assert not multiprocessing.active_children()
"""
KILLED_AT_THE_END = """
from concurrent.futures import process

def work(task):
    return task

class Manager(process._ExecutorManagerThread):
    def shutdown_workers(self):  # some worker reads the queue by which all are told to end
        os.kill(list(self.processes.values())[turn].pid, signal.SIGKILL)
        time.sleep(.1)
        super().shutdown_workers()

if __name__ == "__main__":
    process._ExecutorManagerThread = Manager
    for turn in range(2):
        run = pool.run(work, {n: n for n in range(20)}, workers=2, prepare=prepare, arguments=())
        print(len(list(run)), flush=True)
        assert not multiprocessing.active_children()
"""
PARENT_KILLED = """
def work(task):
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    list(pool.run(work, {0: 0, 1: 1}, workers=2, prepare=prepare, arguments=()))
"""


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    """Return what writes a program: workers that are spawned import the file that started them."""

    def write(text: str) -> Path:
        path = tmp_path / "program.py"
        path.write_text(HEAD + text)
        return path

    return write


@pytest.mark.parametrize("n_rounds", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_workers_killed_at_random_moments_neither_lose_nor_hang(
    script: Callable[[str], Path], n_rounds: int
) -> None:
    command = [sys.executable, str(script(KILLED_AT_RANDOM)), str(n_rounds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert "killed" in done.stdout


def test_a_worker_killed_when_all_is_done_keeps_nobody(script: Callable[[str], Path]) -> None:
    command = [sys.executable, str(script(KILLED_AT_THE_END))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["20", "20"]), done.stderr


def alive(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_the_workers_of_a_killed_batch_do_not_stay(script: Callable[[str], Path]) -> None:
    command = [sys.executable, str(script(PARENT_KILLED))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as batch:
        assert batch.stdout is not None
        workers = [int(batch.stdout.readline()) for _ in range(2)]
        os.kill(batch.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))


# What a spawned worker can import: functions of the standard library.
NOTHING = partial(partial, list)


@pytest.mark.parametrize("workers", [1, 3])
def test_every_task_is_done_once(workers: int) -> None:
    tasks = {n: n * n for n in range(20)}
    found = list(pool.run(math.isqrt, tasks, workers=workers, prepare=NOTHING, arguments=()))
    assert sorted(found) == [(n, n) for n in range(20)]


def test_an_error_of_the_work_or_of_the_preparation_is_the_callers() -> None:
    tasks = {n: marshal.dumps(n) for n in range(6)} | {3: b""}
    with pytest.raises(EOFError, match="EOF read") as caught:
        list(pool.run(marshal.loads, tasks, workers=2, prepare=NOTHING, arguments=()))
    assert "worker_pool.py" in str(caught.value.__cause__)  # with where it was raised
    with pytest.raises(ValueError, match="'no number'"):
        list(pool.run(math.isqrt, {0: 0, 1: 1}, workers=2, prepare=int, arguments=("no number",)))


def test_a_task_that_kills_every_worker_is_given_up() -> None:
    tasks = dict.fromkeys(range(2), int(signal.SIGKILL))
    with pytest.raises(pool.WorkersLostError, match=r"killed 4 times in a row.*2 tasks are left"):
        list(pool.run(signal.raise_signal, tasks, workers=2, prepare=NOTHING, arguments=()))


def test_a_caller_who_turns_away_leaves_no_worker() -> None:
    results = pool.run(time.sleep, dict.fromkeys(range(9), 0.01), workers=2, prepare=NOTHING, arguments=())
    next(results)
    results.close()
    assert not multiprocessing.active_children()
