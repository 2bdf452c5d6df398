"""`segue serve` and `segue keys`: the HTTP service and who may use it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.arguments import opened
from segue.cli.text_output import tell

if TYPE_CHECKING:
    from segue.service.http.api_keys import ApiKey

Folder = Annotated[Path, typer.Argument(help="Folder of the workspace.", exists=True, file_okay=False)]
Folders = Annotated[list[Path], typer.Argument(help="Folders of workspaces; each is a tenant.")]
app = typer.Typer()
keys = typer.Typer(name="keys", help="API keys of a workspace's HTTP service.", no_args_is_help=True)


@app.command("serve")
def serve(
    workspaces: Folders,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.", min=0, max=65535)] = 8800,
    workers: Annotated[int, typer.Option(help="Processes; above 1 needs PostgreSQL.", min=1)] = 1,
    rate: Annotated[float, typer.Option(help="Requests per second and key.", min=0.01)] = 500.0,
    body_bytes: Annotated[int, typer.Option(help="Largest body.", min=1000)] = 2_000_000,
) -> None:
    """Answer HTTP requests: recommendations, events, profiles, class views.

    Example: segue serve school --port 8800
    """
    from segue.service.http.rate_limits import ServiceLimits
    from segue.service.server import ServerPlan, run

    plan = ServerPlan(
        tuple(str(path.resolve()) for path in workspaces),
        ServiceLimits(rate=rate, burst=max(int(2 * rate), 1), body_bytes=body_bytes),
    )
    run(plan, host=host, port=port, workers=workers)


@keys.command("create")
def create_key(
    workspace: Folder,
    *,
    scope: Annotated[
        list[str], typer.Option(help="backend, teacher, analyst, admin or learner; may be repeated.")
    ],
    class_id: Annotated[
        list[str], typer.Option("--class", help="A class that a teacher's key is for; may be repeated.")
    ] = [],  # noqa: B006  # typer copies it
    learner: Annotated[str, typer.Option(help="The learner that a learner's key is for.")] = "",
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    days: Annotated[int, typer.Option(help="Days until it expires; 0 for never.", min=0)] = 0,
) -> None:
    """Make a key and print it once on standard output; only its digest is kept.

    Example: segue keys create school --scope backend --name "our LMS"
    """
    from segue.service.http.api_keys import SCOPES, KeyRing

    now = datetime.now(UTC)
    scopes = tuple(known for known in SCOPES if known in scope)
    if set(scope) - set(scopes):
        wrong = sorted(set(scope) - set(scopes))[0]
        raise ValueError(f"scope must be among {', '.join(SCOPES)}, got {wrong!r}")
    expires = now + timedelta(days=days) if days else None
    classes, person = _bounds(workspace, class_id, learner)
    ring = KeyRing(workspace)
    key, secret = ring.create(name, scopes, now=now, expires=expires, classes=classes, learner=person)
    tell(f"key {key.key_id} ({', '.join(scopes)}); it cannot be shown again:", err=True)
    typer.echo(secret)


@keys.command("list")
def list_keys(workspace: Folder) -> None:
    """Print id, scopes, dates and name of every key.

    Example: segue keys list school
    """
    from segue.cli.text_output import table
    from segue.service.http.api_keys import KeyRing

    rows = [
        (
            key.key_id,
            ",".join(key.scopes),
            key.created[:10],
            key.expires[:10] or "never",
            f"{key.name}{_reach(key)}",
        )
        for key in KeyRing(workspace).keys
    ]
    typer.echo("\n".join(line[2:] for line in table(rows, keep=2)))


def _bounds(workspace: Path, classes: list[str], learner: str) -> tuple[list[bytes], bytes]:
    """Return the digests of the classes and the learner that a key is for."""
    if not classes and not learner:
        return [], b""
    with contextlib.closing(opened(workspace)) as space:
        digest = space.keyring.digest
        return [digest("class", one) for one in classes], digest("learner", learner) if learner else b""


def _reach(key: ApiKey) -> str:
    return "  (one learner)" if key.learner else f"  ({len(key.classes)} classes)" if key.classes else ""


@keys.command("revoke")
def revoke_key(workspace: Folder, key_id: str) -> None:
    """Remove a key; a running service refuses it within a second.

    Example: segue keys revoke school k3f2a1
    """
    from segue.service.http.api_keys import KeyRing

    if not KeyRing(workspace).revoke(key_id):
        raise ValueError(f"there is no key {key_id!r}: segue keys list {workspace} shows them")
    tell(f"revoked {key_id}")
