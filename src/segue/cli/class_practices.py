"""`segue class`: what a class does together: groups, feedback, talks, slots, projects, scores, pace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from segue.cli.arguments import AsJson, Folder, Now, WeekName, moment, opened, zoned
from segue.cli.class_files import members_in, number_in, rows_in, slots_in, steps_in
from segue.cli.text_output import prose, table

ClassId = Annotated[str, typer.Option("--class", help="The LMS's id of the class.")]
Roster = Annotated[
    Path | None,
    typer.Option(
        help="CSV with columns learner and class, or a OneRoster folder; left out, the roster that is stored."
    ),
]
Keep = Annotated[bool, typer.Option("--keep", help="Remember it; without, it is only shown.")]
By = Annotated[str, typer.Option(help="The teacher's id; a keyed digest is kept.")]
app = typer.Typer(name="class", help="What a class does together.", no_args_is_help=True)


@app.command("groups")
def groups(
    workspace: Folder,
    *,
    class_id: ClassId,
    project: Annotated[str, typer.Option(help="What the groups are for: kept ones of it are shown again.")],
    size: Annotated[int, typer.Option(help="Learners in a group.", min=2)] = 4,
    role: Annotated[list[str] | None, typer.Option(help="A role each group fills; may be repeated.")] = None,
    skill: Annotated[list[str] | None, typer.Option(help="A skill to mix; may be repeated.")] = None,
    roster: Roster = None,
    keep: Keep = False,
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """Suggest groups that mix skills, fill every role, and are not the same again.

    Example: segue class groups school --class 7b --project bridge --size 4
    """
    from segue.workspace.practices.group_work import form_groups

    with opened(workspace) as space:
        found = form_groups(
            space,
            class_id,
            project,
            size=size,
            now=moment(now),
            names=members_in(roster, class_id),
            roles=role or (),
            skills=skill or (),
            keep=keep,
        )
    rows = [
        (str(at), name, as_what)
        for at, group in enumerate(found, 1)
        for name, as_what in zip(group.members, group.roles, strict=True)
    ]
    _say([asdict(group) for group in found], [("group", "learner", "role"), *rows], as_json=as_json)


@app.command("reviews")
def reviews(
    workspace: Folder,
    *,
    class_id: ClassId,
    work: Annotated[str, typer.Option(help="What is reviewed.")],
    submitted: Annotated[Path, typer.Option(help="CSV with column learner: who handed in.")],
    each: Annotated[int, typer.Option(help="Works that each reviews.", min=1)] = 2,
    keep: Keep = False,
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """Say who reviews whom: nobody their own, equal loads, no pair again.

    \b
    Example:
      segue class reviews school --class 7b --work essay \\
        --submitted essays.csv
    """
    from segue.workspace.practices.group_work import pair_reviews

    names = members_in(submitted, "")
    with opened(workspace) as space:
        pairs = pair_reviews(space, class_id, work, names, each=each, now=moment(now), keep=keep)
    told = [{"reviewer": one, "author": other} for one, other in pairs]
    _say(told, [("reviewer", "reviews"), *pairs], as_json=as_json)


@app.command("feedback")
def feedback(
    workspace: Folder,
    *,
    class_id: ClassId,
    days: Annotated[float, typer.Option(help="Everyone is to have some within so many days.", min=0.1)] = 7.0,
    roster: Roster = None,
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """List whose feedback is due, longest wait first.

    Example: segue class feedback school --class 7b
    """
    from segue.workspace.practices.feedback_given import feedback_waiting

    with opened(workspace) as space:
        due = feedback_waiting(
            space, class_id, now=moment(now), names=members_in(roster, class_id), period=timedelta(days=days)
        )
    told = [{"learner": name, "last": last.isoformat() if last else None} for name, last in due]
    rows = [(name, f"{last:%Y-%m-%d}" if last else "never") for name, last in due]
    _say(told, [("learner", "last feedback"), *rows], as_json=as_json)


@app.command("talks")
def talks(
    workspace: Folder,
    *,
    class_id: ClassId,
    minutes: Annotated[float, typer.Option(help="Minutes there are for talks.", min=1)],
    each: Annotated[float, typer.Option(help="Minutes of one talk.", min=1)] = 5.0,
    asked: Annotated[list[str] | None, typer.Option(help="Who asked for one; may be repeated.")] = None,
    roster: Roster = None,
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """List whom to talk to within the minutes there are, and why.

    Example: segue class talks school --class 7b --minutes 40
    """
    from segue.workspace.practices.feedback_given import talks_due

    with opened(workspace) as space:
        queue = talks_due(
            space,
            class_id,
            minutes=minutes,
            minutes_each=each,
            now=moment(now),
            names=members_in(roster, class_id),
            asked=asked or (),
        )
    rows = [(one.learner, f"{one.minutes:g}", one.reason) for one in queue]
    _say([asdict(one) for one in queue], [("learner", "min", "why"), *rows], as_json=as_json)


@app.command("given")
def given(
    workspace: Folder,
    learner: Annotated[list[str], typer.Argument(help="Who had it: the LMS's ids.")],
    *,
    class_id: ClassId,
    by: By,
    talk: Annotated[bool, typer.Option("--talk", help="It was a talk.")] = False,
    about: Annotated[str, typer.Option(help="The work it was about.")] = "",
    minutes: Annotated[float | None, typer.Option(help="Minutes it took.", min=0)] = None,
    now: Now = "",
) -> None:
    """Remember that learners had feedback, or a talk.

    Example: segue class given school ada ben --class 7b --by rosa
    """
    from segue.workspace.practices.feedback_given import note_given

    with opened(workspace) as space:
        kind: Literal["talk", "feedback"] = "talk" if talk else "feedback"
        n_new = note_given(
            space, class_id, kind, learner, by=by, now=moment(now), about=about, minutes=minutes
        )
    typer.echo(f"{n_new} remembered")


@app.command("slots")
def slots(
    workspace: Folder,
    *,
    class_id: ClassId,
    plan: Annotated[Path, typer.Option(help="CSV with columns slot, role, begins and capacity.")],
    week: WeekName,
    roster: Roster = None,
    lists: Annotated[
        Path | None, typer.Option(help="CSV with columns learner and resource; left out, the week's lists.")
    ] = None,
    flipped: Annotated[bool, typer.Option("--flipped", help="An objective at home before in class.")] = False,
    keep: Keep = False,
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """Draw who has which place of the week: by need, at random, never above capacity.

    \b
    Example:
      segue class slots school --class 7b --plan plan.csv --week 2026-W48
    """
    from segue.engine.practices.slots import broken_slots
    from segue.workspace.practices.placements import listed_steps, place_week

    at, slots_ = moment(now), slots_in(plan)
    with opened(workspace) as space:
        names = members_in(roster, class_id)
        if lists is None and not names:
            raise ValueError("say whose lists: --roster FILE, or the lists themselves with --lists FILE")
        steps = steps_in(space.catalogue(), lists) if lists else listed_steps(space, names, week, now=at)
        drawn = place_week(space, class_id, steps, slots_, week=week, now=at, flipped=flipped, keep=keep)
    taken = [one for one in drawn if one.taken]
    if broken := broken_slots(taken, steps, slots_, flipped=flipped):
        raise RuntimeError(broken[0])
    rows = [(one.slot_id, one.learner, one.resource, f"{one.probability:.2f}") for one in taken]
    _say([asdict(one) for one in drawn], [("slot", "learner", "step", "chance"), *rows], as_json=as_json)


@app.command("projects")
def projects(
    workspace: Folder,
    *,
    class_id: ClassId,
    plan: Annotated[Path, typer.Option(help="CSV with columns name, due, minutes and resource.")],
    started: Annotated[str, typer.Option(help="When it began, ISO 8601 with zone.")],
    minutes: Annotated[float, typer.Option(help="Minutes of a week there are for it.", min=1)] = 60.0,
    roster: Roster = None,
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """Show which projects stand still, and the minutes that this week must keep for each.

    \b
    Example:
      segue class projects school --class 7b --plan plan.csv \\
        --started 2026-11-02
    """
    from segue.engine.practices.projects import Milestone
    from segue.workspace.practices.project_work import ProjectPart, project_states

    parts = [
        ProjectPart(
            Milestone(row["name"], zoned(row["due"], f"{plan}: due"), number_in(plan, row["minutes"])),
            row["resource"],
        )
        for row in rows_in(plan, "name", "due", "minutes", "resource").to_dict("records")
    ]
    with opened(workspace) as space:
        found = project_states(
            space,
            class_id,
            parts,
            started=moment(started),
            minutes_a_week=minutes,
            now=moment(now),
            names=members_in(roster, class_id),
        )
    rows = [
        (
            one.learner,
            f"{one.done}/{len(parts)}",
            f"{one.minutes:.0f}",
            "stalled" if one.stall.stalled else "",
            one.stall.sentence,
        )
        for one in found
    ]
    _say([asdict(one) for one in found], [("learner", "done", "min", "", "why"), *rows], as_json=as_json)


@app.command("scores")
def scores(
    workspace: Folder,
    *,
    class_id: ClassId,
    work: Annotated[str, typer.Option(help="The work that was scored.")],
    rubric: Annotated[
        Path, typer.Option(help="CSV with columns criterion and resource (that stands for it).")
    ],
    given_scores: Annotated[
        Path | None, typer.Option("--scores", help="CSV with columns learner, criterion, rater and score.")
    ] = None,
    roster: Roster = None,
    max_score: Annotated[float, typer.Option(help="The highest level.", min=1e-9)] = 1.0,
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """Keep scores by criterion, free them of raters' severity, and make them evidence.

    \b
    Example:
      segue class scores school --class 7b --work essay \\
        --rubric rubric.csv --scores scores.csv
    """
    from segue.workspace.practices.rubric_scores import RubricScore, accept_scores, keep_scores

    at = moment(now)
    columns = ("learner", "criterion", "rater", "score")
    table_ = rows_in(given_scores, *columns).to_dict("records") if given_scores else []
    rows = [
        RubricScore(
            r["learner"], work, r["criterion"], r["rater"], number_in(given_scores, r["score"]) / max_score
        )
        for r in table_
    ]
    by = {r["criterion"]: r["resource"] for r in rows_in(rubric, "criterion", "resource").to_dict("records")}
    names = list(dict.fromkeys([*members_in(roster, class_id), *(row.learner for row in rows)]))
    with opened(workspace) as space:
        if rows:
            keep_scores(space, class_id, rows, now=at)
        accepted = accept_scores(space, class_id, work, by, names=names, now=at)
    shown = [(a.learner, a.criterion, f"{a.score:.2f}", f"± {a.std:.2f}") for a in accepted]
    told = [asdict(one) for one in accepted]
    _say(told, [("learner", "criterion", "score", ""), *shown], as_json=as_json)


@app.command("pace")
def pace(
    workspace: Folder,
    *,
    class_id: ClassId,
    minutes: Annotated[float, typer.Option(help="Minutes of a list.", min=1)] = 60.0,
    roster: Roster = None,
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """Show how long work takes each learner, and the catalogue minutes that fit into a list.

    Example: segue class pace school --class 7b
    """
    from segue.engine.practices.pace import paced_minutes
    from segue.workspace.practices.work_pace import paces_of

    with opened(workspace) as space:
        found = paces_of(space, class_id, members_in(roster, class_id), now=moment(now))
    budget = {one.learner: paced_minutes(minutes, one.factor) for one in found}
    told = [asdict(one) | {"minutes": budget[one.learner]} for one in found]
    rows = [(o.learner, f"{o.factor:.2f}", str(o.works), f"{budget[o.learner]:.0f}") for o in found]
    _say(told, [("learner", "times", "works", "minutes"), *rows], as_json=as_json)


@app.command("axes")
def axes(
    workspace: Folder,
    *,
    class_id: ClassId,
    fix: Annotated[
        list[str] | None, typer.Option(help="AXIS:MANNER=WEIGHT to set for the class; may be repeated.")
    ] = None,
    free: Annotated[
        list[str] | None, typer.Option(help="AXIS:MANNER to leave to outcomes again; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what each manner of content, process and product has brought, and what it weighs in lists.

    A weight is 0 until outcomes have earned it, at a fit. One that is fixed stands from the next list on.

    \b
    Example:
      segue class axes school --class 7b --fix process:guided=0.1
    """
    from segue.workspace.practices.teaching_manners import axes_of, fix_manners

    weights: dict[str, float | None] = {
        name: number_in(None, value) for name, _, value in (cell.partition("=") for cell in fix or ())
    }
    weights |= dict.fromkeys(free or ())
    with opened(workspace) as space:
        if weights:
            fix_manners(space, class_id, weights)
        found = axes_of(space, class_id)
    told = [asdict(one) | ({"low": None, "high": None} if one.low == -float("inf") else {}) for one in found]
    rows = [
        (
            one.axis,
            one.level,
            f"{one.effect:+.3f}",
            "too few" if one.low == -float("inf") else f"{one.low:+.3f} to {one.high:+.3f}",
            f"{one.weight:+.3f}",
        )
        for one in found
    ]
    _say(told, [("axis", "manner", "effect", "interval", "weight"), *rows], as_json=as_json)


def _say(told: Sequence[Any], rows: Sequence[Sequence[str]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(told, default=str, allow_nan=False))
    elif len(rows) == 1:
        typer.echo(prose("nobody and nothing to show"))
    else:
        typer.echo("\n".join(table(rows)))
