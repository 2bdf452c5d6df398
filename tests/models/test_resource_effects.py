"""Which resource teaches: nothing where nothing differs, what differs where it does, and exact forgetting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segue.models.resource_effects import CLIP, Effects, EffectSums, Groups, estimate

N_SKILLS, EACH = 30, 5
N = N_SKILLS * EACH


def groups(rng: np.random.Generator) -> Groups:
    skills = np.stack([np.arange(N) % N_SKILLS, np.full(N, -1)], axis=1)
    kinds, sources = rng.integers(2, size=N), np.zeros(N, dtype=np.int64)
    return Groups(skills, np.stack([np.ones(N), np.zeros(N)], axis=1), kinds, sources)


def steps(truth: np.ndarray, n_learners: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    n = n_learners * 100
    resource, learner = rng.integers(N, size=n), np.repeat(np.arange(n_learners), 100)
    X = np.column_stack([np.ones(n), rng.random((n, 3))])
    values = 0.05 + truth[resource] + (X - 0.5) @ np.array([0.0, 0.1, -0.2, 0.05]) + rng.normal(0, 0.3, n)
    return {"X": X, "values": values, "resource": resource, "learner": learner}


def sums(made: dict[str, np.ndarray], some: np.ndarray | slice = slice(None)) -> EffectSums:
    return EffectSums.of(
        made["X"][some],
        made["values"][some],
        resource=made["resource"][some],
        half=made["learner"][some] % 2,
        n_resources=N,
        rises=np.full(int(made["values"][some].size), 0.05),  # a step brings five points
    )


def centred(truth: np.ndarray) -> np.ndarray:
    return (
        truth
        - np.array([truth[np.arange(N) % N_SKILLS == k].mean() for k in range(N_SKILLS)])[
            np.arange(N) % N_SKILLS
        ]
    )


def test_true_effects_are_found_within_skills_and_the_intervals_hold_them() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 0.02, N) + 0.2 * (np.arange(N) % N_SKILLS == 3)  # a skill that is learned fast
    found = estimate(sums(steps(truth, 300, rng)), groups(rng))
    wanted = centred(truth)
    assert np.corrcoef(found.mean, wanted)[0, 1] > 0.55
    inside = (found.low <= wanted) & (wanted <= found.high)
    assert 0.88 <= inside.mean() <= 0.99
    assert found.typical == pytest.approx(0.05, abs=0.001)
    assert found.spread == pytest.approx(0.018, abs=0.006)
    assert CLIP[0] <= np.exp(found.quality).min()
    assert np.exp(found.quality).max() <= CLIP[1]


def test_steps_with_more_to_learn_tell_more() -> None:
    rng = np.random.default_rng(9)
    truth, kinds = rng.normal(0, 0.02, N), groups(rng)
    made = steps(np.zeros(N), 300, rng)
    room = np.where(rng.random(len(made["X"])) < 0.5, 0.2, 1.8)  # half of the steps come when all is known
    values = made["values"] + room * truth[made["resource"]]
    given = {"resource": made["resource"], "half": made["learner"] % 2, "n_resources": N}
    found = estimate(EffectSums.of(made["X"], values, room=room, **given), kinds)
    alike = estimate(EffectSums.of(made["X"], values, **given), kinds)
    wanted = centred(truth)
    assert np.corrcoef(found.mean, wanted)[0, 1] > 0.02 + np.corrcoef(alike.mean, wanted)[0, 1]
    assert (wanted @ found.apart) / (wanted @ wanted) == pytest.approx(1.0, abs=0.25)  # of a usual step
    inside = (found.low <= wanted) & (wanted <= found.high)
    assert 0.88 <= inside.mean() <= 0.99


def test_steps_that_more_has_followed_tell_more() -> None:
    rng = np.random.default_rng(9)
    truth, kinds = rng.normal(0, 0.02, N), groups(rng)
    made = steps(np.zeros(N), 300, rng)
    sure = np.where(rng.random(len(made["X"])) < 0.5, 1.0, 4.0)
    values = truth[made["resource"]] + rng.normal(0, 0.4, len(sure)) / np.sqrt(sure)
    given = {"resource": made["resource"], "half": made["learner"] % 2, "n_resources": N}
    found = estimate(EffectSums.of(made["X"], values, certain=sure, **given), kinds)
    alike = estimate(EffectSums.of(made["X"], values, **given), kinds)
    wanted = centred(truth)
    assert np.corrcoef(found.mean, wanted)[0, 1] > 0.02 + np.corrcoef(alike.mean, wanted)[0, 1]
    assert found.noise == pytest.approx(0.4**2, rel=0.15)
    inside = (found.low <= wanted) & (wanted <= found.high)
    assert 0.88 <= inside.mean() <= 0.99


def test_without_a_spread_there_is_no_effect_and_nothing_is_told() -> None:
    rng = np.random.default_rng(1)
    spread, told = [], 0
    for _ in range(10):
        found = estimate(sums(steps(np.zeros(N), 100, rng)), groups(rng))
        spread.append(np.abs(found.quality).mean())
        told += int(found.told.sum())
    assert np.mean(spread) < 0.08
    assert told < 0.05 * 10 * N


@pytest.mark.parametrize(("differ", "most"), [(0.008, 1.3), (0.015, 0.98), (0.03, 0.82)])
def test_effects_are_shrunk_to_what_so_few_steps_can_tell(differ: float, most: float) -> None:
    wrong = none = 0.0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        truth = centred(rng.normal(0, differ, N))  # of the .05 that a step brings; standard error of .04
        found = estimate(sums(steps(truth, 80, rng)), groups(rng))
        wrong += float(((found.mean - truth) ** 2).sum())
        none += float((truth**2).sum())
    assert wrong < most * none


def test_a_learner_taken_out_was_never_there() -> None:
    rng = np.random.default_rng(2)
    made = steps(rng.normal(0, 0.05, N), 20, rng)
    gone = made["learner"] == 7
    left = estimate(sums(made) - sums(made, gone), groups(np.random.default_rng(3)))
    never = estimate(sums(made, ~gone), groups(np.random.default_rng(3)))
    assert left.mean == pytest.approx(never.mean, abs=1e-8)
    assert left.std == pytest.approx(never.std, abs=1e-8)


def test_sums_of_steps_that_weigh_alike_are_written_and_read_as_before_steps_were_weighed() -> None:
    rng = np.random.default_rng(11)
    made = steps(rng.normal(0, 0.05, N), 20, rng)
    alike = sums(made)
    given = {"resource": made["resource"], "half": made["learner"] % 2, "n_resources": N}
    weighed = EffectSums.of(made["X"], made["values"], certain=np.full(len(made["X"]), 2.0), **given)
    assert "sure" not in alike.to_arrays()
    for one in (alike, weighed):
        assert EffectSums.from_arrays(one.to_arrays()).sure.tolist() == one.sure.tolist()


@pytest.mark.parametrize("by", ["kinds", "sources"])
def test_a_resource_nobody_used_is_judged_by_its_kind_and_source(by: str) -> None:
    rng = np.random.default_rng(4)
    alike = groups(rng)
    better = alike.kinds
    if by == "sources":
        alike = replace(alike, kinds=alike.sources, sources=better)
    made = steps(np.where(better == 1, 0.05, 0.0), 300, rng)
    used = made["resource"] != 0
    found = estimate(sums(made, used), alike)
    assert found.count[0] == 0
    assert np.sign(found.mean[0]) == (1 if better[0] else -1)
    assert found.std[0] >= np.median(found.std)


def test_harmful_resources_are_named_and_few_others() -> None:
    rng = np.random.default_rng(5)
    truth = np.zeros(N)
    bad = rng.choice(N, 6, replace=False)
    truth[bad] = -0.2
    found = estimate(sums(steps(truth, 400, rng)), groups(rng))
    named = np.flatnonzero(found.harmful())
    wrong = [i for i in named if i not in set(bad.tolist())]
    assert len(wrong) <= max(1, 0.1 * len(named))


def test_intervals_hold_the_truth_where_little_can_be_told() -> None:
    rng = np.random.default_rng(7)
    covered = []
    for spread in (0.0, 0.01, 0.02, 0.03):  # against a standard error of .04 a resource
        truth = rng.normal(0, spread, N)
        found = estimate(sums(steps(truth, 80, rng)), groups(rng))
        covered.append(((found.low <= centred(truth)) & (centred(truth) <= found.high)).mean())
    assert 0.9 <= np.mean(covered[1:]) <= 0.99
    assert covered[0] > 0.95


def test_what_a_step_brings_is_a_belief_until_steps_are_seen() -> None:
    none = EffectSums.zero(N, 4)
    few, many = (replace(none, rise=np.array([n, 0.06 * n])) for n in (10.0, 1e5))
    rng = np.random.default_rng(8)
    brings = [estimate(each, groups(rng)).typical for each in (none, few, many)]
    assert brings[0] == pytest.approx(0.02)
    assert brings[0] < brings[1] < 0.03
    assert brings[2] == pytest.approx(0.06, abs=0.001)


def test_nothing_known_is_no_opinion() -> None:
    found: Effects = estimate(EffectSums.zero(N, 4), groups(np.random.default_rng(6)))
    assert not found.quality.any()
    assert not found.harmful().any()


def test_rows_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        EffectSums.of(
            np.ones((1, 2)),
            np.array([np.nan]),
            resource=np.zeros(1, int),
            half=np.zeros(1, int),
            n_resources=1,
        )
