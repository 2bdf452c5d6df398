"""How much more of what a learner likes gets finished: what tells whether interests matter in a class.

Where learners finish what they like and leave the rest, shares of finished work differ between the tags of a
learner, and alike in both halves of the learner's work. Chance differs in each half its own way.
"""

from __future__ import annotations

import numpy as np

from segue.models.base import Floats, Ints

SURE = 1.5  # standard errors by which a covariance must differ from 0


def liking(learner: Ints, tags: Ints, finished: Floats) -> float:
    """Return by how much of its mean the share of finished work surely differs between tags of a learner.

    The root of the covariance of two halves of each learner's work, over (learner, tag), less `SURE` of its
    standard errors; 0 where it is not positive, and without work. Each half is freed of its own means.

    Parameters
    ----------
    learner : int array of shape (n,)
        Whose work each row is, in the order of time.
    tags : int array of shape (n, T)
        Of its resource, padded by -1.
    finished : array of shape (n,)
        1 or 0.

    Examples
    --------
    >>> import numpy as np
    >>> who, tags = np.repeat(np.arange(50), 40), np.tile([[0], [1]], (1000, 1))
    >>> likes_the_first = (tags[:, 0] == 0).astype(float)
    >>> mixed = np.where(who % 2 == 0, likes_the_first, 1.0 - likes_the_first)
    >>> round(liking(who, tags, mixed), 2), liking(who, tags, np.ones(2000))
    (0.99, 0.0)
    """
    row, slot = np.nonzero(tags >= 0)
    if not len(row):
        return 0.0
    half = _half(learner)
    mine = 2 * learner + half  # means of both halves would make these look less alike than they are
    mean = np.bincount(mine, finished) / np.maximum(np.bincount(mine), 1)
    tag, weight = tags[row, slot], 1.0 / (tags >= 0).sum(axis=1)[row]
    residual = (finished - mean[mine])[row]  # freed of the learner's mean, and of the tag's
    half = half[row]
    its = 2 * tag + half
    residual -= (np.bincount(its, residual * weight) / np.maximum(np.bincount(its, weight), 1e-9))[its]
    cells, cell = np.unique(learner[row] * (tag.max() + 1) + tag, return_inverse=True)
    sums, weights = (
        np.stack([np.bincount(cell, (half == h) * each, len(cells)) for h in (0, 1)])
        for each in (residual * weight, weight)
    )
    weight_of_both = float(weights.prod(axis=0).sum())
    share = float(finished.mean())
    if weight_of_both <= 0.0 or share <= 0.0:
        return 0.0
    covariance = sums.prod(axis=0).sum() / weight_of_both
    error = share * (1.0 - share) / np.sqrt(weight_of_both)
    return float(np.sqrt(max(covariance - SURE * error, 0.0)) / share)


def _half(learner: Ints) -> Ints:
    """Return to which half of its learner's work each row belongs, (n,): two by two, in the order of time."""
    order = np.argsort(learner, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    first = np.searchsorted(learner[order], learner)
    return np.asarray((place - first) // 2 % 2)
