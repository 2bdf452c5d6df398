"""`segue list`, `resources`, `vectors`: what a workspace holds and knows, as tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segue.cli.arguments import AsJson, Folder, Now, moment, opened
from segue.cli.text_output import table, tell

if TYPE_CHECKING:
    import pandas as pd

What = Annotated[Literal["resources", "skills", "learners", "models"], typer.Argument(help="What to list.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print every column, as CSV.")]
Most = Annotated[int, typer.Option(help="How many rows to show, from either end.")]
Out = Annotated[Path, typer.Option(help="Where to write the table: .parquet or .csv.")]
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
    typer.echo("\n".join(_lines(short, ".2f", keep=1)) if len(frame) else f"no {what} yet")


def _lines(frame: pd.DataFrame, numbers: str, *, keep: int = 0) -> list[str]:
    """Return a frame as lines of a table, its fractions written as `numbers` says."""
    cells = [
        tuple(format(cell, numbers) if isinstance(cell, float) else str(cell) for cell in row)
        for row in frame.itertuples(index=False)
    ]
    return table([tuple(map(str, frame.columns)), *cells], keep=keep)


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
    typer.echo("\n".join(_lines(shown[columns], "+.3f")))


@app.command("vectors")
def vectors(workspace: Folder, *, out: Out) -> None:
    """Write one row an attempt: who (by number), what, when, the score, and the vector just before it.

    Example: segue vectors school --out vectors.parquet
    """
    if out.suffix not in (".parquet", ".csv"):
        raise ValueError(f"--out must end in .parquet or .csv, got {out.name}")
    from segue.features.events.outward_text import csv_frame

    table = opened(workspace).attempt_vectors()
    if out.suffix == ".parquet":
        table.to_parquet(out, index=False)
    else:
        csv_frame(table).to_csv(out, index=False)
    tell(f"{len(table)} rows of {table.shape[1]} columns written to {out}")
