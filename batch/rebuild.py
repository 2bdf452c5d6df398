"""Every fold made anew from the facts: states, rewards, sums."""

from __future__ import annotations

from segue.batch.from_workspace import bring_up
from segue.workspace.records.learner_states import clear_states
from segue.workspace.records.learners import every_learner
from segue.workspace.records.matured_rewards import clear_rewards, record
from segue.workspace.records.taught_effects import count_anew
from segue.workspace.sources import model_registry
from segue.workspace.sources.learning import BLOCK_LEARNERS, learned_upto
from segue.workspace.workspace import Workspace


def rebuild(workspace: Workspace, *, workers: int = 1) -> int:
    """Make every fold anew from events and decisions: states, rewards, sums; return how many learners.

    Rewards and sums change in one transaction; states are brought up again when they are read, so that a
    rebuild that is cut off leaves a store that is whole.
    """
    with workspace.store.write() as connection:
        numbers = [learner.number for learner in every_learner(connection)]
        clear_states(connection)
        clear_rewards(connection, gone=model_registry.gone(connection, workspace.models))
        *_, now = learned_upto(connection)
        for start in range(0, len(numbers), BLOCK_LEARNERS):
            some = numbers[start : start + BLOCK_LEARNERS]
            record(connection, [o for n in some for o in workspace.outcomes(connection, n, now=now)])
        if model_registry.current_fit(connection) is not None:
            schema_hash = workspace.champion(connection).fitted.schema_hash
            model_registry.save_sums(connection, model_registry.counted(connection, schema_hash))
            count_anew(connection, *workspace.fitted(connection))
    if numbers:
        bring_up(workspace, numbers, workers=workers)
    return len(numbers)
