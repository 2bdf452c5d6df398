from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from segue.experiments.evaluation.estimators import Floats
from segue.experiments.evaluation.rejection_replay import Replay, replay


class AlwaysLast:
    """A player that picks the last action."""

    def __init__(self) -> None:
        self.updates = 0

    def choose(self, context: Floats) -> int:
        return 2

    def update(self, context: Floats, action: int, reward: float) -> None:
        assert action == 2
        self.updates += 1


def test_replay_of_an_uneven_log_is_unbiased(bandit: SimpleNamespace) -> None:
    player = AlwaysLast()
    found = replay(
        player,
        bandit.contexts,
        action=bandit.action,
        reward=bandit.reward,
        propensity=bandit.propensity,
        rng=np.random.default_rng(0),
    )
    assert player.updates == found.accepted
    assert found.offered == bandit.n
    assert abs(found.value - bandit.means[:, -1].mean()) < 3 * found.se
    with pytest.raises(ValueError, match="smallest must be in"):
        replay(
            player,
            bandit.contexts,
            action=bandit.action,
            reward=bandit.reward,
            propensity=bandit.propensity,
            rng=np.random.default_rng(0),
            smallest=0.9,
        )


def test_replay_without_matches_says_so() -> None:
    assert "Not enough evidence" in str(Replay(float("nan"), float("nan"), 0, 10))
