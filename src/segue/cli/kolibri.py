"""`segue pull kolibri` and `segue push kolibri`: attempts in from a running Kolibri, lessons out to it."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.arguments import Folder, WeekName, exactly, opened, secret
from segue.cli.text_output import tell

if TYPE_CHECKING:
    from segue.lms.servers.kolibri import DeviceResources, Kolibri
    from segue.workspace.workspace import Workspace

PASSWORD = "SEGUE_KOLIBRI_PASSWORD"
CLASSES = "kolibri:resources"  # which resources each class has had
Url = Annotated[str, typer.Option(help="Address of the server, as http://127.0.0.1:8080.")]
User = Annotated[str, typer.Option(help=f"An administrator's login; {PASSWORD} holds the password.")]
Classroom = Annotated[str, typer.Option("--class", help="Id of the class in Kolibri.")]


def pull_kolibri(workspace: Folder, *, url: Url, user: User, classroom: Classroom) -> None:
    """Read a class: resources of its lessons with their titles, its members, and every attempt of theirs.

    What is known already is skipped, and resources keep their skills. A resource that was deleted on the
    device, or that no teacher's lesson has any more, is closed from the next fit on, until it is back.

    \b
    Example:
      segue pull kolibri school --url http://kolibri:8080 \\
        --user coach --class 7b
    """
    from segue.cli.lms import enrolled, store_events
    from segue.cli.workspace import ring

    space, server = opened(workspace), _server(url, user)
    shelf = server.shelf(classroom)
    mine, others = _brought(space, f"{url.rstrip('/')} {classroom}", shelf.found)
    gone = sorted((mine - others | set(shelf.named)) - set(shelf.found))
    _show(space, classroom, shelf, gone, (mine, others))
    more = f", {len(gone)} closed that the class has no more" if gone else ""
    tell(f"catalogue has {len(space.catalogue().resources)} resources{more}")
    enrolled(space, classroom, server.roster(classroom))
    done = store_events(space, "kolibri", server.events(classroom, also=gone))
    for line in done.said:
        tell(line)
    ring({Path("kolibri"): (done.doubt, bool(done.taken or shelf.found))})


def _brought(space: Workspace, name: str, found: Collection[str]) -> tuple[set[str], set[str]]:
    """Keep which resources a class has; return those of its last time, and those of all other classes."""
    from segue.workspace.storage.database import get_document, put_document

    with space.store.write() as connection:
        kept: dict[str, list[str]] = json.loads(get_document(connection, CLASSES) or b"{}")
        put_document(connection, CLASSES, json.dumps(kept | {name: sorted(found)}).encode())
    others = (theirs for other, theirs in kept.items() if other != name)
    return set(kept.get(name, ())), set().union(*others)


def _show(
    space: Workspace,
    classroom: str,
    shelf: DeviceResources,
    gone: Collection[str],
    before: tuple[set[str], set[str]],
) -> None:
    """Put resources into the catalogue as far as they are new, and close those that are gone.

    A resource that came from this server only is for the classes that have it; `before` are those that this
    class had the last time, and those of other classes.
    """
    import pandas as pd

    from segue.features.catalogue import Catalogue, Resource
    from segue.workspace.storage.errors import WorkspaceError

    known: dict[str, Resource] = {}
    with suppress(WorkspaceError):
        known = {one.resource_id: one for one in space.catalogue().resources}
    mine, others = before

    def there(name: str) -> Resource:
        one = known.get(name, Resource(name))
        ours = bool(one.courses) or name not in known or name in mine | others
        courses = tuple(sorted({*one.courses, classroom})) if ours else ()
        title, channel = shelf.titles.get(name, one.title), shelf.found[name]["channel_id"]
        return replace(one, title=title, available_until=None, courses=courses, source=one.source or channel)

    def taken_away(name: str) -> Resource:
        one = known.get(name, Resource(name))
        return replace(one, courses=tuple(c for c in one.courses if c != classroom))

    never = pd.Timestamp(0, tz="UTC")
    moved = [taken_away(name) for name in sorted(mine - set(shelf.found) - set(gone))]
    closed = [replace(known.get(name, Resource(name)), available_until=never) for name in gone]
    space.set_catalogue(Catalogue.build([*map(there, shelf.found), *moved, *closed]))


def push_kolibri(workspace: Folder, *, url: Url, user: User, classroom: Classroom, week: WeekName) -> None:
    """Give each learner of a class one lesson with the week's playlist; a second run changes nothing.

    \b
    Example:
      segue push kolibri school --url http://kolibri:8080 \\
        --user coach --class 7b --week 2026-W48
    """
    from segue.service.lessons import lessons_of

    space, server = opened(workspace), _server(url, user)
    roster = server.roster(classroom)
    lessons = lessons_of(space, roster, week, now=exactly(""))
    changes = server.push(classroom, lessons)
    tell(
        f"{len(roster)} learners: {changes['added']} lessons added, {changes['updated']} updated, "
        f"{changes['unchanged']} unchanged, {changes['closed']} of other weeks or leavers closed, "
        f"{len(roster) - len(lessons)} without a playlist of {week}"
    )


def _server(url: str, user: str) -> Kolibri:
    from segue.lms.servers.kolibri import Kolibri

    return Kolibri(url, user, secret(PASSWORD))
