"""Manners of teaching on the records: what outcomes say of each, and what a teacher has fixed for a class."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, select

from segue.engine.practices.teaching_axes import AxisLevel, axis_levels
from segue.features.catalogue import AXES, Catalogue, Floats, WeighedManner
from segue.workspace.records.matured_rewards import latest_rewards
from segue.workspace.records.rosters.enrolments import classes_of
from segue.workspace.storage.database import get_document, put_document
from segue.workspace.storage.schema import decisions

FIXED = "fixed_manners"
ALPHA = 0.05  # that anything without an effect earns a weight, over all axes and levels
FixedManners = Mapping[str, tuple[WeighedManner, ...]]  # by class, as it is called inside the store


def axis_effects(connection: Connection, catalogue: Catalogue) -> list[AxisLevel]:
    """Return what each manner of content, process and product has brought the learners of a school.

    What is compared are rewards of steps at the same skill and alike on the other axes, within each learner.
    Intervals are simultaneous over all axes.
    """
    newest = latest_rewards().subquery()
    query = (
        select(decisions.c.learner, decisions.c.resource, newest.c.value)
        .join_from(decisions, newest, decisions.c.decision_id == newest.c.decision_id)
        .where(newest.c.value.is_not(None))
        .order_by(decisions.c.number)
    )
    rows = [row for row in connection.execute(query) if row.resource in catalogue.resource_index]
    done = [catalogue.resource(row.resource) for row in rows]
    reward: Floats = np.array([float(row.value) for row in rows], dtype=np.float64)
    skill = [one.skills[0] if one.skills else "" for one in done]
    learner = [str(row.learner) for row in rows]
    out: list[AxisLevel] = []
    levels = {axis: [str(getattr(one, axis)) for one in done] for axis in AXES}
    for axis, level in levels.items():
        alike = [skill, *(other for name, other in levels.items() if name != axis)]
        out += axis_levels(axis, level, reward, learner, alike=alike, alpha=ALPHA / len(AXES))
    return out


def earned_manners(connection: Connection, catalogue: Catalogue) -> tuple[WeighedManner, ...]:
    """Return the manners that outcomes tell from the others; none before there are enough."""
    return tuple(
        WeighedManner(one.axis, one.level, float(np.clip(one.weight, -1.0, 1.0)))
        for one in axis_effects(connection, catalogue)
        if one.weight
    )


def fixed_manners(connection: Connection) -> FixedManners:
    """Return what teachers have fixed, by class."""
    return fixed_in(get_document(connection, FIXED))


def fixed_in(body: bytes | None) -> FixedManners:
    """Return what a document says that teachers have fixed, by class."""
    return {
        name: tuple(WeighedManner(*one) for one in said) for name, said in json.loads(body or b"{}").items()
    }


def put_fixed(connection: Connection, class_id: str, manners: Sequence[WeighedManner]) -> None:
    """Keep what is fixed for a class (by its id inside the store) from now on, within a write."""
    said = {
        name: [(m.axis, m.level, m.weight) for m in own] for name, own in fixed_manners(connection).items()
    }
    said[class_id] = [(m.axis, m.level, m.weight) for m in manners]
    kept = {name: own for name, own in sorted(said.items()) if own}
    put_document(connection, FIXED, json.dumps(kept).encode() if kept else b"")


def fixed_for(
    connection: Connection, fixed: FixedManners, numbers: Collection[int], *, now: datetime
) -> dict[int, tuple[WeighedManner, ...]]:
    """Return what is fixed for some learners at a moment, by number; of two classes the later name counts."""
    if not fixed or not numbers:
        return {}
    out: dict[int, dict[tuple[str, str], WeighedManner]] = {}
    for number, class_id in classes_of(connection, set(fixed), numbers, at=now):
        out.setdefault(number, {}).update({(m.axis, m.level): m for m in fixed[class_id]})
    return {number: tuple(own[key] for key in sorted(own)) for number, own in out.items()}
