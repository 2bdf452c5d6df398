"""The command `segue`: the commands of each file beside this one that has an `app`."""

from __future__ import annotations

import copy
import importlib
import os
import pkgutil
import resource
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import typer

from segue import cli
from segue.cli.help_layout import FittingCommand, TopicGroup, nearest, with_nearest
from segue.cli.text_output import tell

HELP = {"help_option_names": ["-h", "--help"]}


class SuggestingGroup(TopicGroup):
    """A group of commands that names the nearest ones when it is asked for one that it does not have."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that is asked for (of types that typer keeps private)."""
        if args and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"there is no command {args[0]!r}.{nearest(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    help="Segue: what should this student do next, and why?\n\nExample: segue demo",
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
    """Add the commands of every module of the package; those of an application with a name are a group."""
    for name in sorted({module.name for module in pkgutil.iter_modules(cli.__path__)} - {"main"}):
        for part in vars(importlib.import_module(f"segue.cli.{name}")).values():
            if isinstance(part, typer.Typer) and part.info.name:
                application.add_typer(part, name=part.info.name)
            elif isinstance(part, typer.Typer):
                application.registered_commands += part.registered_commands
    inner = [group.typer_instance for group in application.registered_groups]
    for group in filter(None, inner):
        group.info.cls = SuggestingGroup
    for command in (c for group in (application, *filter(None, inner)) for c in group.registered_commands):
        command.cls = FittingCommand


def take_memory_that_is_limited() -> None:
    """Where memory is limited (`ulimit -v`, `ulimit -d`), end if it is too little, else take buffers now.

    OpenBLAS takes a buffer at its first work. Once the limit is met, numpy's ends the process for want of it
    (with exit code 1), and scipy's asks for ever; a buffer that is there is never asked for again.
    """
    limits = [resource.getrlimit(what)[0] for what in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    limit = min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)
    if limit is None:
        return
    if limit < LEAST_MEMORY:
        tell(
            f"segue: {limit // 10**6:,} MB of memory (`ulimit -v`, `ulimit -d`) are too little: allow at "
            f"least {LEAST_MEMORY // 10**6:,} MB, or limit the memory by a control group instead",
            err=True,
        )
        sys.exit(2)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each more would take a buffer of its own
    import numpy as np
    from scipy.linalg import cholesky

    square = np.eye(BLAS_SIZE)
    cholesky(square @ square)


LEAST_MEMORY = 850_000_000  # bytes, to begin with
BLAS_SIZE = 200  # from which OpenBLAS does a product by its buffer
take_memory_that_is_limited()
mount(app)


EXTRAS = {
    "experiments": ("mlflow", "matplotlib"),
    "lms": ("icalendar", "canvasapi"),
    "serve": ("fastapi", "uvicorn", "starlette", "jinja2", "babel", "prometheus_client", "icalendar"),
    "postgres": ("psycopg",),
    "dask": ("dask", "distributed"),
    "lti": ("jwt", "cryptography", "httpx"),
}
"""Optional packages by the extra that brings them."""


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """Return what to install where an optional package is missing; None where it is none of ours.

    >>> missing_extra(ModuleNotFoundError("no module", name="matplotlib.figure"))
    "this needs matplotlib: pip install 'segue[experiments]'"
    """
    package = (error.name or "").partition(".")[0]
    for extra, packages in EXTRAS.items():
        if package in packages:
            return f"this needs {package}: pip install 'segue[{extra}]'"
    return None


def asked(application: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """Return the application with the command that is asked for alone: to put all together takes .1 s."""
    one = copy.copy(application)
    one.registered_commands = [c for c in application.registered_commands if c.name in words[:1]]
    one.registered_groups = [g for g in application.registered_groups if g.name in words[:1]]
    return one if one.registered_commands or one.registered_groups else application


def main() -> None:
    """Run the command line; a fault ends with one sentence and exit code 2 (3: another run is at work)."""
    try:
        asked(app, sys.argv[1:])()
    except Exception as error:
        said = sentence(error)
        if said is None:
            raise
        tell(f"segue: {said}", err=True)
        sys.exit(getattr(error, "exit_code", 2))


def lacks_memory(error: BaseException | None) -> bool:
    """Return whether an error, or what it arose from, is that memory was refused.

    C code that met the limit may say so by a `SystemError` ("error return without exception set"), a library
    that could not be loaded by the system's words.
    """
    if error is None or isinstance(error, MemoryError | SystemError):
        return error is not None
    said = str(error)
    return any(words in said for words in REFUSED) or lacks_memory(error.__cause__ or error.__context__)


REFUSED = ("failed to map segment", "annot allocate memory", "out of memory", "can't start new thread")


def sentence(error: Exception) -> str | None:
    """Return what to say of a fault of the input, the disk or the database; None for one of the program."""
    if isinstance(error, ModuleNotFoundError):
        return missing_extra(error)
    if lacks_memory(error):
        return (
            "there is not enough memory for this (allow more, or fewer --workers); "
            "nothing that was finished is lost"
        )
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}"
    if isinstance(error, ValueError | RuntimeError | OSError):
        return with_nearest(" ".join(str(error).split())) or type(error).__name__
    if (database := sys.modules.get("segue.workspace.storage.database")) is not None:
        said: str | None = database.database_fault(error)
        return said
    return None


if __name__ == "__main__":
    main()
