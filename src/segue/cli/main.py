"""The command `segue`: each file beside this one that has `register(app)` adds its commands."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

from segue import cli

app = typer.Typer(
    help="Segue: what should this student do next, and why?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


def mount(application: typer.Typer) -> None:
    """Add the commands of every module of the package that has `register`."""
    for name in sorted(module.name for module in pkgutil.iter_modules(cli.__path__)):
        module = importlib.import_module(f"segue.cli.{name}")
        if name != "main" and hasattr(module, "register"):
            module.register(application)


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
