"""`segue lti`: register an LMS as an LTI 1.3 platform, and rotate the tool's keys."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(help="Folder of the workspace.")]


def register(app: typer.Typer) -> None:
    """Mount the group."""
    lti = typer.Typer(help="Launch Segue from an LMS (LTI 1.3).", no_args_is_help=True)
    lti.command("register")(register_platform)
    lti.command("rotate")(rotate)
    app.add_typer(lti, name="lti")


def register_platform(
    workspace: Folder,
    *,
    issuer: Annotated[str, typer.Option(help="The platform's issuer.")],
    client_id: Annotated[str, typer.Option(help="The id the platform gave this tool.")],
    deployment: Annotated[list[str], typer.Option(help="Deployment id; may be repeated.")],
    auth_login_url: Annotated[str, typer.Option(help="Where logins are answered.")],
    auth_token_url: Annotated[str, typer.Option(help="Where access tokens are given.")],
    key_set_url: Annotated[str, typer.Option(help="Where the platform's public keys are.")],
) -> None:
    """Let one LMS launch Segue; print the addresses to give it."""
    from segue.cli.workspace import opened
    from segue.lms.lti.tool import Platform, Tool

    folder = opened(workspace).path / "lti"
    new = Platform(issuer, client_id, tuple(deployment), auth_login_url, auth_token_url, key_set_url)
    kept = [p for p in Tool.load(folder).platforms if (p.issuer, p.client_id) != (issuer, client_id)]
    path = folder / "platforms.json"
    path.write_text(json.dumps([asdict(platform) for platform in (*kept, new)], indent=1))
    name = workspace.resolve().name
    typer.echo(f"{path}: {len(kept) + 1} platforms. Addresses under the service's own:")
    for what, end in (("login", "login"), ("launch and redirect", "launch"), ("keys", "jwks")):
        typer.echo(f"  {what}: /lti/{name}/{end}")


def rotate(workspace: Folder) -> None:
    """Make a new key that signs from the next start on; the old ones stay in the key set until deleted."""
    from segue.cli.workspace import opened
    from segue.lms.lti.tool import Keys

    folder = opened(workspace).path / "lti" / "keys"
    Keys(folder).add()
    typer.echo(f"{folder}: {len(list(folder.glob('*.pem')))} keys; restart the service, then delete old ones")
