"""What a workspace knows as DataFrames: resources, skills, one row a learner, one row a decision."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from segue.features.catalogue import Catalogue
from segue.features.events.outward_text import csv_frame
from segue.features.history.learner_state import LearnerState
from segue.features.history.state_columns import COUNT, SUCCESSES
from segue.features.history.streaming_update import StateBlock
from segue.workspace.records.decision_queries import steps_with_rewards
from segue.workspace.sources.model_registry import Champion
from segue.workspace.storage.database import Connection

DECISION_COLUMNS = (
    *("decision_id", "playlist_id", "learner", "week", "time", "surface", "policy", "model_hash", "position"),
    *("resource", "propensity", "joint_propensity", "explored", "overridden", "menu"),
    *("status", "reward", "parts", "matured"),
)
_PLAIN = frozenset(DECISION_COLUMNS) - {"overridden", "menu", "status", "reward"}


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


def decision_frame(connection: Connection) -> pd.DataFrame:
    """Return logged decisions in order, one row a step, with the rewards as they stand now.

    Columns `DECISION_COLUMNS`: `learner` is the store's number, `time` UTC, `menu` the offered resources
    (empty without one), `propensity` that of the whole menu; `status` is matured, pending or censored, and
    `reward` NaN unless matured; `parts` are its forecasts as JSON, `matured` when it did (microseconds, UTC).
    """
    frame = pd.DataFrame(decision_cells(connection), columns=list(DECISION_COLUMNS))
    frame["time"] = pd.to_datetime(frame["time"].astype("int64"), unit="us", utc=True)
    return frame


def decision_cells(connection: Connection, learners: Collection[int] | None = None) -> dict[str, list[Any]]:
    """Return the columns of `decision_frame` (of some learners, by number), `time` in microseconds."""
    rows = steps_with_rewards(connection, learners)
    if not rows:
        return {name: [] for name in DECISION_COLUMNS}
    names = rows[0]._fields
    stored = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    cells = {name: stored[name] for name in DECISION_COLUMNS if name in _PLAIN}
    cells["overridden"] = [text != "{}" and json.loads(text) != {} for text in stored["override"]]
    cells["menu"] = [
        () if text == "{}" else tuple(json.loads(text).get("offered", ())) for text in stored["menu"]
    ]
    cells["status"] = [status or "pending" for status in stored["status"]]
    cells["reward"] = [np.nan if value is None else value for value in stored["value"]]
    return cells
