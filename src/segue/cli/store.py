"""Store commands: doctor, rebuild, backup, purge; rights: export-data, erase, opt-out, rotate-key."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from segue.cli.arguments import Folder, Learner, Now, moment, opened
from segue.cli.text_output import tell

app = typer.Typer()


@app.command("doctor")
def doctor(
    workspace: Folder,
    *,
    dump: Annotated[Path | None, typer.Option(help="Also write the canonical text of the store.")] = None,
) -> None:
    """Look at every table: is the store whole, and is every reward counted once? Exit 1 when not.

    Example: segue doctor school
    """
    from segue.workspace.operations.integrity import canonical, digest, examine

    space = opened(workspace)
    findings = examine(space)
    for finding in findings:
        tell(f"{'ok  ' if finding.well else 'BAD '} {finding.name}: {finding.said}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)
    tell(f"canonical digest: {digest(space)}")
    if dump is not None:
        with dump.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in canonical(space))


@app.command("rebuild")
def rebuild(
    workspace: Folder, *, workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 1
) -> None:
    """Make states, rewards and sums anew from events and decisions: the same store comes out.

    Example: segue rebuild school
    """
    from segue.batch.rebuild import rebuild as make_anew

    tell(f"{make_anew(opened(workspace), workers=workers)} learners made anew")


@app.command("backup")
def backup(workspace: Folder, target: Annotated[Path, typer.Argument(help="A new folder.")]) -> None:
    """Copy a running workspace; the copy is a workspace itself. Its key is not copied.

    Example: segue backup school school-copy
    """
    from segue.workspace.operations.backup import backup as copy
    from segue.workspace.storage.pseudonyms import key_path

    counts = copy(opened(workspace), target)
    tell(f"{sum(counts.values())} rows copied to {target}; to open it, put the key at {key_path(target)}")


@app.command("purge")
def purge(
    workspace: Folder, *, before: Annotated[str, typer.Option(help="ISO 8601 with zone: older rows go.")]
) -> None:
    """Remove old events, playlists, decisions and rewards; opening balances keep every fold where it was.

    Example: segue purge school --before 2025-08-01
    """
    from segue.workspace.privacy.retention import purge as remove

    done = remove(opened(workspace), before=moment(before))
    tell(f"{done.events} events and {done.decisions} decisions removed")
    if done.untimed:
        tell(f"{done.untimed} learners have events without a time, and keep all of theirs")


@app.command("export-data")
def export_data(
    workspace: Folder,
    *,
    learner: Learner,
    out: Annotated[Path | None, typer.Option(help="File (default: standard output).")] = None,
) -> None:
    """Write all that is stored of one learner as JSON.

    Example: segue export-data school --learner ada --out ada.json
    """
    from segue.workspace.privacy.learner_rights import export as stored_of

    text = json.dumps(stored_of(opened(workspace), learner), ensure_ascii=False, indent=1)
    if out is None:
        typer.echo(text)
    else:
        out.write_text(text, encoding="utf-8")
        tell(f"written to {out}")


@app.command("erase")
def erase(
    workspace: Folder,
    *,
    learner: Learner,
    certificate: Annotated[Path | None, typer.Option(help="Also write the certificate here.")] = None,
    now: Now = "",
) -> None:
    """Remove a learner from store and models, for good, and print a certificate of it.

    Example: segue erase school --learner ada --certificate ada.txt
    """
    from segue.workspace.privacy.learner_rights import certificate_text
    from segue.workspace.privacy.learner_rights import erase as remove

    text = certificate_text(remove(opened(workspace), learner, now=moment(now)))
    typer.echo(text)
    if certificate is not None:
        certificate.write_text(text, encoding="utf-8")


@app.command("opt-out")
def opt_out(
    workspace: Folder,
    *,
    learner: Learner,
    undo: Annotated[bool, typer.Option(help="Take profiling up again.")] = False,
) -> None:
    """Stop profiling a learner: nothing new is stored of them, and lists are the class default.

    Example: segue opt-out school --learner ada
    """
    from segue.workspace.privacy.learner_rights import opt_out as change

    change(opened(workspace), learner, out=not undo)
    tell("profiled again" if undo else "opted out: lists are the class default from now on")


@app.command("rotate-key")
def rotate_key(workspace: Folder) -> None:
    """Add a key to the key file and turn every stored digest; no id of any learner is needed for it.

    Example: segue rotate-key school
    """
    from segue.workspace.privacy.key_rotation import rotate
    from segue.workspace.storage.pseudonyms import find

    opened(workspace).close()  # an earlier rotation that was cut off is finished first
    rotated = rotate(workspace, find(workspace, os.environ), environment=os.environ)
    opened(workspace).close()
    tell(f"key {rotated.version} is in use; keep the whole file, earlier keys are part of every digest")
