"""The picture holds one point a skill, in the colour of its band."""

from __future__ import annotations

import numpy as np

from segue.experiments.learner_vectors.profile_plot import COLOURS, profile_figure
from segue.features.learner_profile import LearnerProfile, SkillProfile


def test_each_skill_is_one_point_in_its_colour() -> None:
    strong = SkillProfile("a", "I can.", 0.9, 0.8, 0.95, "excelling", "steady", None, 9, 8.0, "2026-11-01")
    weak = SkillProfile("b", "", 0.3, 0.2, 0.5, "struggling", "falling", None, 9, 2.0, None)
    shown = LearnerProfile("2026-11-24T08:00:00+00:00", 18, (strong,), (weak,), (), ())
    axes = profile_figure(shown).axes[0]
    points = {line.get_label(): line for line in axes.lines if line.get_label() in ("a", "b")}
    assert points["a"].get_color() == COLOURS["excelling"]
    assert np.asarray(points["b"].get_xdata()).tolist() == [0.3]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["b (9)", "I can. (9)"]


def test_a_stranger_has_an_empty_picture() -> None:
    shown = LearnerProfile("2026-11-24T08:00:00+00:00", 0, (), (), (), ())
    assert profile_figure(shown).axes[0].get_xlim() == (0.0, 1.0)
