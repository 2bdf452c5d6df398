"""Do learners learn more? Segue behind the classroom contract, beside what a school would use instead.

Run: ``python benchmarks/classroom.py [--seeds 10] [--models gated,zone] [--worlds "spread .6,harmful"]
[--log 100] [--rows FILE]``. Every
policy teaches the same simulated classes (``segue.experiments.simulation.school_term``: 12 weeks, 48 skills,
240 resources, 150 learners, 180 steps each). Figures are normalised gains: 0 is a policy that draws at
random, 1 the clairvoyant reference that sees true mastery. With `--rows` finished terms are kept, and
a second run goes on from there.

Student models are set so that the former class answers like real ones: in Algebra I 2005-2006 a first attempt
at a skill succeeds in 53 % of cases (Statics 2011: 72 %), a second one in 80 % after a success (83 %) and in
46 % after a failure (55 %), the third in 66 % (79 %), the fifth in 69 % (77 %); here, over the models, 45 to
58 %, 64 to 74 %, 34 to 56 %, 51 to 69 % and 57 to 83 %. Peers were tuned on seeds 500 and 501.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from segue.engine.settings import Settings
from segue.experiments.simulation.baseline_policies import Clairvoyant, Random, Spaced, Threshold, Zpdes
from segue.experiments.simulation.baseline_policies import Sequence as TeachersSequence
from segue.experiments.simulation.school_term import Result, Stage, TermPlan, TermPolicy, run
from segue.experiments.simulation.segue_tutor import ClassTutor
from segue.experiments.simulation.student_models import MODELS, student_model
from segue.experiments.simulation.tutor_adapter import Contract
from segue.experiments.simulation.worlds.synthetic_course import World
from segue.experiments.simulation.worlds.teaching_worlds import TEACHING_WORLDS, TeachingWorld, teaching_world
from segue.models.resource_effects import CLIP

FIRST_SEED = 1000
TEACHER = "sequence"


class Segue(ClassTutor):
    """Segue with its default settings and policy."""


class Pedagogy(ClassTutor):
    """The same engine with all that it learns from outcomes off: no reward model, no resource effects."""

    def __init__(self) -> None:
        super().__init__(Settings().pedagogy_alone())


class Told(ClassTutor):
    """The engine told how well each resource truly teaches: what knowing it would be worth."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._truth = dict(
            zip((r.resource_id for r in world.catalogue.resources), world.teaches.tolist(), strict=True)
        )

    def _refit(self) -> None:
        super()._refit()
        if self.recommender is not None:
            teaches = [self._truth[r.resource_id] for r in self.catalogue.resources]
            vars(self.recommender.kernel)["quality"] = np.log(np.clip(teaches, *CLIP))  # instead of learned


def policies() -> list[TermPolicy]:
    """Return everyone who teaches, the two references first."""
    return [
        Random(),
        Clairvoyant(),
        TeachersSequence(),
        Threshold(),
        Zpdes(),
        Spaced(),
        Contract(Segue()),
        Contract(Pedagogy(), name="pedagogy"),
    ]


def terms(models: Sequence[str], seeds: Sequence[int], plan: TermPlan) -> Iterator[dict[str, object]]:
    """Yield one row a term: raw gains of everyone and of the weakest quarter."""
    for seed in seeds:
        for model in models:
            stage = Stage.build(student_model(model), seed=seed, plan=plan)
            for policy in policies():
                yield {"model": model, "seed": seed, "policy": policy.name} | figures(run(stage, policy))


def world_terms(world: TeachingWorld, seed: int, plan: TermPlan) -> Iterator[dict[str, object]]:
    """Yield one row a term of a world in which learning must show, with the engine told the truth."""
    for model in world.models:
        stage = Stage.build(model, seed=seed, plan=plan, setting=world.setting)
        for policy in [*policies(), Contract(Told(stage.world), name="told the truth")]:
            row: dict[str, object] = {"model": f"{world.name}: {model.name}", "seed": seed}
            yield row | {"policy": policy.name} | figures(run(stage, policy))


