"""Does each of the teacher's dials move its own outcome, and leave the others alone?

A class is taught for some weeks; then everybody's playlist is drawn with each dial at -1 and +1, the others
at 0. Outcomes of a learner's playlist: new ground (share of steps on skills never practised), interest
(cosine with the learner's interests), choice (options offered a step; two are asked for). A shift is the mean
difference from all dials at 0, in standard deviations over learners at 0 (options: in options).

Run: ``python benchmarks/dials.py [--model forgetting] [--weeks 4]``. Ends with status 1 when a dial fails to
move its own outcome by .3 either way, or moves another by more than .1.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from segue.engine.requests.request import Dials, Request
from segue.engine.sampling.playlists import Playlist
from segue.engine.sampling.randomness import generator
from segue.experiments.simulation.school_term import Stage, TermPlan, run
from segue.experiments.simulation.segue_tutor import ClassTutor
from segue.experiments.simulation.student_models import student_model
from segue.experiments.simulation.tutor_adapter import Contract

OWN = {"pace": "new ground", "match": "interest", "autonomy": "choice"}
DRAWS = 6


def outcomes(playlist: Playlist) -> dict[str, float]:
    """Return the three outcomes of a playlist."""
    steps = playlist.steps
    options = [len(step.menu or (step.resource,)) for step in steps]
    return {
        "new ground": float(np.mean([step.context["novelty"] for step in steps])),
        "interest": float(np.mean([step.context["interest"] for step in steps])),
        "choice": float(np.mean(options)),
    }


def by_learner(tutor: ClassTutor, requests: list[Request]) -> pd.DataFrame:
    """Return each learner's outcomes, the mean of `DRAWS` playlists (the same random numbers every time)."""
    if tutor.recommender is None:
        raise ValueError("the tutor must have taught before its dials can be tried")
    drawn = []
    for number in range(DRAWS):
        rngs = [generator("dials", "playlist", "", request.learner, number) for request in requests]
        lists = tutor.recommender.recommend_batch(requests, rngs=rngs)
        drawn.append(pd.DataFrame([outcomes(playlist) for playlist in lists]))
    return pd.concat(drawn).groupby(level=0).mean()


def shifts(tutor: ClassTutor, stage: Stage, *, now: datetime) -> pd.DataFrame:
    """Return one row a dial position: shifts of the outcomes in standard deviations."""
    stated = dict(zip(stage.people.ids, stage.people.stated, strict=True))
    base = [
        Request(learner=who, now=now, state=state, interests=stated[who], menu=2, fill=True)
        for who, state in tutor.states.items()
    ]
    at_rest = by_learner(tutor, base)
    rows = {}
    for dial in OWN:
        for value in (-1.0, 1.0):
            moved = [replace(request, dials=Dials(**{dial: value})) for request in base]
            change = by_learner(tutor, moved).mean() - at_rest.mean()
            rows[f"{dial} {value:+.0f}"] = change / at_rest.std().replace(0.0, 1.0)
    return pd.DataFrame(rows).T


def failures(table: pd.DataFrame) -> list[str]:
    """Return what the dials did not do, in words."""
    out = []
    for row, (dial, value) in ((row, str(row).split()) for row in table.index):
        for outcome in table.columns:
            shift = float(table.loc[row, outcome])
            if outcome == OWN[dial] and shift * float(value) < 0.3:
                out.append(f"{row} moves {outcome} by {shift:+.2f}, not by .3 its way")
            if outcome != OWN[dial] and abs(shift) > 0.1:
                out.append(f"{row} moves {outcome} by {shift:+.2f}")
    return out


def main(model: str = "forgetting", weeks: int = 4, learners: int = 150) -> None:
    """Teach a class, turn the dials, print the table."""
    logging.disable(logging.WARNING)
    plan = TermPlan(weeks=weeks, n_learners=learners)
    stage = Stage.build(student_model(model), seed=1, plan=plan)
    tutor = ClassTutor()
    run(stage, Contract(tutor))
    table = shifts(tutor, stage, now=datetime(2026, 10, 12, 8, tzinfo=UTC))
    print(table.round(2).to_string())
    if failed := failures(table):
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
