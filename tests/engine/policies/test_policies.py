"""Contracts every policy keeps: whatever `policies.__all__` lists is tested here, also one added tomorrow."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chisquare, norm

from segue.engine import policies
from segue.engine.policies import (
    Choice,
    EpsilonGreedy,
    Exponentiated,
    Greedy,
    InverseGap,
    Policy,
    Softmax,
    ThompsonSampling,
    Uniform,
    sample,
)
from segue.engine.policies.base import Odds, OpenCandidates
from segue.engine.policies.sampling import UNIT
from segue.features.candidates import AlikeGroups

CLASSES = [
    kind
    for name in policies.__all__
    if inspect.isclass(kind := getattr(policies, name)) and issubclass(kind, Policy) and kind is not Policy
]
EVERY = pytest.mark.parametrize("policy", [kind() for kind in CLASSES], ids=repr)
EXPLORING = pytest.mark.parametrize("policy", [k() for k in CLASSES if k is not Greedy], ids=repr)


def state(seed: int, rows: int = 3, n: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores close enough to compete, with ties, masked entries and garbage under the mask."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(0.0, 0.1, (rows, n)), 2)
    std = rng.uniform(0.01, 0.2, (rows, n))
    allowed = rng.random((rows, n)) < 0.7
    allowed[:, 0] = True
    scores[~allowed] = np.nan
    std[~allowed] = np.nan
    return scores, std, allowed


def test_every_policy_of_the_package_is_listed() -> None:
    for module in pkgutil.iter_modules(policies.__path__, f"{policies.__name__}."):
        importlib.import_module(module.name)
    ours = {kind for kind in Policy.__subclasses__() if kind.__module__.startswith(policies.__name__)}
    assert {kind.__name__ for kind in ours} == {kind.__name__ for kind in CLASSES}


@EVERY
@pytest.mark.parametrize("seed", range(5))
def test_rows_sum_to_one_and_nothing_forbidden_is_given_a_chance(policy: Policy, seed: int) -> None:
    scores, std, allowed = state(seed)
    p = policy.probabilities(scores, std, allowed=allowed)
    np.testing.assert_allclose(p.sum(axis=-1), 1.0, rtol=0, atol=1e-12)
    assert (p >= 0.0).all()
    assert (p[~allowed] == 0.0).all()


@EXPLORING
@given(scores=arrays(float, 6, elements=st.floats(-1e3, 1e3)), allowed=arrays(bool, 6).filter(np.any))
def test_an_exploring_policy_leaves_every_allowed_candidate_a_chance(
    policy: Policy, scores: np.ndarray, allowed: np.ndarray
) -> None:
    p = policy.probabilities(scores, np.full(6, 0.1), allowed=allowed)
    assert (p[allowed] > 0.0).all()
    assert p.sum() == pytest.approx(1.0, abs=1e-12)


@EVERY
@pytest.mark.parametrize("seed", range(5))
def test_permuting_candidates_permutes_probabilities(policy: Policy, seed: int) -> None:
    scores, std, allowed = state(seed)
    order = np.random.default_rng(seed).permutation(scores.shape[1])
    straight = policy.probabilities(scores, std, allowed=allowed)
    permuted = policy.probabilities(scores[:, order], std[:, order], allowed=allowed[:, order])
    np.testing.assert_allclose(permuted, straight[:, order], rtol=1e-11, atol=1e-14)


@EVERY
def test_equal_candidates_share_equally(policy: Policy) -> None:
    scores = np.array([0.3, 0.1, 0.3, 0.3, 0.1])
    p = policy.probabilities(scores, np.full(5, 0.05), allowed=np.array([True, True, True, False, True]))
    assert p[0] == p[2]
    assert p[1] == p[4]
    assert p[0] >= p[1]


@EVERY
def test_a_row_alone_has_the_bits_it_has_in_a_batch(policy: Policy) -> None:
    scores, std, allowed = state(7, rows=64, n=37)
    batch = policy.probabilities(scores, std, allowed=allowed)
    for row in range(64):
        alone = policy.probabilities(scores[row], std[row], allowed=allowed[row])
        np.testing.assert_array_equal(alone, batch[row])


@EVERY
def test_forbidden_candidates_before_between_and_after_change_no_bit(policy: Policy) -> None:
    scores, std, allowed = state(8, rows=1, n=23)
    keep = np.flatnonzero(allowed[0])
    compact = policy.probabilities(scores[:, keep], std[:, keep], allowed=allowed[:, keep])
    padded = policy.probabilities(scores, std, allowed=allowed)
    np.testing.assert_array_equal(padded[:, keep], compact)


@EVERY
def test_inputs_stay_untouched_and_the_same_call_gives_the_same_result(policy: Policy) -> None:
    inputs = state(9)
    before = [array.copy() for array in inputs]
    scores, std, allowed = inputs
    first = policy.probabilities(scores, std, allowed=allowed, rng=np.random.default_rng(1))
    second = policy.probabilities(scores, std, allowed=allowed, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(first, second)
    for now, then in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(now, then)


@EVERY
@pytest.mark.parametrize("seed", range(3))
def test_sampled_frequencies_are_the_logged_propensities(policy: Policy, seed: int) -> None:
    scores, std, allowed = state(seed, rows=1)
    p = policy.probabilities(scores, std, allowed=allowed)[0]
    n = 20_000
    drawn = sample(np.broadcast_to(p, (n, p.size)), np.random.default_rng(seed).random(n))
    counts = np.bincount(drawn, minlength=p.size)
    assert not counts[p == 0.0].any()
    if (p > 0.0).sum() > 1:
        expected = p[p > 0.0] / p.sum()
        assert chisquare(counts[p > 0.0], n * expected).pvalue > 1e-4 / (3 * len(CLASSES))


@EVERY
def test_a_row_without_candidates_is_a_clear_error(policy: Policy) -> None:
    scores, std, allowed = state(10)
    allowed[1] = False
    with pytest.raises(ValueError, match="none is left in row 1"):
        policy.probabilities(scores, std, allowed=allowed)


@EVERY
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_a_clear_error(policy: Policy, bad: float) -> None:
    scores, std, allowed = state(11)
    scores[2, 0] = bad
    with pytest.raises(ValueError, match="best of row 2"):
        policy.probabilities(scores, std, allowed=allowed)


@EVERY
def test_the_name_to_log_tells_the_parameters(policy: Policy) -> None:
    assert repr(policy).startswith(type(policy).__name__ + "(")
    assert eval(repr(policy), vars(policies)) == policy


def test_sample_follows_the_distribution_function() -> None:
    p = np.array([0.25, 0.0, 0.5, 0.25, 0.0])
    for uniform, index in [(0.0, 0), (0.2499, 0), (0.25, 2), (0.7499, 2), (0.75, 3), (1 - 2**-53, 3)]:
        assert sample(p, uniform) == index


@given(
    p=arrays(float, 8, elements=st.floats(0.0, 1.0)).filter(lambda p: p.sum() > 0.0),
    uniform=st.floats(0.0, 1.0, exclude_max=True),
)
def test_sample_never_returns_a_zero(p: np.ndarray, uniform: float) -> None:
    assert p[sample(p, uniform)] > 0.0


@pytest.mark.parametrize("p", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_sample_refuses_what_is_no_distribution(p: list[float]) -> None:
    with pytest.raises(ValueError, match="positive, finite sum"):
        sample(np.array(p), 0.5)


def test_closed_forms() -> None:
    s, std, allowed = (
        np.array([0.5, 0.3, 0.5, 9.0]),
        np.array([0.2, 0.4, 0.2, 0.0]),
        np.array([1, 1, 1, 0], bool),
    )

    def of(policy: Policy) -> np.ndarray:
        return policy.probabilities(s, std, allowed=allowed)

    np.testing.assert_allclose(of(Uniform()), [1 / 3, 1 / 3, 1 / 3, 0])
    np.testing.assert_allclose(of(Greedy()), [0.5, 0, 0.5, 0])
    np.testing.assert_allclose(of(EpsilonGreedy(0.3)), [0.45, 0.1, 0.45, 0])
    e = np.exp(-0.2 / 0.1)
    np.testing.assert_allclose(
        of(Softmax(temperature=0.1, floor=0.09)),
        [0.91 / (2 + e) + 0.03, 0.91 * e / (2 + e) + 0.03, 0.91 / (2 + e) + 0.03, 0],
    )
    second = 1 / (3 + 10 * 0.1)  # optimistic values .6, .5, .6
    np.testing.assert_allclose(
        of(InverseGap(gamma=10, alpha=0.5)), [(1 - second) / 2, second, (1 - second) / 2, 0]
    )
    second = 1 / (3 + 10 * (1 - np.exp(-0.2)))
    np.testing.assert_allclose(
        of(Exponentiated(InverseGap(gamma=10, alpha=0.0))), [(1 - second) / 2, second, (1 - second) / 2, 0]
    )


def test_thompson_of_two_candidates_is_the_normal_integral() -> None:
    policy = ThompsonSampling(floor=0.0)
    for gap, first, second in [(0.1, 0.1, 0.1), (0.1, 0.02, 0.3), (0.5, 0.1, 0.1), (0.0, 0.01, 0.5)]:
        p = policy.probabilities(np.array([gap, 0.0]), np.array([first, second]), allowed=np.ones(2, bool))
        assert p[0] == pytest.approx(norm.cdf(gap / np.hypot(first, second)), abs=0.01)


def test_thompson_wins_as_often_as_simulated_draws_do() -> None:
    rng = np.random.default_rng(3)
    scores, std, allowed = rng.normal(0, 0.1, 30), rng.uniform(0.03, 0.15, 30), np.arange(30) % 5 > 0
    draws = scores + std * rng.standard_normal((100_000, 30))
    computed = ThompsonSampling().probabilities(scores, std, allowed=allowed)
    simulated = ThompsonSampling().of_draws(draws, allowed=allowed)
    np.testing.assert_allclose(computed, simulated, atol=0.01)
    assert (simulated[~allowed] == 0.0).all()


def test_thompson_without_uncertainty_is_greedy() -> None:
    scores, allowed = np.array([0.2, 0.7, 0.7, 0.9]), np.array([True, True, True, False])
    p = ThompsonSampling(floor=0.0).probabilities(scores, np.zeros(4), allowed=allowed)
    np.testing.assert_allclose(p, [0, 0.5, 0.5, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Softmax(temperature=0.0), "temperature must be positive"),
        (lambda: Softmax(floor=1.5), r"floor must be in \[0, 1\], got 1.5"),
        (lambda: EpsilonGreedy(epsilon=-0.1), "epsilon must be in"),
        (lambda: InverseGap(gamma=-1.0), "gamma must be positive"),
        (lambda: InverseGap(alpha=-1.0), "alpha must be at least 0"),
        (lambda: ThompsonSampling(n_cells=0), "n_cells must be positive"),
    ],
)
def test_parameters_out_of_range_are_named(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()


def test_a_draw_from_many_rows_is_the_draw_of_each_alone_whatever_stands_in_between() -> None:
    rng = np.random.default_rng(4)
    p = rng.random((40, 300)) * (rng.random((40, 300)) < 0.5)
    p /= p.sum(axis=1, keepdims=True)
    uniform = rng.random(40)
    together = sample(p, uniform)  # long enough to be searched block by block
    for row in range(40):
        keep = np.flatnonzero(p[row])
        assert together[row] == sample(p[row], uniform[row]) == keep[sample(p[row, keep], uniform[row])]


def falling(seed: int, rows: int = 20, n: int = 90) -> tuple[OpenCandidates, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    allowed = rng.random((rows, n)) < 0.8
    groups = AlikeGroups(rng.integers(12, size=n), 13)  # one of them has no candidates
    offer = OpenCandidates(rng.normal(0, 0.3, (rows, n)), np.zeros(1), allowed, groups, -0.8)
    return offer, rng.integers(4, size=(rows, 13)) / 2, allowed & (rng.random((rows, n)) < 0.9)


def drawn_all(odds: Odds, shares: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return the probability of every candidate by drawing from one's interval to the next; 0: never."""
    out, at, rows = np.zeros(allowed.shape), np.zeros(len(allowed)), np.arange(len(allowed))
    for _ in range(allowed.shape[1]):
        draw = odds.draw(shares, allowed, np.minimum(at + 1e-13, 1.0 - 1e-13))
        out[rows, draw.position] = draw.propensity
        at += draw.propensity
    return out


