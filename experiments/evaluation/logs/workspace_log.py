"""Segue's own log as evidence: decision rows in, an honest evaluation of another policy out.

The estimand is the *one-step deviation*: at each logged state (learner, and steps before it) the target
policy makes this one choice, then the logging policy goes on. Steps a teacher put in or took out are not the
engine's choices and are left out; rewards not known yet are counted, never taken for zero.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from segue.experiments.evaluation.estimators.single_step import Floats
from segue.experiments.evaluation.logs.labels import clusters_of, coded
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.logs.lost_rows import Lost, lost_rows
from segue.experiments.evaluation.logs.rejected_rows import Rejected
from segue.workspace.records.decision_queries import steps_with_rewards
from segue.workspace.storage.database import Connection, Row

ESTIMAND = (
    "Value of a one-step deviation: the target policy chooses once at each logged state, then the logging "
    "policy goes on; steps set by a teacher are left out."
)
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


def decision_log(frame: pd.DataFrame, target: Floats, *, cluster: str = "learner") -> Log:
    """Return the decisions that can be evaluated, with a target policy's probabilities beside them.

    Parameters
    ----------
    frame : DataFrame
        Columns learner, playlist_id, position, propensity, overridden, reward and optionally status (as from
        `decision_frame`).
    target : (rows,)
        The target's probability of what was logged, given the steps before (`shadow_lists`); not read
        where a teacher decided.
    cluster : str
        Column whose labels group dependent rows.

    Notes
    -----
    `rejected` of the result counts what was left out: overridden, pending, censored. Should a teacher's
    decision depend on what the engine drew (removing the hard steps, say), what is left is a selection; look
    at the share before trusting it.
    """
    status = frame["status"] if "status" in frame else pd.Series("matured", index=frame.index)
    overridden = frame["overridden"].to_numpy(bool)
    known = frame["reward"].notna().to_numpy()
    reasons = {
        "set by a teacher": overridden,
        "reward censored": ~overridden & ~known & (status == "censored").to_numpy(),
        "reward pending": ~overridden & ~known & (status != "censored").to_numpy(),
        "target probability is not known": ~overridden & known & ~np.isfinite(target),
    }
    left_out = np.logical_or.reduce(list(reasons.values()))
    settled = ~overridden & (known | (status == "censored").to_numpy())
    kept = frame[~left_out]
    counts = {reason: int(rows.sum()) for reason, rows in reasons.items() if rows.any()}
    return Log(
        reward=kept["reward"].to_numpy(np.float64),
        propensity=kept["propensity"].to_numpy(np.float64),
        target=target[~left_out],
        cluster=clusters_of(kept[cluster]),
        slate=pd.factorize(kept["playlist_id"])[0].astype(np.int64),
        position=kept["position"].to_numpy(np.int64),
        rejected=Rejected(int(left_out.sum()), counts),
        lost=_lost(frame[settled], target[settled], cluster),
    )


def _lost(settled: pd.DataFrame, target: Floats, cluster: str) -> Lost:
    """Return how many rewards will never be known, and of which decisions; pending ones are no loss."""
    weight = target / settled["propensity"].to_numpy(np.float64)
    action = coded(settled["resource"])[0] if "resource" in settled else None
    lost = settled["reward"].isna().to_numpy()
    return lost_rows(lost, weight=weight, action=action, cluster=clusters_of(settled[cluster]))
