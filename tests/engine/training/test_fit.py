"""Fitting and learning: the same from the same, replays that see the past only, rewards found again."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from benchmarks import ranges
from segue.engine.pipeline import UNTESTED, UNTRIED
from segue.engine.recommender import fit
from segue.engine.requests.request import Request
from segue.engine.sampling.randomness import generator
from segue.engine.settings import Settings
from segue.engine.training.fit import (
    LEAST_SPAN,
    MOST_OFFERS,
    TrainingLog,
    latest_learners,
    no_attempts,
    span_of,
)
from segue.engine.training.replay import ReplaySteps, replay
from segue.engine.training.reward_model import learned_of, reward_model
from segue.engine.training.trust import trusted
from segue.features.catalogue import Catalogue, Resource
from segue.features.contexts.context_columns import COLUMNS, INDEX
from segue.features.contexts.population import crowd_of, kind_rates, offers
from segue.features.history.attempts import Attempts
from segue.features.history.streaming_update import LearnerState, encode, update
from segue.features.reward import Forecasts, Rewards, Tries
from segue.models.liking import liking

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)


def catalogue() -> Catalogue:
    kinds = ("lesson", "game")
    resources = [Resource(f"r{i}", skills=(f"s{i % 4}",), kind=kinds[i % 2]) for i in range(12)]
    return Catalogue.build(resources, prerequisites=[("s0", "s1")])


def events(n_learners: int = 12, n_each: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = n_learners * n_each
    return pd.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(n)],
            "kind": "attempt",
            "learner": [f"u{i % n_learners}" for i in range(n)],
            "resource": [f"r{i}" for i in rng.integers(12, size=n)],
            "score": (rng.random(n) < 0.6).astype(float),
            "time": pd.Timestamp("2026-06-01", tz="UTC")
            + pd.to_timedelta(np.arange(n) // n_learners * 20, unit="h"),
            "seq": np.arange(n),
            "completed": (np.arange(n) % 2 == 0).astype(float),
        }
    )


def test_the_same_events_give_the_same_recommender_in_any_order() -> None:
    frame = events()
    one = fit(catalogue(), frame, rng=np.random.default_rng(1), now=NOW)
    two = fit(catalogue(), frame.sample(frac=1.0, random_state=3), rng=np.random.default_rng(1), now=NOW)
    request = Request("u", NOW, k=5)
    drawn = [made.recommend(request, rng=np.random.default_rng(0)) for made in (one, two)]
    assert [s.resource for s in drawn[0].steps] == [s.resource for s in drawn[1].steps]
    assert [s.score for s in drawn[0].steps] == pytest.approx([s.score for s in drawn[1].steps], abs=1e-9)


def test_a_replay_sees_what_the_learner_had_done_before_and_nothing_else() -> None:
    made = fit(catalogue(), events(), rng=np.random.default_rng(1), now=NOW)
    attempts, _ = encode(events(), made.catalogue)
    steps = replay(made.kernel, attempts)
    state, row = LearnerState.fresh(made.catalogue), 0
    for row in np.flatnonzero(attempts.learner == 0).tolist():
        now = datetime.fromtimestamp(attempts.time[row], UTC)
        code = int(attempts.resource[row])
        asked = made.asked((Request("u", now, state=state, candidates=(f"r{code}",)),))
        scene = made.kernel.scene(asked)
        assert steps.contexts[row] == pytest.approx(scene.columns[:, 0, 0], abs=1e-12)
        skill = made.catalogue.skill_matrix[code, 0]
        assert steps.forecasts.week[row, 0] == pytest.approx(scene.skills.chance_later[0, skill])
        update(state, attempts.one(row), made.kernel.parameters)
    changed = Attempts(attempts.learner, attempts.resource, 1.0 - attempts.score, attempts.time, attempts.seq)
    again = replay(made.kernel, changed)
    first = attempts.starts[:-1]
    assert np.array_equal(again.contexts[first], steps.contexts[first])


def test_the_reward_model_finds_what_pays() -> None:
    rng = np.random.default_rng(0)
    contexts = rng.random((4000, len(COLUMNS)))
    value = 0.3 * contexts[:, INDEX["readiness"]] - 0.2 * contexts[:, INDEX["mastery"]]
    value += rng.normal(0, 0.2, 4000)
    status = np.where(rng.random(4000) < 0.8, 1, 0)
    learned = reward_model(contexts, Rewards(value, status, np.zeros(4000)), settings=Settings())
    assert learned is not None
    assert learned.n == (status == 1).sum()
    mean = learned.model.mean
    assert mean[INDEX["readiness"]] == pytest.approx(0.3, abs=0.05)
    assert mean[INDEX["mastery"]] == pytest.approx(-0.2, abs=0.05)
    predicted = contexts @ mean
    assert learned.value_range == pytest.approx(tuple(np.quantile(predicted, [0.02, 0.98])))


def test_rewards_are_read_with_models_that_do_not_know_the_answers() -> None:
    """Answers by lot at resources that few tried: what is likely says nothing of what will be learned."""
    many = Catalogue.build([Resource(f"r{i}", skills=(f"s{i % 6}",)) for i in range(320)])
    n_learners, n, slopes = 16, 960, []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame(
            {
                "kind": "attempt",
                "learner": [f"u{i % n_learners}" for i in range(n)],
                "resource": [f"r{i}" for i in rng.integers(320, size=n)],
                "score": rng.integers(2, size=n).astype(float),
                "time": pd.Timestamp("2026-06-01", tz="UTC")
                + pd.to_timedelta(np.arange(n) // n_learners * 20, unit="h"),
                "seq": np.arange(n),
            }
        )
        learned = fit(many, frame, rng=np.random.default_rng(1), now=NOW).kernel.learned
        assert learned is not None
        slopes.append(learned.model.mean[INDEX["success"]])
    assert np.mean(slopes) < 0.06


def test_ranges_of_a_small_class_hold_the_truth() -> None:
    """Ranges of 80 %: a model that knows a class's answers believes that its learners are all alike."""
    held = [ranges.coverage(0.3, seed, 20)[0] for seed in range(1, 9)]
    assert np.mean(held) > 0.76


