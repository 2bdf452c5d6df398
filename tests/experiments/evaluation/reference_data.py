"""Loaders of public data sets: the Open Bandit sample, the STAR experiment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from segue.experiments.evaluation.estimators.single_step import Floats, Ints
from segue.experiments.evaluation.logs.logged_data import Log


def parity_means(reward: Floats, action: Ints, *, n_actions: int, prior: float) -> Floats:
    """Return predicted rewards (n, K) made from the rows of the other index parity.

    q(a) = (S_a + prior g) / (N_a + prior) with S_a and N_a the reward sum and count of action a among those
    rows, g their mean reward: a shrunk action mean that never saw the row it predicts.
    """
    parity = np.arange(len(reward)) % 2
    tables = []
    for other in (1, 0):
        rows = parity == other
        total = np.bincount(action[rows], weights=reward[rows], minlength=n_actions)
        count = np.bincount(action[rows], minlength=n_actions)
        tables.append((total + prior * reward[rows].mean()) / (count + prior))
    return np.stack(tables)[parity]


def open_bandit(folder: str | Path, campaign: str, *, logger: str, target: Floats | None = None) -> Log:
    """Return an Open Bandit campaign (Saito et al. 2020) logged by "bts" or "random".

    `target` (K,) is the target policy's distribution over items, the same for every round; uniform if not
    given. Predictions are shrunk item means of the other index parity.
    """
    frame = pd.read_csv(Path(folder) / f"{logger}_{campaign}.csv.gz")
    action = frame["item_id"].to_numpy(np.int64)
    n_actions = len(pd.read_csv(Path(folder) / f"item_context_{campaign}.csv"))
    reward = frame["click"].to_numpy(np.float64)
    chosen = np.full(n_actions, 1 / n_actions) if target is None else target
    return _constant_policy(reward, frame["propensity_score"].to_numpy(np.float64), action, chosen)


def item_shares(folder: str | Path, campaign: str, *, logger: str) -> Floats:
    """Return the smoothed share of each item in a log, (count + 1) / (rows + K)."""
    action = pd.read_csv(Path(folder) / f"{logger}_{campaign}.csv.gz")["item_id"].to_numpy(np.int64)
    n_actions = len(pd.read_csv(Path(folder) / f"item_context_{campaign}.csv"))
    return (np.bincount(action, minlength=n_actions) + 1) / (len(action) + n_actions)


STAR_ARMS = ("small", "reg", "reg+A")


def star(path: str | Path, target: Floats) -> Log:
    """Return Project STAR's kindergarten reading scores, arms randomised within schools.

    `target` (3,) is the target distribution over small, regular and regular-with-aide classes. Propensities
    are the arm's share within the school; schools lacking an arm are dropped. Clusters are teachers, groups
    the free-lunch status (F, N, empty where unknown).
    """
    frame = pd.read_csv(path)
    frame = frame[(frame["gr"] == "K") & frame["read"].notna()]
    frame = frame[frame.groupby("sch")["cltype"].transform("nunique") == len(STAR_ARMS)]
    action = pd.Index(STAR_ARMS).get_indexer(pd.Index(frame["cltype"])).astype(np.int64)
    in_arm = frame.groupby(["sch", "cltype"])["read"].transform("size")
    propensity = (in_arm / frame.groupby("sch")["read"].transform("size")).to_numpy(np.float64)
    log = _constant_policy(frame["read"].to_numpy(np.float64), propensity, action, target)
    cluster = pd.factorize(frame["tch"])[0].astype(np.int64)
    group = frame["ses"].astype("string").fillna("").to_numpy(dtype=object)
    return Log(**{**vars(log), "cluster": cluster, "group": group, "actions": STAR_ARMS})


def _constant_policy(reward: Floats, propensity: Floats, action: Ints, target: Floats) -> Log:
    """Return a log whose target policy is the same in every round."""
    n_actions = len(target)
    return Log(
        reward=reward,
        propensity=propensity,
        target=target[action],
        action=action,
        policy=np.broadcast_to(target, (len(reward), n_actions)),
        prediction=parity_means(reward, action, n_actions=n_actions, prior=100.0),
        actions=tuple(map(str, range(n_actions))),
    )
