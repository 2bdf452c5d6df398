"""`segue profile`: what a learner can do, what needs work, what they like, and what says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from segue.cli_workspace import AsJson, Folder, Learner, Now, moment, opened

Picture = Annotated[
    Path | None,
    typer.Option(help="Also draw it into this file (.png or .svg; needs segue[experiments])."),
]


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("profile")(profile)


def profile(
    workspace: Folder,
    *,
    learner: Learner,
    now: Now = "",
    picture: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Show a learner's strengths, needs and interests, each with its uncertainty and its evidence."""
    from dataclasses import asdict

    from segue.features.profile import profile as read
    from segue.showing import bands_text, profile_text

    space, when = opened(workspace), moment(now)
    shown = space.profile(learner, now=when)
    champion, known = space.known([learner])
    fitted = champion.fitted
    evidence = read(known[learner], fitted.catalogue, reader=fitted.kernel.reader, now=when)
    if picture is not None:
        from segue.experiments.profile_plot import profile_figure

        profile_figure(evidence).savefig(picture, dpi=120)
    if as_json:
        skills, interests = [asdict(s) for s in evidence.skills()], [asdict(i) for i in evidence.interests]
        found = {"learner": learner, **asdict(shown), "skills": skills, "interest_evidence": interests}
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        typer.echo(profile_text(shown, title=f"Profile of {learner}"))
        typer.echo(bands_text(evidence))
