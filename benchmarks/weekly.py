"""The weekly batch at a district's size, from raw attempts in Parquet to playlists.

Run: OMP_NUM_THREADS=1 python benchmarks/weekly.py [--learners 100000] [--workers 2]

Synthetic log of 200 attempts a learner over 2,000 resources and 300 skills. Printed: learners a second and
core from raw attempts and from stored states, beside the practical floor of the same run (decode, lockstep
fold, hard masks, one pass over the context block, write), and the largest memory of a worker.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import segue
from segue.batch.from_files import BLOCK, Task, batch, decide_block, do_bucket, write
from segue.batch.parts import worker_pool
from segue.batch.parts.shuffle import read_bucket, shuffle
from segue.batch.plan import WeeklyPlan
from segue.engine.recommender import Recommender
from segue.features.catalogue import Catalogue, Resource
from segue.features.contexts.context_columns import COLUMNS
from segue.features.history.batch_fold import fold
from segue.features.history.learner_state import LearnerState, StateBlock

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PLAN = WeeklyPlan("2026-W48", NOW, "segue")


@dataclass(frozen=True)
class District:
    """How much there is of everything."""

    learners: int = 2_000
    each: int = 200
    resources: int = 2_000
    skills: int = 300
    k: int = 10

    def catalogue(self, rng: np.random.Generator) -> Catalogue:
        """Return a catalogue in which every third skill builds on the one before."""
        made = [
            Resource(
                f"r{i:05d}",
                skills=(f"k{i % self.skills:04d}",),
                tags=(f"t{i % 40}",),
                minutes=float(rng.integers(5, 20)),
            )
            for i in range(self.resources)
        ]
        edges = [(f"k{i - 1:04d}", f"k{i:04d}") for i in range(1, self.skills, 3)]
        return Catalogue.build(made, prerequisites=edges)

    def log(self, rng: np.random.Generator, path: Path) -> None:
        """Write everybody's attempts, each ten thousand learners' mixed."""
        with pq.ParquetWriter(path, self.attempts(2, rng).schema) as writer:
            for first in range(0, self.learners, 10_000):
                writer.write_table(self.attempts(min(10_000, self.learners), rng, first=first))

    def attempts(self, n_learners: int, rng: np.random.Generator, *, first: int = 0) -> pa.Table:
        """Return attempts of some learners, mixed, most on a band of skills."""
        n = n_learners * self.each
        learner = np.repeat(np.arange(first, first + n_learners), self.each)
        start = rng.integers(0, self.skills - 40, n_learners)
        skill = np.repeat(start, self.each) + rng.integers(0, 40, n)
        item = (skill + self.skills * rng.integers(0, self.resources // self.skills, n)) % self.resources
        seconds = 1.76e9 + np.tile(np.sort(rng.integers(0, 8_000_000, self.each)), n_learners)
        order = rng.permutation(n)
        return pa.table(
            {
                "learner": [f"u{i:07d}" for i in learner[order].tolist()],
                "resource": [f"r{i:05d}" for i in item[order].tolist()],
                "score": (rng.random(n) < 0.65).astype(np.float64),
                "time": seconds[order],
            }
        )


def floor_of(recommender: Recommender, bucket: Path, target: Path) -> float:
    """Return the seconds of what no batch can do without."""
    began = time.process_time()
    attempts, names = read_bucket(bucket)
    n_candidates = len(recommender.catalogue.resources)
    fold(attempts, len(names), recommender.kernel.parameters)
    for first in range(0, len(names), BLOCK):
        masks = np.ones((3, min(BLOCK, len(names) - first), n_candidates), dtype=np.bool_)
        np.logical_and.reduce(masks)
        context = np.ones((len(COLUMNS), *masks.shape[1:]))
        context.sum(axis=0)
    table = pa.table({"learner": np.repeat(np.array(names), PLAN.k), "value": np.zeros(len(names) * PLAN.k)})
    pq.write_table(table, target)
    return time.process_time() - began


def from_states(recommender: Recommender, bucket: Path, target: Path) -> tuple[float, int]:
    """Return the seconds from states as bytes to a file of playlists, and how many learners."""
    attempts, names = read_bucket(bucket)
    kept = [s.to_bytes() for s in fold(attempts, len(names), recommender.kernel.parameters).states()]
    began = time.process_time()
    blocks = []
    for i in range(0, len(names), BLOCK):
        states = StateBlock.of([LearnerState.from_bytes(body) for body in kept[i : i + BLOCK]])
        blocks.append(decide_block(recommender, names[i : i + BLOCK], states, PLAN))
    write(target, recommender, blocks)
    return time.process_time() - began, len(names)


def measured(task: Task) -> int:
    """Do a bucket, and leave the largest memory that this process has had beside its file, in kB."""
    count = do_bucket(task)
    status = Path("/proc/self/status").read_text()
    task.target.with_suffix(".peak").write_text(status.split("VmHWM:")[1].split()[0])
    return count


def measuring(_: object, tasks: Mapping[int, Task], **how: Any) -> Iterator[tuple[int, Any]]:
    """Run tasks in processes that note their memory."""
    return worker_pool.run(measured, tasks, **how)


def main(learners: int = 100_000, workers: int = os.cpu_count() or 1) -> None:
    """Make the log, fit on a slice, and measure."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        district = District(learners)
        district.log(rng, folder / "log.parquet")
        slice_ = district.attempts(300, rng).to_pandas().assign(seq=0)
        slice_["time"] = pd.to_datetime(slice_["time"], unit="s", utc=True)
        recommender = segue.fit(district.catalogue(rng), slice_, now=NOW, rng=rng)
        recommender.save(folder / "model")
        one_core(recommender, folder, min(learners, 2_000), rng)
        began = time.perf_counter()
        done = batch(
            folder / "log.parquet",
            folder / "model",
            folder / "out",
            plan=PLAN,
            workers=workers,
            runner=measuring,
        )
        seconds = time.perf_counter() - began
        memory = max(int(note.read_text()) for note in (folder / "out" / "playlists").glob("*.peak")) / 1024
        rate = done.learners / seconds
        print(
            f"whole: {done.learners:,} learners, {done.rows:,} attempts in {seconds:.1f} s, shuffle included"
        )
        print(f"  {workers} processes: {rate:,.0f} learners a second")
        print(f"largest worker: {memory:,.0f} MB")


def one_core(recommender: Recommender, folder: Path, n_learners: int, rng: np.random.Generator) -> None:
    """Print the rates of one process, on processor time: other work on the machine does not count."""
    pq.write_table(District().attempts(n_learners, rng), folder / "some.parquet")
    began = time.process_time()
    shuffled = shuffle(folder / "some.parquet", recommender.catalogue, folder / "some")
    spent = time.process_time() - began
    print(f"one core, processor time: shuffle {n_learners / spent:,.0f} learners a second")
    tasks = [Task(b, folder / f"{b.stem}.out", folder / "model", PLAN) for b in shuffled.buckets]
    began = time.process_time()
    n_done = sum(do_bucket(task) for task in tasks)
    raw = time.process_time() - began
    print(f"  from raw attempts {n_done / raw:,.0f}")
    parts = [from_states(recommender, bucket, folder / "states.out") for bucket in shuffled.buckets]
    print(f"  from stored states {n_done / sum(seconds for seconds, _ in parts):,.0f}")
    spent = sum(floor_of(recommender, bucket, folder / "floor.out") for bucket in shuffled.buckets)
    print(f"  practical floor {n_done / spent:,.0f}; raw attempts take {raw / spent:.1f} times the floor")


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
