"""A benchmark as a command: its options are those of `main`, its help the text at the top of its file."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer


def run_command(main: Callable[..., None]) -> None:
    """Run `main` with the options of the command line."""
    main.__doc__ = sys.modules["__main__"].__doc__
    application = typer.Typer(add_completion=False, rich_markup_mode=None)
    application.command()(main)
    application()
