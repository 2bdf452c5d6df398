"""The decisions of a workspace as a DataFrame, one row a step, with the rewards as they stand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from segue.workspace.records.decision_queries import steps_with_rewards
from segue.workspace.storage.database import Connection, Row

COLUMNS = (
    "decision_id",
    "playlist_id",
    "learner",
    "week",
    "time",
    "surface",
    "policy",
    "model_hash",
    "position",
    "resource",
    "propensity",
    "joint_propensity",
    "explored",
    "overridden",
    "menu",
    "status",
    "reward",
    "parts",
    "matured",
)


def decision_frame(connection: Connection) -> pd.DataFrame:
    """Return all logged decisions in order, one row a step, with the rewards as they stand now.

    Columns `COLUMNS`: `learner` is the store's number, `time` UTC, `menu` the offered resources (empty
    without one), `propensity` that of the whole menu; `status` is matured, pending or censored, and `reward`
    NaN unless matured; `parts` are its forecasts as JSON, `matured` when it did (microseconds, UTC).
    """
    frame = pd.DataFrame([_row(row) for row in steps_with_rewards(connection)], columns=list(COLUMNS))
    frame["time"] = pd.to_datetime(frame["time"].astype("int64"), unit="us", utc=True)
    return frame


def _row(row: Row) -> dict[str, Any]:
    """Return one decision as a row of the frame."""
    plain = {name: getattr(row, name) for name in COLUMNS if name in row._mapping}
    return plain | {
        "overridden": json.loads(row.override) != {},
        "menu": tuple(json.loads(row.menu).get("offered", ())),
        "status": row.status or "pending",
        "reward": np.nan if row.value is None else row.value,
    }
