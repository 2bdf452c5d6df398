"""What a workspace knows as DataFrames: resources, skills, one row a learner, one row a decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from segue.features.catalogue import Catalogue
from segue.features.events.outward_text import csv_frame
from segue.features.history.learner_state import LearnerState
from segue.features.history.state_columns import COUNT, SUCCESSES
from segue.features.history.streaming_update import StateBlock
from segue.workspace.sources.model_registry import Champion


def resource_frame(catalogue: Catalogue) -> pd.DataFrame:
    """Return one row a resource, in catalogue order; lists are joined by ";"."""
    return pd.DataFrame(
        {
            "resource": [r.resource_id for r in catalogue.resources],
            "title": [r.title for r in catalogue.resources],
            "kind": [r.kind for r in catalogue.resources],
            "skills": [";".join(r.skills) for r in catalogue.resources],
            "tags": [";".join(r.tags) for r in catalogue.resources],
            "courses": [";".join(r.courses) for r in catalogue.resources],
            "minutes": [r.minutes for r in catalogue.resources],
            "difficulty": [r.difficulty for r in catalogue.resources],
            "language": [r.language for r in catalogue.resources],
        }
    )


def skill_frame(catalogue: Catalogue) -> pd.DataFrame:
    """Return one row a skill: its statements, what it builds on, and how many resources train it."""
    names = [skill.skill_id for skill in catalogue.skills]
    before: dict[str, list[str]] = {name: [] for name in names}
    for first, then in catalogue.prerequisites.tolist():
        before[names[then]].append(names[first])
    trains = pd.Series([s for r in catalogue.resources for s in r.skills], dtype=object).value_counts()
    return pd.DataFrame(
        {
            "skill": names,
            "statement": [skill.statement for skill in catalogue.skills],
            "i_can": [skill.i_can for skill in catalogue.skills],
            "prerequisites": [";".join(before[name]) for name in names],
            "resources": [int(trains.get(name, 0)) for name in names],
        }
    )


def learner_frame(
    champion: Champion, learners: Sequence[str | int], states: Sequence[LearnerState], *, now: datetime
) -> pd.DataFrame:
    """Return one row a learner: attempts, share right, mastery of skills (0 to 1), interests, at `now`.

    Columns `mastery:<skill>` hold the mastery, `attempts:<skill>` what it rests on, `interest:<tag>` what was
    named or seen in use, as the engine weighs it (0: nothing).
    """
    catalogue = champion.recommender.catalogue
    names = [skill.skill_id for skill in catalogue.skills]
    if not learners:
        return pd.DataFrame(columns=["learner", "attempts", "share_right"])
    facts = champion.skill_facts(StateBlock.of(list(states)), now.timestamp())
    count = np.array([state.rows[-1][COUNT] for state in states])
    right = np.array([state.rows[-1][SUCCESSES] for state in states])
    frame = pd.DataFrame(
        {
            "learner": list(learners),
            "attempts": count.astype(int),
            "share_right": np.divide(right, count, out=np.full(len(count), np.nan), where=count > 0),
        }
    )
    mastery = pd.DataFrame(facts.mastery, columns=[f"mastery:{name}" for name in names])
    tried = pd.DataFrame(facts.attempts.astype(int), columns=[f"attempts:{name}" for name in names])
    liked = np.array([state.stated + state.revealed for state in states])
    interests = pd.DataFrame(liked, columns=[f"interest:{tag}" for tag in catalogue.tag_ids])
    return pd.concat([frame, mastery, tried, interests], axis=1)


def written(frame: pd.DataFrame, *, as_json: bool) -> str:
    """Return a frame as text for a terminal or as JSON records (missing numbers are null)."""
    if as_json:
        return json.dumps(json.loads(frame.to_json(orient="records")), ensure_ascii=False, indent=1)
    return csv_frame(frame).to_csv(index=False)
