"""Many steps in words are each step in words."""

from __future__ import annotations

import numpy as np

from segue.engine.explanations.why import READ, student_words, students_words
from segue.features.catalogue import Catalogue, Resource, Skill
from segue.features.history.learner_state import LearnerState
from segue.features.history.state_columns import COUNT, LAST_TIME, SUCCESSES

DAY = 86400.0
CATALOGUE = Catalogue.build(
    [
        Resource("a", skills=("unit-rates",), tags=("music", "sea")),
        Resource("b", skills=("k7",)),
        Resource("c", skills=("fractions",), tags=("sea",)),
    ],
    skills=[Skill("unit-rates"), Skill("k7"), Skill("fractions", statement="Add fractions.", i_can="I add.")],
)


def test_many_steps_are_told_as_each_alone() -> None:
    rng, n, now = np.random.default_rng(0), 400, 1e9
    resources = [CATALOGUE.resources[i] for i in rng.integers(0, 3, n)]
    contexts = rng.choice([0.3, 0.5, 0.6, 0.7, 0.85, 0.9], (n, len(READ)))
    stated = [tuple(rng.permutation(["sea", "music", "stars"])[: rng.integers(0, 3)]) for _ in range(n)]
    rows, alone = [], []
    for resource, context, interests in zip(resources, contexts, stated, strict=True):
        state, skill = LearnerState.fresh(CATALOGUE), CATALOGUE.skill_index[resource.skills[0]]
        tries = int(rng.integers(0, 5))
        state.rows[skill, COUNT], state.rows[skill, SUCCESSES] = tries, rng.integers(0, tries + 1) / 2
        if tries and rng.random() < 0.8:
            state.rows[skill, LAST_TIME] = now - rng.choice([-1.0, 0.5, 1.0, 1.5, 2.5, 40.0]) * DAY
        read = dict(zip(READ, context.tolist(), strict=True))
        alone.append(student_words(CATALOGUE, resource, read, state=state, now=now, interests=interests))
        rows.append(state.rows[skill])
    many = students_words(
        CATALOGUE, resources, contexts, rows=np.array(rows), now=np.full(n, now), interests=stated
    )
    assert many == alone
    assert len(set(many)) > 40
