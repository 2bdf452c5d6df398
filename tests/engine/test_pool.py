"""Workers end with the process that started them, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = """
import os, time
from segue.engine import pool

def prepare():
    return lambda: None

def work(task):
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    list(pool.run(work, {0: 0, 1: 1}, workers=2, prepare=prepare, arguments=()))
"""


def alive(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_workers_of_a_killed_batch_do_not_stay(tmp_path: Path) -> None:
    path = tmp_path / "batch.py"
    path.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True) as batch:
        assert batch.stdout is not None
        workers = [int(batch.stdout.readline()) for _ in range(2)]
        os.kill(batch.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))
