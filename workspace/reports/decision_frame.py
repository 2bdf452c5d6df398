"""The decisions of a workspace as a DataFrame, one row a step, with the rewards as they stand."""

from __future__ import annotations

import json
from collections.abc import Collection

import numpy as np
import pandas as pd

from segue.workspace.records.decision_queries import steps_with_rewards
from segue.workspace.storage.database import Connection

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


def decision_frame(connection: Connection, learners: Collection[int] | None = None) -> pd.DataFrame:
    """Return logged decisions in order, one row a step, with the rewards as they stand now.

    Those of `learners` (numbers), of everybody when left out.

    Columns `COLUMNS`: `learner` is the store's number, `time` UTC, `menu` the offered resources (empty
    without one), `propensity` that of the whole menu; `status` is matured, pending or censored, and `reward`
    NaN unless matured; `parts` are its forecasts as JSON, `matured` when it did (microseconds, UTC).
    """
    rows = steps_with_rewards(connection, learners)
    cells = {name: [getattr(row, name) for row in rows] for name in COLUMNS if name in _PLAIN}
    cells["overridden"] = [row.override != "{}" and json.loads(row.override) != {} for row in rows]
    cells["menu"] = [
        () if row.menu == "{}" else tuple(json.loads(row.menu).get("offered", ())) for row in rows
    ]
    cells["status"] = [row.status or "pending" for row in rows]
    cells["reward"] = [np.nan if row.value is None else row.value for row in rows]
    frame = pd.DataFrame(cells, columns=list(COLUMNS))
    frame["time"] = pd.to_datetime(frame["time"].astype("int64"), unit="us", utc=True)
    return frame


_PLAIN = frozenset(COLUMNS) - {"overridden", "menu", "status", "reward"}
