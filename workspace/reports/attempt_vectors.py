"""Every attempt of a workspace with the learner's vector just before it: a table for other tools."""

from __future__ import annotations

import pandas as pd

from segue.features.vectors.transformers import learner_vectors
from segue.workspace.records.events import read_events
from segue.workspace.reports.table_methods import TableMethods

COLUMNS = ("learner", "resource", "time", "score")


def attempt_vectors(space: TableMethods) -> pd.DataFrame:
    """Return one row an attempt: `COLUMNS`, and those of ``LearnerVectors``.

    Learners are the store's own numbers, never the school's ids. Difficulties do not know the learner's own
    answers, so that a model may be fitted on the table as it stands.
    """
    with space.store.read() as connection:
        events = read_events(connection)
    if not len(events):
        raise ValueError("the workspace has no events yet: import some first")
    gone = {*events["supersedes"].dropna(), *events["voids"].dropna()} - {""}
    kept = (events["kind"] == "attempt") & events["score"].notna() & ~events["event_id"].isin(gone)
    history = events.loc[kept, [*COLUMNS, "seq"]].reset_index(drop=True)
    skills = {resource.resource_id: resource.skills for resource in space.catalogue().resources}
    return pd.concat([history[list(COLUMNS)], learner_vectors(history, skills=skills)], axis=1)
