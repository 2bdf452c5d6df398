"""The fold of attempts: the stream is the batch, the past knows no future, and evidence narrows."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import segue
from segue.features.catalogue import Catalogue, Resource
from segue.features.history import batch_fold
from segue.features.history.attempts import Attempt, Attempts, HistoryParameters, encode
from segue.features.history.batch_replay import chunks
from segue.features.history.difficulty import fit_difficulty
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.history.state_columns import COUNT, LAST_TIME, MEAN, RESIDUAL, RUN_RIGHT, TRIED, VARIANCE
from segue.features.history.streaming_update import fold, update
from segue.features.vectors.learner_vector import design

SEEDS = st.integers(0, 2**32 - 1)
MakeAttempts = Callable[..., Attempts]


def streamed(attempts: Attempts, catalogue: Catalogue, parameters: HistoryParameters) -> list[LearnerState]:
    states = [LearnerState.fresh(catalogue) for _ in range(int(attempts.learner.max()) + 1)]
    for i, learner in enumerate(attempts.learner.tolist()):
        update(states[learner], attempts.one(i), parameters)
    return states


def assert_same(one: LearnerState, other: LearnerState) -> None:
    assert one.to_bytes() == other.to_bytes()


def doubted(attempts: Attempts, seed: int, *, doubt: bool) -> Attempts:
    """Return attempts some of whose scores count less than others, or all whole."""
    rng = np.random.default_rng(seed)
    weight = np.where(rng.random(len(attempts)) < 0.5, 1.0, rng.uniform(0.1, 1.0, len(attempts)))
    return replace(attempts, weight=weight) if doubt else attempts


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, doubt=st.booleans())
def test_the_stream_is_the_batch(
    seed: int, doubt: bool, catalogue: Catalogue, parameters: HistoryParameters, make_attempts: MakeAttempts
) -> None:
    attempts = doubted(make_attempts(seed), seed, doubt=doubt)
    batch = fold(attempts, 6, parameters).states()
    for one, other in zip(streamed(attempts, catalogue, parameters), batch, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("name", ["algebra2005-sample", "statics2011"])
def test_the_stream_is_the_batch_on_real_histories(name: str, shared_data: Callable[[str], Path]) -> None:
    tracing = pytest.importorskip("segue.experiments.learner_vectors.success_prediction")
    folder = shared_data(name)
    trial = tracing.read_trial(folder / "interactions.csv.gz", folder / "item_skills.csv.gz")
    attempts = trial.attempts.take(slice(0, int(trial.attempts.starts[12])))
    parameters = fit_difficulty(attempts, trial.catalogue).parameters(trial.catalogue)
    batch = fold(attempts, 12, parameters).states()
    for one, other in zip(streamed(attempts, trial.catalogue, parameters), batch, strict=True):
        assert_same(one, other)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, pieces=st.integers(1, 4), rows=st.integers(1, 40))
def test_a_fold_that_goes_on_from_states_gives_the_same_bytes(
    seed: int, pieces: int, rows: int, parameters: HistoryParameters, make_attempts: MakeAttempts
) -> None:
    attempts = doubted(make_attempts(seed), seed, doubt=bool(seed % 2))
    whole = fold(attempts, 6, parameters)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_fold, "FOLD_ROWS", rows)
        going = fold(attempts.take(slice(0, 0)), 6, parameters)
        for piece in range(pieces):
            mine = attempts.position * pieces // (attempts.position.max(initial=0) + 1) == piece
            going = fold(attempts.take(mine), 6, parameters, base=StateBlock.of(going.states()))
    for one, other in zip(going.states(), whole.states(), strict=True):
        assert_same(one, other)


def test_a_doubtful_score_moves_less_and_makes_less_sure(
    catalogue: Catalogue, parameters: HistoryParameters
) -> None:
    states = {}
    for weight in (1.0, 0.5, 1e-9):
        states[weight] = LearnerState.fresh(catalogue)
        update(states[weight], Attempt(0, 1.0, 0.0, 1, weight), parameters)
    whole, half, none = (states[weight].general for weight in (1.0, 0.5, 1e-9))
    assert whole[MEAN] > half[MEAN] > none[MEAN] == pytest.approx(0.0, abs=1e-6)
    assert whole[VARIANCE] < half[VARIANCE] < none[VARIANCE] <= 1.0
    assert half[RESIDUAL] == pytest.approx(0.5 * whole[RESIDUAL])
    assert whole[COUNT] == half[COUNT] == 1.0


def test_chunks_do_not_change_what_is_read(
    parameters: HistoryParameters, make_attempts: MakeAttempts
) -> None:
    attempts = make_attempts(3)
    logit = parameters.item_logit[attempts.resource]
    whole = [c.general for c in chunks(attempts, parameters, logit=logit)]
    parts = [c.general for c in chunks(attempts, parameters, logit=logit, rows=20)]
    assert len(parts) > len(whole)
    np.testing.assert_array_equal(np.concatenate(parts), np.concatenate(whole))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, at=st.floats(0, 1))
def test_no_vector_knows_a_later_answer(
    seed: int, at: float, parameters: HistoryParameters, make_attempts: MakeAttempts
) -> None:
    attempts = make_attempts(seed)
    row = int(at * (len(attempts) - 1))
    later = (np.arange(len(attempts)) >= row) & (attempts.learner == attempts.learner[row])
    flipped = replace(attempts, score=np.where(later, 1.0 - attempts.score, attempts.score))
    before, after = design(attempts, parameters), design(flipped, parameters)
    np.testing.assert_array_equal(before[: row + 1], after[: row + 1])
    others = attempts.learner != attempts.learner[row]
    np.testing.assert_array_equal(before[others], after[others])


def test_vectors_do_depend_on_earlier_answers(
    parameters: HistoryParameters, make_attempts: MakeAttempts
) -> None:
    attempts = make_attempts(1)
    flipped = replace(attempts, score=1.0 - attempts.score)
    assert not np.array_equal(design(attempts, parameters), design(flipped, parameters))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_rows_and_the_names_of_learners_do_not_matter(
    seed: int, parameters: HistoryParameters, make_attempts: MakeAttempts
) -> None:
    attempts = make_attempts(seed)
    rng = np.random.default_rng(seed)
    shuffle, names = rng.permutation(len(attempts)), rng.permutation(6)
    a = attempts.take(shuffle)
    again = Attempts.sorted(names[a.learner], a.resource, a.score, a.time, a.seq)
    rows, renamed = fold(attempts, 6, parameters).skills, fold(again, 6, parameters).skills
    np.testing.assert_allclose(renamed[names], rows, rtol=0, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS)
def test_observations_narrow_and_success_never_lowers_a_mean(
    seed: int, catalogue: Catalogue, parameters: HistoryParameters, make_attempts: MakeAttempts
) -> None:
    attempts = make_attempts(seed, n_learners=1)
    state = streamed(attempts, catalogue, parameters)[0]
    before = state.rows.copy()
    last = attempts.one(len(attempts) - 1)
    right, wrong = state.copy(), state.copy()
    update(right, last._replace(score=1.0), parameters)
    update(wrong, last._replace(score=0.0), parameters)
    assert (right.rows[:, MEAN] >= wrong.rows[:, MEAN]).all()
    touched = [*parameters.skills_of[last.resource], -1]
    assert (right.rows[touched, MEAN] > wrong.rows[touched, MEAN]).all()
    for after in (right.rows, wrong.rows):
        assert (after[:, VARIANCE] > 0).all()
        drift = np.full(len(after), 0.02)
        drift[-1] = 0.003
        assert (after[:, VARIANCE] <= before[:, VARIANCE] + drift).all()
    untouched = np.delete(np.arange(len(before)), np.array(touched) % len(before))
    np.testing.assert_array_equal(right.rows[untouched], before[untouched])


def test_one_step_of_the_filter_is_its_closed_form() -> None:
    catalogue = Catalogue.build([Resource("r", skills=("a", "b"))])
    parameters = HistoryParameters.of(
        catalogue, item_logit=np.array([0.3]), skill_logit=np.zeros(2), global_logit=0.0
    )
    state = LearnerState.fresh(catalogue)
    update(state, Attempt(0, 1.0, 1000.0, 0), parameters)
    p = 1 / (1 + np.exp(-0.3))
    # linearised observation y = p + p(1-p) h·(m - m0) + noise of variance p(1-p), prior variance the identity
    h = np.array([0.5, 0.5, 1.0])
    gain = h * p * (1 - p) / (p * (1 - p) + (p * (1 - p)) ** 2 * h @ h)
    np.testing.assert_allclose(state.rows[:, MEAN], gain * (1 - p), rtol=1e-12)
    expected = 1 - gain * p * (1 - p) * h + np.array([0.02, 0.02, 0.003])
    np.testing.assert_allclose(state.rows[:, VARIANCE], np.minimum(expected, 1.0), rtol=1e-12)


def test_counts_fade_by_the_clock_and_runs_break(parameters: HistoryParameters, catalogue: Catalogue) -> None:
    state = LearnerState.fresh(catalogue)
    for seq, (score, time) in enumerate([(1.0, 0.0), (1.0, 3600.0), (0.0, 7200.0)]):
        update(state, Attempt(0, score, time, seq), parameters)
    hour = state.general[TRIED][0]
    assert hour == pytest.approx(1 + np.exp(-1) + np.exp(-2))
    assert state.general[RUN_RIGHT] == 0.0
    assert state.general[COUNT] == 3.0


def test_without_times_the_columns_of_time_stay_empty(
    parameters: HistoryParameters, catalogue: Catalogue
) -> None:
    state = LearnerState.fresh(catalogue)
    update(state, Attempt(0, 1.0, float("nan"), 0), parameters)
    np.testing.assert_array_equal(state.general[TRIED], np.zeros(4))
    assert state.general[LAST_TIME] == -np.inf


def test_a_score_in_percent_is_refused(parameters: HistoryParameters, catalogue: Catalogue) -> None:
    with pytest.raises(ValueError, match=r"score must be in \[0, 1\], got 87.0 \(percent"):
        update(LearnerState.fresh(catalogue), Attempt(0, 87.0, 0.0, 0), parameters)


def events(rows: list[tuple[str, str, float, str, int, str, str]]) -> pd.DataFrame:
    columns = ["event_id", "resource", "score", "time", "seq", "supersedes", "voids"]
    frame = pd.DataFrame(rows, columns=columns).assign(kind="attempt", learner="ada")
    return frame.assign(time=pd.to_datetime(frame["time"], utc=True))


def test_a_late_voided_or_regraded_event_gives_the_corrected_history(catalogue: Catalogue) -> None:
    corrected = events(
        [
            ("a", "r1", 1.0, "2026-09-01T08:00", 0, "", ""),
            ("b", "r2", 0.0, "2026-09-01T08:05", 1, "", ""),
            ("c", "r3", 1.0, "2026-09-02T08:00", 2, "", ""),
        ]
    )
    received = events(
        [
            ("a0", "r1", 0.2, "2026-09-01T08:00", 0, "", ""),
            ("c", "r3", 1.0, "2026-09-02T08:00", 2, "", ""),
            ("x", "r9", 1.0, "2026-09-01T09:00", 3, "", ""),
            ("y", "r9", np.nan, "2026-09-03T09:00", 4, "", "x"),
            ("b", "r2", 0.0, "2026-09-01T08:05", 1, "", ""),
            ("a", "r1", 1.0, "2026-09-01T08:00", 0, "a0", ""),
        ]
    )
    one, other = encode(corrected, catalogue)[0], encode(received, catalogue)[0]
    for name in ("learner", "resource", "score", "time", "seq"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_encoding_numbers_learners_by_id_and_keeps_unknown_times(catalogue: Catalogue) -> None:
    frame = pd.DataFrame(
        {
            "learner": ["zoe", "ada", "ada"],
            "resource": ["r1", "r2", "r3"],
            "score": [1.0, 0.0, 0.5],
            "time": pd.to_datetime(pd.Series(["2026-09-01T08:00:00", None, "1970-01-01T00:00:10"]), utc=True),
            "seq": [0, 1, 2],
        }
    )
    attempts, ids = encode(frame, catalogue)
    assert ids == ("ada", "zoe")
    assert attempts.learner.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(attempts.time[:2], [np.nan, 10.0])


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_a_learner_folded_alone_and_among_others_ends_in_the_same_bits(
    seed: int, parameters: HistoryParameters, make_attempts: MakeAttempts
) -> None:
    attempts = make_attempts(seed)
    together = fold(attempts, 6, parameters)
    for i in range(6):
        own = attempts.take(attempts.learner == i)
        alone = fold(replace(own, learner=np.zeros_like(own.learner)), 1, parameters)
        part = together.part(i, i + 1)
        for name in ("general", "skills", "item_id", "item_values", "set_id", "set_values"):
            np.testing.assert_array_equal(getattr(part, name), getattr(alone, name))
        assert part.states()[0].to_bytes() == alone.states()[0].to_bytes()
        assert LearnerState.from_bytes(part.states()[0].to_bytes()).to_bytes() == alone.states()[0].to_bytes()


def test_exponentials_and_logarithms_are_numpys():
    # With AVX-512 they differ from the C library's in the last bit: one learner would not be a block of one.
    found = [
        f"{path}:{node.lineno}"
        for room in ("features", "models", "engine")
        for path in (Path(segue.__file__).parent / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "math"
        and node.attr in {"exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "pow", "tanh", "cbrt"}
    ]
    assert not found
