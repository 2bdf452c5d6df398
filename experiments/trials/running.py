"""An experiment in a workspace: declared, drawn, and looked at, all from what is stored anyway."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from segue.engine.policies import Greedy
from segue.engine.policy_version import policy_from
from segue.engine.recommender import Recommender
from segue.engine.request import Request
from segue.experiments.evaluation.logs.shadow_policy import led_along
from segue.experiments.evaluation.verdicts.policy_comparison import Comparison
from segue.experiments.reporting.step_frame import logged_steps
from segue.experiments.trials.assignment import arms_of, units_of
from segue.experiments.trials.declaration import TrialDeclaration, trial_from
from segue.experiments.trials.sequential import TrialLook, look
from segue.features.iso_weeks import week_of
from segue.workspace.answering import Question, answer, with_acts
from segue.workspace.model_registry import Champion, load_sums
from segue.workspace.records import learner_states as states
from segue.workspace.records.decision_log import Draw, Entry, log, rows_of
from segue.workspace.records.learners import Learner, add_learners, find_learners
from segue.workspace.storage.database import get_document, put_document
from segue.workspace.workspace import Workspace

DECLARED = "trials"
Roster = Mapping[str, Mapping[str, str]]


def declare(workspace: Workspace, trial: TrialDeclaration, *, now: datetime) -> None:
    """Write an experiment down before it starts; the same once more is no change.

    Raises
    ------
    ValueError
        When it has started already, or another of this name was declared.
    """
    with workspace.store.write() as connection:
        known = json.loads(get_document(connection, DECLARED) or b"{}")
        there = known.get(trial.name)
        if there is not None:
            if trial_from(there["trial"]).digest != trial.digest:
                raise ValueError(
                    f"experiment {trial.name!r} was declared otherwise on {there['time']}: what decides is "
                    "fixed before the start; declare another under another name"
                )
            return
        if now >= trial.start:
            raise ValueError(f"experiment {trial.name!r} starts {trial.start.isoformat()}: declare it before")
        known[trial.name] = {"trial": trial.to_dict(), "time": now.isoformat()}
        put_document(connection, DECLARED, json.dumps(known).encode())


def declared(workspace: Workspace, name: str) -> TrialDeclaration:
    """Return the experiment of a name.

    Raises
    ------
    ValueError
        When none was declared under it.
    """
    with workspace.store.read() as connection:
        known = json.loads(get_document(connection, DECLARED) or b"{}")
    if name not in known:
        raise ValueError(f"no experiment {name!r} was declared; there are {', '.join(known) or 'none'}")
    return trial_from(known[name]["trial"])


def trial_arms(
    workspace: Workspace, trial: TrialDeclaration, roster: Roster, *, now: datetime
) -> dict[str, str]:
    """Return the arm of each learner of a roster (LMS ids) in the week of `now`."""
    unit_of, strata = units_of(trial, list(roster), roster)
    arms = arms_of(trial, strata, seed=workspace.configuration.seed, week=weeks_since(trial, now))
    return {learner: arms[unit] for learner, unit in unit_of.items()}


def weeks_since(trial: TrialDeclaration, now: datetime) -> int:
    """Return whole weeks from the start, 0 before it."""
    return max((now - trial.start) // timedelta(days=7), 0)


def trial_week(
    workspace: Workspace, trial: TrialDeclaration, roster: Roster, *, now: datetime, k: int = 10
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Draw and log the week's lists, each learner's as their arm decides; return (arm, resources) by learner.

    A fixed path goes on by `k` resources a week. The same week once more gives the same lists.

    Raises
    ------
    ValueError
        Before the start.
    """
    if now < trial.start:
        raise ValueError(f"experiment {trial.name!r} starts {trial.start.isoformat()}: nothing is drawn yet")
    arms = trial_arms(workspace, trial, roster, now=now)
    week = week_of(now, workspace.time_zone)
    with workspace.store.write() as connection:
        champion = workspace.champion(connection)
        sums = load_sums(connection)
        people = add_learners(connection, workspace.keyring, list(roster))
        kept, newer = states.current(
            connection, [p.number for p in people.values() if not p.opted_out], champion.fold
        )
        states.save(connection, newer, champion.fold)
        entries: list[Entry] = []
        names: list[str] = []
        for arm, configuration in trial.arms.items():
            mine = [who for who in people if arms[who] == arm]
            questions = [_question(workspace, people[who], week, now=now, k=k) for who in mine]
            if "path" in configuration:
                part = _part(configuration["path"], weeks_since(trial, now), k)
                made = _along(champion, questions, kept, part)
            else:
                version = configuration.get("policy")
                rival = champion
                if version is not None:
                    live = Champion.of(champion.fitted.deciding_by(policy_from(version)), sums).recommender
                    rival = Champion(champion.fitted, live)
                asked = with_acts(connection, rival, questions, keyring=workspace.keyring)
                made = answer(rival, asked, kept)
            entries += made
            names += mine
        log(connection, rows_of(entries))
    return {
        who: (arms[who], tuple(step.resource for step in entry.playlist.steps))
        for who, entry in zip(names, entries, strict=True)
    }


