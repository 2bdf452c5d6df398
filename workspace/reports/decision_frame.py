"""The decisions of a workspace as a DataFrame, one row a step, with the rewards as they stand."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

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


def decision_frame(connection: Connection) -> pd.DataFrame:
    """Return logged decisions in order, one row a step, with the rewards as they stand now.

    Columns `COLUMNS`: `learner` is the store's number, `time` UTC, `menu` the offered resources (empty
    without one), `propensity` that of the whole menu; `status` is matured, pending or censored, and `reward`
    NaN unless matured; `parts` are its forecasts as JSON, `matured` when it did (microseconds, UTC).
    """
    frame = pd.DataFrame(decision_cells(connection), columns=list(COLUMNS))
    frame["time"] = pd.to_datetime(frame["time"].astype("int64"), unit="us", utc=True)
    return frame


def decision_cells(connection: Connection, learners: Collection[int] | None = None) -> dict[str, list[Any]]:
    """Return the columns of `decision_frame` (of some learners, by number), `time` in microseconds."""
    rows = steps_with_rewards(connection, learners)
    if not rows:
        return {name: [] for name in COLUMNS}
    names = rows[0]._fields
    stored = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    cells = {name: stored[name] for name in COLUMNS if name in _PLAIN}
    cells["overridden"] = [text != "{}" and json.loads(text) != {} for text in stored["override"]]
    cells["menu"] = [
        () if text == "{}" else tuple(json.loads(text).get("offered", ())) for text in stored["menu"]
    ]
    cells["status"] = [status or "pending" for status in stored["status"]]
    cells["reward"] = [np.nan if value is None else value for value in stored["value"]]
    return cells


_PLAIN = frozenset(COLUMNS) - {"overridden", "menu", "status", "reward"}