@pytest.mark.parametrize("masked", [False, True])
def test_softmax_odds_are_the_probabilities_of_the_scores_as_they_have_fallen(masked: bool) -> None:
    offer, shares, allowed = falling(int(masked), rows=6)
    quick = Softmax().odds(offer)
    for step in range(4):
        may = allowed & offer.open if masked and step % 2 else offer.open
        expected = Odds(Softmax(), offer).units(shares, may) / UNIT
        found = drawn_all(quick, shares, may)
        np.testing.assert_allclose(found[found > 0], expected[found > 0], rtol=1e-9, atol=1e-11)
        assert (found[~may] == 0.0).all()
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)
        draw = quick.draw(shares, may, np.full(6, 0.3))
        scores = offer.scores + offer.log_diversity * shares[:, offer.group]
        best = np.where(may, scores, -np.inf).max(axis=1)
        np.testing.assert_array_equal(draw.best, best)
        offer.open[np.arange(6), draw.position] = False
        quick.close(draw.position)
        shares += 0.25


def test_a_candidate_is_drawn_from_one_interval_as_long_as_its_propensity() -> None:
    offer, shares, _ = falling(2, rows=1)
    quick, at, found = Softmax(0.3).odds(offer), 0.0, []
    while at < 1.0 - 1e-12:
        first, last = (quick.draw(shares, offer.open, np.array([at + 1e-13])) for _ in range(2))
        assert first.position == last.position
        found.append(int(first.position[0]))
        at += float(first.propensity[0])
    assert at == pytest.approx(1.0, abs=1e-12)
    assert sorted(found) == np.flatnonzero(offer.open[0]).tolist()


