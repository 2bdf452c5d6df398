"""Commands at the doors: `segue lms read`, `segue catalogue suggest`."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Mount the commands of the doors."""
    lms = typer.Typer(help="Read what learning management systems send.", no_args_is_help=True)
    lms.command("read")(read)
    app.add_typer(lms, name="lms")


def read(
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help="One JSON request a line in, one JSON answer a line out.")
    ] = False,
) -> None:
    """Read documents of any format and print the events in them; nothing is stored.

    A request is {"n": 1, "format": "xapi", "doc": {...} or "path": "...", "mode": "strict" or "lenient"}.
    """
    from segue.lms.answers import answer_line

    if not json_lines:
        raise typer.BadParameter("requests are read as JSON lines: add --json-lines")
    for line in sys.stdin.buffer:
        if line.strip():
            sys.stdout.write(json.dumps(answer_line(line.decode("utf-8", "replace"))) + "\n")
            sys.stdout.flush()
