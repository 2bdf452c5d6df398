"""`segue trace` and `segue trace-interests`: how good are the learner vectors?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from segue.cli.arguments import AsJson
from segue.cli.text_output import tell

Attempts = Annotated[
    Path, typer.Option(help="Table: user_id, seq, item_id, correct, optionally t (seconds).")
]
ItemSkills = Annotated[Path | None, typer.Option(help="Table: item_id, skill_id.")]
Split = Annotated[str, typer.Option(help="Column that marks the test rows (instead of folds).")]
TestValue = Annotated[str, typer.Option(help="Its value on the test rows.")]
Folds = Annotated[int, typer.Option(min=2, help="Folds by learner.")]
Seed = Annotated[int, typer.Option(help="Seed of the folds.")]
Model = Annotated[Literal["logistic", "boosting"], typer.Option(help="Which success model.")]
Views = Annotated[Path, typer.Option(help="Table: user_id, item_id, created_at.")]
Items = Annotated[Path, typer.Option(help="Table: item_id, created_at, and the tag columns.")]
Tags = Annotated[str, typer.Option(help="Tag columns of the items, joined by commas.")]
TestFrom = Annotated[str, typer.Option(help="Day from which views are the test, as 2020-01-01.")]
app = typer.Typer()


@app.command("trace")
def trace(
    *,
    attempts: Attempts,
    item_skills: ItemSkills = None,
    split: Split = "",
    test_value: TestValue = "test",
    folds: Folds = 5,
    seed: Seed = 0,
    model: Model = "logistic",
    as_json: AsJson = False,
) -> None:
    """Predict every attempt from its learner's past, on learners held out; tables are CSV or Parquet.

    Example: segue trace --attempts attempts.csv --item-skills skills.csv
    """
    from segue.experiments.learner_vectors import success_prediction as tracing

    clock = tracing.StageClock()
    try:
        with clock.stage("read"):
            trial = tracing.read_trial(attempts, item_skills, split=split)
        traced = tracing.trace(
            trial, folds=folds, seed=seed, test_value=test_value if split else None, model=model, clock=clock
        )
    except (ValueError, OSError) as error:
        _fail(error, as_json=as_json)
    summary = tracing.summary(traced, clock)
    left_out = {"rows_repeated": trial.repeats, "rejected": asdict(trial.rejected)}
    _show({"model": model, **summary, **left_out}, as_json=as_json)


@app.command("trace-interests")
def trace_interests(
    *, views: Views, items: Items, tags: Tags, test_from: TestFrom, as_json: AsJson = False
) -> None:
    """Rank what each learner views next for the first time, from views of the past (CSV or Parquet).

    \b
    Example:
      segue trace-interests --views views.csv --items items.csv \\
        --tags theme,level --test-from 2020-01-01
    """
    from segue.experiments.learner_vectors import next_view_prediction as interest_trace

    try:
        found = interest_trace.trace_interests(
            views, items, tags=[t for t in map(str.strip, tags.split(",")) if t], test_from=test_from
        )
    except (ValueError, OSError) as error:
        _fail(error, as_json=as_json)
    _show(found, as_json=as_json)


def _fail(error: Exception, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"error": str(error)}))
    tell(f"error: {error}", err=True)
    raise typer.Exit(2)


def _show(found: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, allow_nan=False))
        return
    for name, value in found.items():
        if isinstance(value, dict):
            tell(f"{name}: " + ", ".join(f"{key} {_short(v)}" for key, v in value.items()))
        elif not isinstance(value, list):
            tell(f"{name}: {_short(value)}")


def _short(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
