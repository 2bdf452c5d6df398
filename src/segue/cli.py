"""The command `segue`: commands live in modules cli_*.py beside this one, each with `register(app)`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

import segue

app = typer.Typer(
    help="Segue: what should this student do next, and why?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


def mount(application: typer.Typer) -> None:
    """Add the commands of every module cli_*.py of the package."""
    for module in sorted(module.name for module in pkgutil.iter_modules(segue.__path__)):
        if module.startswith("cli_"):
            importlib.import_module(f"segue.{module}").register(application)


mount(app)


def main() -> None:
    """Run the command line; a fault of the input ends with one sentence and exit code 2."""
    try:
        app()
    except (ValueError, RuntimeError, FileNotFoundError) as error:
        print(f"segue: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
