"""How the network of ``engine.scoring.prospect`` is made: simulated classes, and a reference that sees all.

Run: ``python -m benchmarks.prospect_training`` (about 20 minutes of CPU; writes the
network that comes with the package). Classes of varied student models are taught by the engine. Of some of
those who ask, the columns, the score without the network and the true worth of every candidate
(`Clairvoyant.prospects`) are kept. The network is then chosen such that a softmax draw by score + h collects
the largest share of that worth, the models in which it collects little counting more. The first round sees
the classes that the score alone teaches, the second also those that it teaches with the network of the first
(Ross, Gordon and Bagnell 2011: a policy learns on the states that it leads to). The models "guessing" and
"mixed" take no part, so that they can test it.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from segue.engine.scoring import prospect
from segue.engine.settings import Settings
from segue.experiments.simulation.baseline_policies import Clairvoyant
from segue.experiments.simulation.cohort import Cohort
from segue.experiments.simulation.school_term import Stage, TermAsk, TermPlan, run
from segue.experiments.simulation.segue_tutor import ClassTutor
from segue.experiments.simulation.student_models import StudentModel, student_model
from segue.experiments.simulation.tutor_adapter import Contract
from segue.experiments.simulation.worlds.teaching_worlds import teaching_world
from segue.features.catalogue import Floats, Ints
from segue.features.contexts.context_columns import INDEX

COLUMNS = (
    "mastery",
    "uncertainty",
    "evidence",
    "recent",
    "lag",
    "retention",
    "forecast_gain",
    "unlock",
    "novelty",
    "due",
    "mastery_min",
    "readiness",
    "frontier",
    "breadth",
)
MODELS = ("gated", "forgetting", "spacing", "zone", "motivation", "transfer", "interest")
WORLDS = (None, None, "spread .6", "bad catalogue")
FIRST_SEED = 3000
TERMS = 42  # in each round
WATCHED, KEPT = 24, 40  # learners of every other slot, and candidates of each
UNITS, STEPS, BATCH, SETS = 8, 2500, 24, 8
RATE, DECAY, TEMPERATURE, EVEN = 0.01, 0.01, 0.06, 0.08
NOTHING = 1e-9  # a unit whose largest weight adds no more than this is left out
PART = 0.4  # of h, in the score: the reference chooses one next step, the engine a list


class Lists(NamedTuple):
    """What was seen in one term: columns (R, n, D), how far the class was from the usual one (R, 4), scores
    without the network and true worth (R, n)."""

    columns: Floats
    answers: Floats
    score: Floats
    worth: Floats


def varied(model: StudentModel, rng: np.random.Generator) -> StudentModel:
    """Return a student model with other numbers: rates, half-lives, guessing, what keeps learners going."""
    knowledge, changes = model.knowledge, dict[str, float]()
    for name, sd in (("rate", 0.25), ("half_life", 0.3), ("first", 0.3), ("width", 0.2), ("growth", 0.2)):
        if hasattr(knowledge, name):
            changes[name] = float(getattr(knowledge, name) * np.exp(rng.normal(0.0, sd)))
    for name in ("guess", "slip"):
        changes[name] = float(np.clip(getattr(knowledge, name) * np.exp(rng.normal(0.0, 0.3)), 0.01, 0.35))
    if hasattr(knowledge, "centre"):
        changes["centre"] = float(np.clip(knowledge.centre + rng.normal(0.0, 0.08), 0.4, 0.8))
    engagement = replace(
        model.engagement,
        ease=float(model.engagement.ease + rng.normal(0.0, 0.4)),
        interest=float(model.engagement.interest * np.exp(rng.normal(0.0, 0.2))),
    )
    return replace(model, knowledge=replace(knowledge, **changes), engagement=engagement)


class Onlooker(Contract):
    """The contract, and beside it a reference that says what each candidate would have been worth."""

    def start(self, stage: Stage, cohort: Cohort) -> None:
        """Begin, the reference too."""
        super().start(stage, cohort)
        self._reference = Clairvoyant()
        self._reference.start(stage, cohort)
        self._rng = np.random.default_rng([stage.seed, 6])
        self._slots = 0
        self.seen: list[Lists] = []

    def choose(self, ask: TermAsk) -> tuple[Ints, Floats]:
        """Choose as ever; at every other slot look at some of those who ask."""
        self._slots += 1
        if self._slots % 2 == 0:
            some = np.sort(self._rng.permutation(len(ask.learners))[:WATCHED])
            self.seen.append(self._look(replace(ask, learners=ask.learners[some])))
        return super().choose(ask)

    def _look(self, ask: TermAsk) -> Lists:
        assert isinstance(self.tutor, ClassTutor), "only the engine's own tutor can be looked into"
        kernel, asked = self.tutor.asked(self._requests(ask))
        scene = kernel.scene(asked)
        parts = kernel.score(scene)
        score = parts.total() - parts.whole()[parts.names.index("prospect")]
        codes = kernel.catalogue.resource_codes(tuple(self._names[ask.candidates].tolist()))
        own = np.searchsorted(asked.pool.codes, codes)
        kept = np.stack([self._rng.permutation(len(own))[:KEPT] for _ in ask.learners])
        rows = np.arange(len(kept))[:, None]
        columns = scene.contexts.whole()[[INDEX[name] for name in COLUMNS]]
        worth = self._reference.prospects(ask)
        answers = np.tile(prospect.from_usual(kernel.answers), (len(kept), 1))
        return Lists(
            np.moveaxis(columns[:, rows, own[kept]], 0, 2),
            answers,
            score[rows, own[kept]],
            worth[rows, kept],
        )


def term(seed: int, settings: Settings) -> Lists:
    """Return what is seen in the term of a seed: its student model and world come with the seed."""
    rng = np.random.default_rng([seed, 7])
    model = varied(student_model(MODELS[seed % len(MODELS)]), rng)
    world = WORLDS[rng.integers(len(WORLDS))]
    plan = TermPlan(n_learners=60, n_log=int(rng.choice([20, 60, 100])))
    setting = None if world is None else teaching_world(world).setting
    onlooker = Onlooker(ClassTutor(settings))
    run(Stage.build(model, seed=seed, plan=plan, setting=setting), onlooker)
    return Lists(*(np.concatenate(part) for part in zip(*onlooker.seen, strict=True)))


@dataclass
class _Adam:
    """Adam (Kingma and Ba 2015) on a list of arrays."""

    parameters: list[Floats]

    def __post_init__(self) -> None:
        self._mean = [np.zeros_like(p) for p in self.parameters]
        self._square = [np.zeros_like(p) for p in self.parameters]

    def step(self, gradients: Sequence[Floats], *, t: int, rate: float) -> None:
        """Go one step, the t-th."""
        for i, g in enumerate(gradients):
            self._mean[i] += 0.1 * (g - self._mean[i])
            self._square[i] += 0.001 * (g * g - self._square[i])
            step = (self._mean[i] / (1 - 0.9**t)) / (np.sqrt(self._square[i] / (1 - 0.999**t)) + 1e-8)
            self.parameters[i] -= rate * step


def train(
    terms: Sequence[Lists], *, rng: np.random.Generator, steps: int = STEPS
) -> prospect.ProspectNetwork:
    """Return the network that collects most of the worth in `terms`, scaled by `PART`."""
    whole = np.concatenate([t.columns.reshape(-1, len(COLUMNS))[::7] for t in terms])
    centre, scale = whole.mean(axis=0), whole.std(axis=0) + 0.02
    hidden = rng.normal(0.0, len(COLUMNS) ** -0.5, (len(COLUMNS), UNITS))
    ways = rng.normal(0.0, 0.3, (terms[0].answers.shape[1], UNITS))
    bias, outer = np.zeros(UNITS), rng.normal(0.0, 0.05 * UNITS**-0.5, UNITS)
    best = np.array([np.sort(t.worth, axis=1)[:, -2:].mean() - t.worth.mean() for t in terms])
    share, adam = np.zeros(len(terms)), _Adam([hidden, ways, bias, outer])
    for t in range(1, steps + 1):
        some = rng.permutation(len(terms))[:SETS]
        rows = [rng.integers(len(terms[j].worth), size=BATCH) for j in some]
        drawn = [
            Lists(*(part[r] for part in lists))
            for lists, r in zip([terms[j] for j in some], rows, strict=True)
        ]
        x, answers, score, worth = (np.concatenate(part) for part in zip(*drawn, strict=True))
        x = (x - centre) / scale
        units = np.maximum(x @ hidden + bias + (answers @ ways)[:, None], 0.0)
        z = (score + units @ outer) / TEMPERATURE
        chance = np.exp(z - z.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        expected = (chance * worth).sum(axis=1, keepdims=True)
        urgency = np.exp(-share / EVEN) / np.exp(-share / EVEN).mean() / best
        got = (expected[:, 0] - worth.mean(axis=1)).reshape(len(some), BATCH).mean(axis=1)
        share[some] += 0.1 * (got / best[some] - share[some])
        slope = -chance * (worth - expected) / TEMPERATURE
        slope *= np.repeat(urgency[some], BATCH)[:, None] / len(worth)
        back = slope[..., None] * outer * (units > 0)
        gradients = (
            x.reshape(-1, len(COLUMNS)).T @ back.reshape(-1, UNITS) + DECAY * hidden,
            answers.T @ back.sum(axis=1) + DECAY * ways,
            back.sum(axis=(0, 1)),
            np.einsum("bnh,bn->h", units, slope) + DECAY * outer,
        )
        adam.step(gradients, t=t, rate=RATE * min(1.0, 1.5 * (1.0 - t / (steps + 1))))
    own, shift, out = hidden / scale[:, None], bias - (centre / scale) @ hidden, PART * outer
    kept = np.abs(out) * np.abs(own).max(axis=0) > NOTHING
    own, ways, shift, out = own[:, kept], ways[:, kept], shift[kept], out[kept]
    highest = max(float(np.quantile(_heights(lists, own, ways, shift) @ out, 0.999)) for lists in terms)
    return prospect.ProspectNetwork(COLUMNS, own.T, ways.T, shift, out, highest)


def _heights(lists: Lists, hidden: Floats, ways: Floats, bias: Floats) -> Floats:
    """Return what each unit gives in every fifth list, (R / 5, n, H)."""
    own = (lists.answers[::5] @ ways)[:, None]
    return np.maximum(lists.columns[::5] @ hidden + bias + own, 0.0)


def written(network: prospect.ProspectNetwork) -> str:
    """Return the network as JSON text, four significant digits a number, a unit a line."""

    def digits(numbers: Any) -> str:
        return json.dumps([float(f"{x:.4g}") for x in np.ravel(numbers)])

    units = ",\n    ".join(digits(row) for row in network.hidden)
    ways = ",\n    ".join(digits(row) for row in network.answers)
    return (
        f'{{\n  "columns": {json.dumps(network.columns)},\n  "hidden": [\n    {units}\n  ],\n'
        f'  "answers": [\n    {ways}\n  ],\n'
        f'  "bias": {digits(network.bias)},\n  "outer": {digits(network.outer)},\n'
        f'  "highest": {network.highest:.4g}\n}}\n'
    )


def _watch(given: tuple[int, Settings]) -> Lists:
    with threadpool_limits(1):
        return term(*given)


def main() -> None:
    """Make the network anew, and write it where the package reads it: about 20 minutes of CPU."""
    path = Path(prospect.__file__).parent / prospect.FILE
    weights = Settings().weights
    terms: list[Lists] = []
    for i, part in enumerate((0.0, 1.0)):
        settings = Settings(weights=replace(weights, prospect=part))
        seeds = range(FIRST_SEED + i * TERMS, FIRST_SEED + (i + 1) * TERMS)
        # workers of their own each round: they read the network that the round before has written
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            jobs = pool.imap(_watch, [(seed, settings) for seed in seeds])
            terms += tqdm(jobs, total=TERMS, desc=f"round {i + 1}")
        network = train(terms, rng=np.random.default_rng(FIRST_SEED))
        path.write_text(written(network), "utf-8")


if __name__ == "__main__":
    typer.run(main)
