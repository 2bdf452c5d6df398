"""`segue batch`: playlists for a log of any size, from files to files, without a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.arguments import WeekName
from segue.cli.text_output import tell
from segue.cli.weekly import BatchProgress, Engine, Scheduler, Workers, runner_of

app = typer.Typer()


@app.command("batch")
def batch(
    attempts: Annotated[Path, typer.Argument(help="Parquet file or folder; rows in any order.")],
    *,
    model: Annotated[Path, typer.Option(help="Folder of a fitted model (WORKSPACE/models/HASH).")],
    week: WeekName,
    out: Annotated[Path, typer.Option(help="Folder of the output; may serve every week.")],
    k: Annotated[int, typer.Option("-k", help="Steps for each learner.", min=1)] = 10,
    time_zone: Annotated[str, typer.Option(help="IANA zone of the week.")] = "UTC",
    seed: Annotated[str, typer.Option(help="First of the names that key every draw.")] = "segue",
    workers: Workers = None,
    part: Annotated[str, typer.Option(help="This machine's share of the buckets, as 2/8.")] = "1/1",
    engine: Engine = "pool",
    scheduler: Scheduler = "",
) -> None:
    """Sort a log into buckets of learners, and write each bucket's playlists as Parquet.

    Exit codes: 0 done; 2 nothing could be read or done.

    Example: segue batch log.parquet --model model --week 2026-W48 --out out
    """
    from segue.batch import from_files as batches
    from segue.batch.plan import Share, WeeklyPlan
    from segue.features.iso_weeks import start_of

    plan = WeeklyPlan(week, start_of(week, time_zone), seed, k)
    share = Share.parse(part)
    runner = runner_of(engine, scheduler, model, out)
    with BatchProgress("buckets") as tick:
        done = batches.batch(
            attempts, model, out, plan=plan, share=share, workers=workers, runner=runner, tick=tick
        )
    if not done.buckets:
        tell(f"all {done.skipped} buckets were there already: {out / 'playlists'}")
        return
    skipped = f"; {done.skipped} buckets were there already" if done.skipped else ""
    tell(
        f"{done.learners} learners in {done.buckets} buckets, {done.rows} attempts, "
        f"{done.rejected} rejected{skipped}"
    )
