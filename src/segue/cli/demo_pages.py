"""The bundled class, served: a link for a student and one for the teacher."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from segue.cli.demo_class import leave_open

if TYPE_CHECKING:
    import pandas as pd

    from segue.experiments.simulation.simulated_class import SimulatedClass
    from segue.workspace.workspace import Workspace

WEEKS_BEFORE, LEARNERS, STEPS, OPTIONS = 8, 30, 6, 3
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
    import numpy as np

    from segue import sample
    from segue.engine.requests.request import Request
    from segue.experiments.simulation.simulated_class import SimulatedClass
    from segue.features.iso_weeks import start_of, week_of
    from segue.workspace.playlists.answering import Ask
    from segue.workspace.storage.configuration import Configuration
    from segue.workspace.workspace import Workspace

    with Workspace.init(folder, environment={}, configuration=Configuration()) as space:
        space.set_catalogue(sample.load())
        week = week_of(now, "UTC")
        monday = start_of(week, "UTC")
        rng = np.random.default_rng(seed)
        room = SimulatedClass.before(
            monday, space.catalogue(), n_learners=LEARNERS, weeks=WEEKS_BEFORE, rng=rng
        )
        store(space, room.events)
        store(space, stated(room, monday - timedelta(weeks=WEEKS_BEFORE)))
        space.fit(now=monday)
        roster = tuple(room.learners["learner"])
        requests = [Request(name, monday, k=STEPS, menu=OPTIONS) for name in roster]
        space.recommend_many(requests, ask=Ask(surface="weekly", week=week))
        needs = {name: len(space.profile(name, now=monday).needs) for name in roster}
        learner = max(roster, key=lambda name: (needs[name], name))
        leave_open(space, roster, learner, now=now)
    return roster, learner


def _links(school: Path, roster: tuple[str, ...], learner: str, address: str) -> dict[str, str]:
    from segue.cli.arguments import opened
    from segue.cli.link import link_text
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


def stated(room: SimulatedClass, time: datetime) -> pd.DataFrame:
    """Return the interests that learners named, as events."""
    import pandas as pd

    return pd.DataFrame(
        {
            "learner": room.learners["learner"],
            "class_id": room.learners["class_id"],
            "tags": room.learners["interests"].map(";".join),
            "kind": "other",
            "time": time,
            "seq": range(-len(room.learners), 0),
        }
    )


def store(space: Workspace, events: pd.DataFrame) -> int:
    """Store the events of the simulated class; return how many were new."""
    from segue.features.events.event_records import check, identify

    checked = check(events, range(1, len(events) + 1), resources=space.catalogue().resource_index)
    return space.add_events(identify(checked.events)).added
