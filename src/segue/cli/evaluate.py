"""`segue evaluate`: from a CSV log to estimates, diagnostics and a verdict."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.arguments import AsJson
from segue.cli.text_output import tell

if TYPE_CHECKING:
    from segue.experiments.evaluation.logs.logged_data import Log
    from segue.experiments.evaluation.more_estimates import More
    from segue.experiments.evaluation.reports.slate_report import SlateEvaluation
    from segue.experiments.evaluation.verdicts.evaluation_result import Evaluation

LogFile = Annotated[Path, typer.Argument(help="CSV (.gz too) or Parquet, one row a logged choice.")]
Reward = Annotated[str, typer.Option(help="Column of the reward.")]
Propensity = Annotated[str, typer.Option(help="Column of the propensity, in (0, 1].")]
Target = Annotated[str, typer.Option(help="Column of the target's probability of the logged action.")]
Action = Annotated[str, typer.Option(help="Column of the logged action.")]
TargetPrefix = Annotated[str, typer.Option(help="PREFIX<action> holds the target's probability of it.")]
QhatPrefix = Annotated[str, typer.Option(help="PREFIX<action> holds its predicted reward.")]
Cluster = Annotated[str, typer.Option(help="Column of clusters (class or learner): honest errors.")]
Group = Annotated[str, typer.Option(help="Column of groups: intervals jointly valid.")]
SlateId = Annotated[str, typer.Option(help="Column of the playlist's id.")]
Position = Annotated[str, typer.Option(help="Column of the step's position in its playlist.")]
Decision = Annotated[str, typer.Option(help="Column of ids of decisions: each counts once.")]
ContextPrefix = Annotated[str, typer.Option(help="PREFIX<name> describes the round: for the two below.")]
Qhat = Annotated[bool, typer.Option(help="Predict rewards from the context, cross-fitted.")]
Balanced = Annotated[bool, typer.Option(help="Also weigh without propensities: to check doubtful ones.")]
Slope = Annotated[bool, typer.Option(help="Also let the data choose where weights are cut (SLOPE).")]
Betting = Annotated[bool, typer.Option(help="Also an interval valid at every size; needs --max-weight.")]
RewardRange = Annotated[str, typer.Option(help="LOW,HIGH: the range a reward can have.")]
MaxWeight = Annotated[float | None, typer.Option(help="Largest possible weight, when it is known.")]
Report = Annotated[Path | None, typer.Option(help="Also write the answer as an HTML page of one file.")]
app = typer.Typer()


@app.command("evaluate")
def evaluate(
    log: LogFile,
    *,
    reward: Reward,
    propensity: Propensity,
    target: Target = "",
    action: Action = "",
    target_prefix: TargetPrefix = "",
    qhat_prefix: QhatPrefix = "",
    cluster: Cluster = "",
    group: Group = "",
    slate_id: SlateId = "",
    position: Position = "",
    decision: Decision = "",
    reward_range: RewardRange = "",
    max_weight: MaxWeight = None,
    context_prefix: ContextPrefix = "",
    qhat: Qhat = False,
    balanced: Balanced = False,
    slope: Slope = False,
    betting: Betting = False,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Estimate what a target policy would have earned, from another policy's log.

    Example: segue evaluate log.csv --reward r --propensity p --target t
    """
    import numpy as np

    from segue.experiments.evaluation.evaluate import evaluate as evaluate_log
    from segue.experiments.evaluation.logs.columns import Columns
    from segue.experiments.evaluation.logs.logged_data import read_csv_log
    from segue.experiments.evaluation.more_estimates import Wanted, more_estimates, with_predictions
    from segue.experiments.evaluation.reports.slate_report import evaluate_lists

    limits = limits_of(reward_range)
    prefixes = {"qhat_prefix": qhat_prefix, "context_prefix": context_prefix}
    units = {"cluster": cluster, "group": group, "slate": slate_id, "position": position}
    columns = Columns(
        reward, propensity, target, action, target_prefix, decision=decision, **prefixes, **units
    )
    read = read_csv_log(log, columns, reward_range=limits)
    if qhat and qhat_prefix:
        raise ValueError("--qhat predicts what --qhat-prefix already gives: state one of them")
    if qhat:
        read = with_predictions(read, rng=np.random.default_rng(0))
    result = evaluate_log(read, reward_range=limits, max_weight=max_weight)
    refused = "" if result.verdict == "enough evidence" else result.reason
    said: dict[Wanted, bool] = {"slope": slope, "balanced": balanced, "betting": betting}
    ask = partial(more_estimates, read, [name for name in said if said[name]], refused=refused)
    more = ask(rng=np.random.default_rng(0), reward_range=limits, max_weight=max_weight)
    lists = evaluate_lists(read, reward_range=limits) if slate_id else None
    if report is not None:
        _write_report(report, read, result)
    _say(result, lists, more, as_json=as_json)


def _say(result: Evaluation, lists: SlateEvaluation | None, more: dict[str, More], *, as_json: bool) -> None:
    from segue.features.events.outward_text import finite

    if as_json:
        told = result.to_dict() | ({} if lists is None else {"slates": lists.to_dict()})
        told |= {"more": {name: finite(one.to_dict()) for name, one in more.items()}} if more else {}
        typer.echo(json.dumps(told, allow_nan=False))
    else:
        further = [f"{name} — {one.told}." for name, one in more.items()]
        tell("\n".join([str(result), *further, *([] if lists is None else [str(lists)])]))


def _write_report(path: Path, log: Log, evaluation: Evaluation) -> None:
    """Write the page; its pictures need the experiments extra."""
    from segue.experiments.evaluation.reports.html_report import report

    rounds = log.rounds()
    page = report(
        evaluation,
        rounds.weight,
        title="Would the new policy be better?",
        logged_value=float(rounds.reward.mean()),
        now=datetime.now(UTC),
    )
    path.write_text(page, encoding="utf-8")
    tell(f"report: {path}", err=True)


def limits_of(text: str) -> tuple[float, float] | None:
    """Return LOW and HIGH of ``LOW,HIGH``; None when empty."""
    if not text:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--reward-range must be LOW,HIGH such as 0,1, got {text!r}") from None
    return low, high
