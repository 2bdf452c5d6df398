"""`segue calendar`: addresses that calendar programs subscribe to, made and taken back."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.arguments import ADDRESS, Address, Folder, opened

app = typer.Typer(
    name="calendar", help="Addresses that calendar programs subscribe to.", no_args_is_help=True
)


@app.command("address")
def address(
    workspace: Folder,
    *,
    learner: Annotated[str, typer.Option(help="The LMS's id of the learner.")],
    service: Address = ADDRESS,
) -> None:
    """Print an address of a learner's calendar: whoever has it reads the list until it is taken back.

    Example: segue calendar address school --learner ada
    """
    from segue.service.pages.sessions.calendar_addresses import new_address

    with opened(workspace) as space, space.store.read() as connection:
        signed = new_address(connection, space.keyring, learner)
        typer.echo(f"{service.rstrip('/')}/calendar/{space.path.resolve().name}/{signed}.ics")


@app.command("revoke")
def revoke(
    workspace: Folder,
    *,
    given: Annotated[str, typer.Option("--address", help="The address that is to open nothing.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every address made so far.")] = False,
) -> None:
    """Take an address back, or all of them: the calendars that read it find nothing from now on.

    Example: segue calendar revoke school --all
    """
    from segue.service.pages.sessions.calendar_addresses import revoke as take_back

    if bool(given) == every:
        raise ValueError("say which: --address ADDRESS, or --all")
    with opened(workspace) as space, space.store.write() as connection:
        take_back(connection, space.keyring, given.rpartition("/")[2].removesuffix(".ics"))
    typer.echo("taken back")
