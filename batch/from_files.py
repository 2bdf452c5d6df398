"""Playlists from files to files, without a store: a log of attempts, a fitted artefact, a week.

The same kernel as everywhere, asked for blocks of learners; what it draws is written as columns, so nothing
is made step by step. :func:`playlists_of` is DataFrame in, DataFrame out, for whoever brings the learners.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segue.batch.parts import output, worker_pool
from segue.batch.parts.shuffle import count_buckets, read_bucket, shuffle
from segue.batch.plan import Share, WeeklyPlan
from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request
from segue.engine.sampling.drawn_playlists import DrawnBlock
from segue.engine.sampling.randomness import generators
from segue.engine.scoring.factors import factors_of
from segue.features.events.event_records import Frame, RecordsError, as_pandas
from segue.features.history.attempts import Attempts, encode
from segue.features.history.batch_fold import fold
from segue.features.history.learner_state import StateBlock

ROWS_A_LIST = 400  # of a log are folded and drawn from in the time that a list from a store takes
BLOCK = 64  # learners decided together: their contexts fit the cache better than more would
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Task:
    """One bucket: where it lies, where its playlists go, and what decides."""

    bucket: Path
    target: Path
    artefact: Path
    plan: WeeklyPlan


@dataclass(frozen=True)
class Done:
    """What a batch did; `skipped` buckets were there already."""

    learners: int
    rows: int
    rejected: int
    buckets: int
    skipped: int = 0


def batch(
    attempts: Path,
    artefact: Path,
    out: Path,
    *,
    plan: WeeklyPlan,
    share: Share | None = None,
    workers: int | None = None,
    runner: worker_pool.Runner = worker_pool.run,
    tick: Callable[[int, int], object] = lambda _, __: None,
) -> Done:
    """Write playlists for all learners of a log to `out`, one Parquet file a bucket.

    What another log, plan or model left in `out` moves to ``earlier/``; buckets that are there are not done
    again.

    Parameters
    ----------
    attempts : Path
        Parquet file or folder, rows in any order (see ``segue.batch.parts.shuffle.shuffle``).
    artefact : Path
        Folder of a fitted recommender.
    share : Share, optional
        The part of the buckets that this machine does.
    runner : callable
        What runs tasks: `run` or `with_dask` of ``segue.batch.parts.worker_pool``.

    Raises
    ------
    BusyError
        When another run writes the same part of `out`.
    """
    share = share or Share()
    recommender = Recommender.load(artefact)
    n_buckets = count_buckets(attempts)
    with output.at_work(out, share.index):
        mine = output.claim(out, plan.week, _manifest(recommender, attempts, plan, n_buckets))
        (out / output.PARTS).mkdir(exist_ok=True)
        parts = {n: output.part_path(out / output.PARTS, n) for n in range(n_buckets) if share.has(n)}
        missing = {n: target for n, target in parts.items() if output.sealed(target) is None}
        if not missing:
            return Done(0, 0, 0, 0, len(parts))
        folder = out / f"_buckets-{share.index}"
        try:
            shuffled = shuffle(attempts, recommender.catalogue, folder)
            if not shuffled.rows:
                raise RecordsError(
                    f"not one of {shuffled.rejected} rows of {attempts} is an attempt at a resource of the "
                    "model"
                )
            todo = {
                n: Task(shuffled.buckets[n].resolve(), target.resolve(), artefact.resolve(), plan)
                for n, target in missing.items()
            }
            tick(0, len(todo))
            learners = 0
            size = worker_pool.sensible(shuffled.rows // ROWS_A_LIST, workers)
            for number, count in runner(do_bucket, todo, workers=size, prepare=_nothing, arguments=()):
                learners += count
                output.refuse_if_taken(out, mine)
                output.seal(output.draft_of(missing[number]), missing[number])
                tick(1, len(todo))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Done(learners, shuffled.rows, shuffled.rejected, len(todo), len(parts) - len(todo))


def _manifest(recommender: Recommender, attempts: Path, plan: WeeklyPlan, n_buckets: int) -> dict[str, Any]:
    inputs = output.described(attempts)
    said = {**plan.named(), "model": recommender.model_hash, "inputs": inputs}
    plain: dict[str, Any] = json.loads(json.dumps(said | {"buckets": n_buckets}))
    return plain


def do_bucket(task: Task) -> int:
    """Decide for the learners of one bucket, write them under a draft's name, and return how many."""
    recommender = _artefact(task.artefact)
    attempts, names = read_bucket(task.bucket)
    blocks = decide_blocks(recommender, attempts, names, task.plan)
    write(output.draft_of(task.target), recommender, blocks)
    return len(names)


