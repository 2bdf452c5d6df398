"""`segue list`: what a workspace holds, as a table."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from segue.cli.arguments import AsJson, Folder, Now, moment, opened

What = Annotated[Literal["resources", "skills", "learners", "models"], typer.Argument(help="What to list.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print every column, as CSV.")]

LONG = ("tags", "language", "difficulty", "i_can", "readable", "policy")
app = typer.Typer()


@app.command("list")
def list_(
    what: What, workspace: Folder, *, now: Now = "", as_csv: AsCsv = False, as_json: AsJson = False
) -> None:
    """List the resources, skills, learners or models of a workspace.

    Learners bear the store's numbers: ids of the school are not kept. --csv and
    --json also give the mastery of each skill at --now.

    Example: segue list resources school --csv > resources.csv
    """
    from segue.cli.text_output import table
    from segue.workspace.reports.frames import written
    from segue.workspace.sources.model_registry import current_fit, model_frame

    with opened(workspace) as space:
        if what == "learners":
            frame = space.vectors(now=moment(now))
        elif what == "models":
            with space.store.read() as connection:
                frame = model_frame(space.path / "models", current_fit(connection))
        else:
            frame = space.resources() if what == "resources" else space.skills()
    if as_csv or as_json:
        typer.echo(written(frame, as_json=as_json), nl=as_json)
        return
    short = frame[[name for name in frame if name not in LONG and ":" not in str(name)]]
    empty = [name for name in short if (short[name] == "").all()]
    short = short.drop(columns=empty)
    if what == "models":
        short = short.assign(made=short["made"].str[:10])
    rows = [
        tuple(map(str, short.columns)),
        *(tuple(map(_cell, row)) for row in short.itertuples(index=False)),
    ]
    typer.echo("\n".join(table(rows, keep=1)) if len(frame) else f"no {what} yet")


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
