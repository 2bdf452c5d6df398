"""`segue policy`: how Segue decides in a workspace, as a file: show, check, compare, put in force."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.arguments import AsJson, DrawnWeek, Folder, Now, moment, opened
from segue.cli.text_output import tell

if TYPE_CHECKING:
    from segue.engine.policies.policy_version import PolicyVersion
    from segue.workspace.workspace import Workspace

Version = Annotated[str, typer.Argument(help="A JSON file, or `current` for the version in force.")]
EXAMPLES = 5
app = typer.Typer(name="policy", help="How Segue decides: versions as files.", no_args_is_help=True)


@app.command("show")
def show(workspace: Folder) -> None:
    """Print the version in force as a file holds it.

    Example: segue policy show school > version.json
    """
    from segue.workspace.operations.policy_versions import version_in_force

    with opened(workspace) as space:
        typer.echo(json.dumps(version_in_force(space).to_dict(), indent=1))


@app.command("check")
def check(version: Annotated[Path, typer.Argument(help="A JSON file.")]) -> None:
    """Say whether a file is a valid version, or what is wrong with it.

    Example: segue policy check version.json
    """
    from segue.engine.policies.policy_version import read_policy

    tell(f"{version} is valid: version {read_policy(version).id}")


@app.command("diff")
def diff(
    before: Version,
    after: Version,
    *,
    workspace: Annotated[Path, typer.Option(help="Folder of the workspace.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Also draw the week's lists under both; nothing is stored.")
    ] = False,
    week: DrawnWeek = "",
    k: Annotated[int, typer.Option("-k", help="Steps of a list.", min=1)] = 10,
    minutes: Annotated[float | None, typer.Option(help="Minutes of a list.", min=1)] = None,
    now: Now = "",
    as_json: AsJson = False,
) -> None:
    """Print what one version says otherwise than another, and which lists would change.

    \b
    Example:
      segue policy diff before.json after.json --workspace school --dry-run
    """
    from segue.features.iso_weeks import start_of
    from segue.workspace.operations.policy_versions import version_diff

    with opened(workspace) as space:
        drawn = start_of(week, space.time_zone) if week and not now else moment(now)
        found = version_diff(
            space,
            _version(space, before),
            _version(space, after),
            now=drawn,
            week=week,
            k=k,
            minutes=minutes,
            learners=None if dry_run else (),
        )
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
        return
    for name, (old, new) in found.settings.items():
        tell(f"{name}: {old} -> {new}")
    if not found.settings:
        tell("both versions say the same")
    if dry_run:
        tell(f"{len(found.changed)} of {found.lists} lists would change ({found.share:.1%})")
        for who, (old_list, new_list) in list(found.changed.items())[:EXAMPLES]:
            tell(f"{who}: {', '.join(old_list)} -> {', '.join(new_list)}")


@app.command("apply")
def apply(
    workspace: Folder,
    version: Annotated[Path, typer.Argument(help="A JSON file.")],
    *,
    by: Annotated[str, typer.Option(help="Who decided: a role, not a name.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    now: Now = "",
) -> None:
    """Put a version in force; the one before stays in the history.

    Example: segue policy apply school version.json --by rosa
    """
    from segue.engine.policies.policy_version import read_policy
    from segue.workspace.operations.policy_versions import put_in_force

    new = read_policy(version)
    with opened(workspace) as space:
        put_in_force(space, new, by=by, now=moment(now), reason=reason)
    tell(f"version {new.id} is in force")


def _version(space: Workspace, name: str) -> PolicyVersion:
    from segue.engine.policies.policy_version import read_policy
    from segue.workspace.operations.policy_versions import version_in_force

    return version_in_force(space) if name == "current" else read_policy(Path(name))
