"""Studies as data: a sweep names its settings, student models and seeds; one short loop runs any of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from segue.engine.policies.base import Policy
from segue.engine.policies.greedy import Greedy
from segue.engine.policies.softmax import Softmax
from segue.engine.settings import Settings, Weights
from segue.experiments.simulation.baseline_policies import Clairvoyant, Random
from segue.experiments.simulation.school_term import Result, Stage, TermPlan, run
from segue.experiments.simulation.segue_tutor import ClassTutor
from segue.experiments.simulation.student_models import student_model
from segue.experiments.simulation.tutor_adapter import Contract

GROUP = "model"


@dataclass(frozen=True)
class SweepSetting:
    """One point of a sweep: a name, and what it changes."""

    name: str
    settings: Settings = field(default_factory=Settings)
    policy: Policy = field(default_factory=Softmax)

    def parameters(self) -> dict[str, str]:
        """Return what makes this point, for the record."""
        return {"setting": self.name, "policy": repr(self.policy), "settings": repr(self.settings)}


@dataclass(frozen=True)
class Sweep:
    """A study: every setting on every student model with every seed.

    `question` is what it answers, in a sentence.
    """

    name: str
    question: str
    settings: tuple[SweepSetting, ...]
    models: tuple[str, ...]
    seeds: tuple[int, ...]
    plan: TermPlan = field(default_factory=TermPlan)

    def quick(self) -> Sweep:
        """Return a small version, to see that it runs: one seed, two models, a class of 12 for two weeks."""
        plan = replace(self.plan, n_learners=12, n_log=12, weeks=2, n_skills=16, n_resources=48)
        return replace(self, models=self.models[:2], seeds=self.seeds[:1], plan=plan)

    @property
    def n_runs(self) -> int:
        """How many terms of a setting it has; the references come on top."""
        return len(self.settings) * len(self.models) * len(self.seeds)


SWEEPS: Mapping[str, Sweep] = {
    sweep.name: sweep
    for sweep in (
        Sweep(
            "exploration",
            "What does exploration cost in learning?",
            (
                SweepSetting("none", policy=Greedy()),
                *(
                    SweepSetting(f"T={t:g}", policy=Softmax(temperature=t, floor=0.0))
                    for t in (0.03, 0.06, 0.12)
                ),
                SweepSetting("T=0.06, floor=0.05"),
                SweepSetting("T=0.06, floor=0.1", policy=Softmax(floor=0.1)),
            ),
            models=("gated", "forgetting", "zone"),
            seeds=(101, 102, 103),
        ),
        Sweep(
            "factors",
            "Which part of the score carries the gain? Each is left out in turn.",
            (
                SweepSetting("all"),
                *(
                    SweepSetting(f"without {name}", Settings(weights=replace(Weights(), **{name: 0.0})))
                    for name in (
                        "readiness",
                        "frontier",
                        "zone",
                        "room",
                        "forecast_gain",
                        "unlock",
                        "interest",
                        "repeat",
                    )
                ),
            ),
            models=("gated", "forgetting", "spacing", "zone", "motivation"),
            seeds=(201, 202),
        ),
        Sweep(
            "learning",
            "How much should the learned term weigh?",
            tuple(SweepSetting(f"eta={eta:g}", Settings(eta=eta)) for eta in (0.0, 0.3, 0.6, 1.0)),
            models=("gated", "forgetting", "spacing", "zone", "motivation"),
            seeds=(301, 302),
        ),
    )
}


@dataclass(frozen=True)
class SweepOutcome:
    """One term of one setting: normalised gain (0 random, 1 clairvoyant), of all and the weakest quarter.

    `gain_se` is the standard error of the gain of all, over the learners of the class.
    """

    setting: SweepSetting
    model: str
    seed: int
    gain: float
    gain_se: float
    gain_bottom: float
    stayed: float
    violations: int
    milliseconds: float

    def metrics(self) -> dict[str, float]:
        """Return the figures by name."""
        names = ("gain", "gain_se", "gain_bottom", "stayed", "violations", "milliseconds")
        return {name: float(getattr(self, name)) for name in names}


def outcomes(sweep: Sweep) -> Iterator[SweepOutcome]:
    """Yield every term of a sweep as it ends; the references of a model and seed are run once."""
    for model in sweep.models:
        for seed in sweep.seeds:
            stage = Stage.build(student_model(model), seed=seed, plan=sweep.plan)
            floor, ceiling = run(stage, Random()), run(stage, Clairvoyant())
            for setting in sweep.settings:
                tutor = ClassTutor(setting.settings, policy=setting.policy)
                result = run(stage, Contract(tutor, name=setting.name))
                yield _outcome(setting, model, seed, result=result, floor=floor, ceiling=ceiling)


def _outcome(
    setting: SweepSetting, model: str, seed: int, *, result: Result, floor: Result, ceiling: Result
) -> SweepOutcome:
    bottom = result.prior <= np.quantile(result.prior, 0.25)
    everyone = np.ones(len(result.prior), dtype=np.bool_)

    def share(who: Any) -> float:
        low, high = float(floor.gain[who].mean()), float(ceiling.gain[who].mean())
        return (float(result.gain[who].mean()) - low) / (high - low)

    gain, room = share(everyone), ceiling.gain - floor.gain
    off = (result.gain - floor.gain - gain * room) / room.mean()  # the same learners in all three terms
    return SweepOutcome(
        setting,
        model,
        seed,
        gain=gain,
        gain_se=float(off.std(ddof=1) / np.sqrt(len(off))),
        gain_bottom=share(bottom),
        stayed=float(result.stayed.mean()),
        violations=result.violations,
        milliseconds=1000.0 * result.seconds / max(result.requests, 1),
    )


def compared(found: Sequence[SweepOutcome]) -> pd.DataFrame:
    """Return the gains of some terms, see ``gain_table``."""
    rows = pd.DataFrame(
        {
            "setting": [o.setting.name for o in found],
            GROUP: [o.model for o in found],
            "gain": [o.gain for o in found],
            "gain_se": [o.gain_se for o in found],
        }
    )
    return gain_table(rows)


def gain_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a setting: gain by student model (mean over seeds), their mean, its error, the worst.

    `rows` has a row a term: setting, model, gain, gain_se. The standard error `se` is over learners. Rows
    keep the order of the sweep.
    """
    table = rows.pivot_table(index="setting", columns=GROUP, values="gain", aggfunc="mean", sort=False)
    models = list(table.columns)
    squares = (rows["gain_se"] ** 2).groupby(rows["setting"])
    table["mean"], table["worst"] = table[models].mean(axis=1), table[models].min(axis=1)
    table.insert(len(models) + 1, "se", np.sqrt(squares.sum()) / squares.count())
    return table
