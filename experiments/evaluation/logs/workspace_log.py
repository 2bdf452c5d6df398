"""Segue's own log as evidence: decision rows in, an honest evaluation of another policy out.

The estimand is the *one-step deviation*: at each logged state (learner, and steps before it) the target
policy makes this one choice, then the logging policy goes on. Steps a teacher put in or took out are not the
engine's choices and are left out; rewards not known yet are counted, never taken for zero.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from segue.experiments.evaluation.estimators.single_step import Floats
from segue.experiments.evaluation.logs.labels import clusters_of, coded
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.logs.lost_rows import Lost, lost_rows
from segue.features.events.row_faults import Rejected


def decision_log(frame: pd.DataFrame, target: Floats) -> Log:
    """Return the decisions that can be evaluated, with a target policy's probabilities beside them.

    Parameters
    ----------
    frame : DataFrame
        Columns learner, playlist_id, position, propensity, overridden, reward and optionally status (as from
        `decision_frame`).
    target : (rows,)
        The target's probability of what was logged, given the steps before (`shadow_lists`); not read
        where a teacher decided.

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
        cluster=clusters_of(kept["learner"]),
        slate=pd.factorize(kept["playlist_id"])[0].astype(np.int64),
        position=kept["position"].to_numpy(np.int64),
        rejected=Rejected(int(left_out.sum()), counts),
        lost=_lost(frame[settled], target[settled]),
    )


def _lost(settled: pd.DataFrame, target: Floats) -> Lost:
    """Return how many rewards will never be known, and of which decisions; pending ones are no loss."""
    weight = target / settled["propensity"].to_numpy(np.float64)
    action = coded(settled["resource"])[0] if "resource" in settled else None
    lost = settled["reward"].isna().to_numpy()
    return lost_rows(lost, weight=weight, action=action, cluster=clusters_of(settled["learner"]))
