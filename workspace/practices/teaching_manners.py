"""The manners of teaching in a school: what outcomes say of each, what it weighs, what a teacher fixes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from segue.engine.practices.teaching_axes import AxisLevel
from segue.features.catalogue import AXES, Axis, WeighedManner
from segue.features.learner_profile import FEWEST_LEARNERS
from segue.workspace.records.learners import class_surrogates
from segue.workspace.records.practices.manners import axis_effects, fixed_manners, put_fixed
from segue.workspace.records.rosters.enrolments import has_roster
from segue.workspace.storage.errors import DeclinedError
from segue.workspace.workspace import Workspace


def axes_of(workspace: Workspace, class_id: str) -> list[AxisLevel]:
    """Return each manner of content, process and product: its effect, and what it weighs in a class now.

    Effects and intervals are those of all learners of the school, from every reward up to now. The weight is
    what a teacher of the class has fixed; else what the model in charge has earned at its fit, 0 without.

    Raises
    ------
    WorkspaceError
        Before the first fit.
    """
    with workspace.store.read() as connection:
        catalogue = workspace.catalogue_in(connection)
        effects = axis_effects(connection, catalogue)
        found = {(one.axis, one.level): one for one in effects if one.learners >= FEWEST_LEARNERS}
        earned = workspace.champion(connection).fitted.kernel.manners
        inside = class_surrogates(connection, workspace.keyring, [class_id], create=False).get(class_id, "")
        fixed = fixed_manners(connection).get(inside, ())
    weights = {(m.axis, m.level): m.weight for m in (*earned, *fixed)}
    untold = {key: AxisLevel(*key, 0.0, -np.inf, np.inf, 0, 0.0) for key in weights}
    both = untold | found
    return [
        replace(both[key], weight=weights.get(key, 0.0))
        for key in sorted(both, key=lambda key: (AXES.index(key[0]), key[1]))
    ]


def fix_manners(
    workspace: Workspace, class_id: str, weights: Mapping[str, float | None]
) -> list[WeighedManner]:
    """Fix what manners weigh in the lists of a class, whatever outcomes say, and return all that is fixed.

    Parameters
    ----------
    weights : mapping
        By axis and manner ("process:guided"), in [-1, 1], in units of a reward; None takes it back.

    Raises
    ------
    DeclinedError
        When the store has no roster of the class: it would reach nobody.
    ValueError
        When no resource is of such a manner, or a weight is out of its range.
    """
    with workspace.store.write() as connection:
        catalogue = workspace.catalogue_in(connection)
        if not has_roster(connection, workspace.keyring, class_id):
            message = f"nobody is known in class {class_id!r}: store its roster first"
            raise DeclinedError("absent", "no_class", message)
        inside = class_surrogates(connection, workspace.keyring, [class_id], create=False)[class_id]
        there = {f"{m.axis}:{m.level}": m for m in fixed_manners(connection).get(inside, ())}
        known = {
            f"{axis}:{getattr(r, axis)}" for r in catalogue.resources for axis in AXES if getattr(r, axis)
        }
        for name, weight in weights.items():
            if weight is None:
                there.pop(name, None)
                continue
            if name not in known:
                said = (
                    f"the catalogue has {', '.join(sorted(known))}" if known else "the catalogue names none"
                )
                raise ValueError(f"no resource is of manner {name!r}: {said}")
            if not -1.0 <= weight <= 1.0:
                raise ValueError(f"a weight must be in [-1, 1], got {weight:g}")
            axis, _, level = name.partition(":")
            there[name] = WeighedManner(cast(Axis, axis), level, float(weight))
        manners = [there[name] for name in sorted(there)]
        put_fixed(connection, inside, manners)
        workspace.store.forget()
    return manners
