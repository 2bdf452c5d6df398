"""`segue profile`: what a learner can do, what needs work, what they like, and what says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from segue.cli.arguments import AsJson, Folder, Learner, Now, moment, opened

Picture = Annotated[
    Path | None, typer.Option(help="Also draw it into this file (.png or .svg; needs segue[experiments]).")
]
app = typer.Typer()


@app.command("profile")
def profile(
    workspace: Folder, *, learner: Learner, now: Now = "", picture: Picture = None, as_json: AsJson = False
) -> None:
    """Show a learner's strengths, needs and interests, each with its uncertainty and its evidence.

    Example: segue profile school --learner ada --picture ada.png
    """
    from dataclasses import asdict

    from segue.cli.text_output import profile_text

    if picture is not None:  # what is missing is said before any work
        from segue.experiments.learner_vectors.profile_plot import profile_figure
    shown = opened(workspace).profile(learner, now=moment(now))
    if picture is not None:
        profile_figure(shown).savefig(picture, dpi=120)
    if as_json:
        typer.echo(json.dumps({"learner": learner, **asdict(shown)}, ensure_ascii=False, indent=1))
    else:
        typer.echo(profile_text(shown, title=f"Profile of {learner}"))
