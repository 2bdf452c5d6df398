"""What if: the request as another interest, goal, place or answer would make it; nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from segue.engine.pipeline import Kernel
from segue.engine.requests.request import Dials, Goal, Place, Request
from segue.features.history.learner_state import LearnerState
from segue.features.history.streaming_update import Attempt, update


@dataclass(frozen=True)
class Edit:
    """What would be otherwise; None leaves the request as it is.

    `interests` take the place of those stated before. `answers` are (resource id, score in [0, 1]), given
    now, in order, after everything the state knows.
    """

    interests: tuple[str, ...] | None = None
    goal: Goal | None = None
    place: Place | None = None
    minutes: float | None = None
    dials: Dials | None = None
    answers: tuple[tuple[str, float], ...] = ()


def edited(kernel: Kernel, request: Request, edit: Edit) -> Request:
    """Return the request as it would be after `edit`; the state is a copy, folded on as real answers are.

    Recommending for it with the same generator gives what really follows when the edit is made.

    Raises
    ------
    CatalogueError
        When an answer names a resource that the catalogue does not have.
    ValueError
        When a score is outside [0, 1].
    """
    changes = {
        name: value
        for name in ("interests", "goal", "place", "minutes", "dials")
        if (value := getattr(edit, name)) is not None
    }
    state = LearnerState.fresh(kernel.catalogue) if request.state is None else request.state.copy()
    if edit.interests is not None:
        index = kernel.catalogue.tag_index
        state.stated[:] = 0.0
        state.stated[[index[tag] for tag in edit.interests if tag in index]] = 1.0
    codes = kernel.catalogue.resource_codes([resource for resource, _ in edit.answers])
    for number, (code, (_, score)) in enumerate(zip(codes.tolist(), edit.answers, strict=True)):
        update(state, Attempt(code, score, request.now.timestamp(), number), kernel.parameters)
    return replace(request, state=state, **changes)