def test_softmax_odds_of_a_list_alone_have_the_bits_they_have_in_a_block() -> None:
    offer, shares, allowed = falling(3)
    offer.scores[7] -= 100.0 * ~allowed[7] - 50.0  # what is left of one list is far below its best
    offer.scores[8] -= 100.0 * allowed[8]
    together, uniform = Softmax().odds(offer), np.random.default_rng(4).random((3, len(shares)))
    alone, keeps = [], [np.flatnonzero(row) for row in offer.open]
    for row, keep in enumerate(keeps):
        at, groups = slice(row, row + 1), AlikeGroups(offer.group[keep], offer.groups.n_groups)
        scores, open_ = offer.scores[at, keep], offer.open[at][:, keep]
        alone.append(OpenCandidates(scores, offer.std, open_, groups, offer.log_diversity))
    odds = [Softmax().odds(own) for own in alone]
    for step in range(3):
        may = allowed & offer.open if step < 2 else offer.open
        draw = together.draw(shares, may, uniform[step])
        offer.open[np.arange(len(shares)), draw.position] = False
        together.close(draw.position)
        for row, keep in enumerate(keeps):
            one = may[row : row + 1, keep] if step < 2 else alone[row].open
            own = odds[row].draw(shares[row : row + 1], one, uniform[step, row : row + 1])
            assert keep[own.position[0]] == draw.position[row]
            assert own.propensity[0] == draw.propensity[row]
            assert own.best[0] == draw.best[row]
            alone[row].open[0, own.position] = False
            odds[row].close(own.position)


