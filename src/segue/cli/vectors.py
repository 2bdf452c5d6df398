"""`segue vectors`: the learner vectors of a workspace as a table, for any other tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.arguments import Folder, opened
from segue.cli.text_output import tell

Out = Annotated[Path, typer.Option(help="Where to write the table: .parquet or .csv.")]
app = typer.Typer()


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
