"""Do ranges of 80 % cover 80 %? Simulated classes whose learners differ on a skill by little, some, or much.

    python benchmarks/ranges.py [--classes 10] [--spreads 0.3 0.7 1.2] [--learners 150]

Learners whose abilities have a standard deviation of 1 logit, and of a spread around their own on each of
10 skills, answer 40 questions of 60 items. After a fit the range of each skill practised is compared with the
learner's true chance on its items. What is learned of one class of this size varies, so several are drawn.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import numpy as np

from segue.engine.recommender import fit
from segue.engine.training.fit import TrainingLog
from segue.features.catalogue import Catalogue, Resource
from segue.features.history.attempts import Attempts
from segue.features.history.batch_fold import fold
from segue.features.history.state_columns import VARIANCE
from segue.features.learner_profile import NORMAL_80
from segue.features.vectors.mastery import evidence, mastery
from segue.features.vectors.range_width import widened

SKILLS, ITEMS, TRIES = 10, 60, 40
HOUR = 3600.0


def main() -> None:
    """Print the share of ranges that hold the truth, and how wide they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--spreads", type=float, nargs="+", default=[0.3, 0.7, 1.2])
    parser.add_argument("--learners", type=int, default=150)
    options = parser.parse_args()
    for spread in options.spreads:
        found = np.array([coverage(spread, seed, options.learners) for seed in range(1, options.classes + 1)])
        (covered, width), sd = found.mean(axis=0), found[:, 0].std()
        print(f"skill sd {spread}: covered {covered:.3f} (sd of classes {sd:.3f}), width {width:.3f}")


def coverage(spread: float, seed: int, n_learners: int) -> tuple[float, float]:
    """Return the share of ranges that hold the true chance, and their mean width in logits."""
    rng = np.random.default_rng(seed)
    skill = np.arange(ITEMS) % SKILLS
    easiness = rng.normal(0.3, 0.7, ITEMS) + rng.normal(0.0, 0.5, SKILLS)[skill]
    catalogue = Catalogue.build([Resource(f"r{i}", skills=(f"s{skill[i]}",)) for i in range(ITEMS)])
    level = rng.normal(0.0, 1.0, (n_learners, 1)) + rng.normal(0.0, spread, (n_learners, SKILLS))
    learner, item = np.repeat(np.arange(n_learners), TRIES), rng.integers(0, ITEMS, n_learners * TRIES)
    chance = 1.0 / (1.0 + np.exp(-(level[:, skill] + easiness)))
    right = (rng.random(len(item)) < chance[learner, item]).astype(np.float64)
    time = 1.7e9 + HOUR * np.tile(12.0 * np.arange(TRIES), n_learners)
    codes = catalogue.resource_codes([f"r{i}" for i in item])
    attempts = Attempts.sorted(learner, codes, right, time, np.arange(len(item)))
    log = TrainingLog(attempts, tuple(map(str, range(n_learners))), np.full(1, 0.8))
    made = fit(
        catalogue, log, rng=np.random.default_rng(0), now=datetime.fromtimestamp(float(time.max()), UTC)
    )
    kernel = made.kernel
    block, now = fold(attempts, n_learners, kernel.parameters), float(time.max()) + 8.0 * HOUR
    ahead = kernel.reader.forecast(block, 0.0, now)
    own = block.general[:, VARIANCE, None]
    of_skill = np.maximum(mastery(block, now)[1] - own, 1e-3)
    of_learner, beyond = kernel.success.extra_precision
    reach = NORMAL_80 * np.sqrt(widened(own, of_learner) + widened(of_skill, beyond))
    named = [int(s.skill_id[1:]) for s in catalogue.skills]
    true = np.stack([chance[:, skill == k].mean(axis=1) for k in named], axis=1)
    held = np.abs(np.log(true / (1.0 - true)) - np.log(ahead / (1.0 - ahead))) <= reach
    practised = evidence(block) > 0
    return float(held[practised].mean()), float(2.0 * reach[practised].mean())


if __name__ == "__main__":
    main()
