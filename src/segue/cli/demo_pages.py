"""The bundled class, served: a link for a student and one for the teacher."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from segue.cli.demo_class import leave_open, most_needs, new_class

STEPS, OPTIONS = 6, 3
DAYS = 30  # that the links are good for


def serve_demo(*, seed: int, host: str, port: int, as_json: bool) -> None:
    """Simulate the class up to this week, serve it, and print the links when it can be reached."""
    from segue.service.http.rate_limits import ServiceLimits
    from segue.service.server import ServerPlan, run

    with tempfile.TemporaryDirectory(prefix="segue-demo-") as folder:
        school = Path(folder) / "school"
        roster, learner = _school(school, seed, now=datetime.now(UTC))

        def ready(bound: int) -> None:
            links = _links(school, roster, learner, f"http://{host}:{bound}")
            if as_json:
                typer.echo(json.dumps(links))
            else:
                typer.echo(f"student ({learner}): {links['student']}\nteacher: {links['teacher']}")
                typer.echo("Stop with Ctrl-C; nothing is kept.")

        run(ServerPlan((str(school),), ServiceLimits()), host=host, port=port, workers=1, ready=ready)


def _school(folder: Path, seed: int, *, now: datetime) -> tuple[tuple[str, ...], str]:
    """Make a workspace with the bundled class; return its learners, and one whose pages show much."""
    from segue.engine.requests.request import Request
    from segue.features.iso_weeks import start_of, week_of
    from segue.workspace.playlists.answering import Ask

    week = week_of(now, "UTC")
    monday = start_of(week, "UTC")
    space, room, _ = new_class(folder, monday, seed)
    with space:
        space.fit(now=monday)
        roster = tuple(room.learners["learner"])
        requests = [Request(name, monday, k=STEPS, menu=OPTIONS) for name in roster]
        space.recommend_many(requests, ask=Ask(surface="weekly", week=week))
        learner = most_needs(space, roster, now=monday)
        leave_open(space, roster, learner, now=now)
    return roster, learner


def _links(school: Path, roster: tuple[str, ...], learner: str, address: str) -> dict[str, str]:
    from segue.cli.addresses import link_text
    from segue.cli.arguments import opened
    from segue.service.pages.sessions.signed_tokens import Ticket

    until = int((datetime.now(UTC) + timedelta(days=DAYS)).timestamp())
    class_id = "class-1"
    with opened(school) as space:
        student = Ticket("link", "learner", learner, until)
        teacher = Ticket("link", "teacher", "teacher-1", until, class_id=class_id, roster=roster)
        return {
            "student": link_text(space, student, address),
            "teacher": link_text(space, teacher, address),
            "learner": learner,
            "class": class_id,
        }
