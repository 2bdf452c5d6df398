"""`segue lti`: register an LMS as an LTI 1.3 platform, and rotate the tool's keys."""

from __future__ import annotations

import contextlib
from typing import Annotated
from urllib.parse import urlsplit

import typer

from segue.cli.arguments import ADDRESS, Address, Folder, opened
from segue.cli.text_output import tell

app = typer.Typer(name="lti", help="Launch Segue from an LMS (LTI 1.3).", no_args_is_help=True)

Ids = Annotated[
    str | None,
    typer.Option(help="Sets ids apart from another platform's, as NAME:ID; 'same': the same people."),
]


@app.command("register")
def register_platform(
    workspace: Folder,
    *,
    issuer: Annotated[str, typer.Option(help="The platform's issuer.")],
    client_id: Annotated[str, typer.Option(help="The id the platform gave this tool.")],
    deployment: Annotated[list[str], typer.Option(help="Deployment id; may be repeated.")],
    auth_login_url: Annotated[str, typer.Option(help="Where logins are answered.")],
    auth_token_url: Annotated[str, typer.Option(help="Where access tokens are given.")],
    key_set_url: Annotated[str, typer.Option(help="Where the platform's public keys are.")],
    host: Annotated[
        list[str] | None,
        typer.Option(help="Another host of the platform, for rosters and scores; may be repeated."),
    ] = None,
    learner_claim: Annotated[
        str, typer.Option(help="Claim with other doors' id: sub, lis.person_sourcedid, email, custom.NAME.")
    ] = "sub",
    ids: Ids = None,
) -> None:
    """Let one LMS launch Segue; print the addresses to give it.

    \b
    Example:
      segue lti register school --issuer https://lms.example \\
        --client-id 10 --deployment 1 --host https://segue.example \\
        --auth-login-url https://lms.example/auth \\
        --auth-token-url https://lms.example/token \\
        --key-set-url https://lms.example/keys
    """
    from segue.lms.lti.platforms import Platform, ids_apart, read_platforms, write_platforms
    from segue.lms.lti.signing_keys import Keys

    with contextlib.closing(opened(workspace)) as space:
        folder = space.path / "lti"
    urls, known = (auth_login_url, auth_token_url, key_set_url), read_platforms(folder)
    apart = ids_apart(known, [urlsplit(issuer).netloc], ids)
    new = Platform(issuer, client_id, tuple(deployment), *urls, tuple(host or ()), learner_claim, apart)
    Keys(folder / "keys")  # makes the first key, and the folder
    kept = [p for p in known if (p.issuer, p.client_id) != (issuer, client_id)]
    path = write_platforms(folder, [*kept, new])
    name = workspace.resolve().name
    tell(f"{path}: {len(kept) + 1} platforms. Addresses under the service's own:")
    for what, end in (("login", "login"), ("launch and redirect", "launch"), ("keys", "jwks")):
        tell(f"  {what}: /lti/{name}/{end}")


@app.command("invite")
def invite(
    workspace: Folder,
    *,
    host: Annotated[list[str], typer.Option(help="A host of the platform, as lms.example; may be repeated.")],
    days: Annotated[float, typer.Option(help="Days until it runs out.", min=0.001, max=30.0)] = 1.0,
    learner_claim: Annotated[str, typer.Option(help="Claim with other doors' id, see register.")] = "sub",
    ids: Ids = None,
    address: Address = ADDRESS,
) -> None:
    """Print the address that an LMS's administrator enters for dynamic registration; it is good once.

    Example: segue lti invite school --host lms.example
    """
    from datetime import UTC, datetime, timedelta
    from functools import partial

    from segue.lms.lti.dynamic_registration import Invitation
    from segue.lms.lti.platforms import ids_apart, read_platforms

    with opened(workspace) as space:
        until = datetime.now(UTC) + timedelta(days=days)
        ids_apart(read_platforms(space.path / "lti"), host, ids)  # what would be refused is said now
        invitation = Invitation.to(tuple(host), learner_claim, ids=ids, until=until)
        signed = invitation.signed(partial(space.keyring.digest, "lti"))
        typer.echo(f"{address.rstrip('/')}/lti/{space.path.resolve().name}/register/{signed}")


@app.command("rotate")
def rotate(workspace: Folder) -> None:
    """Make a new key that signs from now on; old ones stay in the set until their files are deleted.

    Example: segue lti rotate school
    """
    from segue.lms.lti.signing_keys import Keys

    with contextlib.closing(opened(workspace)) as space:
        folder = space.path / "lti" / "keys"
    keys = Keys(folder)
    keys.add()
    tell(f"{folder}: {len(keys)} keys; delete an old one when the platforms have read the new set")