class Hotter(Softmax):
    """The same formula with the scores doubled."""

    def weights(self, scores: np.ndarray, top: np.ndarray | float) -> np.ndarray:
        doubled = super().weights(scores, top)
        return np.square(doubled, out=doubled)


class Backwards(Softmax):
    """A softmax in name only: it prefers the lowest score."""

    def weigh(self, choice: Choice) -> np.ndarray:
        choice.values[choice.allowed] *= -1.0
        top = choice.values.max(axis=-1, keepdims=True, where=choice.allowed, initial=-np.inf)
        return super().weigh(Choice(choice.values, choice.std, choice.allowed, top, choice.count, choice.rng))


@pytest.mark.parametrize("policy", [Hotter(), Backwards()], ids=["weights", "weigh"])
def test_whoever_edits_the_softmax_changes_single_choices_and_lists_alike(policy: Softmax) -> None:
    offer, shares, _ = falling(5, rows=4)
    edited = drawn_all(policy.odds(offer), shares, offer.open)
    slow = Odds(policy, offer).units(shares, offer.open) / UNIT
    usual = drawn_all(Softmax().odds(offer), shares, offer.open)
    assert np.abs(edited - usual).max() > 0.01
    np.testing.assert_allclose(edited[edited > 0], slow[edited > 0], rtol=1e-9, atol=1e-11)
