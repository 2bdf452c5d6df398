"""The page says what the evaluation says, carries its pictures inside, and escapes what came from a file."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.reports.html_report import report
from segue.experiments.evaluation.reports.plots import gain_by_policy, mastery_map, reliability
from segue.experiments.evaluation.verdicts.evaluation_result import Evaluation

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def evaluated(n: int, seed: int = 0) -> tuple[Evaluation, np.ndarray, float]:
    rng = np.random.default_rng(seed)
    action = rng.integers(2, size=n)
    reward = (rng.random(n) < 0.3 + 0.4 * action).astype(float)
    target = np.where(action == 1, 0.9, 0.1)
    log = Log(reward=reward, propensity=np.full(n, 0.5), target=target)
    return evaluate(log), log.rounds().weight, float(reward.mean())


def page(n: int, title: str = "New policy") -> str:
    evaluation, weight, logged = evaluated(n)
    return report(evaluation, weight, title=title, logged_value=logged, now=NOW)


def test_a_clear_answer_is_said_in_the_first_sentence_with_the_figures_of_the_evaluation() -> None:
    text = page(2000)
    headline = evaluated(2000)[0].headline
    verdict = unescape(re.search(r'class="verdict">([^<]+)<', text)[1])
    assert verdict.startswith(f"The new policy is better than the logged one: {headline.value:.4g} per step")
    assert f"{headline.low:.4g} to {headline.high:.4g}" in verdict


def test_too_little_evidence_is_the_verdict() -> None:
    assert "Not enough evidence: only" in page(6)


def test_the_page_loads_nothing_and_holds_both_pictures() -> None:
    text = page(500)
    assert text.count("data:image/svg+xml;base64,") == 2
    assert not re.search(r'(?:src|href)="(?!data:)', text)


def test_what_came_from_outside_is_escaped() -> None:
    assert "<script>" not in page(500, title="<script>alert(1)</script>")


def test_other_pictures_show_every_value_once() -> None:
    import pandas as pd

    gains = pd.DataFrame({"gated": [0.1, 0.5], "memory": [0.2, 0.4]}, index=["random", "segue"])
    labels = [t.get_text() for t in gain_by_policy(gains).axes[0].get_yticklabels()]
    assert labels == ["segue", "random"]
    shown = mastery_map(pd.DataFrame([[0.1, np.nan], [0.9, 0.5]])).axes[0].images[0].get_array()
    np.testing.assert_array_equal(np.ma.filled(shown, np.nan), [[0.1, np.nan], [0.9, 0.5]])
    probability = np.linspace(0.05, 0.95, 300)
    x, y = reliability(probability, probability, n_bins=10).axes[0].lines[1].get_data()
    np.testing.assert_allclose(x, y)
