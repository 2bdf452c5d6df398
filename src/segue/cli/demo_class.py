"""The bundled class, for the demo and its pages: how it is made, and an example of each practice."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import pandas as pd

    from segue.experiments.simulation.simulated_class import SimulatedClass
    from segue.workspace.workspace import Workspace

LEARNERS, WEEKS_BEFORE = 30, 8
CLASS, PROJECT, POSTER = "class-1", "design-a-skate-park", "our-screen-time"
ROLES = ("measures", "draws", "presents")
RUBRIC = {"reasons": "our-screen-time", "scale drawing": "design-a-skate-park"}
SHOWN = 3


def new_class(folder: Path, monday: datetime, seed: int) -> tuple[Workspace, SimulatedClass, int]:
    """Make a workspace with the bundled catalogue and a simulated class's weeks before `monday`.

    Return them, and how many events are stored; the interests that learners named are among these.
    """
    import numpy as np

    from segue import sample
    from segue.experiments.simulation.simulated_class import SimulatedClass
    from segue.workspace.storage.configuration import Configuration
    from segue.workspace.workspace import Workspace

    space = Workspace.init(folder, environment={}, configuration=Configuration())
    space.set_catalogue(sample.load())
    rng = np.random.default_rng(seed)
    room = SimulatedClass.before(monday, space.catalogue(), n_learners=LEARNERS, weeks=WEEKS_BEFORE, rng=rng)
    return space, room, store(space, room.events) + store(space, _stated(room, monday))


def _stated(room: SimulatedClass, monday: datetime) -> pd.DataFrame:
    """Return the interests that learners named in the beginning, as events."""
    import pandas as pd

    return pd.DataFrame(
        {
            "learner": room.learners["learner"],
            "class_id": room.learners["class_id"],
            "tags": room.learners["interests"].map(";".join),
            "kind": "other",
            "time": monday - timedelta(weeks=WEEKS_BEFORE),
            "seq": range(-len(room.learners), 0),
        }
    )


def store(space: Workspace, events: pd.DataFrame) -> int:
    """Store the events of the simulated class; return how many were new."""
    from segue.features.events.event_records import check, identify

    checked = check(events, range(1, len(events) + 1), resources=space.catalogue().resource_index)
    return space.add_events(identify(checked.events)).added


def most_needs(space: Workspace, roster: Iterable[str], *, now: datetime) -> str:
    """Return a learner worth a look: the one with most needs that work can change."""
    return max(roster, key=lambda name: (len(space.profile(name, now=now).needs), name))


def show_practices(space: Workspace, roster: Sequence[str], *, week: str, now: datetime) -> None:
    """Print groups, reviews, scores, a project, feedback, talks and places of the class."""
    _groups(space, roster, now)
    _scores(space, roster, now)
    _project(space, roster, now)
    _attention(space, roster, now)
    _places(space, roster, week, now)
    _say("`segue class -h` has all of it; `segue.sample.load('staff')` is for teachers' own learning")


def _say(text: str) -> None:
    typer.echo(textwrap.fill(text, 80, subsequent_indent="  ", break_on_hyphens=False))


def leave_open(space: Workspace, roster: Sequence[str], learner: str, *, now: datetime) -> None:
    """Leave what waits on the pages: a talk and a suggestion to answer, a plan to look at, scores to read."""
    from segue.engine.explanations.own_plan import PlanStep
    from segue.workspace.dialogue import own_plans, requests

    other, third = [name for name in roster if name != learner][:2]
    _keep_scores(space, [learner, other, third], now)
    _say_given(space, roster[len(roster) // 2 :], now)
    requests.ask_teacher(space, other, "talk", space.catalogue().skills[0].skill_id, now=now)
    requests.ask_teacher(space, third, "suggestion", POSTER, now=now)
    steps = [PlanStep(PROJECT), PlanStep("", "build the ramp from card", 30.0)]
    own_plans.propose_plan(space, other, steps, now=now)


def _groups(space: Workspace, roster: Sequence[str], now: datetime) -> None:
    from segue.workspace.practices.group_work import form_groups, pair_reviews

    made = form_groups(space, CLASS, PROJECT, names=roster, size=4, roles=ROLES, now=now, keep=True)
    _say(f"groups for {PROJECT}, skills mixed, every role filled ({len(made)}):")
    for group in made[:SHOWN]:
        pairs = zip(group.members, group.roles, strict=True)
        _say("- " + ", ".join(f"{name} {role}" for name, role in pairs))
    reviews = pair_reviews(space, CLASS, POSTER, roster, each=2, now=now, keep=True)
    first = sorted({one for one, _ in reviews})[0]
    authors = " and ".join(author for one, author in reviews if one == first)
    _say(f"reviews of {POSTER}: two each and two of each; {first} reviews {authors}")


def _keep_scores(space: Workspace, names: Sequence[str], now: datetime) -> None:
    from segue.workspace.practices.rubric_scores import RubricScore, keep_scores

    quality = {name: 0.5 + 0.1 * (at % 4) for at, name in enumerate(names)}
    scores = [
        RubricScore(name, POSTER, criterion, rater, value - severity)
        for name, value in quality.items()
        for criterion in RUBRIC
        for rater, severity in (("teacher-1", 0.05), ("teacher-2", -0.05))
    ]
    keep_scores(space, CLASS, scores, now=now, rubric=RUBRIC)


def _scores(space: Workspace, roster: Sequence[str], now: datetime) -> None:
    from segue.workspace.practices.rubric_scores import accept_scores

    _keep_scores(space, roster[:6], now)
    freed = accept_scores(space, CLASS, POSTER, RUBRIC, names=roster, now=now)
    told = ", ".join(f"{one.learner} {one.score:.2f} ± {one.std:.2f}" for one in freed[:SHOWN])
    _say(f"rubric of {POSTER}, freed of severity: {told}")


def _project(space: Workspace, roster: Sequence[str], now: datetime) -> None:
    from segue.engine.practices.projects import Milestone
    from segue.workspace.practices.project_work import ProjectPart, project_states

    parts = [
        ProjectPart(Milestone("plan", now - timedelta(days=1), 30.0), PROJECT),
        ProjectPart(Milestone("show", now + timedelta(days=14), 60.0), POSTER),
    ]
    started = now - timedelta(days=14)
    states = project_states(space, CLASS, parts, started=started, minutes_a_week=60.0, now=now, names=roster)
    still = [one for one in states if one.stall.stalled]
    _say(f"project of two parts: {len(still)} stand still; {still[0].learner}: {still[0].stall.sentence}")


def _say_given(space: Workspace, names: Sequence[str], now: datetime) -> None:
    from segue.workspace.practices.feedback_given import note_given

    note_given(space, CLASS, "feedback", names, by="teacher-1", now=now, about=POSTER)


def _attention(space: Workspace, roster: Sequence[str], now: datetime) -> None:
    from segue.workspace.practices.feedback_given import feedback_waiting, talks_due

    _say_given(space, roster[6:], now)
    due = [name for name, _ in feedback_waiting(space, CLASS, names=roster, now=now)]
    _say(f"feedback is due for {len(due)}: {', '.join(due)}")
    talks = talks_due(space, CLASS, names=roster, minutes=15, asked=due[:1], now=now)
    _say("talks within 15 minutes: " + "; ".join(f"{one.learner} ({one.reason})" for one in talks))


def _places(space: Workspace, roster: Sequence[str], week: str, now: datetime) -> None:
    from segue.engine.practices.slots import Slot
    from segue.workspace.practices.placements import listed_steps, place_week

    slot = Slot("teacher's table", "teacher", now + timedelta(hours=9), 5)
    steps = listed_steps(space, roster, week, now=now)
    drawn = place_week(space, CLASS, steps, [slot], week=week, now=now, keep=True)
    taken = [f"{one.learner} ({one.probability:.2f})" for one in drawn if one.taken]
    _say(f"{slot.slot_id}, {slot.capacity} places drawn by need, with their chances: {', '.join(taken)}")
