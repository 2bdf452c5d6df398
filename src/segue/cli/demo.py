"""`segue demo`: a class and two weeks, from catalogue and history to playlists, reasons and a class view."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.demo_class import LEARNERS, WEEKS_BEFORE, most_needs, new_class, show_practices, store

if TYPE_CHECKING:
    from segue.engine.sampling.playlists import Playlist
    from segue.experiments.simulation.simulated_class import SimulatedClass
    from segue.workspace.workspace import Workspace

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
WEEK, NEXT_WEEK = "2026-W48", "2026-W49"
STEPS = 10
MARK = "made-by-segue-demo"
app = typer.Typer()


@app.command("demo")
def demo(
    folder: Annotated[Path, typer.Option(help="Where to put the workspace and the output.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Another seed is another class.")] = 7,
    *,
    pages: Annotated[bool, typer.Option("--pages", help="Serve the class's pages in a browser.")] = False,
    host: Annotated[str, typer.Option(help="Address that --pages listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port; 0 picks a free one.", min=0, max=65535)] = 8800,
    as_json: Annotated[bool, typer.Option("--json", help="Print the links as one JSON object.")] = False,
) -> None:
    """Run a whole fortnight with the bundled class of grade 6 to 8 mathematics; no data is needed.

    Example: segue demo --folder demo
    """
    from segue.cli.text_output import beside_text

    if pages:
        from segue.cli.demo_pages import serve_demo

        serve_demo(seed=seed, host=host, port=port, as_json=as_json)
        return
    began = time.perf_counter()
    _make_room(folder)
    space, room, stored = new_class(folder / "workspace", MONDAY, seed)
    _heading(1, f"A class of {LEARNERS}, {WEEKS_BEFORE} weeks of history, and a model of it")
    _history(space, stored)
    _heading(2, f"Playlists for {WEEK}")
    first = _playlists(space, room, WEEK, MONDAY, folder)
    learner = most_needs(space, room.learners["learner"], now=MONDAY)
    _show_one(space, learner, first[learner])
    _heading(3, "The class works through the week, and Segue learns from it")
    _study(space, room, first)
    _heading(4, f"{learner}: {WEEK} beside {NEXT_WEEK}")
    second = _playlists(space, room, NEXT_WEEK, MONDAY + timedelta(days=7), folder)
    typer.echo(beside_text(first[learner], second[learner], space.catalogue(), titles=(WEEK, NEXT_WEEK)))
    _heading(5, "The teacher's view: who is stuck where")
    _class_view(space, room, folder)
    _heading(6, "The class together: an example of each practice")
    roster = room.learners["learner"].tolist()
    show_practices(space, roster, week=NEXT_WEEK, now=MONDAY + timedelta(days=7))
    typer.echo(f"\nAll of it lies in {folder}. ({time.perf_counter() - began:.0f} s)")


def _heading(number: int, text: str) -> None:
    typer.echo(f"\n{number}. {text}\n{'─' * (len(text) + 3)}")


def _make_room(folder: Path) -> None:
    """Make the folder anew; one that no demo made is refused."""
    if folder.exists():
        if not (folder / MARK).exists():
            raise ValueError(f"{folder} is there already and no demo made it: choose another with --folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).touch()


def _history(space: Workspace, stored: int) -> None:
    catalogue = space.catalogue()
    typer.echo(f"catalogue: {len(catalogue.resources)} resources, {len(catalogue.skills)} skills")
    typer.echo(f"history: {stored} events stored ({LEARNERS} of them stated interests)")
    recommender = space.fit(now=MONDAY)
    typer.echo(f"model {recommender.model_hash} fitted on {recommender.fitted['attempts']} attempts")


def _playlists(
    space: Workspace, room: SimulatedClass, week: str, now: datetime, folder: Path
) -> dict[str, Playlist]:
    """Run the weekly batch, then read each playlist back as the single call gives it: the same one."""
    from segue.batch.from_workspace import weekly
    from segue.batch.plan import WeeklyPlan
    from segue.engine.requests.request import Request
    from segue.workspace.playlists.answering import Ask

    roster = room.learners["learner"].tolist()
    plan = WeeklyPlan(week, now, space.configuration.seed, STEPS)
    report = weekly(space, plan, folder / week, roster=roster)
    typer.echo(f"{report.learners} playlists of {STEPS} steps: {folder / week / 'playlists.csv'}")
    given = space.recommend_many([Request(name, now, k=STEPS) for name in roster], ask=Ask(week=week))
    return {name: one.playlist for name, one in zip(roster, given, strict=True)}


def _show_one(space: Workspace, learner: str, playlist: Playlist) -> None:
    from segue.cli.text_output import alternatives_text, playlist_text, profile_text
    from segue.engine.requests.request import Request

    typer.echo("\n" + profile_text(space.profile(learner, now=MONDAY), title=f"What is known of {learner}"))
    words = space.explain(Request(learner, MONDAY), playlist)
    typer.echo("\n" + playlist_text(playlist, space.catalogue(), words, title=f"The week of {learner}"))
    others = space.alternatives(learner, playlist, now=MONDAY)
    typer.echo("\n" + alternatives_text(others, space.catalogue(), title="What nearly came instead"))


def _study(space: Workspace, room: SimulatedClass, playlists: dict[str, Playlist]) -> None:
    steps = {name: [step.resource for step in playlist.steps] for name, playlist in playlists.items()}
    events = room.answer(steps, now=MONDAY)
    stored = store(space, events)
    done = space.learn(now=MONDAY + timedelta(days=7))
    finished = int(events["completed"].sum())
    typer.echo(f"{stored} events: {finished} of {sum(map(len, steps.values()))} steps finished")
    typer.echo(
        f"{done.matured} rewards matured (the skill came up again on a later day), "
        f"{done.pending} pending;\nthe reward model has learned from each once"
    )


def _class_view(space: Workspace, room: SimulatedClass, folder: Path) -> None:
    from segue.cli.text_output import class_text

    roster: Sequence[str] = room.learners["learner"].tolist()
    now = MONDAY + timedelta(days=7)
    typer.echo(class_text(space.class_view(roster, now=now)))
    try:
        from segue.experiments.evaluation.reports.plots import mastery_map
    except ModuleNotFoundError:
        typer.echo("\n(no picture: pip install 'segue[experiments]' brings matplotlib)")
        return
    figure = mastery_map(space.mastery(roster, now=now), title=f"Chance of success now, {NEXT_WEEK}")
    figure.savefig(folder / "mastery.png", dpi=120)
    typer.echo(f"\nMastery by skill and learner: {folder / 'mastery.png'}")
