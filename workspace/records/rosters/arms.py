"""Who decides for whom while an experiment runs, for lists that are asked for between its weekly drawings.

An experiment draws its weeks with a roster at hand; what it found then is written down here, for as many
weeks as it stays true, so that a list asked for in between comes from the learner's arm too. So is where each
learner began: a roster that changes later moves nobody who is there already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

from segue.features.iso_weeks import start_of
from segue.workspace.storage.database import Connection, get_document, put_document

DECIDING = "deciding_arms"
FIRST_DRAWN = "first_drawn_arms"


class Began(NamedTuple):
    """The arm in which a learner began, and the class that was drawn ("": learners were)."""

    arm: str
    unit: str


@dataclass(frozen=True, eq=False)
class WeekArms:
    """The arm of each learner (by number) in some weeks, and how each arm decides.

    Attributes
    ----------
    named : str
        What tells this assignment from another one.
    start, first, last : str
        ISO weeks: of the experiment's start, and from which to which this holds; `last` "": until it ends.
    arm_of : mapping
        Arm by learner; whoever is in none is answered by the model in charge.
    configurations : mapping
        As declared: ``{}``, ``{"policy": {…}}`` or ``{"path": [resource ids]}``, by arm.
    """

    named: str
    start: str
    first: str
    last: str
    arm_of: Mapping[int, str]
    configurations: Mapping[str, Mapping[str, Any]]

    def arm(self, learner: int, week: str) -> str:
        """Return the arm of a learner in a week, "" for none."""
        holds = self.first <= week and (not self.last or week <= self.last)
        return self.arm_of.get(learner, "") if holds else ""

    def part(self, arm: str, week: str, *, k: int) -> tuple[str, ...] | None:
        """Return a week's part of an arm's fixed path, None where the arm has no path."""
        path = self.configurations.get(arm, {}).get("path")
        if path is None:
            return None
        at = round((start_of(week, "UTC") - start_of(self.start, "UTC")) / timedelta(days=7))
        return tuple(path[at * k : (at + 1) * k])


def keep_arms(connection: Connection, arms: WeekArms | None) -> None:
    """Write down who decides for whom, within a write; None: the model in charge, for everybody."""
    body = b"" if arms is None else json.dumps(asdict(arms), sort_keys=True).encode()
    if (get_document(connection, DECIDING) or b"") != body:
        put_document(connection, DECIDING, body)


def arms_in(body: bytes | None) -> WeekArms | None:
    """Return what a document kept by `keep_arms` says."""
    if not body:
        return None
    found = json.loads(body)
    return WeekArms(**found | {"arm_of": {int(number): arm for number, arm in found["arm_of"].items()}})


def keep_began(connection: Connection, named: str, began: Mapping[int, Began]) -> None:
    """Write down where learners (by number) began in an experiment, beside those already there."""
    known = _began(connection)
    mine = known.setdefault(named, {})
    if newcomers := {number: one for number, one in began.items() if number not in mine}:
        mine.update(newcomers)
        _put_began(connection, known)


def began_in(connection: Connection, named: str) -> dict[int, Began]:
    """Return where learners (by number) began in an experiment."""
    return _began(connection).get(named, {})


def _began(connection: Connection) -> dict[str, dict[int, Began]]:
    said = json.loads(get_document(connection, FIRST_DRAWN) or b"{}")
    return {named: {int(n): Began(*one) for n, one in own.items()} for named, own in said.items()}


def _put_began(connection: Connection, known: Mapping[str, Mapping[int, Began]]) -> None:
    put_document(connection, FIRST_DRAWN, json.dumps(known, sort_keys=True).encode())


def forget_arm(connection: Connection, learner: int) -> None:
    """Let go of the arms of a learner, within a write."""
    arms = arms_in(get_document(connection, DECIDING))
    if arms is not None and learner in arms.arm_of:
        others = {number: arm for number, arm in arms.arm_of.items() if number != learner}
        keep_arms(connection, replace(arms, arm_of=others))
    known = _began(connection)
    if any(learner in own for own in known.values()):
        left = {named: {n: one for n, one in own.items() if n != learner} for named, own in known.items()}
        _put_began(connection, left)
