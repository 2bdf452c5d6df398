"""`segue pull kolibri` and `segue push kolibri`: attempts in from a running Kolibri, lessons out to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.arguments import Folder, opened
from segue.cli.pull import register as register_pulls

if TYPE_CHECKING:
    from segue.lms.servers.kolibri import Kolibri

PASSWORD = "SEGUE_KOLIBRI_PASSWORD"
Url = Annotated[str, typer.Option(help="Address of the server, as http://127.0.0.1:8080.")]
User = Annotated[str, typer.Option(help=f"An administrator's login; {PASSWORD} holds the password.")]
Classroom = Annotated[str, typer.Option("--class", help="Id of the class in Kolibri.")]
Week = Annotated[str, typer.Option(help="ISO week whose playlists are pushed, as 2026-W48.")]


def register(app: typer.Typer) -> None:
    """Mount both commands."""
    pull = typer.Typer(help="Read from a running LMS into a workspace.", no_args_is_help=True)
    pull.command("kolibri")(pull_kolibri)
    register_pulls(pull)
    app.add_typer(pull, name="pull")
    push = typer.Typer(help="Show playlists in a running LMS.", no_args_is_help=True)
    push.command("kolibri")(push_kolibri)
    app.add_typer(push, name="push")


def pull_kolibri(workspace: Folder, *, url: Url, user: User, classroom: Classroom) -> None:
    """Read a class: resources of its lessons with their titles, its members, and every attempt of theirs.

    What is known already is skipped. What was deleted on the device is left out of the lessons pushed; the
    catalogue keeps it.
    """
    from segue.cli.lms import enrolled, store_events
    from segue.features.catalogue import Catalogue, Resource

    space, server = opened(workspace), _server(url, user)
    found = server.resources(classroom)
    titles = server.titles(found)
    whole = space.set_catalogue(Catalogue.build([Resource(i, titles.get(i, "")) for i in found]))
    typer.echo(f"catalogue has {len(whole.resources)} resources")
    enrolled(space, classroom, server.roster(classroom))
    for line in store_events(space, "kolibri", server.events(classroom)):
        typer.echo(line)


def push_kolibri(workspace: Folder, *, url: Url, user: User, classroom: Classroom, week: Week) -> None:
    """Give each learner of a class one lesson with the week's playlist; a second run changes nothing."""
    from segue.cli.lessons import lessons_of

    space, server = opened(workspace), _server(url, user)
    roster = server.roster(classroom)
    lessons = lessons_of(space, roster, week)
    changes = server.push(classroom, lessons)
    typer.echo(
        f"{len(roster)} learners: {changes['added']} lessons added, {changes['updated']} updated, "
        f"{changes['unchanged']} unchanged, {changes['closed']} of other weeks or leavers closed, "
        f"{len(roster) - len(lessons)} without a playlist of {week}"
    )


def _server(url: str, user: str) -> Kolibri:
    from segue.lms.servers.kolibri import Kolibri

    password = os.environ.get(PASSWORD)
    if password is None:
        raise ValueError(f"the password is read from the environment only: set {PASSWORD}")
    return Kolibri(url, user, password)
