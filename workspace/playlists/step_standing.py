"""What stands at one step of a stored list: what was drawn, picked, put in or done, and what is left out.

A step is left out when a teacher took its resource out, here or of another list of the learner's since this
one was drawn, and when before it was done the resource was retired or closed, or the learner left all courses
that have it. What was closed already and asked for by name all the same (a request's pin) stands.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from segue.engine.rules.request_rules import available
from segue.features.catalogue import Catalogue
from segue.workspace.records.list_rows import ListRows, ShownSince
from segue.workspace.records.overrides import OverrideRecord, before_undone
from segue.workspace.storage.database import Row

StepState = Literal["open", "done", "removed", "swapped", "pinned"]
AVAILABLE = available.name
LeftOut = Literal["", "teacher", "retired", "closed", "course"]


@dataclass(frozen=True)
class Held:
    """A step's resource and state as they stand, and the act that made them so."""

    resource: str
    state: StepState
    act: OverrideRecord | None = None
    picked: str = ""
    approved: bool = False
    left_out: LeftOut = ""


def held_at(row: Row, rows: ListRows, head: Row) -> Held:
    """Return what stands at a step of a list."""
    acts = [act for act in rows.acts.get(row.decision_id, ()) if act.undone is None]
    changes = [act for act in acts if act.action != "approve"]
    act = changes[-1] if changes else None
    menu = read_cell(row.menu)
    picked = str(menu.get("picked") or "")
    since = rows.since.get(head.learner, ShownSince())
    tried = "" if picked else _tried(menu.get("offered") or (), since, head)
    if tried and tried != row.resource:  # rarely: what it cannot be is read only then
        beside = _beside(row, rows, head)
        offered = [name for name in menu["offered"] if name not in beside]
        tried = _tried(offered, since, head)
    resource = picked or tried or row.resource
    if act is None and asked_for(row) and not since.has_done(resource, head):
        resource = before_undone(rows.put_in.get(head.learner, ()), resource, head.time)
        if resource != row.resource and resource in _beside(row, rows, head):
            return Held(resource, "removed", left_out="teacher")
    put_in = act.resource if act is not None else ""
    resource = put_in or resource
    approved = any(one.action == "approve" for one in acts)
    done = since.has_done(resource, head)
    if act is not None and act.action == "remove":
        return Held(resource, "removed", act, picked, approved, "teacher")
    if not done:
        placed = act.time if act is not None and put_in else head.time
        out = rows.out.get(head.learner, {}).get(resource)
        if out is not None and out.time >= placed:
            return Held(resource, "removed", out, picked, approved, "teacher")
        closed = rows.closes.get(resource, math.inf) <= max(rows.at, head.time)
        shut: LeftOut = "retired" if resource in rows.retired else "closed" if closed else ""
        if shut and not (resource == row.resource and insisted(row)):
            return Held(resource, "removed", act, picked, approved, shut)
        if rows.left.get(head.learner, {}).get(resource, -1) >= placed:
            return Held(resource, "removed", act, picked, approved, "course")
    asked = asked_for(row) and resource == row.resource
    return Held(resource, _state(act, asked=asked, done=done), act, picked, approved)


def asked_for(row: Row) -> bool:
    """Return whether a step was pinned by its request, as swaps are when a list is drawn anew."""
    return bool(read_cell(row.override).get("reason") == "pin")


def insisted(row: Row) -> bool:
    """Return whether a step was pinned by its request though it was not open."""
    return asked_for(row) and AVAILABLE in read_cell(row.relaxed)


def _state(act: OverrideRecord | None, *, asked: bool, done: bool) -> StepState:
    if done:
        return "done"
    if act is not None:
        return "pinned" if act.action == "pin" else "swapped"
    return "pinned" if asked else "open"


def _beside(row: Row, rows: ListRows, head: Row) -> set[str]:
    """Return what the other steps of a list are: drawn, or picked."""
    others = (one for one in rows.steps.get(head.playlist_id, ()) if one is not row)
    return {str(read_cell(one.menu).get("picked") or one.resource) for one in others}


def _tried(offered: Sequence[str], since: ShownSince, head: Row) -> str:
    """Return the first option of a menu that was worked on without being picked, "" when none was."""
    return next((name for name in offered if since.has_done(name, head)), "")


def is_gone(name: str, rows: ListRows, head: Row, catalogue: Catalogue, now: datetime) -> bool:
    """Return whether an option of a menu is closed, taken out for the learner, or of a course left since."""
    out = rows.out.get(head.learner, {}).get(name)
    closed = not catalogue.is_open(name, max(now.timestamp(), head.time / 1e6))
    left = rows.left.get(head.learner, {}).get(name, -1) >= head.time
    return closed or left or (out is not None and out.time >= head.time)


def read_cell(cell: str) -> Any:
    """Return what a cell of JSON says; most say nothing, and need not be parsed."""
    return EMPTY[cell]() if cell in EMPTY else json.loads(cell)


EMPTY: Mapping[str, Callable[[], Any]] = {"{}": dict, "[]": list}
