"""`segue list`: what a workspace holds, as a table."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from segue.cli.arguments import AsJson, Folder, opened

What = Annotated[Literal["resources", "skills"], typer.Argument(help="What to list.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print every column, as CSV.")]


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("list")(list_)


def list_(what: What, workspace: Folder, *, as_csv: AsCsv = False, as_json: AsJson = False) -> None:
    """List the resources or skills of a workspace.

    Example: segue list resources school --csv > resources.csv
    """
    from segue.cli.text_output import table
    from segue.workspace.reports.frames import resource_frame, skill_frame, written

    make = resource_frame if what == "resources" else skill_frame
    with opened(workspace) as space:
        frame = make(space.catalogue())
    if as_csv or as_json:
        typer.echo(written(frame, as_json=as_json), nl=as_json)
        return
    short = frame[[name for name in frame if name not in ("tags", "language", "difficulty", "i_can")]]
    rows = [tuple(map(str, short.columns)), *(tuple(map(str, row)) for row in short.itertuples(index=False))]
    typer.echo("\n".join(table(rows)) if len(frame) else f"no {what} yet")
