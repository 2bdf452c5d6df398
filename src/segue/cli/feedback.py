"""`segue lists`, `override`, `undo`, `choose`, `rate`: what a learner has now, and what people do with it."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from segue.cli.arguments import AsJson, ExactNow, Folder, Learner, exactly, opened, zoned
from segue.cli.text_output import tell

Decision = Annotated[str, typer.Option("--decision", help="Id of a step, as `segue lists --json` shows it.")]
By = Annotated[str, typer.Option(help="The teacher's id in the LMS; only a pseudonym is stored.")]
Reason = Literal["too_easy", "too_hard", "done_in_class", "not_suitable", "priority", "other"]
app = typer.Typer()


@app.command("lists")
def lists(
    workspace: Folder,
    *,
    learner: Learner,
    week: Annotated[str, typer.Option(help="ISO week, as 2026-W48 (default: all).")] = "",
    surface: Annotated[str, typer.Option(help="Where they were asked for (default: anywhere).")] = "",
    now: ExactNow = "",
    as_json: AsJson = False,
) -> None:
    """Show a learner's lists as they stand everywhere, the newest first.

    Example: segue lists school --learner ada
    """
    from segue.features.iso_weeks import start_of
    from segue.workspace.playlists.list_lines import list_line

    space = opened(workspace)
    if week:
        start_of(week, space.time_zone)
    found = space.lists(learner, now=exactly(now), week=week or None, surface=surface or None)
    if as_json:
        typer.echo(json.dumps({"lists": [list_line(one) for one in found]}, ensure_ascii=False, indent=1))
        return
    if not found:
        tell(f"no such list of {learner} is stored")
    for one in found:
        tell(f"{one.week} {one.surface}{' (current)' if one.current else ''}")
        for number, step in enumerate(one.steps, 1):
            tell(f"  {number}. [{step.state}] {step.title or step.resource}")
            typer.echo(f"     {step.decision_id}")


@app.command("override")
def override(
    workspace: Folder,
    *,
    decision: Decision,
    action: Annotated[Literal["pin", "remove", "swap", "approve"], typer.Option()],
    by: By,
    resource: Annotated[str, typer.Option(help="What to put in instead; needed for swap.")] = "",
    reason: Annotated[Reason, typer.Option()] = "other",
    until: Annotated[str, typer.Option(help="When it ends for later lists, ISO 8601 with zone.")] = "",
    now: ExactNow = "",
) -> None:
    """Do what a teacher wants with a step: it holds at once, on the page, in calendars and pushed lessons.

    Example: segue override school --decision ID --action remove --by rosa
    """
    from segue.workspace.playlists.step_feedback import StepChange

    end = zoned(until, "--until") if until else None
    change = StepChange(action, by, reason, resource or None, end)
    act, new = opened(workspace).override(decision, change, now=exactly(now))
    tell(f"override {act} {'holds' if new else 'held already'}")


@app.command("undo")
def undo(
    workspace: Folder,
    *,
    override_id: Annotated[str, typer.Option("--override", help="Id of the override.")],
    by: By,
    now: ExactNow = "",
) -> None:
    """Take a teacher's override back; what stood there before stands again.

    Example: segue undo school --override ID --by rosa
    """
    undone = opened(workspace).undo_override(override_id, by=by, now=exactly(now))
    tell("undone" if undone else "it was undone before")


@app.command("choose")
def choose(
    workspace: Folder,
    *,
    decision: Decision,
    resource: Annotated[str, typer.Option(help="One of the step's options.")],
    now: ExactNow = "",
) -> None:
    """Keep which option of a step's menu the learner picked.

    Example: segue choose school --decision ID --resource pizza-fairly
    """
    stored = opened(workspace).choose(decision, resource, now=exactly(now))
    tell("kept" if stored else "known already")


@app.command("rate")
def rate(
    workspace: Folder,
    *,
    decision: Decision,
    rating: Annotated[float, typer.Option(help="0 (not at all) to 1 (very much).", min=0, max=1)],
    now: ExactNow = "",
) -> None:
    """Keep how the learner liked a step: it moves what is proposed later.

    Example: segue rate school --decision ID --rating 0.8
    """
    tell("kept" if opened(workspace).rate(decision, rating, now=exactly(now)) else "known already")
