"""A small log of three actions whose truth is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(scope="session")
def bandit() -> SimpleNamespace:
    """Return contexts, logging, action, propensity, means, reward, policy and truth of 6,000 rounds."""
    rng = np.random.default_rng(5)
    n, k = 6_000, 3
    contexts = rng.normal(size=(n, 2))
    logging = np.exp(contexts @ rng.normal(size=(2, k)) * 0.5)
    logging /= logging.sum(axis=1, keepdims=True)
    action = (np.cumsum(logging, axis=1)[:, :-1] < rng.random((n, 1))).sum(axis=1)
    means = 0.3 + 0.1 * np.arange(k) + 0.05 * contexts[:, :1]
    policy = np.tile([0.1, 0.2, 0.7], (n, 1))
    rows = np.arange(n)
    return SimpleNamespace(
        n=n,
        k=k,
        contexts=contexts,
        logging=logging,
        action=action,
        propensity=logging[rows, action],
        means=means,
        reward=means[rows, action] + rng.normal(0, 0.2, n),
        policy=policy,
        truth=float((policy * means).sum(axis=1).mean()),
    )
