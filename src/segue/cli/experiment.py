"""`segue experiment`: studies, and the way of a challenger through the gate and into service.

``challenger`` fits and registers one, ``shadow`` says what it would have done at a workspace's decisions,
``gate --promote`` makes it the champion of the registry, ``deploy`` puts the champion in charge of the
workspace: a service that runs takes it up by itself, without mlflow.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.arguments import Folder, Now, moment, opened
from segue.cli.evaluate import (
    Action,
    LogFile,
    Propensity,
    Reward,
    RewardRange,
    Target,
    TargetPrefix,
    limits_of,
)
from segue.cli.text_output import tell

if TYPE_CHECKING:
    import pandas as pd

    from segue.engine.recommender import Recommender
    from segue.workspace.workspace import Workspace

Alias = Annotated[str, typer.Option(help="Which model of the registry.")]
Store = Annotated[Path, typer.Option(help="Folder of the tracking store (SQLite and artefacts).")]
RUNS = Path("demo-experiment")
FIGURES = ("mean", "se", "worst")
app = typer.Typer(
    name="experiment", help="Studies, and the way of a new model into service.", no_args_is_help=True
)


@app.command("list")
def list_() -> None:
    """Name the studies, with the question each answers.

    Example: segue experiment list
    """
    from segue.experiments.simulation.sweeps import SWEEPS

    for name, study in SWEEPS.items():
        tell(f"{name}: {study.n_runs} terms. {study.question}")


@app.command("sweep")
def sweep(
    name: Annotated[str, typer.Argument(help="Name of the study: segue experiment list.")],
    *,
    store: Store = RUNS,
    quick: Annotated[bool, typer.Option(help="A small class for two weeks, to see that it runs.")] = False,
) -> None:
    """Run a study; each term is a run of the store, with its parameters and figures.

    Example: segue experiment sweep exploration --quick
    """
    from tqdm import tqdm

    from segue.experiments.evaluation.reports.plots import gain_by_policy
    from segue.experiments.simulation.segue_tutor import __name__ as tutors
    from segue.experiments.simulation.sweeps import GROUP, SWEEPS, compared, outcomes
    from segue.experiments.tracking.mlflow_store import Run, Tracker

    if name not in SWEEPS:
        raise ValueError(f"name must be one of {', '.join(SWEEPS)}, got {name}")
    study = SWEEPS[name].quick() if quick else SWEEPS[name]
    logging.getLogger(tutors).setLevel(logging.ERROR)  # simulated catalogues have cycles on purpose
    tracker, found = Tracker(store), []
    for outcome in tqdm(outcomes(study), total=study.n_runs, unit=" terms", disable=None):
        parameters = outcome.setting.parameters() | {
            GROUP: outcome.model,
            "seed": str(outcome.seed),
            "quick": str(quick),
        }
        run_name = f"{outcome.setting.name} / {outcome.model} / {outcome.seed}"
        tracker.record(study.name, Run(run_name, parameters, outcome.metrics()))
        found.append(outcome)
    table = compared(found)
    summary = {
        f"{column} {row}": table.loc[row, column] for row in table.index for column in ("mean", "worst")
    }
    gains = table.drop(columns=list(FIGURES))
    figures = {"gain.png": gain_by_policy(gains)}
    from segue.features.events.outward_text import csv_frame

    texts = {"gain.csv": csv_frame(table).to_csv(), "question.txt": study.question}
    tracker.record(f"{study.name} summary", Run(name, {"quick": quick}, _named(summary), figures, texts))
    tell(study.question)
    typer.echo(_gains(table))
    if quick:
        tell(
            "--quick: two weeks of a small class, one seed. se is the standard error of the mean, over "
            "learners: these figures are noise. They show that it runs, not which is better. Leave "
            "--quick out for figures that can be compared."
        )
    tell("look at the runs:")
    tell(f"  mlflow ui --backend-store-uri sqlite:///{store / 'mlflow.db'}")


@app.command("compare")
def compare(
    name: Annotated[str, typer.Argument(help="Name of a study that was run.")], *, store: Store = RUNS
) -> None:
    """Print gain by setting and student model over every recorded run of a study.

    Example: segue experiment compare exploration
    """
    from segue.experiments.tracking.mlflow_store import Tracker

    runs = Tracker.existing(store).runs(name)
    if runs.empty:
        raise ValueError(f"{store} has no finished run of {name!r}: segue experiment sweep {name}")
    import pandas as pd

    from segue.experiments.simulation.sweeps import gain_table

    typer.echo(_gains(gain_table(runs)))
    tell(f"{len(runs)} runs; 0 is random choice, 1 a clairvoyant, se the standard error over learners")
    if (runs.get("quick", pd.Series()) == "True").any():
        tell("some of them are of --quick: noise")


def _gains(gains: pd.DataFrame) -> str:
    """Return gains by setting as a table that fits: a row a student model where that is narrower."""
    from segue.cli.text_output import columns

    whole = gains.round(3).to_string()
    return whole if max(map(len, whole.split("\n"))) <= columns() else gains.T.round(3).to_string()


@app.command("challenger")
def challenger(
    workspace: Folder,
    *,
    policy: Annotated[
        Path | None, typer.Option(help="JSON of a version that it decides by (default: the one in force).")
    ] = None,
    store: Store = RUNS,
    now: Now = "",
) -> None:
    """Fit a model on a workspace's events and register it as the challenger; nothing is put in charge.

    Example: segue experiment challenger school --policy version.json
    """
    from segue.engine.policies.policy_version import read_policy
    from segue.experiments.tracking.mlflow_store import CHALLENGER, Run, Tracker

    deciding = None if policy is None else read_policy(policy)
    space = opened(workspace)
    asked, settings = (None, None) if deciding is None else (deciding.policy, deciding.settings)
    fitted = space.challenger(now=moment(now), policy=asked, settings=settings)
    parameters = {"model": fitted.model_hash, "policy": fitted.policy_name, **fitted.fitted}
    tracker = Tracker(store)
    run_id = tracker.record("models", Run(f"challenger {fitted.model_hash}", parameters, model=fitted))
    version = tracker.register(run_id, CHALLENGER)
    tell(f"challenger is now version {version}, model {fitted.model_hash}")


@app.command("shadow")
def shadow(
    workspace: Folder,
    *,
    out: Annotated[Path, typer.Option(help="CSV of the evidence: for segue evaluate, and for the gate.")],
    k: Annotated[list[int] | None, typer.Option("-k", help="Steps asked for; may be repeated.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes asked for.", min=1)] = None,
    menu: Annotated[int, typer.Option(help="Options a step.", min=1)] = 1,
    since: Annotated[str, typer.Option(help="First week, as 2026-W48.")] = "",
    store: Store = RUNS,
    alias: Alias = "challenger",
) -> None:
    """Write what the challenger would have done at a workspace's decisions, beside their rewards.

    Example: segue experiment shadow school --out evidence.csv
    """
    import pandas as pd

    from segue.engine.requests.request import Request
    from segue.experiments.evaluation.logs.shadow_log import shadow_frame
    from segue.experiments.evaluation.logs.workspace_log import decision_log
    from segue.experiments.tracking.mlflow_store import Tracker

    space, (_, recommender) = opened(workspace), Tracker.existing(store).fetch(alias)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    questions = [Request("", epoch, k=steps, minutes=minutes, menu=menu) for steps in k or [10]]
    frame = shadow_frame(space, recommender, questions=questions, since=since)
    seen = frame["time"] < pd.Timestamp(recommender.fitted["now"])
    if seen.any():
        tell(
            f"{seen.sum()} decisions are older than the challenger, which has seen what came of them: one "
            "that was fitted as of an earlier day (challenger --now) can be judged by them"
        )
    frame = frame[~seen]
    log = decision_log(frame, frame["target"].to_numpy())
    columns = {
        "learner": log.cluster,
        "playlist": log.slate,
        "position": log.position,
        "reward": log.reward,
        "propensity": log.propensity,
        "target": log.target,
    }
    from segue.features.events.outward_text import csv_frame

    csv_frame(pd.DataFrame(columns)).to_csv(out, index=False)
    tell(f"{log.n} decisions of {len(frame)} are in {out}{f'; {log.rejected}' if log.rejected.n else ''}")


@app.command("deploy")
def deploy(workspace: Folder, *, store: Store = RUNS, alias: Alias = "champion") -> None:
    """Put the registry's champion in charge of a workspace; a service that runs takes it up by itself.

    Example: segue experiment deploy school
    """
    from segue.experiments.tracking.mlflow_store import Tracker

    space, (version, recommender) = opened(workspace), Tracker.existing(store).fetch(alias)
    _refuse_strangers(space, recommender)
    space.promote(recommender)
    tell(f"{alias} version {version}, model {recommender.model_hash}, is in charge of {workspace}")


def _refuse_strangers(space: Workspace, recommender: Recommender) -> None:
    """Refuse a model that could recommend what the workspace does not have."""
    strange = recommender.catalogue.resource_index.keys() - space.catalogue().resource_index.keys()
    if strange:
        raise ValueError(
            f"the model knows {len(strange)} resources that the workspace lacks, as {min(strange)}: "
            "it was fitted for another school; nothing was changed"
        )


@app.command("gate")
def gate(
    log: LogFile,
    *,
    reward: Reward,
    propensity: Propensity,
    target: Target = "",
    action: Action = "",
    target_prefix: TargetPrefix = "",
    reward_range: RewardRange = "",
    protect: Annotated[list[str] | None, typer.Option(help="A group to protect; may be repeated.")] = None,
    group: Annotated[str, typer.Option(help="Column of the groups to protect.")] = "",
    cluster: Annotated[str, typer.Option(help="Column of clusters.")] = "",
    margin: Annotated[
        float, typer.Option(help="How much better it must be, in the reward's unit.", min=0)
    ] = 0.0,
    group_margin: Annotated[float, typer.Option(help="How much worse a group may fare.", min=0)] = 0.02,
    alpha: Annotated[float, typer.Option(help="Accepted share of wrongful promotions.")] = 0.05,
    weeks: Annotated[float, typer.Option(help="Weeks the log covers.", min=0.01)] = 1.0,
    promote: Annotated[bool, typer.Option(help="If it passes, make the challenger the champion.")] = False,
    store: Store = RUNS,
) -> None:
    """Decide whether a challenger may become the champion: exit 0 when it passes, 1 when it does not.

    \b
    Example:
      segue experiment gate evidence.csv --reward reward \\
        --propensity propensity --target target --cluster learner
    """
    from segue.experiments.evaluation.logs.columns import Columns
    from segue.experiments.evaluation.logs.logged_data import read_csv_log
    from segue.experiments.evaluation.verdicts.promotion_gate import GateRules, gate_log

    limits = limits_of(reward_range)
    columns = Columns(
        reward=reward,
        propensity=propensity,
        target=target,
        action=action,
        target_prefix=target_prefix,
        group=group,
        cluster=cluster,
    )
    read = read_csv_log(log, columns, reward_range=limits)
    passage = gate_log(
        read,
        declared=tuple(protect or ()),
        weeks=weeks,
        reward_range=limits,
        rules=GateRules(alpha=alpha, margin=margin, group_margin=group_margin),
    )
    tell(str(passage))
    if passage.decision != "promote":
        raise typer.Exit(1)
    if promote:
        from segue.experiments.tracking.mlflow_store import CHALLENGER, CHAMPION, Tracker

        tracker = Tracker.existing(store)
        version = tracker.version(CHALLENGER)
        tracker.alias(version, CHAMPION)
        tell(f"champion is now version {version}")


def _named(figures: dict[str, float]) -> dict[str, float]:
    """Return figures under names MLflow takes."""
    return {
        "".join(c if c.isalnum() or c in " ._-/" else "_" for c in name): v for name, v in figures.items()
    }
