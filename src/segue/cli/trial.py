"""`segue trial`: experiments in class: declare before the start, draw each week, look whenever one likes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.arguments import AsJson, Folder, Now, moment, opened
from segue.cli.text_output import tell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from segue.batch.from_workspace import Deciding
    from segue.experiments.evaluation.trials.declaration import TrialDeclaration
    from segue.workspace.workspace import Workspace

Name = Annotated[str, typer.Argument(help="Name of a declared experiment.")]
Roster = Annotated[Path, typer.Option(help="CSV with column learner, and class and strata where they count.")]
app = typer.Typer(name="trial", help="Experiments in class.", no_args_is_help=True)


@app.command("declare")
def declare(
    workspace: Folder,
    trial: Annotated[Path, typer.Argument(help="JSON: name, metric, arms, start, …")],
    *,
    now: Now = "",
) -> None:
    """Write an experiment down before it starts; what decides is fixed from then on.

    Example: segue trial declare school trial.json
    """
    from segue.experiments.evaluation.trials.declaration import read_trial
    from segue.experiments.evaluation.trials.running import declare as write_down

    read = read_trial(trial)
    with opened(workspace) as space:
        write_down(space, read, now=moment(now))
    tell(f"{read.name} is declared ({read.digest}); it starts {read.start.isoformat()}")


@app.command("arms")
def arms(workspace: Folder, name: Name, *, roster: Roster, now: Now = "") -> None:
    """Print the arm of each learner of a roster, as CSV.

    Example: segue trial arms school reading --roster roster.csv
    """
    import pandas as pd

    from segue.experiments.evaluation.trials.running import declared, trial_arms
    from segue.features.events.outward_text import csv_frame

    with opened(workspace) as space:
        trial = declared(space, name)
        found = trial_arms(space, trial, _read(roster), now=moment(now))
    _tell_empty(list(found.values()), trial)
    table = pd.DataFrame(found.items(), columns=["learner", "arm"])
    typer.echo(csv_frame(table).to_csv(index=False), nl=False)


@app.command("week")
def week(
    workspace: Folder,
    name: Name,
    *,
    roster: Roster,
    k: Annotated[int, typer.Option("-k", help="Steps of a list.", min=1)] = 10,
    now: Now = "",
) -> None:
    """Draw the week's lists, each learner's as their arm decides.

    Example: segue trial week school reading --roster roster.csv
    """
    from segue.experiments.evaluation.trials.running import declared, trial_week

    with opened(workspace) as space:
        trial = declared(space, name)
        drawn = trial_week(space, trial, _read(roster), now=moment(now), k=k)
    _tell_empty([arm for arm, _ in drawn.values()], trial)
    tell(f"{len(drawn)} lists are drawn")


@app.command("look")
def look(
    workspace: Folder,
    name: Name,
    *,
    roster: Roster,
    margin: Annotated[float, typer.Option(help="How much better an arm must be to pass.", min=0)] = 0.0,
    gate: Annotated[bool, typer.Option("--gate", help="Exit 1 unless an arm passes the gate.")] = False,
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """Print each arm against the first, with intervals that hold however often one looks.

    Example: segue trial look school reading --roster roster.csv
    """
    from segue.experiments.evaluation.trials.running import declared, trial_looks
    from segue.experiments.evaluation.trials.sequential import as_comparison
    from segue.experiments.evaluation.verdicts.promotion_gate import GateRules, gate_comparison

    with opened(workspace) as space:
        found = trial_looks(space, declared(space, name), _read(roster), now=moment(now))
    passages = [gate_comparison(as_comparison(one), rules=GateRules(margin=margin)) for one in found]
    if as_json:
        told = [p.to_dict() | {"arm": one.arm} for one, p in zip(found, passages, strict=True)]
        typer.echo(json.dumps(told, allow_nan=False))
    else:
        for one, passage in zip(found, passages, strict=True):
            tell(str(one))
            if gate or margin:
                tell(f"The gate, for {one.arm}: {passage}")
    if gate and not any(passage.decision == "promote" for passage in passages):
        raise typer.Exit(1)


@app.command("end")
def end(workspace: Folder, name: Name, *, now: Now = "") -> None:
    """End an experiment: from the next week on the model in charge decides for everybody again.

    Example: segue trial end school reading
    """
    from segue.experiments.evaluation.trials.running import end as end_it

    with opened(workspace) as space:
        end_it(space, name, now=moment(now))
    tell(f"{name} has ended")


def deciding_for(space: Workspace, roster: Path | None, *, now: datetime) -> Deciding | None:
    """Return who decides for whom in the week of `now` if an experiment runs, else None.

    Raises
    ------
    ValueError
        When several run, or there is no roster to say who is in which arm.
    """
    from segue.experiments.evaluation.trials.running import deciding_in, running

    found = running(space, now=now)
    if not found:
        return None
    names = " and ".join(trial.name for trial in found)
    if len(found) > 1:
        raise ValueError(f"experiments {names} run at once: end one (segue trial end)")
    if roster is None:
        raise ValueError(
            f"experiment {names} is running: --roster FILE says who is in which arm (or segue trial end)"
        )
    return deciding_in(space, found[0], _read(roster), now=now)


def _tell_empty(arms: Sequence[str], trial: TrialDeclaration) -> None:
    """Say of arms in which nobody is: nothing can be found out of them."""
    for arm in trial.arms:
        if arm not in arms:
            tell(
                f"Nobody is in arm {arm}: {trial.unit}es are few. Balance them by strata, a roster's column "
                "that is the same for all will do."
                if trial.unit == "class"
                else f"Nobody is in arm {arm}: learners are few.",
                err=True,
            )


def _read(path: Path) -> Mapping[str, Mapping[str, str]]:
    """Return the columns of each learner of a roster file."""
    from segue.experiments.evaluation.logs.logged_data import read_texts
    from segue.lms.documents.rosters import is_roster, read_roster

    if is_roster(path):
        rows = read_roster(path)
        return {row["learner"]: {"class": row["class_id"]} for row in rows.to_dict("records")}
    table = read_texts(path).fillna("")
    if "learner" not in table:
        raise ValueError(f"{path} has no column learner; it has {', '.join(table.columns)}")
    out: dict[str, dict[str, str]] = {}
    for row in table.to_dict("records"):
        own = {str(k): str(v).strip() for k, v in row.items()}
        if own["learner"] and out.setdefault(own["learner"], own) != own:
            raise ValueError(f"{path} names learner {own['learner']!r} twice, and says of them two things")
    return out
