"""Files to files: any order, split or runner gives the same bytes, and each list is the single call's."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import segue
from segue import sample
from segue.batch.from_files import Done, batch, playlists_of
from segue.batch.parts import output, worker_pool
from segue.batch.parts import shuffle as buckets
from segue.batch.parts.worker_pool import with_dask
from segue.batch.plan import Share, WeeklyPlan
from segue.engine.recommender import Recommender
from segue.engine.sampling.randomness import generator
from segue.features.events.event_records import RecordsError
from segue.features.history.attempts import encode
from segue.features.history.batch_fold import fold

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
PLAN = WeeklyPlan("2026-W48", MONDAY, "segue", k=5)


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    codes = [resource.resource_id for resource in sample.load().resources]
    n = 3_000
    return pd.DataFrame(
        {
            "learner": rng.choice([f"pupil-{i:03d}" for i in range(150)], n),
            "resource": rng.choice(codes, n),
            "score": rng.integers(0, 2, n).astype(float),
            "time": pd.Timestamp("2026-10-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 4_000_000, n), unit="s"),
            "seq": np.arange(n),
        }
    )


@pytest.fixture(scope="module")
def recommender(log: pd.DataFrame) -> Recommender:
    return segue.fit(sample.load(), log, now=MONDAY, rng=np.random.default_rng(0))


@pytest.fixture
def files(
    log: pd.DataFrame, recommender: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setattr(buckets, "PER_BUCKET", 500)
    monkeypatch.setattr(buckets, "PIECE", 700)
    recommender.save(tmp_path / "model")
    log.to_parquet(tmp_path / "log.parquet")
    return tmp_path


def run(
    files: Path,
    name: str,
    *,
    plan: WeeklyPlan = PLAN,
    runner: worker_pool.Runner = worker_pool.run,
    share: Share | None = None,
) -> Done:
    return batch(files / "log.parquet", files / "model", files / name, plan=plan, share=share, runner=runner)


def written(files: Path, name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((files / name / "playlists").glob("part-*"))}


def test_every_learner_gets_the_single_calls_list(
    files: Path, log: pd.DataFrame, recommender: Recommender
) -> None:
    done = run(files, "out")
    assert (done.learners, done.rows, done.rejected, done.buckets) == (150, 3_000, 0, 6)
    table = pd.read_parquet(files / "out" / "playlists")
    attempts, names = encode(log.assign(kind="attempt", event_id=""), recommender.catalogue)
    states = fold(attempts, len(names), recommender.kernel.parameters).states()
    for learner, state in list(zip(names, states, strict=True))[::10]:
        request = segue.Request(learner, MONDAY, state=state, k=5)
        playlist = segue.recommend(
            recommender, request, rng=generator("segue", "playlist", "2026-W48", learner, 0)
        )
        mine = table[table["learner"] == learner]
        assert mine["resource"].tolist() == [step.resource for step in playlist.steps]
        assert mine["propensity"].tolist() == [step.propensity for step in playlist.steps]
        why = mine.filter(like="why_").sum(axis=1)
        np.testing.assert_allclose(why, mine["score"], atol=1e-9)


def test_any_split_gives_the_same_bytes(files: Path) -> None:
    run(files, "one")
    for index in range(2):
        run(files, "two", share=Share(index, 2))
    for index in range(5):
        run(files, "five", share=Share(index, 5))
    assert written(files, "one") == written(files, "two") == written(files, "five")


def test_two_runs_do_not_write_one_part(files: Path) -> None:
    with output.at_work(files / "out", 0):
        with pytest.raises(output.BusyError, match="another run is at work in"):
            run(files, "out", share=Share(0, 2))
        assert run(files, "out", share=Share(1, 2)).buckets == 3
    assert run(files, "out", share=Share(0, 2)).buckets == 3
    run(files, "whole")
    assert written(files, "out") == written(files, "whole")


def test_the_order_of_the_log_does_not_matter(files: Path, log: pd.DataFrame) -> None:
    run(files, "one")
    log.sample(frac=1.0, random_state=2).to_parquet(files / "log.parquet")
    run(files, "mixed")
    assert written(files, "one") == written(files, "mixed")


def test_a_log_in_partitions_is_read_whole(files: Path, log: pd.DataFrame) -> None:
    run(files, "whole")
    for number, part in enumerate((log.iloc[:1000], log.iloc[1000:2000], log.iloc[2000:])):
        folder = files / "log" / ("" if number == 0 else f"school={number}/term=1")
        folder.mkdir(parents=True, exist_ok=True)
        part.to_parquet(folder / "part-0.parquet")
    done = batch(files / "log", files / "model", files / "parted", plan=PLAN)
    assert done.rows == len(log)
    one, other = (pd.read_parquet(files / name / "playlists") for name in ("whole", "parted"))
    pd.testing.assert_frame_equal(one, other)
    run(files, "log/out")  # beside the log, and not of it
    assert batch(files / "log", files / "model", files / "parted", plan=PLAN).skipped


def test_frames_in_frames_out(files: Path, log: pd.DataFrame, recommender: Recommender) -> None:
    run(files, "out")
    table = pd.read_parquet(files / "out" / "playlists").sort_values(
        ["learner", "position"], ignore_index=True
    )
    frame = playlists_of(recommender, log, PLAN).sort_values(["learner", "position"], ignore_index=True)
    pd.testing.assert_frame_equal(frame, table)


def test_what_is_no_attempt_is_counted(files: Path, log: pd.DataFrame) -> None:
    bad = log.iloc[:3].assign(resource=["nowhere", *log["resource"][1:3]], score=[1.0, 87.0, np.nan])
    pd.concat([log, bad]).to_parquet(files / "log.parquet")
    done = run(files, "out")
    assert (done.rows, done.rejected) == (3_000, 3)
    log.drop(columns="score").to_parquet(files / "log.parquet")
    with pytest.raises(RecordsError, match="has no column score"):
        run(files, "none")
    with pytest.raises(RecordsError, match="no Parquet file"):
        buckets.shuffle(files / "nothing", sample.load(), files / "b")


@pytest.mark.journey
@pytest.mark.filterwarnings("default")  # Dask's own threads and sockets end when they like
def test_dask_gives_the_same_bytes_even_when_a_worker_is_killed(files: Path) -> None:
    from distributed import LocalCluster

    run(files, "one")
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        pids = [worker.pid for worker in cluster.workers.values() if worker.pid]

        def kill_one() -> None:
            time.sleep(0.3)
            os.kill(pids[0], signal.SIGKILL)

        thread = threading.Thread(target=kill_one)
        thread.start()
        run(files, "dask", runner=with_dask(cluster.scheduler_address, [files]))
        thread.join()
    assert written(files, "one") == written(files, "dask")
