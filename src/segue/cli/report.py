"""`segue report`: what worked in a week, for whom, and whether it is personal, as one page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.arguments import AsJson, Folder, Now, WeekName, moment, opened
from segue.cli.text_output import tell

if TYPE_CHECKING:
    from segue.experiments.evaluation.reports.weekly_report import WeeklyReport

Out = Annotated[Path, typer.Option(help="Where the HTML page goes.")]
Roster = Annotated[
    Path | None,
    typer.Option(help="CSV with column learner, and class or declared groups; matched, and kept nowhere."),
]
Store = Annotated[
    Path | None, typer.Option(help="Tracking store: also keep figures, pictures and page as a run.")
]
app = typer.Typer()


@app.command("report")
def report(
    workspace: Folder,
    *,
    week: WeekName,
    out: Out,
    roster: Roster = None,
    store: Store = None,
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """Write the weekly report of a workspace.

    Example: segue report school --week 2026-W48 --out report.html
    """
    import numpy as np

    from segue.experiments.evaluation.logs.logged_data import read_texts
    from segue.experiments.evaluation.reports.weekly_report import weekly_report

    table = None if roster is None else read_texts(roster)
    with opened(workspace) as space:
        found = weekly_report(space, week, now=moment(now), rng=np.random.default_rng(0), roster=table)
    out.write_text(found.page, encoding="utf-8")
    if store is not None:
        _record(found, store)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), allow_nan=False))
    else:
        tell(f"{out}: {found.effectiveness.learning} learned beyond forecast; {found.personal}")
        for note in found.notes:
            tell(note)


def _record(found: WeeklyReport, store: Path) -> None:
    """Keep a report as a run of the tracking store."""
    from segue.experiments.tracking.mlflow_store import Run, Tracker

    figures = json.dumps(found.to_dict(), allow_nan=False)
    run = Run(
        f"week {found.effectiveness.week}",
        {"week": found.effectiveness.week},
        found.effectiveness.metrics(),
        {f"{name}.png": figure for name, figure in found.pictures.items()},
        {"report.html": found.page, "report.json": figures},
    )
    Tracker(store).record("weekly reports", run)
