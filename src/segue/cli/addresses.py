"""`segue link` and `segue calendar`: addresses that open pages for some days, or a calendar until revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.arguments import ADDRESS, Address, Folder, opened
from segue.cli.class_files import members_in
from segue.cli.text_output import tell

if TYPE_CHECKING:
    from segue.service.pages.sessions.signed_tokens import Ticket
    from segue.workspace.workspace import Workspace

LONGEST_DAYS = 400
app = typer.Typer()
calendar = typer.Typer(
    name="calendar", help="Addresses that calendar programs subscribe to.", no_args_is_help=True
)


@app.command("link")
def link(
    workspace: Folder,
    *,
    learner: Annotated[str, typer.Option(help="The LMS's id of the learner whose pages it opens.")] = "",
    teacher: Annotated[str, typer.Option(help="The teacher's id; needs --class.")] = "",
    class_id: Annotated[str, typer.Option("--class", help="The class she sees.")] = "",
    roster: Annotated[
        Path | None,
        typer.Option(
            help="CSV with column learner, and class where it holds several: whom the class page names."
        ),
    ] = None,
    days: Annotated[float, typer.Option(help="Days until it runs out.", min=0.001, max=LONGEST_DAYS)] = 1.0,
    locale: Annotated[str, typer.Option(help="Language, as es; the browser's if left out.")] = "",
    address: Address = ADDRESS,
) -> None:
    """Print a signed address: whoever has it sees these pages until it runs out.

    Example: segue link school --learner ada --days 7
    """
    from segue.service.pages.sessions.signed_tokens import Ticket

    until = int((datetime.now(UTC) + timedelta(days=days)).timestamp())
    if bool(learner) == bool(teacher):
        raise ValueError("say whose pages: --learner ID, or --class ID --teacher ID")
    with opened(workspace) as space:
        if learner:
            ticket = Ticket("link", "learner", learner, until, locale=locale)
        else:
            if not class_id:
                raise ValueError("--teacher needs --class: a teacher's link opens one class")
            names = _members(roster, class_id)
            if not names:
                tell("note: without --roster the class page names nobody: the store has no ids", err=True)
            ticket = Ticket("link", "teacher", teacher, until, class_id=class_id, roster=names, locale=locale)
        typer.echo(link_text(space, ticket, address))


def link_text(space: Workspace, ticket: Ticket, address: str) -> str:
    """Return the address of a signed link."""
    from segue.service.pages.sessions.signed_tokens import sign

    return f"{address.rstrip('/')}/pages/{space.path.resolve().name}/enter/{sign(ticket, space.keyring)}"


def _members(roster: Path | None, class_id: str) -> tuple[str, ...]:
    from segue.service.pages.sessions.signed_tokens import MOST_ROSTER

    names = members_in(roster, class_id)
    if len(names) > MOST_ROSTER:
        raise ValueError(f"{roster} has {len(names)} learners in class {class_id}: at most {MOST_ROSTER} go")
    return tuple(names)


@calendar.command("address")
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


@calendar.command("revoke")
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