def figures(result: Result) -> dict[str, float]:
    """Return the figures of a term."""
    weak = result.prior <= np.quantile(result.prior, 0.25)
    return {
        "gain": float(result.gain.mean()),
        "gain_weak": float(result.gain[weak].mean()),
        "left": float(1.0 - result.stayed.mean()),
        "violations": float(result.violations),
        "milliseconds": 1000.0 * result.seconds / max(result.requests, 1),
    }


def normalised(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return `column` as a share of the way from random to clairvoyant: (model, seed) by policy."""
    wide = rows.pivot(index=["model", "seed"], columns="policy", values=column)
    low, high = wide["random"], wide["clairvoyant"]
    return wide.sub(low, axis=0).div(high - low, axis=0)


def report(rows: pd.DataFrame) -> str:
    """Return the tables of the benchmark."""
    gain, weak = normalised(rows, "gain"), normalised(rows, "gain_weak")
    by_model, weak_by_model = gain.groupby("model").mean().T, weak.groupby("model").mean().T
    by_model["mean"], by_model["worst"] = by_model.mean(axis=1), by_model.min(axis=1)
    by_model["weak mean"], by_model["weak worst"] = weak_by_model.mean(axis=1), weak_by_model.min(axis=1)
    other = rows.groupby("policy")[["left", "violations", "milliseconds"]]
    by_model = by_model.join(other.agg({"left": "mean", "violations": "sum", "milliseconds": "mean"}))
    against = gain["segue"] - gain[TEACHER]
    learned = gain["segue"] - gain["pedagogy"]
    teacher = against.groupby("model").agg(["mean", "sem"])
    teacher["mean + 1.64 se"] = teacher["mean"] + 1.64 * teacher["sem"].fillna(0.0)
    above = {name: int((gain[name] > 1.0).sum()) for name in gain if name != "clairvoyant"}
    return "\n\n".join(
        [
            f"Normalised gain, {rows['seed'].nunique()} seeds; weak: the quarter that knew least.",
            by_model.drop("random").round(2).to_string(),
            f"Segue less the teacher's sequence:\n{teacher.round(2).T.to_string()}",
            "What learning brings, Segue less its pedagogy alone:\n"
            f"{learned.groupby('model').agg(['mean', 'sem', 'min']).round(3).T.to_string()}",
            f"Terms above the clairvoyant reference: {above}",
        ]
    )


def main() -> None:
    """Run what is not in the file of rows yet, and print the report."""
    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--models", default=",".join(model.name for model in MODELS))
    parser.add_argument("--worlds", default="", help="worlds in which learning must show, by comma, or all")
    parser.add_argument("--log", type=int, default=100, help="learners of the former class, 10 to 300")
    parser.add_argument("--learners", type=int, default=150)
    parser.add_argument("--rows", type=Path)
    args = parser.parse_args()
    plan = TermPlan(n_learners=args.learners, n_log=args.log)
    names = [w.name for w in TEACHING_WORLDS] if args.worlds == "all" else args.worlds.split(",")
    worlds = [teaching_world(name) for name in names if name]
    models = [w.name for w in worlds] or args.models.split(",")
    rows = pd.read_csv(args.rows) if args.rows and args.rows.exists() else pd.DataFrame()
    done = set(zip(rows["model"].str.split(":").str[0], rows["seed"], strict=True)) if len(rows) else set()
    for seed in range(FIRST_SEED, FIRST_SEED + args.seeds):
        for model in tqdm([m for m in models if (m, seed) not in done], desc=f"seed {seed}", unit=" models"):
            made = world_terms(teaching_world(model), seed, plan) if worlds else terms([model], [seed], plan)
            new = pd.DataFrame(made)
            rows = pd.concat([rows, new], ignore_index=True)
            if args.rows:
                rows.to_csv(args.rows, index=False)
    print(report(rows))


if __name__ == "__main__":
    main()
