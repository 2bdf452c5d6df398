"""`segue batch`: playlists for a log of any size, from files to files, without a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from segue.cli.weekly import CORES, Progress, Week


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("batch")(batch)


def batch(
    attempts: Annotated[Path, typer.Argument(help="Parquet file or folder; rows in any order.")],
    *,
    model: Annotated[Path, typer.Option(help="Folder of a fitted model (WORKSPACE/models/HASH).")],
    week: Week,
    out: Annotated[Path, typer.Option(help="Folder of the output; finished parts are skipped.")],
    k: Annotated[int, typer.Option("-k", help="Steps for each learner.", min=1)] = 10,
    time_zone: Annotated[str, typer.Option(help="IANA zone of the week.")] = "UTC",
    seed: Annotated[str, typer.Option(help="First of the names that key every draw.")] = "segue",
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = CORES,
    part: Annotated[str, typer.Option(help="This machine's share of the buckets, as 2/8.")] = "1/1",
    engine: Annotated[Literal["pool", "dask"], typer.Option(help="Who runs the buckets.")] = "pool",
    scheduler: Annotated[str, typer.Option(help="Address of the Dask scheduler.")] = "",
) -> None:
    """Sort a log into buckets of learners, and write each bucket's playlists as Parquet."""
    from segue.batch import from_files as batches
    from segue.batch.plan import Plan, Share
    from segue.features.iso_weeks import start_of

    if engine == "dask":
        if not scheduler:
            raise ValueError("--engine dask needs --scheduler ADDRESS, as tcp://10.0.0.1:8786")
        from segue.batch.dask_runner import with_dask

        runner = with_dask(scheduler)
    else:
        runner = batches.with_processes(workers)
    plan = Plan(week, start_of(week, time_zone), seed, k)
    with Progress("buckets") as tick:
        done = batches.batch(
            attempts, model, out, plan=plan, share=Share.parse(part), runner=runner, tick=tick
        )
    typer.echo(
        f"{done.learners} learners in {done.buckets} buckets, {done.rows} attempts, {done.rejected} rejected"
    )
