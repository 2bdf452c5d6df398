"""`segue resources`: which resource teaches, as far as it can be told."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.arguments import AsJson, Folder, opened
from segue.cli.text_output import table, tell

Most = Annotated[int, typer.Option(help="How many rows to show, from either end.")]
app = typer.Typer()


@app.command("resources")
def resources(workspace: Folder, *, most: Most = 10, as_json: AsJson = False) -> None:
    """Show which resources teach better or less than others of the same skills, and where it cannot be told.

    Effect: how much better learners did, in the attempts that followed, than after other resources of these
    skills, beyond what was forecast before; in scores from 0 to 1, with a 95 % interval.

    Example: segue resources school --most 10
    """
    from segue.workspace.reports.frames import written

    with opened(workspace) as space:
        taught = space.resources_taught()
    if as_json:
        typer.echo(written(taught, as_json=True))
        return
    told = taught[taught["verdict"] != "cannot be told yet"]
    tell(f"{len(told)} of {len(taught)} resources can be told from others of their skills.")
    shown = taught if len(taught) <= 2 * most else taught.iloc[[*range(most), *range(-most, 0)]]
    columns = ["resource", "kind", "steps", "effect", "low", "high", "verdict"]
    rows = [tuple(columns), *(tuple(map(_cell, row)) for row in shown[columns].itertuples(index=False))]
    typer.echo("\n".join(table(rows)))


def _cell(value: object) -> str:
    return f"{value:+.3f}" if isinstance(value, float) else str(value)
