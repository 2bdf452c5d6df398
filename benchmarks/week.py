"""The district's week end to end: import, learn, fit, gate, weekly on a store, by stage, beside the batch.

Run: OMP_NUM_THREADS=1 python benchmarks/week.py [--learners 2000] [--each 200] [--resources 2000]
     [--skills 300] [--k 10] [--growth | --command]

Synthetic attempts as in ``benchmarks/weekly.py``. Each stage runs in a process of its own, which prints its
seconds and its largest memory. Beside it: the batch from the same attempts, without a store, and the floor of
both (decode, fold, masks, one pass over the contexts, write). `--growth` prints the table for more of one
thing at a time; `--command` runs `segue week` itself, as for a district: --learners 50000 --resources 3000.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from weekly import District

from segue.batch.from_files import batch
from segue.batch.from_workspace import bring_up, weekly
from segue.batch.plan import WeeklyPlan
from segue.features.events.file_readers import Source
from segue.features.iso_weeks import start_of
from segue.workspace.operations.file_import import import_file
from segue.workspace.operations.monitoring import gate
from segue.workspace.records.learners import every_learner
from segue.workspace.sources.model_registry import current_fit
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.pseudonyms import VARIABLE
from segue.workspace.workspace import Workspace

KEY = {VARIABLE: "11" * 32}
WEEK = "2026-W48"
NOW = start_of(WEEK, "UTC")


def stage(name: str, work: Callable[[Path], object], folder: Path, district: District) -> float:
    """Run a stage in a process of its own; print and return its seconds."""
    context = multiprocessing.get_context("fork")
    mine, its = context.Pipe()

    def run() -> None:
        began, spent = time.perf_counter(), time.process_time()
        work(folder)
        status = Path("/proc/self/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
        its.send((time.perf_counter() - began, time.process_time() - spent, peak))

    process = context.Process(target=run)
    process.start()
    its.close()
    try:
        seconds, spent, peak = mine.recv()
    except EOFError:
        raise SystemExit(f"{name} failed") from None
    process.join()
    rate = district.learners / spent
    print(
        f"{name:28}{seconds:8.1f} s {spent:8.1f} s of a core {rate:9,.0f} learners a second {peak:7,.0f} MB",
        flush=True,
    )
    return float(spent)


def opened(folder: Path) -> Workspace:
    """Return the district's workspace."""
    return Workspace.open(folder / "district", environment=KEY)


def set_up(folder: Path, district: District) -> None:
    """Write the attempts and make a workspace with the catalogue."""
    rng = np.random.default_rng(1)
    district.log(rng, folder / "log.parquet")
    space = Workspace.init(folder / "district", environment=KEY, configuration=Configuration())
    space.set_catalogue(district.catalogue(rng))
    space.close()


def import_(folder: Path) -> None:
    """Store the log."""
    space = opened(folder)
    import_file(space, folder / "log.parquet", Source(clock=replace(Source().clock, epoch="s")))


def fit(folder: Path) -> None:
    """Fit, and put the result in charge."""
    opened(folder).fit(now=NOW)


def asked(folder: Path) -> None:
    """Ask the gate about a second fit."""
    space = opened(folder)
    with space.store.read() as connection:
        champion = space.champion(connection).fitted
        assert current_fit(connection)
    gate(space, champion, now=NOW)


def states(folder: Path) -> None:
    """Fold every learner's events."""
    space = opened(folder)
    with space.store.read() as connection:
        numbers = [learner.number for learner in every_learner(connection)]
    bring_up(space, numbers, workers=1)


def lists(k: int) -> Callable[[Path], object]:
    """Return what draws and stores everybody's list."""

    def work(folder: Path) -> None:
        weekly(opened(folder), WeeklyPlan(WEEK, NOW, "segue", k), folder / "out", workers=1)

    return work


def from_files(k: int) -> Callable[[Path], object]:
    """Return what does the same without a store."""

    def work(folder: Path) -> None:
        (model,) = (folder / "district" / "models").iterdir()
        plan = WeeklyPlan(WEEK, NOW, "segue", k)
        batch(folder / "log.parquet", model, folder / "batch", plan=plan, workers=1)

    return work


def week(district: District) -> dict[str, float]:
    """Print and return the seconds of a core that each stage takes."""
    print(f"\n{district}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        set_up(folder, district)
        stages: dict[str, Callable[[Path], object]] = {
            "import": import_,
            "learn": lambda f: opened(f).learn(now=NOW),
            "fit": fit,
            "gate": asked,
            "weekly: states to fold": states,
            "weekly: lists from states": lists(district.k),
            "the batch, from raw attempts": from_files(district.k),
        }
        spent = {what: stage(what, work, folder, district) for what, work in stages.items()}
        size = (folder / "district" / "segue.db").stat().st_size / 2**20
        rows = pq.ParquetDataset(folder / "out" / "playlists").read(columns=["position"]).num_rows
        print(f"database {size:,.0f} MB, {rows:,} steps drawn")
    return spent


def command(district: District) -> None:
    """Run `segue week` on a store of its own; print what it says, and its largest memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        set_up(folder, district)
        words = [
            "week",
            "district",
            "--week",
            WEEK,
            "--events",
            "log.parquet",
            "--epoch",
            "s",
            "--out",
            "out",
        ]
        began, largest = time.perf_counter(), 0.0
        with subprocess.Popen(
            [sys.executable, "-m", "segue.cli.main", *words], cwd=folder, env={**os.environ, **KEY}
        ) as job:
            while job.poll() is None:
                largest = max(largest, memory(job.pid))
                time.sleep(0.5)
        seconds = time.perf_counter() - began
        print(
            f"exit {job.returncode}, {seconds:,.0f} s, all its processes together {largest:,.0f} MB at most"
        )


def memory(pid: int) -> float:
    """Return the megabytes of a process and all that it began, what they share counted once."""
    try:
        said = Path(f"/proc/{pid}/smaps_rollup").read_text()
        below = [
            child for by in Path(f"/proc/{pid}/task").glob("*/children") for child in by.read_text().split()
        ]
    except OSError:  # it has ended
        return 0.0
    return int(said.split("Pss:")[1].split()[0]) / 1024 + sum(memory(int(child)) for child in below)


def growth(base: District) -> None:
    """Print how many times the seconds grow with ten times of one thing."""
    table: dict[str, Any] = {"base": week(base)}
    more = {
        "learners x 4": replace(base, learners=base.learners * 4),
        "resources x 10": replace(base, resources=base.resources * 10),
        "history x 10": replace(base, each=base.each * 10),
        "skills x 10": replace(base, skills=base.skills * 10),
        "k 50": replace(base, k=50),
    }
    table |= {name: week(district) for name, district in more.items()}
    print(f"\n{'times the base':30}" + "".join(f"{name:>16}" for name in more))
    for what in table["base"]:
        cells = [table[name][what] / max(table["base"][what], 1e-9) for name in more]
        print(f"{what:30}" + "".join(f"{cell:16.1f}" for cell in cells))
    print(json.dumps(table))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("learners", "each", "resources", "skills", "k"):
        parser.add_argument(f"--{name}", type=int, default=getattr(District(), name))
    for name in ("growth", "command"):
        parser.add_argument(f"--{name}", action="store_true")
    given = vars(parser.parse_args())
    more, whole = given.pop("growth"), given.pop("command")
    (command if whole else growth if more else week)(District(**given))


if __name__ == "__main__":
    main()