def test_a_column_that_is_constant_in_a_catalogue_drops_out() -> None:
    rng = np.random.default_rng(0)
    contexts = rng.random((4000, len(COLUMNS)))
    contexts[:, INDEX["bias"]], contexts[:, INDEX["breadth"]] = 1.0, 0.25  # one skill each
    paid = Rewards(0.2 + rng.normal(0, 0.1, 4000), np.ones(4000, np.int64), np.zeros(4000))
    learned = reward_model(contexts, paid, settings=Settings())
    assert learned is not None
    mean, column = learned.model.mean, np.zeros(len(COLUMNS))
    assert mean[INDEX["breadth"]] == pytest.approx(0.0, abs=1e-6)
    assert mean[INDEX["bias"]] == pytest.approx(0.2, abs=0.03)
    column[INDEX["breadth"]] = 1.0
    assert learned.model.predict(column[None])[1][0] < 1e-4  # and makes no candidate uncertain


def test_the_learned_part_weighs_more_with_evidence_and_nothing_without() -> None:
    settings = Settings()
    none = Rewards(np.full(3, np.nan), np.zeros(3, dtype=np.int64), np.full(3, np.nan))
    assert reward_model(np.zeros((3, len(COLUMNS))), none, settings=settings) is None
    rng = np.random.default_rng(0)
    etas = []
    for n in (10, 1000, 100_000):
        model = reward_model(
            rng.random((n, len(COLUMNS))),
            Rewards(np.zeros(n), np.ones(n, dtype=np.int64), np.zeros(n)),
            settings=settings,
        )
        assert model is not None
        again = learned_of(model.model, rng.random((5, len(COLUMNS))), settings)
        assert again.eta == model.eta
        etas.append(model.eta)
    assert 0 < etas[0] < etas[1] < etas[2] < settings.eta


def test_the_crowd() -> None:
    frame = events()
    attempts, _ = encode(frame, catalogue())
    _, resource, finished = offers(frame, catalogue())
    crowd = crowd_of(attempts, kind_rates(resource, finished, catalogue()), catalogue())
    assert crowd.popularity.max() == 1.0
    assert ((crowd.kind_rate > 0) & (crowd.kind_rate < 1)).all()
    assert crowd.next_start[-1] == len(crowd.next_item) == len(crowd.next_share)
    sums = np.add.reduceat(crowd.next_share, crowd.next_start[:-1])
    assert (sums < 1.0).all()


def test_nobody_yet_is_a_cold_start() -> None:
    made = fit(catalogue(), pd.DataFrame(), rng=np.random.default_rng(0), now=NOW)
    assert made.kernel.learned is None
    assert made.kernel.span == UNTRIED
    steps = made.recommend(Request("u", NOW, k=4), rng=np.random.default_rng(0)).steps
    assert len(steps) == 4
    assert len(no_attempts()) == 0


def test_the_span_is_wide_enough_to_mean_something() -> None:
    low, high = span_of(np.full(100_000, 0.7))
    assert high - low == pytest.approx(LEAST_SPAN, abs=0.01)
    low, high = span_of(np.linspace(0, 1, 100_000))
    assert (low, high) == pytest.approx((0.1, 0.9), abs=0.01)


