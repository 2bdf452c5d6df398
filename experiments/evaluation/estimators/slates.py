"""Whole playlists: what a target policy would earn with lists of its own.

A step's weight w_k is the target's probability of the logged step over its propensity, both given the steps
before. What may be multiplied or left out depends on what one is ready to assume of the reward:

================  ===========================================  ==============================================
estimator         value of a list with rewards r_1 … r_K       right when
================  ===========================================  ==============================================
sequence IPS      (Π_j w_j) Σ r_k                              always; heavy weights
reward interact.  Σ_k (Π_{j<=k} w_j) r_k                       a reward depends on earlier steps, not on later
independent IPS   Σ_k w_k r_k                                  no reward, and no draw, depends on other steps
cascade DR        Σ_k Π_{j<=k} w_j (r_k - Q_k)                 as reward interaction; less noise with a good Q
                  + Π_{j<k} w_j E_target Q_k
pseudo-inverse    (Σ_k w_k - K + 1) Σ r_k                      rewards add up over steps drawn independently
================  ===========================================  ==============================================

McInerney et al. 2020 (RIPS), Li et al. 2018 (IIPS), Swaminathan et al. 2017 (pseudo-inverse), Kiyohara et al.
2022 (cascade DR; Q_k predicts the rewards from step k on).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segue.experiments.evaluation.estimators.single_step import EstimateParts, Floats, Ints


@dataclass(frozen=True)
class Slates:
    """S lists of up to K steps, padded: weight 1 and reward 0 where a list has ended.

    Attributes
    ----------
    weight, reward : (S, K)
    length : (S,) of int
    q_logged, q_target : (S, K) or None
        Predicted rewards *from this step on*, of the logged step and on average over the target's choices.
    """

    weight: Floats
    reward: Floats
    length: Ints
    q_logged: Floats | None = None
    q_target: Floats | None = None

    @property
    def n(self) -> int:
        """Number of lists."""
        return len(self.length)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which steps exist, (S, K)."""
        return np.asarray(np.arange(self.weight.shape[1]) < self.length[:, None])

    @property
    def prefix(self) -> Floats:
        """Product of weights up to and including each step, (S, K)."""
        return np.asarray(np.cumprod(self.weight, axis=1))

    @property
    def total(self) -> Floats:
        """Reward of each list, (S,)."""
        return np.asarray(self.reward.sum(axis=1))


def slates_of(
    slate: Ints,
    position: Ints,
    *,
    reward: Floats,
    propensity: Floats,
    target: Floats,
    q_logged: Floats | None = None,
    q_target: Floats | None = None,
) -> Slates:
    """Return decision rows, in any order, as lists.

    Parameters
    ----------
    slate, position : (n,) of int
        The list's label, and the step's place in it (any increasing numbers).
    reward, propensity, target : (n,)
        Propensity and target probability of the logged step, given the steps before it.
    q_logged, q_target : (n,), optional
        Predicted reward of *this step*; turned into predictions from here on by adding the mean logged reward
        of later steps, which is right on average and leaves the estimator unbiased whatever it is.

    Raises
    ------
    ValueError
        If a list has two rows at one position.
    """
    order = np.lexsort((position, slate))
    label, place = slate[order], position[order]
    new = np.concatenate([[True], label[1:] != label[:-1]])
    if (~new[1:] & (place[1:] == place[:-1])).any():
        row = int(order[1:][~new[1:] & (place[1:] == place[:-1])][0])
        raise ValueError(f"list {slate[row]} has two rows at position {position[row]}: each step once")
    rows = np.cumsum(new) - 1
    columns = np.arange(len(order)) - np.flatnonzero(new)[rows]
    shape = (int(rows[-1]) + 1, int(columns.max()) + 1)

    def spread(values: Floats, padding: float) -> Floats:
        table = np.full(shape, padding)
        table[rows, columns] = values[order]
        return table

    rewards = spread(reward, 0.0)
    later = rewards.mean(axis=0)[::-1].cumsum()[::-1] - rewards.mean(axis=0)
    present = spread(np.ones(len(order)), 0.0)
    known = q_logged is not None and q_target is not None
    return Slates(
        weight=spread(target / propensity, 1.0),
        reward=rewards,
        length=np.bincount(rows),
        q_logged=(spread(q_logged, 0.0) + later) * present if known and q_logged is not None else None,
        q_target=(spread(q_target, 0.0) + later) * present if known and q_target is not None else None,
    )