def trial_looks(
    workspace: Workspace,
    trial: TrialDeclaration,
    roster: Roster,
    *,
    now: datetime,
    margin: float = 0.0,
) -> list[TrialLook]:
    """Return each arm against the first as it stands; one may look every week.

    Of the first arm's alternatives each gets its share of alpha, so that all hold together.
    """
    steps = logged_steps(workspace).steps
    first_week = week_of(trial.start, workspace.time_zone)
    steps = steps[(steps["week"] >= first_week) & (steps["week"] <= week_of(now, workspace.time_zone))]
    with workspace.store.read() as connection:
        people = find_learners(connection, workspace.keyring, list(roster))
    unit_of, strata = units_of(trial, list(people), roster)
    code = {unit: at for at, unit in enumerate(sorted(strata))}
    number = {person.number: who for who, person in people.items()}
    steps = steps[steps["learner"].isin(number.keys())]
    who = steps["learner"].map(number)
    by_week = {
        week: arms_of(trial, strata, seed=workspace.configuration.seed, week=at)
        for at, week in _weeks(trial, now, workspace.time_zone)
    }
    arm = [by_week[w][unit_of[one]] for w, one in zip(steps["week"], who, strict=True)]
    table = pd.DataFrame(
        {
            "arm": arm,
            "unit": [code[unit_of[one]] for one in who],
            "value": steps[trial.metric].to_numpy(np.float64),
        }
    )
    first, *others = trial.arms
    out = []
    for other in others:
        rows = table[table["arm"].isin([first, other])]
        out.append(
            look(
                rows["value"].to_numpy(np.float64),
                rows["unit"].to_numpy(np.int64),
                (rows["arm"] == other).to_numpy(),
                names=(other, first),
                alpha=trial.alpha / len(others),
                expected_se=trial.expected_se,
                margin=margin,
            )
        )
    return out


def as_comparison(found: TrialLook, *, margin: float = 0.0) -> Comparison:
    """Return a look as the gate reads it."""
    return Comparison(
        difference=found.difference,
        se=found.se,
        low=found.low,
        high=found.high,
        interval="always valid",
        level=1 - found.alpha,
        margin=margin,
        verdict=found.verdict,
        reason=found.reason,
        n=sum(found.units),
    )


def _weeks(trial: TrialDeclaration, now: datetime, zone: str) -> list[tuple[int, str]]:
    last = weeks_since(trial, now) + 1
    return [(at, week_of(trial.start + timedelta(days=7 * at), zone)) for at in range(last + 1)]


def _question(workspace: Workspace, person: Learner, week: str, *, now: datetime, k: int) -> Question:
    draw = Draw(workspace.configuration.seed, "playlist", week, person.number)
    return Question(Request(person.surrogate, now, k=k), person, draw, "weekly")


def _part(path: Sequence[str], week: int, k: int) -> tuple[str, ...]:
    return tuple(path[week * k : (week + 1) * k])


def _along(
    champion: Champion, questions: Sequence[Question], kept: Mapping[int, states.Kept], part: Sequence[str]
) -> list[Entry]:
    """Return lists that are the next part of a fixed path, as far as it can be offered."""
    out: list[Entry] = []
    for question in questions:
        known = {r for r in part if r in champion.recommender.catalogue.resource_index}
        steps = [r for r in part if r in known]
        if not steps:
            continue
        request = replace(question.request, k=len(steps))
        fixed: Recommender = led_along(champion.recommender, request, steps, policy=Greedy())
        one = replace(question, request=request)
        out += answer(Champion(champion.fitted, fixed), [one], kept)
    return out
