"""Places in the slots of a class's week: drawn by need, and logged with everyone's probability."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from segue.engine.practices.slots import ListedStep, Placed, Slot, drawn_places
from segue.engine.sampling.randomness import generator
from segue.features.iso_weeks import near
from segue.workspace.practices.members import mastery_of, members_of
from segue.workspace.records.practices.practice_rows import append_practices
from segue.workspace.workspace import Workspace


def listed_steps(workspace: Workspace, names: Sequence[str], week: str, *, now: datetime) -> list[ListedStep]:
    """Return the open steps of the lists that learners have for a week, as slots see them."""
    catalogue = workspace.catalogue()
    out: list[ListedStep] = []
    for name in names:
        for shown in workspace.lists(name, now=now, week=week):
            if not shown.current:
                continue
            for step in shown.todo:
                at = catalogue.resource_index.get(step.resource)
                if step.state != "done" and at is not None:
                    resource = catalogue.resources[at]
                    out.append(ListedStep(name, step.resource, resource.kind, resource.skills))
    return out


def place_week(
    workspace: Workspace,
    class_id: str,
    steps: Sequence[ListedStep],
    slots: Sequence[Slot],
    *,
    week: str,
    now: datetime,
    flipped: bool = False,
    keep: bool = False,
) -> list[Placed]:
    """Return who is in which slot of a week, and who could have been, each with the probability drawn with.

    Need is how far a learner's mean chance of success lies below 1. The draw of a class and week is always
    the same; `keep` logs all of it, so that the effect of a place can be estimated later.

    Raises
    ------
    DeclinedError
        When there is no step to place.
    ValueError
        When a slot stands there twice, or the week is two years off.
    """
    near(week, now)
    if len({slot.slot_id for slot in slots}) < len(slots):
        raise ValueError("a slot's name stands there twice: each place needs one of its own")
    names = list(dict.fromkeys(step.learner for step in steps))
    with workspace.store.write() if keep else workspace.store.read() as connection:
        members = members_of(workspace, connection, class_id, names, now=now, create=keep)
        chance = mastery_of(workspace, connection, members, now=now).mean(axis=1)
        need = {str(name): 1.0 - float(value) for name, value in chance.items()}
        rng = generator(workspace.configuration.seed, "places", week, class_id, 0)
        mine = [step for step in steps if step.learner in members.people]
        drawn = drawn_places(mine, slots, need, rng=rng, flipped=flipped)
        if keep:
            rows = []
            for one in drawn:
                body = {"slot": one.slot_id, "probability": one.probability, "taken": one.taken}
                act = f"{week}:{one.slot_id}"[:40]
                rows.append(members.row(one.learner, "place", one.resource, now, body=body, act=act))
            append_practices(connection, rows)
        return drawn
