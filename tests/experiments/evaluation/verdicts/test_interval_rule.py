from __future__ import annotations

import numpy as np
import pytest

from segue.experiments.evaluation.estimators.single_step import Rounds
from segue.experiments.evaluation.verdicts.diagnostics import diagnose
from segue.experiments.evaluation.verdicts.interval_rule import RULE


@pytest.mark.parametrize(
    ("rounds", "reason"),
    [
        (Rounds(np.zeros(50), np.ones(50)), "never chooses"),
        (Rounds(np.ones(50), np.r_[np.ones(2), np.zeros(48)]), "only 2.0 effective rewarded events"),
        (Rounds(np.r_[np.full(6, 8.0), np.full(45, 0.1)], np.ones(51)), "effective sample size of only 7.2"),
        (Rounds(np.full(50, 0.5), np.ones(50)), "weights average 0.5"),
    ],
)
def test_refusals_name_their_reason(rounds: Rounds, reason: str) -> None:
    assert reason in RULE.refusal(diagnose(rounds))


def test_few_clusters_are_refused() -> None:
    rounds = Rounds(np.ones(400), np.ones(400))
    assert "effective clusters" in RULE.refusal(diagnose(rounds, cluster=np.arange(400) // 100))
