"""`segue pull` and `segue push`: from running systems into a workspace, and playlists back to them."""

from __future__ import annotations

import hashlib
from typing import Annotated

import typer

from segue.cli.arguments import Folder, WeekName, exactly, opened, secret
from segue.cli.kolibri import pull_kolibri, push_kolibri
from segue.cli.text_output import tell

Url = Annotated[str, typer.Option(help="Address of the server.")]
CanvasUrl = Annotated[
    str, typer.Option("--url", help="Address of Canvas, as https://school.instructure.com.")
]
Course = Annotated[str, typer.Option(help="Id of the course, as the events have it.")]
pull = typer.Typer(name="pull", help="Read from a running LMS into a workspace.", no_args_is_help=True)
pull.command("kolibri")(pull_kolibri)
push = typer.Typer(name="push", help="Show playlists in a running LMS.", no_args_is_help=True)
push.command("kolibri")(push_kolibri)


@pull.command("lrs")
def lrs(
    workspace: Folder,
    *,
    url: Annotated[str, typer.Option(help="The xAPI endpoint, without /statements.")],
    user: Annotated[str, typer.Option(help="Key of HTTP Basic; SEGUE_LRS_PASSWORD holds the secret.")],
    limit: Annotated[int, typer.Option(help="Statements a page.", min=1)] = 500,
) -> None:
    """Read what a record store has stored since the last pull; one that was cut off goes on.

    Example: segue pull lrs school --url https://lrs.example/xapi --user segue
    """
    from segue.cli.lms import store_events
    from segue.lms.servers.record_store import Cursor, RecordStore
    from segue.lms.xapi import reader as xapi
    from segue.workspace.storage.database import get_document, put_document

    space = opened(workspace)
    name = f"cursor:{hashlib.blake2b(url.encode(), digest_size=12).hexdigest()}"
    with space.store.read() as connection:
        cursor = Cursor.from_json(get_document(connection, name) or b"")
    n_pages = n_statements = 0
    for page in RecordStore(url, user, secret("SEGUE_LRS_PASSWORD")).pages(cursor, limit=limit):
        events, _ = xapi.read(page.statements, "lenient")
        lines = store_events(space, f"page {n_pages + 1}", events).said
        with space.store.write() as connection:  # after its events: cut off here, the page comes again
            put_document(connection, name, page.cursor.to_json())
        n_pages, n_statements = n_pages + 1, n_statements + len(page.statements)
        tell(lines[0])
    tell(f"{n_statements} statements in {n_pages} pages; the next pull goes on from here")


@pull.command("oneroster")
def oneroster(
    workspace: Folder,
    *,
    url: Url,
    token_url: Annotated[str, typer.Option(help="Where access tokens are given.")],
    client_id: Annotated[str, typer.Option(help="Client id; SEGUE_ONEROSTER_SECRET holds the secret.")],
) -> None:
    """Read enrolments and results over OneRoster REST 1.2.

    \b
    Example:
      segue pull oneroster school --url https://sis.example/ims \\
        --token-url https://sis.example/token --client-id segue
    """
    from segue.cli.lms import store_events
    from segue.lms.oneroster.reader import events_of
    from segue.lms.records.source_records import ReadReport
    from segue.lms.servers.oneroster_rest import OneRosterServer

    space = opened(workspace)
    bundle = OneRosterServer(url, token_url, client_id, secret("SEGUE_ONEROSTER_SECRET")).bundle()
    for line in store_events(space, "oneroster", events_of(bundle, ReadReport())).said:
        tell(line)


@pull.command("moodle")
def moodle(
    workspace: Folder, *, url: Url, course: Annotated[str, typer.Option(help="Id of the course in Moodle.")]
) -> None:
    """Read the students of a Moodle course and their grades (SEGUE_MOODLE_TOKEN holds the token).

    Example: segue pull moodle school --url https://moodle.example --course 12
    """
    from segue.cli.lms import enrolled, store_events
    from segue.lms.records.source_records import ReadReport
    from segue.lms.servers.moodle_web_service import MoodleServer

    space, server = opened(workspace), MoodleServer(url, secret("SEGUE_MOODLE_TOKEN"))
    enrolled(space, course, server.students(course))
    for line in store_events(space, "moodle", server.events(course, ReadReport())).said:
        tell(line)


@push.command("canvas")
def push_canvas(workspace: Folder, *, url: CanvasUrl, course: Course, week: WeekName) -> None:
    """Give each active student of a course a module with the week's playlist; a second run changes nothing.

    Objectives and reasons stand in it as headings. SEGUE_CANVAS_TOKEN holds a teacher's access token.

    \b
    Example:
      segue push canvas school --url https://school.instructure.com \\
        --course 21070000000000005 --week 2026-W48
    """
    from segue.lms.servers.canvas_modules import course_at, students
    from segue.lms.servers.canvas_modules import push as put
    from segue.service.lessons import lessons_of

    space, there = opened(workspace), course_at(url, secret("SEGUE_CANVAS_TOKEN"), course)
    roster = students(there, course)
    lessons = lessons_of(space, roster, week, now=exactly(""))
    done = put(there, lessons)
    tell(
        f"{len(roster)} learners: {done['added']} modules added, {done['updated']} updated, "
        f"{done['unchanged']} unchanged, {len(roster) - len(lessons)} without a playlist of {week}"
    )
