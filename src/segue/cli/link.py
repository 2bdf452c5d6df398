"""`segue link`: an address that opens a learner's or a teacher's pages for some days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.arguments import Folder, opened

if TYPE_CHECKING:
    from segue.service.pages.sessions.signed_tokens import Ticket
    from segue.workspace.workspace import Workspace

LONGEST_DAYS = 400
app = typer.Typer()


@app.command("link")
def link(
    workspace: Folder,
    *,
    learner: Annotated[str, typer.Option(help="The LMS's id of the learner whose pages it opens.")] = "",
    teacher: Annotated[str, typer.Option(help="The teacher's id; needs --class.")] = "",
    class_id: Annotated[str, typer.Option("--class", help="The class she sees.")] = "",
    roster: Annotated[
        Path | None, typer.Option(help="CSV with columns learner and class: whom the class page names.")
    ] = None,
    days: Annotated[float, typer.Option(help="Days until it runs out.", min=0.001, max=LONGEST_DAYS)] = 1.0,
    locale: Annotated[str, typer.Option(help="Language, as es; the browser's if left out.")] = "",
    address: Annotated[str, typer.Option(help="Where the service is reached.")] = "http://127.0.0.1:8800",
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
            ticket = Ticket("link", "teacher", teacher, until, class_id=class_id, roster=names, locale=locale)
        typer.echo(link_text(space, ticket, address))


def link_text(space: Workspace, ticket: Ticket, address: str) -> str:
    """Return the address of a signed link."""
    from segue.service.pages.sessions.signed_tokens import sign

    return f"{address.rstrip('/')}/pages/{space.path.resolve().name}/enter/{sign(ticket, space.keyring)}"


def _members(roster: Path | None, class_id: str) -> tuple[str, ...]:
    if roster is None:
        return ()
    from segue.features.events.file_readers import EVENT_ALIASES
    from segue.features.events.table_files import read_table
    from segue.service.pages.sessions.signed_tokens import MOST_ROSTER

    frame = read_table(roster, {}, aliases=EVENT_ALIASES).frame
    if not {"learner", "class_id"} <= set(frame.columns):
        raise ValueError(f"{roster} needs the columns learner and class")
    rows = frame[frame["class_id"].astype("str").str.strip() == class_id]
    names = tuple(rows["learner"].astype("str").str.strip().drop_duplicates())
    if not names or len(names) > MOST_ROSTER:
        raise ValueError(f"{roster} has {len(names)} learners in class {class_id}: 1 to {MOST_ROSTER} go")
    return names
