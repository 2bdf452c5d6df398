"""Plans that learners make: every planted violation is found, and nothing is said against a valid plan."""

from __future__ import annotations

import numpy as np

from benchmarks import _practices_of_schools as practices


def test_every_planted_violation_is_found_and_no_valid_plan_alarms() -> None:
    found, false = practices.own_plans(20, np.random.default_rng(3))
    assert found.holds, found
    assert false.holds, false
    assert int(found.value.split()[-1]) >= 7 * 20, "nearly every kind could be planted in every plan"
