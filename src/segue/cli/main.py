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
    """Run the command line; a fault ends with one sentence and exit code 2 (3: another run is at work)."""
    try:
        app()
    except Exception as error:
        said = sentence(error)
        if said is None:
            raise
        print(f"segue: {said}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 2))


def sentence(error: Exception) -> str | None:
    """Return what to say of a fault of the input, the disk or the database; None for one of the program."""
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}"
    if isinstance(error, ValueError | RuntimeError | OSError):
        return " ".join(str(error).split()) or type(error).__name__
    if (database := sys.modules.get("segue.workspace.storage.database")) is not None:
        said: str | None = database.database_fault(error)
        return said
    return None


if __name__ == "__main__":
    main()
