"""The command `segue`: each file beside this one that has `register(app)` adds its commands."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
from importlib.metadata import version
from typing import Any

import typer
from typer.core import TyperGroup

from segue import cli

HELP = {"help_option_names": ["-h", "--help"]}


class SuggestingGroup(TyperGroup):
    """A group of commands that names the nearest ones when it is asked for one that it does not have."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that is asked for (of types that typer keeps private)."""
        if args and self.get_command(ctx, args[0]) is None:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=3, cutoff=0.5)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"there is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    help="Segue: what should this student do next, and why?",
    cls=SuggestingGroup,
    context_settings=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"segue {version('segue')}")
        raise typer.Exit


@app.callback()
def _segue(
    _: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print it."),
) -> None:
    pass


def mount(application: typer.Typer) -> None:
    """Add the commands of every module of the package that has `register`."""
    for name in sorted(module.name for module in pkgutil.iter_modules(cli.__path__)):
        module = importlib.import_module(f"segue.cli.{name}")
        if name != "main" and hasattr(module, "register"):
            module.register(application)
    for group in application.registered_groups:
        if group.typer_instance is not None:
            group.typer_instance.info.cls = SuggestingGroup


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
