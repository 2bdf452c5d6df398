"""What a workspace says when it cannot do what was asked: one sentence, with what to do."""

from __future__ import annotations

from typing import Literal

Kind = Literal["absent", "conflict", "invalid"]


class WorkspaceError(RuntimeError):
    """The workspace cannot do this as it stands; the message says what to do first."""


class DeclinedError(WorkspaceError):
    """One thing that somebody asked for cannot be done, and nothing was stored of it.

    Parameters
    ----------
    kind : str
        "absent": it is not there; "conflict": it contradicts what is stored; "invalid": it can never be done.
    code : str
        For programs; stable.
    """

    def __init__(self, kind: Kind, code: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.code = kind, code


def erased_learner() -> DeclinedError:
    """Return what is said of a learner who was erased."""
    message = "this learner was erased: nothing of theirs may be stored, so nothing is decided"
    return DeclinedError("conflict", "erased", message)


def unknown_learner() -> DeclinedError:
    """Return what is said of a learner without rows."""
    return DeclinedError("absent", "no_learner", "nothing is stored of this learner")


def opted_out_learner() -> DeclinedError:
    """Return what is said where something of a learner who opted out would be stored."""
    return DeclinedError("conflict", "opted_out", "this learner has opted out: nothing of theirs is stored")