def sequence_ips(slates: Slates) -> EstimateParts:
    """Return sequence IPS, one entry a list."""
    return EstimateParts(slates.prefix[:, -1] * slates.total)


def independent_ips(slates: Slates) -> EstimateParts:
    """Return independent IPS."""
    return EstimateParts((slates.weight * slates.reward).sum(axis=1))


def reward_interaction_ips(slates: Slates) -> EstimateParts:
    """Return reward-interaction IPS."""
    return EstimateParts((slates.prefix * slates.reward).sum(axis=1))


def cascade_doubly_robust(slates: Slates) -> EstimateParts:
    """Return the cascade doubly robust estimator.

    Raises
    ------
    ValueError
        Without predictions.
    """
    if slates.q_logged is None or slates.q_target is None:
        raise ValueError("cascade DR needs predicted rewards (q_logged and q_target)")
    following = np.hstack([slates.q_target[:, 1:], np.zeros((slates.n, 1))])
    residual = slates.reward + following - slates.q_logged  # of the value from each step on
    return EstimateParts((slates.prefix * residual).sum(axis=1), base=slates.q_target[:, 0])


def pseudo_inverse(slates: Slates) -> EstimateParts:
    """Return the pseudo-inverse estimator for steps drawn independently."""
    return EstimateParts(pseudo_weight(slates) * slates.total)


def pseudo_weight(slates: Slates) -> Floats:
    """Return Σ_k w_k - K + 1 of each list, (S,)."""
    return np.asarray(((slates.weight - 1) * slates.present).sum(axis=1) + 1)


def controls(slates: Slates) -> Mapping[str, tuple[EstimateParts, Floats]]:
    """Return each estimator's parts and its overall weight (S,), whose true mean is 1."""
    n_steps = np.maximum(slates.length, 1)
    stepwise = (slates.weight * slates.present).sum(axis=1) / n_steps
    prefixwise = (slates.prefix * slates.present).sum(axis=1) / n_steps
    out = {
        "SIPS": (sequence_ips(slates), slates.prefix[:, -1]),
        "IIPS": (independent_ips(slates), stepwise),
        "RIPS": (reward_interaction_ips(slates), prefixwise),
        "PI": (pseudo_inverse(slates), pseudo_weight(slates)),
    }
    if slates.q_logged is not None:
        out["cascade_DR"] = (cascade_doubly_robust(slates), prefixwise)
    return out


def by_position(slates: Slates) -> pd.DataFrame:
    """Return one row a position: lists that reach it, mean logged reward, and how the weights hold up.

    `ess` is the effective number of lists under the product of weights so far, `mean_weight` should be 1;
    `reward_interaction` and `independent` are the position's share of the two estimates.
    """
    prefix, present = slates.prefix, slates.present
    counted = np.where(present, prefix, 0.0)
    squares = (counted**2).sum(axis=0)
    return pd.DataFrame(
        {
            "position": np.arange(1, present.shape[1] + 1),
            "lists": present.sum(axis=0),
            "logged_reward": slates.reward.sum(axis=0) / slates.n,
            "mean_weight": counted.sum(axis=0) / present.sum(axis=0),
            "ess": np.divide(
                counted.sum(axis=0) ** 2, squares, out=np.zeros(len(squares)), where=squares > 0
            ),
            "independent": (slates.weight * slates.reward).sum(axis=0) / slates.n,
            "reward_interaction": (prefix * slates.reward).sum(axis=0) / slates.n,
        }
    )
