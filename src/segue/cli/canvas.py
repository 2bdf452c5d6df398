"""`segue push canvas`: a module of links for each student of a course, through Canvas's REST interface."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.arguments import Folder, WeekName, exactly, opened, secret
from segue.cli.kolibri import push_kolibri
from segue.cli.text_output import tell

Url = Annotated[str, typer.Option(help="Address of Canvas, as https://school.instructure.com.")]
Course = Annotated[str, typer.Option(help="Id of the course, as the events have it.")]
app = typer.Typer(name="push", help="Show playlists in a running LMS.", no_args_is_help=True)
app.command("kolibri")(push_kolibri)


@app.command("canvas")
def push_canvas(workspace: Folder, *, url: Url, course: Course, week: WeekName) -> None:
    """Give each active student of a course a module with the week's playlist; a second run changes nothing.

    Objectives and reasons stand in it as headings. SEGUE_CANVAS_TOKEN holds a teacher's access token.

    \b
    Example:
      segue push canvas school --url https://school.instructure.com \\
        --course 21070000000000005 --week 2026-W48
    """
    from segue.lms.servers.canvas_modules import course_at, push, students
    from segue.service.lessons import lessons_of

    space, there = opened(workspace), course_at(url, secret("SEGUE_CANVAS_TOKEN"), course)
    roster = students(there, course)
    lessons = lessons_of(space, roster, week, now=exactly(""))
    done = push(there, lessons)
    tell(
        f"{len(roster)} learners: {done['added']} modules added, {done['updated']} updated, "
        f"{done['unchanged']} unchanged, {len(roster) - len(lessons)} without a playlist of {week}"
    )
