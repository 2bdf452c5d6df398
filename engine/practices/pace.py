"""How long work takes this learner: minutes predicted from the catalogue's, and from what was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.features.catalogue import Floats, Ints

LEAST_MINUTES, MOST_MINUTES = 0.2, 240.0


@dataclass(frozen=True, eq=False)
class Pace:
    """log(minutes / catalogue's minutes) = mean + learner + resource, each shrunk by its own spread.

    Attributes
    ----------
    mean : float
    learner : array of shape (L,)
    resource : array of shape (R,)
    """

    mean: float
    learner: Floats
    resource: Floats

    def minutes(self, catalogue_minutes: Floats, learner: Ints, resource: Ints) -> Floats:
        """Return the minutes that each work will take; -1 stands for somebody or something unknown."""
        own = np.where(learner >= 0, np.append(self.learner, 0.0)[learner], 0.0)
        of_work = np.where(resource >= 0, np.append(self.resource, 0.0)[resource], 0.0)
        return np.asarray(catalogue_minutes * np.exp(self.mean + own + of_work))


def fit_pace(
    minutes: Floats,
    catalogue_minutes: Floats,
    learner: Ints,
    resource: Ints,
    *,
    n_learners: int,
    n_resources: int,
    rounds: int = 20,
) -> Pace:
    """Return the pace of learners and resources from measured minutes.

    Works left open over lunch are cut off at 240 minutes, clicks through at .2. Effects are posterior means
    under normal priors whose variances are estimated from the data (none where there is no spread).
    """
    measured = np.log(np.clip(minutes, LEAST_MINUTES, MOST_MINUTES)) - np.log(
        np.maximum(catalogue_minutes, 0.5)
    )
    if not len(measured):
        return Pace(0.0, np.zeros(n_learners), np.zeros(n_resources))
    low, high = np.quantile(measured, [0.01, 0.99])
    measured = np.clip(measured, low, high)
    mean = float(measured.mean())
    own, of_work = np.zeros(n_learners), np.zeros(n_resources)
    for _ in range(rounds):
        own = _shrunk(measured - mean - of_work[resource], learner, n_learners)
        of_work = _shrunk(measured - mean - own[learner], resource, n_resources)
    return Pace(mean, own, of_work)


def _shrunk(rest: Floats, code: Ints, n: int) -> Floats:
    """Return posterior means of group effects, by the moments of a one-way random-effects model."""
    count = np.bincount(code, minlength=n)
    mean = np.bincount(code, rest, n) / np.maximum(count, 1)
    used = count > 0
    within = float(((rest - mean[code]) ** 2).sum() / max(len(rest) - int(used.sum()), 1))
    between = float(np.average(mean[used] ** 2, weights=count[used]) - within / np.average(count[used]))
    if between <= 0.0:
        return np.zeros(n)
    return np.asarray(mean * count / (count + within / between))


def paced_minutes(minutes: float, factor: float) -> float:
    """Return the catalogue minutes that fit into `minutes` of a learner whose work takes `factor` as long.

    A slower learner gets fewer steps; the objectives stay what they are.

    >>> paced_minutes(60.0, 1.5)
    40.0
    """
    return minutes / factor
