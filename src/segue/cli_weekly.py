"""`segue weekly`: a playlist for every learner."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli_workspace import Folder, opened

if TYPE_CHECKING:
    from segue.engine.weekly import Share

CORES = os.cpu_count() or 1
Week = Annotated[str, typer.Option(help="ISO week, as 2026-W48.")]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("weekly")(weekly)


def weekly(
    workspace: Folder,
    *,
    week: Week,
    out: Annotated[Path, typer.Option(help="Folder of the output; a run cut off goes on there.")],
    k: Annotated[int, typer.Option("-k", help="Steps for each learner.", min=1)] = 10,
    minutes: Annotated[float | None, typer.Option(help="Minutes of each learner's week.", min=1)] = None,
    roster: Annotated[
        Path | None, typer.Option(help="CSV with column learner: the LMS's ids, to stand in the output.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes (default: all cores).", min=1)] = CORES,
    part: Annotated[str, typer.Option(help="This machine's share of the blocks, as 2/8.")] = "1/1",
) -> None:
    """Write playlists for a week, Parquet and CSV, with propensities and reasons; decisions are stored."""
    from segue.engine.weekly import Plan
    from segue.engine.weekly import weekly as write_playlists
    from segue.engine.weeks import start_of

    space = opened(workspace)
    plan = Plan(week, start_of(week, space.time_zone), space.configuration.seed, k, minutes)
    share = share_of(part)
    names = read_roster(roster) if roster else None
    began = time.perf_counter()
    with Progress() as tick:
        report = write_playlists(space, plan, out, roster=names, share=share, workers=workers, tick=tick)
    seconds = time.perf_counter() - began
    skipped = f", {report.skipped} blocks were there already" if report.skipped else ""
    typer.echo(f"{report.learners} learners, {report.blocks} blocks in {seconds:.1f} s{skipped}")
    typer.echo(f"{out / 'playlists.csv'}" if report.complete else f"{out}: other parts are still to come")


def share_of(part: str) -> Share:
    """Return the share that "2/8" names."""
    from segue.engine.weekly import Share

    index, _, of = part.partition("/")
    if not (index.isdigit() and of.isdigit() and 1 <= int(index) <= int(of)):
        raise ValueError(f"--part must be like 2/8, got {part}")
    return Share(int(index) - 1, int(of))


def read_roster(path: Path) -> list[str]:
    """Return the learners of a roster file, in its order."""
    from segue.features.reading import EVENT_ALIASES
    from segue.features.tables import read_table

    frame = read_table(path, {}, aliases=EVENT_ALIASES).frame
    if "learner" not in frame:
        raise ValueError(f"{path} has no column learner (found: {', '.join(map(str, frame.columns))})")
    return [learner for learner in frame["learner"].astype("str").str.strip().tolist() if learner]


class Progress:
    """A bar on a terminal, with rate and time left; nothing elsewhere."""

    def __init__(self, unit: str = "learners") -> None:
        self._unit = unit

    def __enter__(self) -> Callable[[int, int], None]:
        from tqdm import tqdm

        self._bar = tqdm(total=0, unit=f" {self._unit}", disable=None)
        return self._tick

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def _tick(self, done: int, total: int) -> None:
        self._bar.total = total
        self._bar.update(done)
