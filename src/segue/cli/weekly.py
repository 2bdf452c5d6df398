"""`segue weekly` and `segue batch`: a playlist for every learner, from a store or from files to files."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segue.cli.arguments import Folder, WeekName, opened
from segue.cli.class_files import read_courses, roster_of_week
from segue.cli.text_output import tell
from segue.cli.trial import deciding_for

if TYPE_CHECKING:
    from segue.batch.parts.worker_pool import Runner

Workers = Annotated[
    int | None,
    typer.Option(
        help="Processes (default: one for small work, one a core for large).", min=1, show_default=False
    ),
]
Engine = Annotated[Literal["pool", "dask"], typer.Option(help="Processes here, or a Dask cluster.")]
Scheduler = Annotated[
    str, typer.Option(help="Of the Dask cluster, as tcp://10.0.0.1:8786.", show_default=False)
]
Roster = Annotated[Path | None, typer.Option(help="CSV: learner (the LMS's id), class.")]
Paced = Annotated[
    bool, typer.Option("--paced", help="Minutes are each learner's own: slower ones get fewer steps.")
]
Courses = Annotated[Path | None, typer.Option(help="CSV: class, minutes, skills (a;b): each gets its share.")]
MINUTE = 60.0  # seconds between two lines of progress where there is no terminal
app = typer.Typer()


@app.command("weekly")
def weekly(
    workspace: Folder,
    *,
    week: WeekName,
    out: Annotated[Path, typer.Option(help="Folder of the output; may serve every week.")],
    k: Annotated[int, typer.Option("-k", help="Steps for each learner.", min=1)] = 10,
    minutes: Annotated[float | None, typer.Option(help="Minutes of each learner's week.", min=1)] = None,
    paced: Paced = False,
    roster: Roster = None,
    courses: Courses = None,
    workers: Workers = None,
    engine: Engine = "pool",
    scheduler: Scheduler = "",
    part: Annotated[str, typer.Option(help="This machine's share of the blocks, as 2/8.")] = "1/1",
) -> None:
    """Write playlists for a week, Parquet and CSV, with propensities and reasons; decisions are stored.

    Example: segue weekly school --week 2026-W48 --out out
    """
    from segue.batch.from_workspace import weekly as write_playlists
    from segue.batch.plan import Share, WeeklyPlan
    from segue.features.iso_weeks import start_of

    space = opened(workspace)
    shared = read_courses(courses, space.catalogue().skill_index) if courses else ()
    seed, monday = space.configuration.seed, start_of(week, space.time_zone)
    plan = WeeklyPlan(week, monday, seed, k, minutes, shared, paced=paced)
    share = Share.parse(part)
    names, classes = roster_of_week(roster, shared, monday=monday)
    runner = runner_of(engine, scheduler, workspace, out)
    began = time.perf_counter()
    with BatchProgress() as tick:
        report = write_playlists(
            space,
            plan,
            out,
            roster=names,
            classes=classes,
            share=share,
            deciding=deciding_for(space, roster, now=monday),
            workers=workers,
            runner=runner,
            tick=tick,
            begin=tick.begin,
        )
    seconds = time.perf_counter() - began
    skipped = f", {report.skipped} blocks were there already" if report.skipped else ""
    tell(f"{report.learners} learners, {report.blocks} blocks in {seconds:.1f} s{skipped}")
    tell(f"{out / 'playlists.csv'}" if report.complete else f"{out}: other parts are still to come")


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

    Exit codes: 0 done; 1 done, and most rows were set aside; 2 nothing could be read or done.

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
    if done.rejected > done.rows:
        tell(
            f"ALARM import: {done.rejected} of {done.rows + done.rejected} rows were rejected: "
            "their resources are not the model's, or their scores not in [0, 1] (percent? divide by 100)"
        )
        raise typer.Exit(1)


def runner_of(engine: str, scheduler: str, *shared: Path) -> Runner:
    """Return what does the parts; a cluster's machines must see the folders `shared`."""
    from segue.batch.parts import worker_pool

    if engine != "dask":
        return worker_pool.run
    if not scheduler:
        raise ValueError("--engine dask needs --scheduler ADDRESS, as tcp://10.0.0.1:8786")
    from segue.batch.parts.worker_pool import with_dask

    return with_dask(scheduler, shared)


class BatchProgress:
    """How far a long work is: a bar on a terminal, with rate and time left; elsewhere a line a minute."""

    def __init__(self, unit: str = "learners") -> None:
        self._unit = unit

    def __enter__(self) -> BatchProgress:
        from tqdm import tqdm

        self._bar = tqdm(disable=None, bar_format="{elapsed}")
        self.begin("")
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._tell, daemon=True)
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._clock.join()
        self._bar.close()

    def begin(self, name: str) -> None:
        """Begin a step of the work; `import` counts rows."""
        self._name, self._began, self._done, self._total = name, time.monotonic(), 0, 0
        self._bar.unit = " rows" if name == "import" else f" {self._unit}"
        self._bar.bar_format = "{desc} {elapsed}"  # while nothing is counted
        self._bar.set_description_str(name, refresh=False)
        self._bar.reset()

    def __call__(self, done: int, total: int) -> None:
        """Count what has been done since the last call, of so many in all (0: not known)."""
        self._done, self._total = self._done + done, total
        self._bar.total, self._bar.bar_format = total or None, None
        self._bar.update(done)

    def _tell(self) -> None:
        """Say what is at work and since when, also while it counts nothing."""
        while not self._over.wait(MINUTE if self._bar.disable else 1.0):
            if self._bar.disable:
                minutes = round((time.monotonic() - self._began) / 60)
                whole = f" of {self._total:,}" if self._total else ""
                far = f", {self._done:,}{whole}{self._bar.unit}" if self._done else ""
                typer.echo(f"{self._name or 'at work'}: {minutes} min{far}", err=True)
            else:
                self._bar.refresh()
