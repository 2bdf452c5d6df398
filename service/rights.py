"""A learner's rights over the data: a copy of it, and its erasure with a certificate."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from segue.service.http.refusals import RefusedError
from segue.workspace.privacy import learner_rights as privacy
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.workspace import Workspace

Answer = dict[str, Any]


def _nobody() -> RefusedError:
    return RefusedError(404, "no_learner", "nothing is stored of a learner of this id in this tenant")


def export(workspace: Workspace, learner: str) -> Answer:
    """Return all that is kept of one learner; the id is the one sent, no other id is in it.

    Raises
    ------
    RefusedError
        404 for a learner of whom nothing is stored.
    """
    try:
        return privacy.export(workspace, learner)
    except WorkspaceError:
        raise _nobody() from None


def opt_out(workspace: Workspace, learner: str, *, out: bool) -> Answer:
    """Stop profiling a learner, or take it up again.

    Raises
    ------
    RefusedError
        409 for a learner who was erased.
    """
    try:
        privacy.opt_out(workspace, learner, out=out)
    except WorkspaceError as error:
        raise RefusedError(409, "erased", str(error)) from None
    return {"opted_out": out}


def erase(workspace: Workspace, learner: str) -> Answer:
    """Remove one learner from the store and from the models, and return the certificate.

    Raises
    ------
    RefusedError
        404 for a learner of whom nothing is stored.
    """
    try:
        certificate = privacy.erase(workspace, learner, now=datetime.now(UTC))
    except WorkspaceError:
        raise _nobody() from None
    return {"erased": True, "certificate": asdict(certificate)}