def test_only_the_latest_learners_are_replayed_whole() -> None:
    attempts, _ = encode(events(), catalogue())
    some = latest_learners(attempts, 50)
    assert set(some.learner) == {10, 11}
    assert set(latest_learners(attempts, 1).learner) == {11}
    assert len(latest_learners(attempts, 10**6)) == len(attempts)


def test_generators_differ_in_every_name() -> None:
    names = [("k", "p", "w", "u", 0), ("l", "p", "w", "u", 0), ("k", "q", "w", "u", 0)]
    names += [
        ("k", "p", "x", "u", 0),
        ("k", "p", "w", "v", 0),
        ("k", "p", "w", "u", 1),
        ("kp", "", "w", "u", 0),
    ]
    assert len({generator(*name).random() for name in names}) == len(names)
    assert generator(*names[0]).random() == generator(*names[0]).random()


def test_a_log_without_times_can_be_fitted_and_its_rewards_stay_pending() -> None:
    frame = events()
    frame["time"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns, UTC]")
    made = fit(catalogue(), frame, rng=np.random.default_rng(0), now=NOW)
    attempts, _ = encode(frame, made.catalogue)
    steps = replay(made.kernel, attempts)
    assert np.isfinite(steps.contexts).all()
    assert made.kernel.learned is None
    assert len(made.recommend(Request("u", NOW, k=4), rng=np.random.default_rng(0)).steps) == 4


def rewarded(n_learners: int, rng: np.random.Generator, *, pays: float) -> tuple[ReplaySteps, Rewards]:
    """Return steps of learners whose rewards follow how new a resource is liked by `pays` a point."""
    n = 60 * n_learners
    contexts = rng.random((n, len(COLUMNS)))
    contexts[:, INDEX["bias"]] = 1.0
    value = pays * contexts[:, INDEX["interest"]] + rng.normal(0.0, 0.3, n)
    learner, none = np.repeat(np.arange(n_learners), 60), np.full((n, 1), np.nan)
    tries = Tries(learner, np.zeros((n, 1), np.int64), np.arange(n) * 1.0, np.ones(n), np.zeros(n))
    steps = ReplaySteps(np.zeros(n, np.int64), contexts, tries, Forecasts(none, none, none))
    return steps, Rewards(value, np.ones(n, dtype=np.int64), np.zeros(n))


def test_the_learned_part_is_trusted_as_far_as_it_foresees_learners_it_has_not_seen() -> None:
    rng, settings = np.random.default_rng(0), Settings()
    few, many = (trusted(*rewarded(n, rng, pays=0.15), settings) for n in (2, 300))
    nothing = trusted(*rewarded(300, rng, pays=0.0), settings)
    assert few == pytest.approx(UNTESTED, abs=0.03)
    assert many > 0.4
    assert nothing < 0.2
    assert settings.learned_weight(1e6, many) == pytest.approx(min(settings.eta, many), rel=0.01)
    assert settings.pedagogy_alone().learned_weight(1e6, many) == 0.0


def peak(work: Callable[[], object]) -> int:
    """Return the bytes that work holds at most at a time."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_a_long_log_that_says_what_was_finished_takes_three_numbers_a_row_more() -> None:
    """How interests matter is told by `MOST_OFFERS` offers, however many there are."""
    n, each = 3 * MOST_OFFERS, 200
    resources = [Resource(f"r{i}", skills=("s",), tags=tuple("abcd")) for i in range(20)]
    rng, many = np.random.default_rng(0), Catalogue.build(resources)
    learner, resource = np.arange(n) // each, rng.integers(20, size=n)
    frame = pd.DataFrame(
        {
            "kind": "attempt",
            "learner": np.array([f"u{i}" for i in range(n // each)], dtype=object)[learner],
            "resource": np.array([f"r{i}" for i in range(20)], dtype=object)[resource],
            "score": rng.integers(2, size=n).astype(float),
            "time": pd.Timestamp("2026-06-01", tz="UTC") + pd.to_timedelta(np.arange(n), unit="s"),
            "seq": np.arange(n),
        }
    )
    without = peak(lambda: TrainingLog.of(frame, many))
    frame["completed"] = rng.integers(2, size=n).astype(float)
    some, tags = slice(MOST_OFFERS // 10), many.tag_matrix[resource]
    tenth = peak(lambda: liking(learner[some], tags[some], frame["completed"].to_numpy()[some]))
    assert peak(lambda: TrainingLog.of(frame, many)) <= without + n * 3 * 8 + 10 * tenth