def write(path: Path, recommender: Recommender, blocks: Iterable[dict[str, Any]]) -> None:
    """Write the columns of blocks of playlists to one Parquet file."""
    table = _table(recommender, blocks)
    names_only = ["week", "learner", "resource"]  # numbers hardly repeat
    pq.write_table(table.combine_chunks(), path, compression="zstd", use_dictionary=names_only)


def _table(recommender: Recommender, blocks: Iterable[dict[str, Any]]) -> pa.Table:
    schema = schema_of(recommender)
    return pa.concat_tables([schema.empty_table(), *(pa.table(c, schema=schema) for c in blocks)])


def playlists_of(recommender: Recommender, attempts: Frame, plan: WeeklyPlan) -> pd.DataFrame:
    """Return the playlists of the learners of a frame of events, one row a learner and position."""
    encoded, names = encode(as_pandas(attempts), recommender.catalogue)
    frame: pd.DataFrame = _table(recommender, decide_blocks(recommender, encoded, names, plan)).to_pandas()
    return frame


def decide_blocks(
    recommender: Recommender, attempts: Attempts, names: Sequence[str], plan: WeeklyPlan
) -> Iterator[dict[str, Any]]:
    """Yield the columns of the playlists of each block of learners, in the order of `names`."""
    states = fold(attempts, len(names), recommender.kernel.parameters)
    for first in range(0, len(names), BLOCK):
        last = min(first + BLOCK, len(names))
        yield decide_block(recommender, names[first:last], states.part(first, last), plan)


def decide_block(
    recommender: Recommender, ids: Sequence[str], states: StateBlock, plan: WeeklyPlan
) -> dict[str, Any]:
    """Return the columns of the playlists of learners whose states are known."""
    requests = tuple(Request(learner, plan.now, k=plan.k, minutes=plan.minutes) for learner in ids)
    rngs = generators(plan.seed, "playlist", plan.week, ids, 0)
    asked = replace(recommender.asked(requests), states=states)
    return _columns(recommender.kernel.draw(asked, rngs), ids, plan)


def schema_of(recommender: Recommender) -> pa.Schema:
    """Return the columns of a playlist file: parts of the score, named `why_…`, sum to `score`."""
    factors = [factor.name for factor in factors_of(Request("", _ANY_TIME))]
    learned = ["learned"] if recommender.kernel.learned else []
    names = [f"why_{name}" for name in (*factors, *learned, "diversity")]
    floats = ["propensity", "joint_propensity", "score", *names]
    heads = [
        ("week", pa.string()),
        ("learner", pa.string()),
        ("position", pa.int32()),
        ("resource", pa.string()),
    ]
    return pa.schema([*heads, *((name, pa.float64()) for name in floats), ("explored", pa.bool_())])


def _columns(block: DrawnBlock, ids: Sequence[str], plan: WeeklyPlan) -> dict[str, Any]:
    drawn = block.drawn
    row, step = np.nonzero(drawn.position[:, :, 0] >= 0)
    codes = block.codes[drawn.position[row, step, 0]]
    out: dict[str, Any] = {
        "week": pa.repeat(plan.week, len(row)),
        "learner": pa.array(ids, pa.string()).take(pa.array(row)),
        "position": (step + 1).astype(np.int32),
        "resource": pa.array(block.catalogue.resource_ids[codes], pa.string()),
        "propensity": block.propensity[row, step],
        "joint_propensity": block.joint[row, step],
        "score": drawn.score[row, step, 0],
    }
    out |= {f"why_{name}": block.parts[i, row, step, 0] for i, name in enumerate(block.names)}
    return out | {"explored": drawn.explored[row, step, 0]}


def _nothing() -> Callable[[], None]:
    return lambda: None


_loaded: dict[Path, Recommender] = {}  # one a process: a worker does many buckets with one artefact


def _artefact(folder: Path) -> Recommender:
    if folder not in _loaded:
        _loaded[folder] = Recommender.load(folder)
    return _loaded[folder]
